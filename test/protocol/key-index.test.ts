import { describe, expect, test } from 'vitest'
import { emptyContext } from '../../src/core/causal-context.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { Actor, RequestId } from '../../src/core/identifiers.ts'
import { indexPageRows } from '../../src/core/limits.ts'
import { position } from '../../src/core/position.ts'
import { emptyRecord, putSibling } from '../../src/core/record.ts'
import type { Effect, ScannedRow } from '../../src/protocol/effect.ts'
import { IndexLoader, indexOperation, indexPrefix, keyOfIndexRow, KeyIndex } from '../../src/protocol/key-index.ts'
import type { LocalRow } from '../../src/protocol/storage-layout.ts'
import { Tokens } from '../../src/protocol/tokens.ts'

const now = { ms: 0, wallMs: 0 }
const keys = ['a', 'b', 'c'].map(encodeUtf8) as [Uint8Array, Uint8Array, Uint8Array]

function row(counter: number): LocalRow {
  const dot = { actor: 'a'.repeat(24) as Actor, counter }
  return {
    epoch: 1,
    record: putSibling(emptyRecord, emptyContext, { dot, request: 'b'.repeat(32) as RequestId, wallTime: 1, value: undefined })
  }
}

function indexRow(key: Uint8Array, counter: number): ScannedRow {
  const operation = indexOperation(key, row(counter))
  if (operation.type !== 'put') throw new Error('a row was deleted')
  return operation
}

/** Sums of all partitions. */
function sums(index: KeyIndex): readonly unknown[] {
  return Array.from({ length: 8 }, (_, partition) => {
    const { high, low, count } = index.trie.sum(3, partition)
    return [high, low, count]
  })
}

function indexOf(...held: readonly (readonly [Uint8Array, number])[]): KeyIndex {
  const index = new KeyIndex(8)
  for (const [key, counter] of held) index.hold(key, row(counter))
  return index
}

describe('an index that is being read', () => {
  test('keeps what changed while a page was on its way', () => {
    const index = new KeyIndex(8)
    index.expectPage()
    index.hold(keys[0], row(2))
    index.hold(keys[1], undefined)
    index.restore([indexRow(keys[0], 1), indexRow(keys[1], 1), indexRow(keys[2], 1)])
    expect(sums(index)).toEqual(sums(indexOf([keys[0], 2], [keys[2], 1])))
    expect(index.keys).toBe(2)
  })

  test('takes a row that changed before its page was asked for', () => {
    const index = new KeyIndex(8)
    index.expectPage()
    index.hold(keys[0], row(1))
    index.expectPage()
    index.restore([indexRow(keys[0], 2)])
    expect(sums(index)).toEqual(sums(indexOf([keys[0], 2])))
  })

  test('leaves out rows of another form', () => {
    const index = new KeyIndex(8)
    index.restore([
      { key: Uint8Array.of(116), value: new Uint8Array(8) },
      { key: indexRow(keys[0], 1).key, value: new Uint8Array(7) }
    ])
    expect(index.keys).toBe(0)
  })

  test('asks page after page, again after a failure, and is complete after the last', () => {
    const index = new KeyIndex(8)
    const loader = new IndexLoader(new Tokens(1), index)
    const effects: Effect[] = []
    const page = Array.from({ length: indexPageRows }, (_, number) => indexRow(encodeUtf8(`key ${number}`), 1))
    loader.start(effects)
    loader.failed(now)
    expect(loader.deadline()).toBeGreaterThan(0)
    loader.wake(now, effects)
    loader.scanned(now, 1, page, effects)
    expect(index.isComplete).toBe(false)
    loader.scanned(now, 2, [indexRow(keys[0], 1)], effects)
    expect(index.isComplete).toBe(true)
    expect(index.keys).toBe(indexPageRows + 1)
    expect(effects.map(effect => (effect.kind === 'scan' ? effect.after : effect.kind))).toEqual([
      undefined,
      undefined,
      page.at(-1)?.key,
      'report'
    ])
    expect(loader.deadline()).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('index rows', () => {
  test('are found by the first 48 bits of the position, and say their key', () => {
    const { key } = indexRow(keys[0], 1)
    const place = position(keys[0])
      .subarray(0, 6)
      .reduce((sum, byte) => sum * 256 + byte, 0)
    expect(key.subarray(0, 7)).toEqual(indexPrefix(place))
    expect(keyOfIndexRow(key)).toEqual(keys[0])
  })
})
