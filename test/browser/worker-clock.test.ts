import { expect, test } from 'vitest'
import { systemRandom } from '../../src/adapters/platform/system-random.ts'
import { workerClock } from '../../src/adapters/platform/worker-clock.ts'
import type { Clock } from '../../src/ports/clock.ts'

function wakeAfter(clock: Clock, delayMs: number): Promise<number> {
  return new Promise(resolve => clock.schedule(delayMs, () => resolve(clock.monotonicMs())))
}

test('timers wake, and not before their delay, while the worker starts and after it has taken over', async () => {
  const clock = workerClock()
  for (let round = 0; round < 3; round++) {
    const startMs = clock.monotonicMs()
    const early = await Promise.all([60, 20, 0, 40].map(async delayMs => startMs + delayMs - (await wakeAfter(clock, delayMs))))
    // Platforms count timers in whole milliseconds.
    expect(Math.max(...early)).toBeLessThanOrEqual(2)
  }
  clock.close()
})

test('a cancelled timer never wakes', async () => {
  const clock = workerClock()
  await wakeAfter(clock, 50)
  let isWoken = false
  clock.schedule(10, () => (isWoken = true))()
  await wakeAfter(clock, 30)
  expect(isWoken).toBe(false)
  clock.close()
})

test('closing cancels all timers', async () => {
  const [closed, other] = [workerClock(), workerClock()]
  await wakeAfter(closed, 50)
  let isWoken = false
  closed.schedule(10, () => (isWoken = true))
  closed.close()
  await wakeAfter(other, 40)
  expect(isWoken).toBe(false)
  other.close()
})

test.each([
  ['a content security policy', `worker-src 'none'`],
  ['Trusted Types', `require-trusted-types-for 'script'`]
])('a page whose workers are forbidden by %s has timers all the same', async (_reason, policy) => {
  const frame = document.createElement('iframe')
  const answer = new Promise<unknown>(resolve => {
    addEventListener('message', event => event.source === frame.contentWindow && resolve(event.data))
  })
  const clockModule = new URL('../../src/adapters/platform/worker-clock.ts', import.meta.url).href
  frame.srcdoc = `<meta http-equiv="Content-Security-Policy" content="${policy}">
    <script type="module">
      import { workerClock } from '${clockModule}'
      let isRefused = false
      try {
        new Worker(URL.createObjectURL(new Blob([''])) ).onerror = () => (isRefused = true)
      } catch {
        isRefused = true
      }
      const clock = workerClock()
      clock.schedule(200, () => parent.postMessage({ woken: true, isRefused }, '*'))
    </script>`
  document.body.append(frame)
  expect(await answer).toEqual({ woken: true, isRefused: true })
  frame.remove()
})

test('random bytes come in any number', () => {
  const random = systemRandom()
  expect(random.bytes(0)).toHaveLength(0)
  const many = random.bytes(200_000)
  expect(new Set(many).size).toBe(256)
  expect(many.subarray(-16)).not.toEqual(new Uint8Array(16))
})
