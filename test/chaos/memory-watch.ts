/** Memory of every peer over a run: what is alive after a garbage collection, again and again. */
import type { ChaosPeer, MemorySample } from './chaos-peer.ts'

const everyMs = 10_000
/** A peer that has just started fills its caches. */
const settledMs = 5000

/** First and last sample of a peer's last life. */
export interface MemoryOfPeer {
  readonly name: string
  readonly first: MemorySample
  readonly last: MemorySample
}

export class MemoryWatch {
  readonly #peers: readonly ChaosPeer[]
  readonly #samples = new Map<string, MemorySample[]>()
  readonly #timer: NodeJS.Timeout
  #sampling: Promise<void> = Promise.resolve()

  constructor(peers: readonly ChaosPeer[]) {
    this.#peers = peers
    this.#timer = setInterval(() => void this.sample(), everyMs)
  }

  /** Measures every peer that serves, one after the other. */
  sample(): Promise<void> {
    this.#sampling = this.#sampling.then(() => this.#sampleAll())
    return this.#sampling
  }

  async stop(): Promise<readonly MemoryOfPeer[]> {
    clearInterval(this.#timer)
    await this.#sampling
    return this.#peers.flatMap(({ name }) => {
      const samples = this.#samples.get(name) ?? []
      const last = samples.at(-1)
      const first = samples.find(({ life }) => life === last?.life)
      return first === undefined || last === undefined ? [] : [{ name, first, last }]
    })
  }

  async #sampleAll(): Promise<void> {
    for (const peer of this.#peers.filter(({ isServing }) => isServing)) {
      try {
        const sample = await peer.memory()
        if (sample.ageMs >= settledMs) this.#samples.set(peer.name, [...(this.#samples.get(peer.name) ?? []), sample])
      } catch {
        // It went away while it was measured.
      }
    }
  }
}
