/**
 * Listeners by event name. A listener that throws, or whose promise rejects, hurts nobody else: the error is reported as an `error` event.
 */
import { StoreError } from '../core/errors.ts'
import type { PeerEvents } from './api.ts'
import { OptionReader } from './option-reader.ts'
import { kindOf, reasonOf } from './text.ts'

type Listener<Name extends keyof PeerEvents> = (event: CustomEvent<PeerEvents[Name]>) => void
type AnyListener = (event: CustomEvent) => unknown

interface Registration {
  readonly once: boolean
  /** Stops listening to the signal that would remove the listener. */
  readonly release: () => void
}

export class PeerEventEmitter {
  readonly #listeners = new Map<string, Map<AnyListener, Registration>>()

  addEventListener<Name extends keyof PeerEvents>(
    name: Name,
    listener: Listener<Name>,
    options?: { readonly signal?: AbortSignal; readonly once?: boolean }
  ): void {
    const { once, signal } = checkListening(name, listener, options)
    if (signal?.aborted === true) return
    this.removeEventListener(name, listener)
    const listeners = this.#listeners.get(name) ?? new Map<AnyListener, Registration>()
    this.#listeners.set(name, listeners)
    const onAbort = (): void => this.removeEventListener(name, listener)
    signal?.addEventListener('abort', onAbort, { once: true })
    listeners.set(listener as AnyListener, { once, release: () => signal?.removeEventListener('abort', onAbort) })
  }

  removeEventListener<Name extends keyof PeerEvents>(name: Name, listener: Listener<Name>): void {
    const listeners = this.#listeners.get(name)
    listeners?.get(listener as AnyListener)?.release()
    listeners?.delete(listener as AnyListener)
  }

  /** True when somebody listens: what nobody hears need not be put together. */
  hears(name: keyof PeerEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  emit<Name extends keyof PeerEvents>(name: Name, detail: PeerEvents[Name]): void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined || listeners.size === 0) return
    const event = new CustomEvent(name, { detail })
    for (const [listener, { once, release }] of [...listeners]) {
      if (once) listeners.delete(listener)
      if (once) release()
      this.#call(name, listener, event)
    }
  }

  #call(name: keyof PeerEvents, listener: AnyListener, event: CustomEvent): void {
    try {
      const answer = listener(event)
      if (typeof answer === 'object' && answer !== null) Promise.resolve(answer).catch((error: unknown) => this.#report(name, error))
    } catch (error) {
      this.#report(name, error)
    }
  }

  #report(name: keyof PeerEvents, error: unknown): void {
    if (name === 'error') return
    this.emit('error', { code: 'ERR_INTERNAL', message: `A listener of ${name} failed: ${reasonOf(error)}`, outcome: 'none' })
  }
}

function checkListening(
  name: unknown,
  listener: unknown,
  options: unknown
): { readonly once: boolean; readonly signal: AbortSignal | undefined } {
  if (typeof name !== 'string') throw new StoreError('ERR_OPTIONS', `the name of an event must be a text, got ${kindOf(name)}.`)
  if (typeof listener !== 'function') throw new StoreError('ERR_OPTIONS', `a listener must be a function, got ${kindOf(listener)}.`)
  const reader = new OptionReader('addEventListener options', options, ['signal', 'once'])
  const checked = { once: reader.boolean('once', false), signal: reader.signal('signal') }
  reader.finish()
  return checked
}
