import { expect, test } from 'vitest'
import { reclaimAfterRows, reclaimStretchRows } from '../../src/core/limits.ts'
import { SpaceReclaimer } from '../../src/store/space-reclaimer.ts'
import { virtualClock, type VirtualClock } from '../adapters/virtual-clock.ts'

interface Asked {
  readonly after: number | undefined
  readonly rowsMax: number
}

/** A storage of three stretches, each of which takes 100 ms. */
function stretched(
  clock: VirtualClock,
  asked: Asked[]
): { reclaim(after: Uint8Array | undefined, rowsMax: number): Promise<Uint8Array | undefined> } {
  return {
    reclaim: (after, rowsMax) => {
      asked.push({ after: after?.[0], rowsMax })
      const next = (after?.[0] ?? 0) + 1
      return new Promise(resolve => {
        clock.schedule(100, () => resolve(next < 3 ? Uint8Array.of(next) : undefined))
      })
    }
  }
}

function dropMany(reclaimer: SpaceReclaimer, rows: number): void {
  for (let row = 0; row < rows; row++) reclaimer.dropped()
}

test('few dropped rows are not worth the work', async () => {
  const clock = virtualClock()
  const asked: Asked[] = []
  const reclaimer = new SpaceReclaimer(stretched(clock, asked), clock, () => undefined)
  dropMany(reclaimer, reclaimAfterRows - 1)
  await clock.advance(60_000)
  expect(asked).toEqual([])
  expect(clock.pending).toBe(0)
})

test('after many the storage is rewritten stretch by stretch, and rests three times as long as each took', async () => {
  const clock = virtualClock()
  const asked: Asked[] = []
  let times = 0
  const reclaimer = new SpaceReclaimer(stretched(clock, asked), clock, () => {
    times += 1
  })
  dropMany(reclaimer, reclaimAfterRows * 3)
  await clock.advance(5000)
  expect(asked).toEqual([{ after: undefined, rowsMax: reclaimStretchRows }])
  await clock.advance(390)
  expect(asked.length).toBe(1)
  await clock.advance(20)
  expect(asked.length).toBe(2)
  await clock.advance(5000)
  expect(asked.map(({ after }) => after)).toEqual([undefined, 1, 2])
  expect(times).toBe(1)
  expect(clock.pending).toBe(0)
})

test('a storage that gives space back by itself is not asked, and one that is closed meanwhile is left alone', async () => {
  const clock = virtualClock()
  const none = new SpaceReclaimer({}, clock, () => undefined)
  dropMany(none, reclaimAfterRows * 2)
  expect(clock.pending).toBe(0)
  const closed = new SpaceReclaimer({ reclaim: () => Promise.reject(new Error('closed')) }, clock, () => undefined)
  dropMany(closed, reclaimAfterRows)
  await clock.advance(10_000)
  expect(clock.pending).toBe(0)
})

test('stopping ends it', async () => {
  const clock = virtualClock()
  const asked: Asked[] = []
  const reclaimer = new SpaceReclaimer(stretched(clock, asked), clock, () => undefined)
  dropMany(reclaimer, reclaimAfterRows)
  reclaimer.stop()
  await clock.advance(10_000)
  expect(asked).toEqual([])
})
