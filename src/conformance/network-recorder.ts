/**
 * Handlers that remember what a network told them, and wait for it: what the network suite is written with.
 */
import { toHex } from '../core/bytes.ts'
import type { PeerId } from '../core/identifiers.ts'
import type { Admission, Lane, NetworkHandlers } from '../ports/network.ts'

/** Something that a network told its user. */
export type NetworkEvent =
  | { readonly type: 'connected'; readonly peer: PeerId }
  | { readonly type: 'disconnected'; readonly peer: PeerId }
  | { readonly type: 'unreachable'; readonly peer: PeerId }
  | { readonly type: 'refused'; readonly peer: PeerId | undefined; readonly code: string; readonly message: string }
  | { readonly type: 'frame'; readonly peer: PeerId; readonly lane: Lane; readonly bytes: Uint8Array }
  | { readonly type: 'gossip'; readonly peer: PeerId; readonly bytes: Uint8Array }
  | { readonly type: 'judged'; readonly peer: PeerId; readonly hello: string }

export interface RecorderOptions {
  /** @default one byte */
  readonly hello?: Uint8Array
  /** @default everybody is let in */
  readonly admit?: (peer: PeerId, hello: Uint8Array) => Admission
  /** Addresses of a peer that is dialled only when something is sent to it. @default nobody is */
  readonly distant?: (peer: PeerId) => readonly string[] | undefined
  /** Called with each frame before it is remembered. @default nothing */
  readonly frame?: (bytes: Uint8Array) => void
}

const patienceMs = 25_000

export class NetworkRecorder {
  readonly events: NetworkEvent[] = []
  readonly handlers: NetworkHandlers
  readonly #waiting = new Set<() => void>()

  constructor(options: RecorderOptions = {}) {
    this.handlers = {
      hello: () => options.hello ?? new Uint8Array([1]),
      admit: (peer, hello) => {
        this.#add({ type: 'judged', peer, hello: toHex(hello) })
        return options.admit?.(peer, hello) ?? { admit: true }
      },
      frame: (peer, lane, frame) => {
        options.frame?.(frame)
        this.#add({ type: 'frame', peer, lane, bytes: frame.slice() })
      },
      connected: peer => this.#add({ type: 'connected', peer }),
      disconnected: peer => this.#add({ type: 'disconnected', peer }),
      refused: (peer, code, message) => this.#add({ type: 'refused', peer, code, message }),
      gossip: (peer, bytes) => {
        this.#add({ type: 'gossip', peer, bytes: bytes.slice() })
        return 'accept'
      },
      distant: peer => options.distant?.(peer),
      unreachable: peer => this.#add({ type: 'unreachable', peer }),
      addresses: () => {}
    }
  }

  /** Events of one type, in order. */
  of<Type extends NetworkEvent['type']>(type: Type): readonly Extract<NetworkEvent, { readonly type: Type }>[] {
    return this.events.filter((event): event is Extract<NetworkEvent, { readonly type: Type }> => event.type === type)
  }

  /** Waits until so many events of a type have happened, and returns the last of them. */
  async seen<Type extends NetworkEvent['type']>(type: Type, count = 1): Promise<Extract<NetworkEvent, { readonly type: Type }>> {
    await this.until(() => this.of(type).length >= count, `${count} x ${type}`)
    return this.of(type)[count - 1] as Extract<NetworkEvent, { readonly type: Type }>
  }

  /** Waits until `holds`, looking again after each event. */
  until(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(look)
      }
      const look = (): void => {
        if (!holds()) return
        finish()
        resolve()
      }
      const timer = setTimeout(() => {
        finish()
        const seen = this.events.map(event => event.type).slice(-20)
        reject(new Error(`Waited ${patienceMs} ms in vain for ${what}; the last events were: ${seen.join(', ') || 'none'}.`))
      }, patienceMs)
      this.#waiting.add(look)
      look()
    })
  }

  #add(event: NetworkEvent): void {
    this.events.push(event)
    for (const look of [...this.#waiting]) look()
  }
}
