/**
 * Reads an options object once, into values of our own, and reports all that is wrong with it together.
 *
 * Only own properties of a plain object count: what a class instance, a Map or a polluted prototype would bring along is not an option
 * that somebody wrote down. Whatever throws while it is looked at is a fault of the option, not of ours.
 */
import { StoreError, type ErrorCode } from '../core/errors.ts'
import { kindOf, reasonOf, utf8Bytes } from './text.ts'

/** A fault of one option. */
interface Problem {
  readonly code: ErrorCode
  readonly message: string
}

export class OptionReader {
  readonly #what: string
  readonly #values = new Map<string, unknown>()
  readonly #problems: Problem[] = []

  /** Reads the properties of `options` that are in `known`, each once; others are reported with the nearest known name. */
  constructor(what: string, options: unknown, known: readonly string[]) {
    this.#what = what
    if (options === undefined) return
    if (typeof options !== 'object' || options === null)
      throw new StoreError('ERR_OPTIONS', `${what} must be an object, got ${kindOf(options)}.`)
    try {
      if (!isPlain(options))
        throw new StoreError(
          'ERR_OPTIONS',
          `${what} must be a plain object, got ${Array.isArray(options) ? 'an array' : 'an instance of a class'}.`
        )
      for (const name of Reflect.ownKeys(options)) this.#read(options, name, known)
    } catch (error) {
      if (error instanceof StoreError) throw error
      throw new StoreError('ERR_OPTIONS', `${what} could not be read: ${reasonOf(error)}.`, { cause: error })
    }
  }

  #read(options: object, name: string | symbol, known: readonly string[]): void {
    if (typeof name === 'symbol') this.problem('ERR_OPTIONS', `${String(name)} is not an option`)
    else if (!known.includes(name)) this.problem('ERR_OPTIONS', `${JSON.stringify(name)} is not an option${suggestion(name, known)}`)
    else this.check(name, () => this.#values.set(name, Reflect.get(options, name)))
  }

  /** The value as it was given, or `undefined`. */
  get(name: string): unknown {
    return this.#values.get(name)
  }

  problem(code: ErrorCode, message: string): void {
    this.#problems.push({ code, message })
  }

  /** Runs a check of the option `name`; `undefined` and a problem when looking at it throws. */
  check<Result>(name: string, look: () => Result): Result | undefined {
    try {
      return look()
    } catch (error) {
      this.problem('ERR_OPTIONS', `${name} could not be read: ${reasonOf(error)}`)
      return undefined
    }
  }

  text(name: string, fallback: string, bytesMax: number): string {
    const value = this.get(name)
    if (value === undefined) return fallback
    const bytes = typeof value === 'string' && value.isWellFormed() ? utf8Bytes(value) : 0
    if (bytes > 0 && bytes <= bytesMax) return value as string
    this.problem('ERR_OPTIONS', `${name} must be a text of 1..${bytesMax} bytes`)
    return fallback
  }

  integer<Fallback extends number | undefined>(
    name: string,
    fallback: Fallback,
    min: number,
    max: number,
    code: ErrorCode = 'ERR_OPTIONS'
  ): number | Fallback {
    const value = this.get(name)
    if (value === undefined) return fallback
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    const got = typeof value === 'number' ? String(value) : kindOf(value)
    this.problem(code, `${name} must be an integer in ${min}..${max}, got ${got}`)
    return fallback
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.get(name)
    if (value === undefined || typeof value === 'boolean') return value ?? fallback
    this.problem('ERR_OPTIONS', `${name} must be true or false, got ${kindOf(value)}`)
    return fallback
  }

  texts(name: string, fallback: readonly string[], countMax: number): readonly string[] {
    const value = this.get(name)
    if (value === undefined) return fallback
    const texts = this.check(name, () => (Array.isArray(value) && value.length <= countMax ? Array.from(value as unknown[]) : undefined))
    if (texts?.every(item => typeof item === 'string') === true) return texts
    this.problem('ERR_OPTIONS', `${name} must be an array of at most ${countMax} texts`)
    return fallback
  }

  signal(name: string): AbortSignal | undefined {
    const value = this.get(name)
    if (value === undefined) return undefined
    // Reading `aborted` fails for what only inherits from AbortSignal.
    const isSignal = this.check(name, () => value instanceof AbortSignal && typeof value.aborted === 'boolean')
    if (isSignal === true) return value as AbortSignal
    this.problem('ERR_OPTIONS', `${name} must be an AbortSignal, got ${kindOf(value)}`)
    return undefined
  }

  /** An object with certain functions. */
  parts<Value>(name: string, functions: readonly string[]): Value | undefined {
    const value = this.get(name)
    if (typeof value !== 'object' || value === null) return undefined
    const complete = this.check(name, () => functions.every(part => typeof Reflect.get(value, part) === 'function'))
    return complete === true ? (value as Value) : undefined
  }

  /** Throws one error that lists everything that is wrong; its code is that of the first fault. */
  finish(): void {
    const [first] = this.#problems
    if (first === undefined) return
    const messages = this.#problems.map(problem => problem.message)
    throw new StoreError(first.code, `${this.#what}: ${messages.join('; ')}.`, { details: { problems: messages } })
  }
}

/** An object literal, of this realm or another. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === null || prototype === Object.prototype) return true
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf')
}

function suggestion(name: string, known: readonly string[]): string {
  if (name.length > 64) return ''
  const nearest = known
    .map(candidate => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0]
  return nearest !== undefined && nearest.distance <= Math.max(2, nearest.candidate.length / 3)
    ? `; did you mean ${nearest.candidate}?`
    : ''
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const substitution = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      current.push(Math.min(substitution, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}
