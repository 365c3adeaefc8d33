import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { MoveTally } from '../../src/protocol/moving/move-tally.ts'

const other = 'other' as PeerId

describe('the counts of what moves', () => {
  test('keep the last state of a change, until the next one begins', () => {
    const tally = new MoveTally(() => 0)
    tally.ringChanged()
    tally.lacks(1, 4)
    tally.takes(100)
    tally.took(1)
    tally.ringChanged()
    expect(tally.progress.take).toEqual({ partitions: 1, partitionsDone: 1, bytes: 100, bytesDone: 100 })
  })

  test('begin anew in both directions: a peer that took copies when it joined has taken nothing when it leaves', () => {
    const tally = new MoveTally(() => 0)
    tally.ringChanged()
    tally.lacks(1, 4)
    tally.takes(100)
    tally.took(1)
    tally.ringChanged()
    tally.owes(other, 2, 8)
    expect(tally.progress.take.partitions).toBe(0)
    expect(tally.progress.give).toEqual({ partitions: 1, partitionsDone: 0, bytes: 0, bytesDone: 0 })
  })

  test('go on where one direction is not done when the ring changes again', () => {
    const tally = new MoveTally(() => 0)
    tally.ringChanged()
    tally.lacks(1, 4)
    tally.owes(other, 2, 8)
    tally.took(1)
    tally.ringChanged()
    tally.lacks(3, 4)
    tally.owes(other, 2, 8)
    expect([tally.progress.take.partitionsDone, tally.progress.give.partitions]).toEqual([0, 1])
  })
})
