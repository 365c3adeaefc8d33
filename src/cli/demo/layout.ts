/**
 * What a demo keeps between runs: the names, ports and identities of its peers, in one file of its folder. Ports stay the same so
 * that a page which was open, and the peers themselves, find each other again.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from '../../core/errors.ts'
import { makeFolder } from '../../entry/nodejs-folder.ts'
import { freePorts, isPortFree } from '../start/listen.ts'
import { reason } from '../terminal/named-file.ts'

/** Address that the demo listens on: this machine only. */
export const demoHost = '127.0.0.1'

const LAYOUT_FILE = 'demo.json'

/** One peer of the demo. */
export interface EdgePlan {
  readonly name: string
  readonly data: string
  port: number
  webSocketPort: number
  /** Known after its first start. */
  peerId: string | undefined
}

/** Plans `count` peers in `folder`: those of the last run as they were, unless a port was taken meanwhile. */
export async function planEdges(folder: string, count: number): Promise<readonly EdgePlan[]> {
  const known = await readLayout(folder)
  const plans: EdgePlan[] = []
  for (let number = 1; number <= count; number++) {
    const name = `edge-${number}`
    const before = known.get(name)
    const plan = {
      name,
      data: join(folder, name),
      port: before?.port ?? 0,
      webSocketPort: before?.webSocketPort ?? 0,
      peerId: before?.peerId
    }
    plans.push(plan)
    const isUsable = plan.port > 0 && (await isPortFree(demoHost, plan.port)) && (await isPortFree(demoHost, plan.webSocketPort))
    if (!isUsable) await choosePorts(plan)
  }
  return plans
}

/** Gives a peer new ports that are free at the moment. */
export async function choosePorts(plan: EdgePlan): Promise<void> {
  const [port, webSocketPort] = await freePorts(demoHost, 2)
  plan.port = port ?? 0
  plan.webSocketPort = webSocketPort ?? 0
}

/** Saves one after another what several peers change at the same time: each call resolves when what it saw is saved. */
export function layoutSaver(folder: string, plans: readonly EdgePlan[]): () => Promise<void> {
  let last: Promise<void> = Promise.resolve()
  return () => {
    // Whoever asked for the save before hears of its failure.
    last = last.catch(() => undefined).then(async () => saveLayout(folder, plans))
    return last
  }
}

/** Remembers the peers; a crash leaves either the old file or the new one. */
export async function saveLayout(folder: string, plans: readonly EdgePlan[]): Promise<void> {
  const file = join(folder, LAYOUT_FILE)
  const peers = plans.map(({ name, port, webSocketPort, peerId }) => ({ name, port, webSocketPort, peerId }))
  try {
    await makeFolder(folder)
    await writeFile(`${file}.draft`, JSON.stringify({ peers }, undefined, 2) + '\n')
    await rename(`${file}.draft`, file)
  } catch (error) {
    throw new StoreError('ERR_IO', `The folder ${folder} cannot be written: ${reason(error)}. Choose another with --data.`, {
      cause: error
    })
  }
}

/** Peers of the last run by name; none when there was no run or its file cannot be read, for it holds nothing that is not found again. */
async function readLayout(folder: string): Promise<ReadonlyMap<string, EdgePlan>> {
  const plans = new Map<string, EdgePlan>()
  try {
    const layout: unknown = JSON.parse(await readFile(join(folder, LAYOUT_FILE), 'utf8'))
    const peers =
      typeof layout === 'object' && layout !== null && 'peers' in layout && Array.isArray(layout.peers) ? (layout.peers as unknown[]) : []
    for (const peer of peers) if (isSavedPeer(peer)) plans.set(peer.name, { ...peer, data: join(folder, peer.name) })
  } catch {
    return plans
  }
  return plans
}

function isSavedPeer(peer: unknown): peer is EdgePlan {
  if (typeof peer !== 'object' || peer === null) return false
  const { name, port, webSocketPort, peerId } = peer as Record<string, unknown>
  const isText = typeof name === 'string' && (peerId === undefined || typeof peerId === 'string')
  return isText && isPort(port) && isPort(webSocketPort)
}

function isPort(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536
}
