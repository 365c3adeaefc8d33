import { describe, expect, test } from 'vitest'
import { lastWritten } from '../../src/store/last-write-wins.ts'

describe('the sibling that was written last', () => {
  test('is the one with the latest hybrid time', () => {
    const [early, late] = [
      { hybridTime: 1, dot: 'b:1' },
      { hybridTime: 2, dot: 'a:1' }
    ]
    expect(lastWritten([early, late])).toBe(late)
    expect(lastWritten([late, early])).toBe(late)
  })

  test('is chosen by its dot where the times are the same, so that all peers choose alike', () => {
    const [a, b] = [
      { hybridTime: 1, dot: 'a:1' },
      { hybridTime: 1, dot: 'b:1' }
    ]
    expect(lastWritten([a, b])).toBe(b)
    expect(lastWritten([b, a])).toBe(b)
  })

  test('is none of none', () => {
    expect(lastWritten([])).toBeUndefined()
  })
})
