/** The heap against a list that is sorted anew each time. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DeadlineQueue } from '../../src/core/deadline-queue.ts'

const steps = fc.array(fc.oneof(fc.record({ addAtMs: fc.nat({ max: 50 }) }), fc.record({ takeAtMs: fc.nat({ max: 60 }) })), {
  maxLength: 80
})

describe('the deadline queue', () => {
  test('answers the earliest time, and takes what is due in the order of time', () => {
    fc.assert(
      fc.property(steps, taken => {
        const queue = new DeadlineQueue<number>()
        let model: number[] = []
        for (const step of taken) {
          if ('addAtMs' in step) {
            queue.add(step.addAtMs, step.addAtMs)
            model.push(step.addAtMs)
          } else {
            const earliest = Math.min(...model)
            const item = queue.takeDue(step.takeAtMs)
            expect(item).toBe(earliest <= step.takeAtMs ? earliest : undefined)
            if (item !== undefined) model = model.toSpliced(model.indexOf(item), 1)
          }
          expect(queue.next()).toBe(Math.min(...model))
        }
      }),
      { numRuns: 2000 }
    )
  })

  test('holds items of the same time, each taken once', () => {
    const queue = new DeadlineQueue<string>()
    for (const item of ['a', 'b', 'c']) queue.add(5, item)
    expect([queue.takeDue(5), queue.takeDue(5), queue.takeDue(5)].toSorted()).toEqual(['a', 'b', 'c'])
    expect(queue.takeDue(5)).toBeUndefined()
    expect(queue.next()).toBe(Number.POSITIVE_INFINITY)
  })

  test('takes nothing before its time', () => {
    const queue = new DeadlineQueue<string>()
    queue.add(10, 'later')
    expect(queue.takeDue(9.999)).toBeUndefined()
    expect(queue.takeDue(10)).toBe('later')
  })
})
