import { describe, expect, test } from 'vitest'
import { isMoved, MoveLines, movesText, timeText } from '../../src/cli/report/move-lines.ts'
import { MoveRate } from '../../src/cli/report/move-rate.ts'
import type { Terminal } from '../../src/cli/terminal/terminal.ts'
import type { MoveCount, MoveProgress } from '../../src/protocol/moving/move-progress.ts'

const count = (partitions: number, partitionsDone: number, bytes = 0, bytesDone = 0): MoveCount => ({
  partitions,
  partitionsDone,
  bytes,
  bytesDone
})
const none = count(0, 0)
const giving = (partitionsDone: number, bytesDone: number): MoveProgress => ({
  give: count(10, partitionsDone, 10_240, bytesDone),
  take: none
})

/** What was written, and a clock that is set by hand. */
function shown(stderrIsTerminal: boolean): {
  readonly lines: MoveLines
  readonly written: string[]
  at(ms: number, moves: MoveProgress): void
} {
  const written: string[] = []
  const terminal: Pick<Terminal, 'stderrIsTerminal' | 'note' | 'redraw'> = {
    stderrIsTerminal,
    note: text => void written.push(text),
    redraw: line => void written.push(`\r${line}`)
  }
  let nowMs = 0
  const lines = new MoveLines(terminal, () => nowMs)
  return {
    lines,
    written,
    at: (ms, moves) => {
      nowMs = ms
      lines.show(moves)
    }
  }
}

describe('a rate', () => {
  test('is not known at first, then what was done per second', () => {
    const rate = new MoveRate()
    rate.saw(0, 0)
    expect([rate.perSecond, rate.leftMs(100)]).toEqual([undefined, undefined])
    rate.saw(400, 50)
    expect(rate.perSecond).toBeUndefined()
    rate.saw(1000, 100)
    expect([rate.perSecond, rate.leftMs(300), rate.leftMs(0)]).toEqual([100, 3000, 0])
  })

  test('looks at the last ten seconds only', () => {
    const rate = new MoveRate()
    for (let second = 0; second <= 60; second++) rate.saw(second * 1000, second < 50 ? 0 : (second - 50) * 100)
    expect(rate.perSecond).toBe(100)
  })

  test('says nothing of the time left while nothing gets done, and begins anew with something new', () => {
    const rate = new MoveRate()
    rate.saw(0, 500)
    rate.saw(2000, 500)
    expect([rate.perSecond, rate.leftMs(10)]).toEqual([0, undefined])
    rate.saw(2500, 10)
    expect(rate.perSecond).toBeUndefined()
  })
})

describe('progress', () => {
  test('is told in words', () => {
    expect(movesText({ give: none, take: none })).toBe('nothing moves')
    expect(movesText({ give: count(12, 3), take: count(4, 4, 1024, 1024) })).toBe(
      'giving 3 of 12 partitions; taking 4 of 4 partitions, 1.0 KiB of 1.0 KiB'
    )
    expect([isMoved({ give: count(2, 1), take: none }), isMoved({ give: count(2, 2), take: none })]).toEqual([false, true])
  })

  test('is a bar with rate and time left on a terminal', () => {
    const { at, lines, written } = shown(true)
    at(0, giving(0, 0))
    at(1000, giving(5, 5120))
    expect(written[0]).toBe('\r[........................]   0 %  giving 0 of 10 partitions, 0 bytes of 10.0 KiB')
    expect(written[1]).toBe('\r[############............]  50 %  about 1 s left, 5.0 KiB/s; giving 5 of 10 partitions, 5.0 KiB of 10.0 KiB')
    lines.end()
    expect(written.at(-1)).toBe('\r')
  })

  test('is a line now and then elsewhere, and only when there is news', () => {
    const { at, written } = shown(false)
    at(0, giving(0, 0))
    at(500, giving(1, 1024))
    at(2500, giving(2, 2048))
    at(9000, giving(2, 2048))
    at(9500, giving(3, 4096))
    expect(written.filter(line => !line.startsWith('\r'))).toEqual([
      'giving 0 of 10 partitions, 0 bytes of 10.0 KiB',
      'giving 2 of 10 partitions, 2.0 KiB of 10.0 KiB; about 10 s left, 819 bytes/s',
      'giving 3 of 10 partitions, 4.0 KiB of 10.0 KiB; about 15 s left, 431 bytes/s'
    ])
  })

  test.each([
    [1, '1 s'],
    [59_000, '59 s'],
    [61_000, '1 min 1 s'],
    [7_260_000, '2 h 1 min']
  ])('%d ms are %s', (ms, text) => {
    expect(timeText(ms)).toBe(text)
  })
})
