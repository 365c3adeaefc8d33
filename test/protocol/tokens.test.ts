import { describe, expect, test } from 'vitest'
import { Tokens } from '../../src/protocol/tokens.ts'

describe('tokens', () => {
  test('of two lives of a peer share no number', () => {
    const lives = [0, 1, 2, 0xffff_ffff].map(life => {
      const tokens = new Tokens(life)
      return Array.from({ length: 1000 }, () => tokens.next())
    })
    expect(new Set(lives.flat()).size).toBe(4000)
    for (const token of lives.flat()) expect(Number.isSafeInteger(token) && token > 0).toBe(true)
  })
})
