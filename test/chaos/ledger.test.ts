/** The ledger of the chaos run must find what is missing, and must not find what is not. */
import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { Actor, RequestId } from '../../src/core/identifiers.ts'
import type { StoredRecord } from '../../src/core/versions/record.ts'
import { emptyContext } from '../../src/core/versions/causal-context.ts'
import type { TrueWrite } from '../../src/simulation/checks/causal-history.ts'
import { Ledger } from './ledger.ts'

const none: ReadonlySet<RequestId> = new Set()
const dotOf = (counter: number): string => `${'a'.repeat(24)}:${counter}`

/** A ledger, what it found, and short ways to write into it. */
class Book {
  readonly found: string[] = []
  readonly ledger = new Ledger(problem => this.found.push(problem.split(/[ :]/)[0] ?? ''))
  readonly #dots = new Map<TrueWrite, number>()

  write(
    seen: ReadonlySet<RequestId> = none,
    outcome: 'acknowledged' | 'uncertain' | 'refused' = 'acknowledged',
    filler?: string
  ): TrueWrite {
    const write = this.ledger.begin('k', filler ?? ' value', seen)
    this.#end(write, outcome)
    return write
  }

  delete(seen: ReadonlySet<RequestId>, outcome: 'acknowledged' | 'uncertain' = 'acknowledged'): TrueWrite {
    const write = this.ledger.begin('k', undefined, seen)
    this.#end(write, outcome)
    return write
  }

  read(...writes: readonly TrueWrite[]): ReadonlySet<RequestId> {
    return this.ledger.shown('k', {
      siblings: writes.map(write => ({ text: write.value, dot: dotOf(this.#dot(write)) })),
      context: new Uint8Array(0)
    })
  }

  end(...writes: readonly TrueWrite[]): readonly string[] {
    const siblings = writes.map(write => ({
      dot: { actor: 'a'.repeat(24) as Actor, counter: this.#dot(write) },
      request: write.request,
      wallTime: 0,
      value: write.value === undefined ? undefined : encodeUtf8(write.value)
    }))
    this.ledger.finalState('k', { context: emptyContext, siblings } satisfies StoredRecord)
    return this.found
  }

  #end(write: TrueWrite, outcome: 'acknowledged' | 'uncertain' | 'refused'): void {
    if (outcome === 'acknowledged') this.ledger.succeeded(write, dotOf(this.#dot(write)))
    else this.ledger.failed(write, outcome === 'uncertain')
  }

  #dot(write: TrueWrite): number {
    const dot = this.#dots.get(write) ?? this.#dots.size + 1
    this.#dots.set(write, dot)
    return dot
  }
}

describe('the ledger', () => {
  test('is content when every acknowledged write is there, or was seen by a later one that is', () => {
    const book = new Book()
    const first = book.write()
    const second = book.write(book.read(first))
    expect(book.end(second, book.write())).toEqual([])
    expect([book.ledger.acknowledged, book.ledger.lost]).toEqual([3, 0])
  })

  test('misses an acknowledged write that nobody had seen, and none in doubt', () => {
    const book = new Book()
    book.write()
    book.write(none, 'uncertain')
    expect(book.end(book.write())).toEqual(['LOST'])
    expect(book.ledger.lost).toBe(1)
  })

  test('knows that a delete took what it had seen, also when the key was written again by somebody who saw nothing there', () => {
    const book = new Book()
    const first = book.write()
    book.delete(book.read(first))
    expect(book.end(book.write(book.read()))).toEqual([])
  })

  test('finds what is back though an acknowledged delete, or a later write, had seen it', () => {
    const deleted = new Book()
    const first = deleted.write()
    deleted.delete(deleted.read(first))
    expect(deleted.end(first)).toEqual(['BACK'])
    const overwritten = new Book()
    const old = overwritten.write()
    const newer = overwritten.write(overwritten.read(old))
    overwritten.delete(overwritten.read(newer))
    expect(overwritten.end(old)).toEqual(['BACK', 'BACK'])
  })

  test('counts apart what only a delete in doubt can have taken', () => {
    const book = new Book()
    const first = book.write()
    book.delete(book.read(first), 'uncertain')
    expect(book.end()).toEqual([])
    expect([book.ledger.unknowable, book.ledger.lost]).toEqual([1, 0])
  })

  test('finds a value of which its writer was told that it was not written, and one that nobody wrote', () => {
    const book = new Book()
    expect(book.end(book.write(none, 'refused'))).toEqual(['k'])
    const other = new Book()
    expect(new Book().end(other.write())).toEqual(['k'])
  })

  test('finds a sibling that the writer of the other had seen', () => {
    const book = new Book()
    const first = book.write()
    const second = book.write(book.read(first))
    book.read(first, second)
    expect(book.found).toEqual(['a'])
  })
})
