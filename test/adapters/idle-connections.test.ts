import { describe, expect, test } from 'vitest'
import { IdleConnections } from '../../src/adapters/libp2p/idle-connections.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { distantIdleMs } from '../../src/core/limits.ts'

const [ada, ben, cyd] = ['ada', 'ben', 'cyd'] as [PeerId, PeerId, PeerId]

describe('connections that nobody keeps', () => {
  test('end once nothing passed for the whole idle time', () => {
    const idle = new IdleConnections()
    expect(idle.toClose(0, [ada, ben], 0)).toEqual([])
    idle.used(ben)
    expect(idle.toClose(distantIdleMs - 1, [ada, ben], 0)).toEqual([])
    expect(idle.toClose(distantIdleMs, [ada, ben], 0)).toEqual([ada])
    expect(idle.toClose(2 * distantIdleMs - 1, [ben], 0)).toEqual([ben])
  })

  test('end earlier where room is needed, the least recently used first', () => {
    const idle = new IdleConnections()
    for (const [atMs, peer] of [
      [1, ben],
      [2, ada],
      [3, cyd]
    ] as const) {
      idle.used(peer)
      idle.toClose(atMs, [ada, ben, cyd], 0)
    }
    expect(idle.toClose(4, [ada, ben, cyd], 2)).toEqual([ben, ada])
    expect(idle.toClose(4, [ada, ben, cyd], -5)).toEqual([])
  })

  test('are counted anew when a peer was wanted meanwhile', () => {
    const idle = new IdleConnections()
    idle.toClose(0, [ada], 0)
    idle.toClose(10, [], 0)
    expect(idle.toClose(distantIdleMs + 5, [ada], 0)).toEqual([])
  })
})
