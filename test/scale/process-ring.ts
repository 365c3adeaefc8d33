/** Many peer processes on loopback that make one ring, each with a folder of its own. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isPortFree } from '../../src/cli/start/listen.ts'
import { PeerProcess } from '../chaos/peer-process.ts'

const host = '127.0.0.1'
/** Peers that one joins by, when there are so many. */
const joinPeers = 3
/** Where the search for free ports begins; runs beside each other begin at different places. */
const [firstPort, portsApart] = [12_000, 10_000]
const pollMs = 100
const patienceMs = 120_000
/** Unit of the processor time in `/proc`, as on every Linux that Node.js runs on. */
const ticksPerSecond = 100

export class ProcessRing {
  readonly peers: PeerProcess[] = []
  readonly #folder: string
  readonly #cluster: string
  readonly #addresses = new Map<PeerProcess, string>()

  #nextPort = firstPort + Math.floor(Math.random() * portsApart)

  constructor(folder: string, cluster: string) {
    this.#folder = folder
    this.#cluster = cluster
  }

  /** Starts so many more peers, all at the same time; the very first alone starts the ring. */
  async grow(count: number): Promise<readonly PeerProcess[]> {
    const grown: PeerProcess[] = []
    await mkdir(this.#folder, { recursive: true })
    const ports = await this.#freePorts(count * 2)
    for (let index = 0; index < count; index++) grown.push(this.#create(ports.slice(index * 2, index * 2 + 2)))
    this.peers.push(...grown)
    await Promise.all(grown.map(peer => this.start(peer)))
    return grown
  }

  /** Starts a process that is not running. */
  async start(peer: PeerProcess): Promise<void> {
    const others = this.peers.filter(other => other !== peer).slice(0, joinPeers)
    const isFounder = peer === this.peers[0] && peer.peerId === ''
    await peer.start(isFounder ? [] : others.flatMap(other => this.#addresses.get(other) ?? []))
  }

  /** Waits until all peers are full members of one ring. */
  async untilWhole(): Promise<void> {
    const endsAt = performance.now() + patienceMs
    for (;;) {
      const differences = await this.#differences()
      if (differences.length === 0) return
      if (performance.now() > endsAt) throw new Error(`the peers did not find together: ${differences.slice(0, 5).join('; ')}`)
      await sleep(pollMs)
    }
  }

  async untilUp(peer: PeerProcess): Promise<void> {
    const endsAt = performance.now() + patienceMs
    while ((await peer.status()).state !== 'up') {
      if (performance.now() > endsAt) throw new Error(`${peer.name} did not become a full member`)
      await sleep(pollMs)
    }
  }

  /** Processor time that all processes of the ring have used so far, in seconds. */
  async processorSeconds(): Promise<number> {
    const ticks = await Promise.all(
      this.peers.map(async ({ pid }) => {
        if (pid === undefined) return 0
        const [, rest = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')
        const [userTicks, systemTicks] = rest.split(' ').slice(11, 13).map(Number)
        return (userTicks ?? 0) + (systemTicks ?? 0)
      })
    )
    return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond
  }

  /** Leaves no process behind. */
  async end(): Promise<void> {
    await Promise.all(this.peers.map(peer => peer.end()))
  }

  /** Below those that the system gives away itself, e.g. to a connection of a peer that has started already. */
  async #freePorts(count: number): Promise<readonly number[]> {
    const ports: number[] = []
    while (ports.length < count) {
      this.#nextPort += 1
      if (await isPortFree(host, this.#nextPort)) ports.push(this.#nextPort)
    }
    return ports
  }

  async #differences(): Promise<readonly string[]> {
    const statuses = await Promise.all(this.peers.map(async peer => ({ name: peer.name, status: await peer.status() })))
    const found = statuses.flatMap(({ name, status: { state, members } }) => [
      ...(state === 'up' ? [] : [`${name} is ${state}`]),
      ...(members === this.peers.length ? [] : [`${name} sees ${members} members`])
    ])
    const rings = new Set(statuses.map(({ status }) => status.ringDigest))
    return rings.size > 1 ? [...found, `there are ${rings.size} rings`] : found
  }

  #create([port = 0, webSocketPort = 0]: readonly number[]): PeerProcess {
    const name = `peer-${this.#addresses.size + 1}`
    const peer = new PeerProcess({
      name,
      cluster: this.#cluster,
      folder: join(this.#folder, name),
      port,
      webSocketPort,
      announce: [],
      logFile: join(this.#folder, `${name}.log`)
    })
    this.#addresses.set(peer, `/ip4/${host}/tcp/${port}`)
    return peer
  }
}
