/**
 * Reads an options object once, into values of our own, and reports all that is wrong with it together.
 */
import { StoreError, type ErrorCode } from '../core/errors.ts'
import { kindOf } from './text.ts'

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
    if (typeof options !== 'object' || options === null || Array.isArray(options)) {
      throw new StoreError('ERR_OPTIONS', `${what} must be an object, got ${kindOf(options)}.`)
    }
    try {
      for (const name of Object.keys(options)) {
        if (known.includes(name)) this.#values.set(name, Reflect.get(options, name))
        else this.problem('ERR_OPTIONS', `${name} is not an option${suggestion(name, known)}`)
      }
    } catch (error) {
      throw new StoreError('ERR_OPTIONS', `${what} could not be read: a property threw.`, { cause: error })
    }
  }

  /** The value as it was given, or `undefined`. */
  get(name: string): unknown {
    return this.#values.get(name)
  }

  problem(code: ErrorCode, message: string): void {
    this.#problems.push({ code, message })
  }

  text(name: string, fallback: string, bytesMax: number): string {
    const value = this.get(name)
    if (value === undefined) return fallback
    const bytes = typeof value === 'string' && !/\p{Surrogate}/u.test(value) ? new TextEncoder().encode(value).length : 0
    if (bytes > 0 && bytes <= bytesMax) return value as string
    this.problem('ERR_OPTIONS', `${name} must be a text of 1..${bytesMax} bytes`)
    return fallback
  }

  integer<Fallback extends number | undefined>(name: string, fallback: Fallback, min: number, max: number, code: ErrorCode = 'ERR_OPTIONS'): number | Fallback {
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

  texts(name: string, fallback: readonly string[]): readonly string[] {
    const value = this.get(name)
    if (value === undefined) return fallback
    if (Array.isArray(value) && value.every(item => typeof item === 'string')) return [...value]
    this.problem('ERR_OPTIONS', `${name} must be an array of texts`)
    return fallback
  }

  signal(name: string): AbortSignal | undefined {
    const value = this.get(name)
    if (value === undefined || value instanceof AbortSignal) return value
    this.problem('ERR_OPTIONS', `${name} must be an AbortSignal, got ${kindOf(value)}`)
    return undefined
  }

  /** Throws one error that lists everything that is wrong; its code is that of the first fault. */
  finish(): void {
    const [first] = this.#problems
    if (first === undefined) return
    const messages = this.#problems.map(problem => problem.message)
    throw new StoreError(first.code, `${this.#what}: ${messages.join('; ')}.`, { details: { problems: messages } })
  }
}

function suggestion(name: string, known: readonly string[]): string {
  const nearest = known.map(candidate => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) })).sort((a, b) => a.distance - b.distance)[0]
  return nearest !== undefined && nearest.distance <= Math.max(2, nearest.candidate.length / 3) ? `; did you mean ${nearest.candidate}?` : ''
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
