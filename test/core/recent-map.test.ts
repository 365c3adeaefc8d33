import { expect, test } from 'vitest'
import { RecentMap } from '../../src/core/recent-map.ts'

test('a recent map forgets what was set longest ago, and no more than it must', () => {
  const map = new RecentMap<string, number>(2)
  map.set('ada', 1)
  map.set('ben', 2)
  map.set('ada', 3)
  map.set('cyd', 4)
  expect([map.get('ada'), map.get('ben'), map.get('cyd'), map.size]).toEqual([3, undefined, 4, 2])
})

test('what is taken from a recent map makes room', () => {
  const map = new RecentMap<string, string | undefined>(2)
  map.set('ada', 'first')
  map.set('ben', 'second')
  expect([map.take('ada'), map.take('ada'), map.size]).toEqual(['first', undefined, 1])
  map.set('cyd', 'third')
  expect(map.get('ben')).toBe('second')
})
