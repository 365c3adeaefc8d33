/** Peer processes and tabs that make one ring through the proxy, on loopback and in a folder of their own. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { chromium, type BrowserContext } from 'playwright'
import { freePorts } from '../../src/cli/start/listen.ts'
import { serveTabPage } from '../e2e/fixture/tab-page.ts'
import { chromiumFlags, ensureBrowser } from '../setup/browser.ts'
import type { ChaosPeer } from './chaos-peer.ts'
import { browserParty, LoopbackProxy, type Party } from './loopback-proxy.ts'
import { PeerProcess } from './peer-process.ts'
import { ownerOfSocket } from './socket-owner.ts'
import { TabPeer } from './tab-peer.ts'

export interface ClusterShape {
  readonly processes: number
  readonly tabs: number
}

const host = '127.0.0.1'
const tabScript = new URL('tab-script.ts', import.meta.url)
/** Peers that a process joins by when it starts again. */
const joinPeers = 3

export class ChaosCluster {
  readonly proxy: LoopbackProxy
  readonly processes: PeerProcess[] = []
  readonly tabs: TabPeer[] = []
  readonly #addresses = new Map<PeerProcess, readonly string[]>()
  readonly #ends: (() => unknown)[] = []

  private constructor() {
    this.proxy = new LoopbackProxy((port, toPort) => this.#sourceOf(port, toPort))
    this.#ends.push(() => this.proxy.close())
  }

  /** Starts all peers of a cluster in `folder`. What was started is ended also when the start fails half-way. */
  static async start(folder: string, shape: ClusterShape): Promise<ChaosCluster> {
    const cluster = new ChaosCluster()
    try {
      await cluster.#startProcesses(folder, shape.processes)
      await cluster.#openTabs(folder, shape.tabs)
      return cluster
    } catch (error) {
      await cluster.end()
      throw error
    }
  }

  get peers(): readonly ChaosPeer[] {
    return [...this.processes, ...this.tabs]
  }

  /** Everybody that the proxy can tell apart. */
  get parties(): readonly Party[] {
    return [...this.processes.map(({ name }) => name), ...(this.tabs.length > 0 ? [browserParty] : [])]
  }

  /** Starts a process that is down: it joins by some of the others, as if nothing of its disk were left. */
  async restart(peer: PeerProcess): Promise<void> {
    const others = this.processes.filter(other => other !== peer).slice(0, joinPeers)
    await peer.start(others.flatMap(other => this.#addresses.get(other)?.slice(0, 1) ?? []))
  }

  /** Leaves nothing behind that runs. */
  async end(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end()
    this.#ends.length = 0
  }

  async #startProcesses(folder: string, count: number): Promise<void> {
    const ports = await freePorts(host, count * 2)
    for (let index = 0; index < count; index++) {
      const peer = await this.#create(folder, `peer-${index + 1}`, ports.slice(index * 2, index * 2 + 2))
      this.processes.push(peer)
      this.#ends.push(() => peer.end())
    }
    const [first, ...others] = this.processes
    await first?.start([])
    for (const peer of others) await peer.start(first === undefined ? [] : (this.#addresses.get(first)?.slice(0, 1) ?? []))
  }

  async #create(folder: string, name: string, [port = 0, webSocketPort = 0]: readonly number[]): Promise<PeerProcess> {
    const tcp = `/ip4/${host}/tcp/${await this.proxy.expose(name, port)}`
    const webSocket = `/ip4/${host}/tcp/${await this.proxy.expose(name, webSocketPort)}/ws`
    const announce = [tcp, webSocket]
    const logFile = join(folder, `${name}.log`)
    const peer = new PeerProcess({ name, cluster: 'chaos', folder: join(folder, name), port, webSocketPort, announce, logFile })
    this.#addresses.set(peer, announce)
    return peer
  }

  async #openTabs(folder: string, count: number): Promise<void> {
    if (count === 0) return
    const page = await serveTabPage(tabScript)
    this.#ends.push(() => page.close())
    const browser = await openBrowser(join(folder, 'browser'))
    this.#ends.push(() => browser.close())
    const tabJoin = this.processes.slice(0, joinPeers).flatMap(peer => this.#addresses.get(peer)?.slice(1) ?? [])
    for (let index = 0; index < count; index++) {
      const name = `tab-${index + 1}`
      const tab = new TabPeer(browser, { name, cluster: 'chaos', join: tabJoin, url: page.url, logFile: join(folder, `${name}.log`) })
      await tab.open()
      this.tabs.push(tab)
    }
  }

  #sourceOf(port: number, toPort: number): Party {
    const pids = this.processes.map(({ pid }) => pid ?? -1)
    const owner = ownerOfSocket(port, toPort, pids)
    return this.processes.find(({ pid }) => pid !== undefined && pid === owner)?.name ?? browserParty
  }
}

/** A profile on disk: in Playwright's other contexts IndexedDB is kept in memory. */
async function openBrowser(profile: string): Promise<BrowserContext> {
  await mkdir(profile, { recursive: true })
  return chromium.launchPersistentContext(profile, { args: [...chromiumFlags], executablePath: ensureBrowser() })
}
