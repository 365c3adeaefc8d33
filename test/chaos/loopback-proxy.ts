/**
 * The network between the processes. Each peer announces addresses of this proxy instead of its own, so every connection to it passes here, and
 * the proxy can do to each pair of parties what a network does: block both directions or one, delay, reset.
 *
 * A party is a peer process, or the browser with all its tabs, which share one network process. What tabs tell each other directly (WebRTC) does not
 * pass here.
 */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Flow, type Passage } from './flow.ts'

/** Name of a peer process, or {@link browserParty}. */
export type Party = string

/** Whoever is no peer process. */
export const browserParty: Party = 'tabs'

/** What is wrong with the network. */
export interface Interference {
  isBlocked?(from: Party, to: Party): boolean
  delayMs?(from: Party, to: Party): number
}

interface Link {
  readonly source: Party
  readonly target: Party
  /** Where the target listens. */
  readonly port: number
  readonly client: Socket
  server: Socket | undefined
  readonly flows: Flow[]
}

const host = '127.0.0.1'

export class LoopbackProxy {
  /** Connections that were taken. */
  connections = 0
  readonly #sourceOf: (port: number, toPort: number) => Party
  readonly #servers: Server[] = []
  readonly #links = new Set<Link>()
  readonly #interferences = new Set<Interference>()

  /** `sourceOf` tells who holds the other end of a connection, by its two ports. */
  constructor(sourceOf: (port: number, toPort: number) => Party) {
    this.#sourceOf = sourceOf
  }

  /** Opens a port that leads to `port` of `target`, and answers it. */
  async expose(target: Party, port: number): Promise<number> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, client => this.#accept(client, target, port))
    this.#servers.push(server)
    server.listen(0, host)
    await once(server, 'listening')
    return portOf(server)
  }

  /** Lets something be wrong until the returned function is called. */
  interfere(interference: Interference): () => void {
    this.#interferences.add(interference)
    this.#review()
    return () => {
      this.#interferences.delete(interference)
      this.#review()
    }
  }

  /** Resets the connections between two parties, whoever opened them; answers how many. */
  reset(matches: (one: Party, other: Party) => boolean): number {
    const hit = [...this.#links].filter(({ source, target }) => matches(source, target) || matches(target, source))
    for (const { client, server } of hit) {
      client.resetAndDestroy()
      server?.resetAndDestroy()
    }
    return hit.length
  }

  close(): void {
    this.reset(() => true)
    for (const server of this.#servers) server.close()
  }

  #accept(client: Socket, target: Party, port: number): void {
    this.connections++
    const source = this.#sourceOf(client.remotePort ?? 0, client.localPort ?? 0)
    const link: Link = { source, target, port, client, server: undefined, flows: [] }
    this.#links.add(link)
    this.#forgetWhenClosed(link, client)
    this.#reviewLink(link)
  }

  /** Connects through as soon as something may pass: until then its first packet is on the way. */
  #reviewLink(link: Link): void {
    const { source, target, port, client, flows } = link
    if (link.server === undefined && !this.#passage(source, target).isBlocked) {
      link.server = connect({ host, port, allowHalfOpen: true, noDelay: true })
      this.#forgetWhenClosed(link, link.server)
      flows.push(
        new Flow(client, link.server, () => this.#passage(source, target)),
        new Flow(link.server, client, () => this.#passage(target, source))
      )
    }
    for (const flow of flows) flow.review()
  }

  #forgetWhenClosed(link: Link, socket: Socket): void {
    socket.on('error', ignore)
    socket.once('close', () => {
      if (link.client.closed && (link.server?.closed ?? true)) this.#links.delete(link)
    })
  }

  #passage(from: Party, to: Party): Passage {
    let isBlocked = false
    let delayMs = 0
    for (const interference of this.#interferences) {
      isBlocked ||= interference.isBlocked?.(from, to) ?? false
      delayMs = Math.max(delayMs, interference.delayMs?.(from, to) ?? 0)
    }
    return { isBlocked, delayMs }
  }

  #review(): void {
    for (const link of this.#links) this.#reviewLink(link)
  }
}

function ignore(): void {
  // The end of a socket is told to the other side by its flow.
}

function portOf(server: Server): number {
  const address = server.address()
  if (typeof address !== 'object' || address === null) throw new Error('the proxy has no port')
  return address.port
}
