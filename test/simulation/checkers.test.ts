/** The checkers see what they are for: each is shown a lie. */
import { describe, expect, test } from 'vitest'
import { withDot, emptyContext } from '../../src/core/versions/causal-context.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import type { Actor, PeerId, RequestId } from '../../src/core/identifiers.ts'
import { emptyRecord, putSibling, type StoredRecord } from '../../src/core/versions/record.ts'
import { encodeRow, rowKey } from '../../src/protocol/storage-layout.ts'
import { CausalHistory } from '../../src/simulation/checks/causal-history.ts'
import type { PutAnswer } from '../../src/simulation/run/client-call.ts'
import { SafetyChecks } from '../../src/simulation/checks/safety-checks.ts'

const actor = 'a'.repeat(24) as Actor
const peer = 'ada' as PeerId
const request = (number: number): RequestId => number.toString(16).padStart(32, '0') as RequestId

/** A record of writes that did not see each other: `[counter, request, value]`. */
function record(...writes: readonly (readonly [number, number, string])[]): StoredRecord {
  return writes.reduce(
    (made, [counter, number, value]) =>
      putSibling(made, emptyContext, { dot: { actor, counter }, request: request(number), wallTime: 1, value: encodeUtf8(value) }),
    emptyRecord
  )
}

function acknowledgement(acknowledged: readonly PeerId[], w: number): PutAnswer {
  const dot = { actor, counter: 1 }
  return {
    status: 'ok',
    mayHaveHappened: true,
    dot,
    coordinator: peer,
    acknowledged,
    hinted: [],
    siblings: 1,
    request: request(1),
    w,
    n: 3,
    context: withDot(emptyContext, dot)
  }
}

function setUp(): { readonly history: CausalHistory; readonly checks: SafetyChecks } {
  const history = new CausalHistory()
  return { history, checks: new SafetyChecks(history) }
}

describe('the safety checks', () => {
  test('find an acknowledged write that is missing', () => {
    const { history, checks } = setUp()
    history.begin(request(1), 'k', 'one', new Set()).state = 'acknowledged'
    history.begin(request(2), 'k', 'two', new Set()).state = 'acknowledged'
    checks.finalState('k', record([1, 2, 'two']))
    expect(checks.problems).toEqual([expect.stringContaining('LOST: k = one')])
  })

  test('let a write go that a later writer had seen, directly or through others', () => {
    const { history, checks } = setUp()
    history.begin(request(1), 'k', 'one', new Set()).state = 'acknowledged'
    history.begin(request(2), 'k', 'two', history.pastOf([request(1)])).state = 'acknowledged'
    history.begin(request(3), 'k', 'three', history.pastOf([request(2)]))
    checks.finalState('k', record([1, 3, 'three']))
    expect(checks.problems).toEqual([])
  })

  test('find a false sibling', () => {
    const { history, checks } = setUp()
    history.begin(request(1), 'k', 'one', new Set())
    history.begin(request(2), 'k', 'two', history.pastOf([request(1)]))
    checks.shown('k', record([1, 1, 'one'], [2, 2, 'two']))
    expect(checks.problems).toEqual([expect.stringContaining('a false sibling: one')])
  })

  test('find a value that nobody wrote, or wrote to another key, or was told that it was not written', () => {
    const { history, checks } = setUp()
    history.begin(request(1), 'other', 'one', new Set())
    history.begin(request(2), 'k', 'two', new Set()).state = 'refused'
    checks.shown('k', record([1, 1, 'one'], [2, 2, 'two'], [3, 3, 'three']))
    expect(checks.problems).toHaveLength(3)
  })

  test('find a dot that was minted twice', () => {
    const { checks } = setUp()
    checks.sawRecord(encodeUtf8('k'), record([1, 1, 'one']))
    checks.sawRecord(encodeUtf8('k'), record([1, 2, 'two']))
    expect(checks.problems).toEqual([expect.stringContaining('was minted twice')])
  })

  test('find an acknowledgement of a peer that holds nothing durably', () => {
    const { checks } = setUp()
    checks.acknowledged('k', acknowledgement([peer], 1), 1)
    expect(checks.problems).toEqual([expect.stringContaining('never held it durably')])
  })

  test('accept an acknowledgement of a peer that held it durably', () => {
    const { checks } = setUp()
    checks.becameDurable(peer, [
      { type: 'put', key: rowKey(encodeUtf8('k')), value: encodeRow({ epoch: 1, record: record([1, 1, 'one']) }) }
    ])
    checks.acknowledged('k', acknowledgement([peer], 1), 1)
    expect(checks.problems).toEqual([])
  })

  test('find acknowledgements that are too few, or of one peer twice', () => {
    const { checks } = setUp()
    checks.becameDurable(peer, [
      { type: 'put', key: rowKey(encodeUtf8('k')), value: encodeRow({ epoch: 1, record: record([1, 1, 'one']) }) }
    ])
    checks.acknowledged('k', acknowledgement([peer], 2), 2)
    checks.acknowledged('k', acknowledgement([peer, peer], 2), 2)
    expect(checks.problems.some(problem => problem.includes('instead of 2 peers'))).toBe(true)
    expect(checks.problems.some(problem => problem.includes('counts a peer twice'))).toBe(true)
  })
  test('find a request that its replica wrote again beside its first write', () => {
    const { checks } = setUp()
    const twice = record([1, 1, 'one'], [2, 1, 'one'])
    checks.becameDurable(peer, [{ type: 'put', key: rowKey(encodeUtf8('k')), value: encodeRow({ epoch: 1, record: twice }) }])
    expect(checks.problems).toEqual([expect.stringContaining('a second time beside its first')])
  })

  test('let a disk that was rolled back get the second dot of a request from others', () => {
    const { checks } = setUp()
    checks.sawRecord(encodeUtf8('k'), record([2, 1, 'one']))
    const twice = record([1, 1, 'one'], [2, 1, 'one'])
    checks.sawRecord(encodeUtf8('k'), record([1, 1, 'one']))
    checks.becameDurable(peer, [{ type: 'put', key: rowKey(encodeUtf8('k')), value: encodeRow({ epoch: 1, record: twice }) }])
    expect(checks.problems).toEqual([])
  })
})

describe('the safety checks of the true history', () => {
  test('find a read that does not know what one who replied had acknowledged', () => {
    const { history, checks } = setUp()
    const write = history.begin(request(1), 'k', 'one', new Set())
    Object.assign(write, { state: 'acknowledged', acknowledgedBy: new Set([peer]), acknowledgedAtMs: 5 })
    checks.shown('k', emptyRecord, [peer], 4)
    checks.shown('k', emptyRecord, ['ben' as PeerId], 6)
    checks.shown('k', record([1, 1, 'one']), [peer], 6)
    expect(checks.problems).toEqual([])
    checks.shown('k', emptyRecord, [peer], 6)
    expect(checks.problems).toEqual([expect.stringContaining('STALE: a read of k does not know of k = one')])
  })

  test('let a reply go that lacks what its peer has given away since', () => {
    const { history, checks } = setUp()
    const write = history.begin(request(1), 'k', 'one', new Set())
    Object.assign(write, { state: 'acknowledged', acknowledgedBy: new Set([peer]), acknowledgedAtMs: 5 })
    checks.becameDurable(peer, [{ type: 'delete', key: rowKey(encodeUtf8('k')) }])
    checks.shown('k', emptyRecord, [peer], 6)
    expect(checks.problems).toEqual([])
  })

  test('find a final state that shows what somebody who acknowledged had seen', () => {
    const { history, checks } = setUp()
    history.begin(request(1), 'k', 'one', new Set())
    history.begin(request(2), 'k', undefined, new Set([request(1)])).state = 'acknowledged'
    checks.finalState('k', record([1, 1, 'one']))
    expect(checks.problems.toSorted()).toEqual([
      expect.stringContaining('LOST: k = deleted'),
      expect.stringContaining('k ends with a false sibling: one')
    ])
  })

  test('let a delete go that was reaped, but not the value that it had seen', () => {
    const { history, checks } = setUp()
    history.begin(request(1), 'k', 'one', new Set()).state = 'acknowledged'
    history.begin(request(2), 'k', undefined, new Set([request(1)])).state = 'acknowledged'
    checks.reaped(record([2, 2, 'any']))
    checks.finalState('k', emptyRecord)
    expect(checks.problems).toEqual([])
    checks.finalState('k', record([1, 1, 'one']), new Set([request(1)]))
    expect(checks.problems).toEqual([])
    checks.finalState('k', record([1, 1, 'one']))
    expect(checks.problems).toEqual([expect.stringContaining('RESURRECTED: k ends with one')])
  })

  test('let a read show nothing of what was reaped, and of what the reaped delete had seen', () => {
    const { history, checks } = setUp()
    const writes = [
      history.begin(request(1), 'k', 'one', new Set()),
      history.begin(request(2), 'k', undefined, new Set([request(1)])),
      history.begin(request(3), 'k', 'three', new Set())
    ]
    for (const write of writes) Object.assign(write, { state: 'acknowledged', acknowledgedBy: new Set([peer]), acknowledgedAtMs: 1 })
    checks.reaped(record([2, 2, 'any']))
    checks.shown('k', record([3, 3, 'three']), [peer], 2)
    expect(checks.problems).toEqual([])
    checks.shown('k', emptyRecord, [peer], 2)
    expect(checks.problems).toEqual([expect.stringContaining('STALE: a read of k does not know of k = three')])
  })

  test('find a peer that tells of a durable copy before it has one', () => {
    const { checks } = setUp()
    const copy = record([1, 1, 'one'])
    const ask = { type: 'replicate', id: 7, key: encodeUtf8('k'), record: copy, hintFor: [] } as const
    checks.sent('ben' as PeerId, peer, ask)
    checks.sent(peer, 'ben' as PeerId, { type: 'replicated', id: 7, status: 'ok' })
    expect(checks.problems).toEqual([expect.stringContaining('holds k durably before it does')])
    checks.becameDurable(peer, [{ type: 'put', key: rowKey(encodeUtf8('k')), value: encodeRow({ epoch: 1, record: copy }) }])
    checks.sent(peer, 'ben' as PeerId, { type: 'replicated', id: 7, status: 'ok' })
    expect(checks.problems).toHaveLength(1)
  })
})
