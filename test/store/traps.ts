/** Inputs that a caller without types may give, and a watch over what nobody caught. */
import { afterAll, beforeAll, expect } from 'vitest'

/** Fails the file when a promise was rejected unseen, an error escaped, or a prototype was changed while its tests ran. */
export function nothingEscapes(): void {
  const escaped: unknown[] = []
  const note = (error: unknown): void => void escaped.push(error)
  const before = Reflect.ownKeys(Object.prototype)
  beforeAll(() => {
    process.on('unhandledRejection', note)
    process.on('uncaughtException', note)
  })
  afterAll(() => {
    process.off('unhandledRejection', note)
    process.off('uncaughtException', note)
    expect(escaped).toEqual([])
    expect(Reflect.ownKeys(Object.prototype)).toEqual(before)
  })
}

/** What a caller without types may pass. */
export const any = (value: unknown): never => value as never
export const throwing = (name: string): object =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get: () => {
      throw new Error('trap')
    }
  })
export const trap = new Proxy(
  {},
  {
    get: () => {
      throw new Error('trap')
    },
    ownKeys: () => {
      throw new Error('trap')
    },
    getPrototypeOf: () => {
      throw new Error('trap')
    }
  }
)
export const revoked = ((): object => {
  const made = Proxy.revocable([], {})
  made.revoke()
  return made.proxy
})()
export const detached = (): Uint8Array => {
  const view = new Uint8Array(8)
  structuredClone(view.buffer, { transfer: [view.buffer] })
  return view
}
