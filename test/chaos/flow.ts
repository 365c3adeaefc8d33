/**
 * One direction of a proxied connection: bytes in order, held back while the direction is blocked, late while it is delayed.
 *
 * A blocked direction is what TCP makes of lost packets: nothing arrives, not even the news that the other end is gone, and what was sent meanwhile
 * arrives afterwards. What waits is bounded: past the bound the sender is not read, so its own buffers fill as they would.
 */
import type { Socket } from 'node:net'

/** What happens to the bytes of a direction. */
export interface Passage {
  readonly isBlocked: boolean
  readonly delayMs: number
}

type Item = { readonly dueMs: number } & ({ readonly bytes: Buffer } | { readonly last: 'end' | 'reset' })

const waitingBytesMax = 256 * 1024

export class Flow {
  readonly #from: Socket
  readonly #to: Socket
  readonly #passage: () => Passage
  readonly #waiting: Item[] = []
  #waitingBytes = 0
  #isDraining = false
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, passage: () => Passage) {
    this.#from = from
    this.#to = to
    this.#passage = passage
    from.on('data', (bytes: Buffer) => this.#take({ bytes, dueMs: this.#dueMs() }))
    from.once('end', () => this.#take({ last: 'end', dueMs: this.#dueMs() }))
    from.once('close', hadError => hadError && this.#take({ last: 'reset', dueMs: this.#dueMs() }))
    to.on('drain', () => {
      this.#isDraining = false
      this.review()
    })
    to.once('close', () => clearTimeout(this.#timer))
    this.review()
  }

  /** Goes on by what holds now. */
  review(): void {
    const { isBlocked } = this.#passage()
    if (!isBlocked) this.#pass()
    if (isBlocked || this.#isDraining || this.#waitingBytes > waitingBytesMax) this.#from.pause()
    else this.#from.resume()
  }

  #take(item: Item): void {
    this.#waiting.push(item)
    if ('bytes' in item) this.#waitingBytes += item.bytes.length
    this.review()
  }

  #pass(): void {
    clearTimeout(this.#timer)
    const now = performance.now()
    for (let item = this.#waiting[0]; item !== undefined && !this.#isDraining; item = this.#waiting[0]) {
      if (item.dueMs > now) {
        this.#timer = setTimeout(() => this.review(), item.dueMs - now)
        return
      }
      this.#waiting.shift()
      this.#write(item)
    }
  }

  #write(item: Item): void {
    if ('bytes' in item) {
      this.#waitingBytes -= item.bytes.length
      if (!this.#to.destroyed) this.#isDraining = !this.#to.write(item.bytes)
    } else if (item.last === 'end') this.#to.end()
    else this.#to.resetAndDestroy()
  }

  /** Never before what came earlier. */
  #dueMs(): number {
    return Math.max(performance.now() + this.#passage().delayMs, this.#waiting.at(-1)?.dueMs ?? 0)
  }
}
