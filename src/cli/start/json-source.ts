/**
 * JSON with the place of everything in it, for configuration files that people write: each complaint says line and column, and what
 * `JSON.parse` lets pass in silence (the same key twice) is refused.
 */

/** A place in a text, both counted from 1. */
export interface TextPlace {
  readonly line: number
  readonly column: number
}

/** A JSON value with its place. */
export type JsonNode =
  | { readonly kind: 'object'; readonly at: TextPlace; readonly entries: readonly JsonEntry[] }
  | { readonly kind: 'array'; readonly at: TextPlace; readonly items: readonly JsonNode[] }
  | { readonly kind: 'scalar'; readonly at: TextPlace; readonly value: string | number | boolean | null }

/** A field of an object. */
export interface JsonEntry {
  readonly name: string
  readonly at: TextPlace
  readonly value: JsonNode
}

/** What is wrong with a text, and where. */
export class JsonSourceError extends Error {
  override readonly name = 'JsonSourceError'
  readonly at: TextPlace

  constructor(message: string, at: TextPlace) {
    super(message)
    this.at = at
  }
}

/** Deepest nesting taken. */
const depthMax = 32

/** Parses strict JSON (RFC 8259, without a byte order mark and without repeated names). Throws {@link JsonSourceError}. */
export function parseJsonSource(text: string): JsonNode {
  return new JsonReader(text).document()
}

class JsonReader {
  readonly #text: string
  #offset = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): JsonNode {
    if (this.#text.startsWith('\uFEFF')) throw this.#error('the file begins with a byte order mark; save it as UTF-8 without BOM')
    const node = this.#value(0)
    this.#space()
    if (this.#offset < this.#text.length) throw this.#error(`unexpected ${this.#next()} behind the end of the value`)
    return node
  }

  #value(depth: number): JsonNode {
    this.#space()
    if (depth > depthMax) throw this.#error(`values are nested more than ${depthMax} deep`)
    const at = this.#place()
    const character = this.#text[this.#offset]
    if (character === '{') return { kind: 'object', at, entries: this.#entries(depth) }
    if (character === '[') return { kind: 'array', at, items: this.#items(depth) }
    if (character === '"') return { kind: 'scalar', at, value: this.#string() }
    return { kind: 'scalar', at, value: this.#literal() }
  }

  #entries(depth: number): JsonEntry[] {
    const entries: JsonEntry[] = []
    const names = new Set<string>()
    this.#offset++
    if (this.#skip('}')) return entries
    do {
      const entry = this.#entry(depth)
      if (names.has(entry.name)) throw new JsonSourceError(`the field ${JSON.stringify(entry.name)} is there twice`, entry.at)
      names.add(entry.name)
      entries.push(entry)
    } while (this.#isFollowedBy('}', 'field'))
    return entries
  }

  #entry(depth: number): JsonEntry {
    this.#space()
    const at = this.#place()
    if (this.#text[this.#offset] !== '"') throw this.#error(`expected a field name in double quotes, found ${this.#next()}`)
    const name = this.#string()
    if (!this.#skip(':')) throw this.#error(`expected ':' after the field name, found ${this.#next()}`)
    return { name, at, value: this.#value(depth + 1) }
  }

  #items(depth: number): JsonNode[] {
    const items: JsonNode[] = []
    this.#offset++
    if (this.#skip(']')) return items
    do items.push(this.#value(depth + 1))
    while (this.#isFollowedBy(']', 'value'))
    return items
  }

  /** After an item: true at a comma, false at `end`. */
  #isFollowedBy(end: ']' | '}', what: string): boolean {
    if (this.#skip(end)) return false
    this.#space()
    const comma = this.#place()
    if (!this.#skip(',')) throw this.#error(`expected ',' or '${end}', found ${this.#next()}`)
    this.#space()
    if (this.#text[this.#offset] === end) throw new JsonSourceError(`there is a comma behind the last ${what}`, comma)
    return true
  }

  #string(): string {
    const start = this.#offset
    const place = this.#place()
    this.#offset++
    while (this.#text[this.#offset] !== '"') {
      if (this.#offset >= this.#text.length || this.#text[this.#offset] === '\n')
        throw new JsonSourceError('a text in double quotes does not end', place)
      this.#offset += this.#text[this.#offset] === '\\' ? 2 : 1
    }
    this.#offset++
    const value = parsedOrUndefined(this.#text.slice(start, this.#offset))
    if (typeof value !== 'string') throw new JsonSourceError('a text has an escape or a control character that JSON does not allow', place)
    return value
  }

  #literal(): number | boolean | null {
    const place = this.#place()
    const word = /[^\s,\]}:"[{]*/y
    word.lastIndex = this.#offset
    const text = word.exec(this.#text)?.[0] ?? ''
    if (text === '') throw this.#error(`expected a value, found ${this.#next()}`)
    const value = parsedOrUndefined(text)
    if (typeof value === 'number' && !Number.isFinite(value)) throw new JsonSourceError(`the number ${text} is too large`, place)
    if (typeof value !== 'number' && typeof value !== 'boolean' && value !== null) {
      throw new JsonSourceError(`${JSON.stringify(text.slice(0, 32))} is not a JSON value; texts are in double quotes`, place)
    }
    this.#offset += text.length
    return value
  }

  #skip(character: string): boolean {
    this.#space()
    if (this.#text[this.#offset] !== character) return false
    this.#offset++
    return true
  }

  #space(): void {
    while (/[ \t\r\n]/.test(this.#text[this.#offset] ?? '')) this.#offset++
  }

  #next(): string {
    const character = this.#text[this.#offset]
    return character === undefined ? 'the end of the file' : JSON.stringify(character)
  }

  #place(): TextPlace {
    const before = this.#text.slice(0, this.#offset)
    return { line: before.split('\n').length, column: this.#offset - before.lastIndexOf('\n') }
  }

  #error(message: string): JsonSourceError {
    return new JsonSourceError(message, this.#place())
  }
}

function parsedOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
