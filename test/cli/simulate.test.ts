import { describe, expect, test } from 'vitest'
import { runCommand } from './test-terminal.ts'

describe('dynamesh simulate', () => {
  test('runs seeds on several threads and prints what happened', async () => {
    const { code, text } = await runCommand(['simulate', '--seeds', '1..6', '--ops', '40', '--workers', '2'])
    expect(code).toBe(0)
    expect(text).toContain('6, of which 0 failed')
    expect(text).toMatch(/seeds\/s, \d+ times faster than real time/)
    expect(text).toMatch(/crash-mid-step +\d+/)
    expect(text).toMatch(/put ok +\d+/)
  })

  test('prints the same trace for the same seed', async () => {
    const words = ['simulate', '--seed', '42', '--peers', '4', '--ops', '15', '--trace']
    const [once, again] = [await runCommand(words), await runCommand(words)]
    const trace = (text: string): string => text.slice(0, text.indexOf('\n\nseeds '))
    expect(trace(once.text).split('\n').length).toBeGreaterThan(100)
    expect(trace(again.text)).toBe(trace(once.text))
  })

  test('prints JSON for programs', async () => {
    const { text } = await runCommand(['simulate', '--seeds', '1..2', '--ops', '20', '--faults', 'crash,pause', '--json'])
    const printed = JSON.parse(text) as Record<string, unknown>
    expect(printed).toMatchObject({ seeds: 2, failures: [], faults: { 'disk-loss': 0 } })
  })

  test('runs for a time', async () => {
    const { code, text } = await runCommand(['simulate', '--hours', '0.0001', '--ops', '5', '--workers', '1'])
    expect(code).toBe(0)
    expect(text).toContain('of which 0 failed')
  })

  test('takes only faults that were drawn before', async () => {
    const { text } = await runCommand(['simulate', '--seed', '3', '--ops', '40', '--only', 'none', '--json'])
    const { faults } = JSON.parse(text) as { faults: Record<string, number> }
    expect(Object.values(faults).reduce((sum, count) => sum + count, 0)).toBe(0)
  })

  test('says that it was interrupted, when nothing has come out yet', async () => {
    const ctrlC = new AbortController()
    const running = runCommand(['simulate', '--seed', '1', '--ops', '100000'], { interrupted: ctrlC.signal })
    ctrlC.abort('SIGTERM')
    const { code, stderr } = await running
    expect(code).toBe(143)
    expect(stderr).toContain('Interrupted before the first seeds had ended. [ERR_ABORTED]')
  })

  test.each([
    [['--seed', '1', '--seeds', '1..2'], '--seed runs one seed'],
    [['--seeds', '5..2'], "'5..2' is not one"],
    [['--seeds', '5..'], 'needs --hours'],
    [['--trace'], 'name it with --seed'],
    [['--hours', '0'], 'a number above 0'],
    [['--faults', 'crush'], "no kind of fault 'crush'"],
    [['--only', '1,x'], "'x' is neither"]
  ])('refuses %j', async (words, complaint) => {
    const { code, stderr } = await runCommand(['simulate', ...words])
    expect(code).toBe(64)
    expect(stderr).toContain(complaint)
  })
})
