/** The tally against a model that keeps every answer and counts at the end. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { acknowledge, ask, fail, quorumTally, verdict, wasAsked, type QuorumTally } from '../../src/core/quorum-tally.ts'

const names = ['ada', 'ben', 'cyd', 'dee', 'eve'] as PeerId[]
const steps = fc.array(fc.record({ what: fc.constantFrom('ask', 'acknowledge', 'fail'), peer: fc.constantFrom(...names) }), {
  maxLength: 30
})
type Step = { readonly what: string; readonly peer: PeerId }

function tallied(needed: number, taken: readonly Step[]): QuorumTally {
  return taken.reduce(
    (tally, { what, peer }) => (what === 'ask' ? ask : what === 'fail' ? fail : acknowledge)(tally, peer),
    quorumTally(needed)
  )
}

/** The state of a peer after its own steps, and nothing clever. */
function stateOf(peer: PeerId, taken: readonly Step[]): string {
  const own = taken.filter(step => step.peer === peer).map(({ what }) => what)
  if (own.includes('acknowledge')) return 'acknowledged'
  const last = own.at(-1)
  return last === undefined ? 'unasked' : last === 'ask' ? 'pending' : 'failed'
}

describe('the quorum tally', () => {
  test('has every peer in the one state that its own answers say', () => {
    fc.assert(
      fc.property(steps, taken => {
        const tally = tallied(2, taken)
        for (const peer of names) {
          const state = stateOf(peer, taken)
          const lists = [tally.pending, tally.acknowledged, tally.failed].map(list => list.filter(other => other === peer).length)
          expect(lists).toEqual(['pending', 'acknowledged', 'failed'].map(name => (name === state ? 1 : 0)))
          expect(wasAsked(tally, peer)).toBe(state !== 'unasked')
        }
      }),
      { numRuns: 2000 }
    )
  })

  test('is reached when enough peers acknowledged, possible while those asked could make it, else short', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 5 }), (taken, needed) => {
        const states = names.map(peer => stateOf(peer, taken))
        const yes = states.filter(state => state === 'acknowledged').length
        const open = states.filter(state => state === 'pending').length
        expect(verdict(tallied(needed, taken))).toBe(yes >= needed ? 'reached' : yes + open >= needed ? 'possible' : 'short')
      }),
      { numRuns: 2000 }
    )
  })

  test('counts a peer once, however often its answer arrives', () => {
    const tally = tallied(2, [
      { what: 'ask', peer: 'ada' as PeerId },
      ...Array.from({ length: 5 }, () => ({ what: 'acknowledge', peer: 'ada' as PeerId }))
    ])
    expect(tally.acknowledged).toEqual(['ada'])
    expect(verdict(tally)).toBe('short')
  })
})
