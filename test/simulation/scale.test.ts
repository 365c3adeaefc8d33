import { beforeAll, describe, expect, test } from 'vitest'
import { ScaleRun, type ScalePhase } from '../../src/simulation/scale/scale.ts'

interface Phases {
  readonly rest: ScalePhase
  readonly churn: ScalePhase
}

/** A cluster that starts cold, rests for a minute and churns for another. */
function phasesOf(peers: number): Phases {
  const run = new ScaleRun({ seed: 1, peers, churnPerMinute: 0.05, neighboursMax: 16, connectionsMax: 48, partitions: 256 })
  expect(run.start()).toBe(true)
  return { rest: run.phase(1, 0), churn: run.phase(1, 1) }
}

describe('a cluster that grows from 30 to 100 peers', () => {
  let small: Phases
  let large: Phases

  beforeAll(() => {
    small = phasesOf(30)
    large = phasesOf(100)
  }, 120_000)

  test('needs no more connections per peer: those who hold nothing for each other do not meet', () => {
    expect(large.rest.connectionsMean).toBeLessThan(small.rest.connectionsMean * 1.2)
    expect(large.rest.connectionsMax).toBeLessThanOrEqual(48)
    expect(large.churn.connectionsMax).toBeLessThanOrEqual(48)
  })

  test('spends no more gossip per peer on a change', () => {
    const perChange = ({ churn }: Phases): number => (churn.gossipPerSecond * churn.seconds) / churn.changes
    expect(perChange(large)).toBeLessThan(perChange(small) * 1.5)
  })

  test('compares views as often per peer', () => {
    expect(large.rest.digestsPerSecond).toBeLessThan(small.rest.digestsPerSecond * 1.5)
  })

  test('hears of every change at every peer', () => {
    expect(large.churn.changes).toBeGreaterThan(0)
    expect(large.churn.spreadMs.length).toBeGreaterThan(0)
    expect(large.churn.unheard).toBe(0)
  })
})
