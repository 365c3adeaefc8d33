import { once } from 'node:events'
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { layoutSaver, planEdges, saveLayout } from '../../src/cli/demo/layout.ts'

const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'dynamesh-layout-'))

describe('the layout of a demo', () => {
  test('gives each peer ports of its own, and the same ones the next time', async () => {
    const folder = await newFolder()
    const plans = await planEdges(folder, 3)
    expect(new Set(plans.flatMap(plan => [plan.port, plan.webSocketPort])).size).toBe(6)
    await saveLayout(folder, plans)
    expect(await planEdges(folder, 3)).toEqual(plans)
    expect((await planEdges(folder, 4)).slice(0, 3)).toEqual(plans)
  })

  test('gives a peer other ports when one was taken meanwhile, and leaves the others theirs', async () => {
    const folder = await newFolder()
    const plans = await planEdges(folder, 2)
    await saveLayout(folder, plans)
    const intruder = createServer().listen(plans[0]?.webSocketPort, '127.0.0.1')
    await once(intruder, 'listening')
    const again = await planEdges(folder, 2)
    expect(again[0]?.webSocketPort).not.toBe(plans[0]?.webSocketPort)
    expect(again[1]).toEqual(plans[1])
    intruder.close()
  })

  test('of peers that get ready at the same time is saved whole, one after the other', async () => {
    const folder = await newFolder()
    const plans = await planEdges(folder, 3)
    const save = layoutSaver(folder, plans)
    const saves = Array.from({ length: 20 }, async (_, index) => {
      const plan = plans[index % 3]
      if (plan !== undefined) plan.peerId = `12D3Koo${index}`
      await save()
    })
    await Promise.all(saves)
    expect((await planEdges(folder, 3)).map(({ peerId }) => peerId)).toEqual(plans.map(({ peerId }) => peerId))
  })

  test.each(['', '[]', '{"peers": 7}', '{"peers": [null, {"name": "edge-1", "port": -1, "webSocketPort": 1}, {"name": 3}]}'])(
    'starts anew from the damaged file %j',
    async text => {
      const folder = await newFolder()
      await writeFile(join(folder, 'demo.json'), text)
      const [plan] = await planEdges(folder, 1)
      expect(plan).toMatchObject({ name: 'edge-1', peerId: undefined })
      expect(plan?.port).toBeGreaterThan(0)
    }
  )

  test('of a folder that cannot be written names the folder', async () => {
    const folder = await newFolder()
    await writeFile(join(folder, 'file'), '')
    await expect(saveLayout(join(folder, 'file'), [])).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining(folder) as string
    })
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('')
  })
})
