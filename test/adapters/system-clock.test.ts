import { expect, test } from 'vitest'
import { systemClock } from '../../src/adapters/platform/system-clock.ts'
import { systemRandom } from '../../src/adapters/platform/system-random.ts'
import { workerClock } from '../../src/adapters/platform/worker-clock.ts'

const clocks = [
  ['the system clock', () => systemClock()],
  ['the worker clock where there are no workers', () => workerClock()]
] as const

test.each(clocks)('%s wakes after the delay, the shorter one first', async (_name, makeClock) => {
  const clock = makeClock()
  const startMs = clock.monotonicMs()
  const woken: string[] = []
  await new Promise<void>(resolve => {
    clock.schedule(30, () => {
      woken.push('later')
      resolve()
    })
    clock.schedule(1, () => woken.push('sooner'))
  })
  expect(woken).toEqual(['sooner', 'later'])
  expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(28)
})

test.each(clocks)('%s forgets what was cancelled, and delays beyond 24 days are not cut short', async (_name, makeClock) => {
  const clock = makeClock()
  const woken: string[] = []
  clock.schedule(0, () => woken.push('cancelled'))()
  const cancelLong = clock.schedule(2 ** 31 + 5, () => woken.push('in 24 days'))
  const cancelHuge = clock.schedule(2 ** 40, () => woken.push('in 34 years'))
  clock.schedule(-5, () => woken.push('at once'))
  await new Promise<void>(resolve => clock.schedule(20, resolve))
  cancelLong()
  cancelHuge()
  expect(woken).toEqual(['at once'])
})

test('monotonic time never goes back, and wall time is that of the machine', () => {
  const clock = systemClock()
  const times = Array.from({ length: 1000 }, () => clock.monotonicMs())
  expect(times).toEqual(times.toSorted((a, b) => a - b))
  expect(Math.abs(clock.wallMs() - Date.now())).toBeLessThan(60_000)
})

test('random bytes come in any number and differ each time', () => {
  const random = systemRandom()
  expect(random.bytes(0)).toHaveLength(0)
  expect(random.bytes(16)).not.toEqual(random.bytes(16))
  const many = random.bytes(200_000)
  expect(many).toHaveLength(200_000)
  expect(many.subarray(-16)).not.toEqual(new Uint8Array(16))
})
