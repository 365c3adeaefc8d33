/** Listeners by event name. A listener that throws hurts nobody else: the error is reported as an `error` event. */
import type { PeerEvents } from './api.ts'

type Listener<Name extends keyof PeerEvents> = (event: CustomEvent<PeerEvents[Name]>) => void
type AnyListener = (event: CustomEvent) => void

export class PeerEventEmitter {
  readonly #listeners = new Map<string, Map<AnyListener, { readonly once: boolean }>>()

  addEventListener<Name extends keyof PeerEvents>(name: Name, listener: Listener<Name>, options: { readonly signal?: AbortSignal; readonly once?: boolean } = {}): void {
    if (options.signal?.aborted === true) return
    const listeners = this.#listeners.get(name) ?? new Map<AnyListener, { readonly once: boolean }>()
    this.#listeners.set(name, listeners)
    listeners.set(listener as AnyListener, { once: options.once ?? false })
    options.signal?.addEventListener('abort', () => this.removeEventListener(name, listener), { once: true })
  }

  removeEventListener<Name extends keyof PeerEvents>(name: Name, listener: Listener<Name>): void {
    this.#listeners.get(name)?.delete(listener as AnyListener)
  }

  /** True when somebody listens: what nobody hears need not be put together. */
  hears(name: keyof PeerEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit<Name extends keyof PeerEvents>(name: Name, detail: PeerEvents[Name]): void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined || listeners.size === 0) return
    const event = new CustomEvent(name, { detail })
    for (const [listener, { once }] of [...listeners]) {
      if (once) listeners.delete(listener)
      try {
        listener(event)
      } catch (error) {
        this.#report(name, error)
      }
    }
  }

  #report(name: keyof PeerEvents, error: unknown): void {
    if (name === 'error') return
    const what = error instanceof Error ? error.message : 'it threw something that is not an Error'
    this.emit('error', { code: 'ERR_INTERNAL', message: `A listener of ${name} failed: ${what}`, outcome: 'none' })
  }
}
