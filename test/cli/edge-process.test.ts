/** One process of the demo: what happens to it when what stands around it fails. */
import { EventEmitter, once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { expect, onTestFinished, test } from 'vitest'
import { EdgeProcess } from '../../src/cli/demo/edge-process.ts'
import { choosePorts, type EdgePlan } from '../../src/cli/demo/layout.ts'

test('a peer that runs again is left running when the demo cannot save where it runs', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dynamesh-edge-'))
  const plan: EdgePlan = { name: 'edge-1', data: join(folder, 'edge-1'), port: 0, webSocketPort: 0, peerId: undefined }
  await choosePorts(plan)
  const notes = new EventEmitter<{ note: [string] }>()
  let starts = 0
  const edge = new EdgeProcess(plan, {
    cluster: 'edge-process',
    joinOf: () => [],
    note: text => notes.emit('note', text),
    ready: () => (++starts === 1 ? Promise.resolve() : Promise.reject(new Error('no space left on the device')))
  })
  onTestFinished(async () => {
    await edge.stop()
    await rm(folder, { recursive: true, force: true })
  })
  await edge.start()
  const died = once(notes, 'note')
  process.kill(edge.pid ?? 0, 'SIGKILL')
  expect(await died).toEqual([expect.stringContaining('edge-1 died (SIGKILL)')])
  expect(await once(notes, 'note')).toEqual([
    `edge-1 runs again, as process ${edge.pid}, but that could not be saved: no space left on the device`
  ])
  expect(edge.pid).toBeTypeOf('number')
})
