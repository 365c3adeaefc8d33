/**
 * How far the moves of a ring change have come, for people: a bar that is drawn over and over on a terminal, and a line now and then where it is written
 * to a file or a log.
 */
import type { MoveCount, MoveProgress } from '../../entry/public.ts'
import { bytesText } from './bytes-text.ts'
import { MoveRate } from './move-rate.ts'
import { bar } from '../terminal/table.ts'
import type { Terminal } from '../terminal/terminal.ts'

const BAR_WIDTH = 24
/** Least time between two lines where no bar can be drawn. */
const lineEveryMs = 2000

/** True when everything that a change moves here has arrived where it belongs. */
export function isMoved({ give, take }: MoveProgress): boolean {
  return give.partitionsDone >= give.partitions && take.partitionsDone >= take.partitions
}

/** True when a change has moved something since the start. */
export function hasMoves({ give, take }: MoveProgress): boolean {
  return give.partitions + take.partitions > 0
}

/** What is given and taken, and what of it is done: `giving 3 of 12 partitions, 1.0 of 4.0 MiB`. */
export function movesText({ give, take }: MoveProgress): string {
  const parts = [countText('giving', give), countText('taking', take)].filter(part => part !== '')
  return parts.length === 0 ? 'nothing moves' : parts.join('; ')
}

/** What was given, once it is: `12 partitions, 4.0 MiB`. */
export function gaveText({ partitionsDone, bytesDone }: MoveCount): string {
  return `${partitionsDone} ${partitionsDone === 1 ? 'partition' : 'partitions'}, ${bytesText(bytesDone)}`
}

function countText(word: string, { partitions, partitionsDone, bytes, bytesDone }: MoveCount): string {
  if (partitions === 0) return ''
  const size = bytes === 0 ? '' : `, ${bytesText(bytesDone)} of ${bytesText(bytes)}`
  return `${word} ${partitionsDone} of ${partitions} partitions${size}`
}

type MoveTerminal = Pick<Terminal, 'stderrIsTerminal' | 'note' | 'redraw'>

/** Shows one change after the other as it goes on. */
export class MoveLines {
  readonly #terminal: MoveTerminal
  readonly #nowMs: () => number
  #bytes = new MoveRate()
  #partitions = new MoveRate()
  #linedMs = Number.NEGATIVE_INFINITY
  #last = ''

  constructor(terminal: MoveTerminal, nowMs: () => number = () => performance.now()) {
    this.#terminal = terminal
    this.#nowMs = nowMs
  }

  /** Shows this state. */
  show(moves: MoveProgress): void {
    if (!hasMoves(moves)) return
    const [now, total] = [this.#nowMs(), totalOf(moves)]
    this.#bytes.saw(now, total.bytesDone)
    this.#partitions.saw(now, total.partitionsDone)
    const rate = this.#rateText(total)
    if (this.#terminal.stderrIsTerminal) {
      const share = total.partitions === 0 ? 1 : total.partitionsDone / total.partitions
      const text = [...rate, movesText(moves)].join('; ')
      this.#terminal.redraw(`[${bar(share, BAR_WIDTH)}] ${String(Math.floor(share * 100)).padStart(3)} %  ${text}`)
    } else if (now - this.#linedMs >= lineEveryMs && movesText(moves) !== this.#last) {
      this.#linedMs = now
      this.#last = movesText(moves)
      this.#terminal.note([movesText(moves), ...rate].join('; '))
    }
  }

  /** Takes the bar away; the next change begins anew. */
  end(): void {
    this.#terminal.redraw('')
    this.#bytes = new MoveRate()
    this.#partitions = new MoveRate()
    this.#linedMs = Number.NEGATIVE_INFINITY
    this.#last = ''
  }

  /** Time left and rate, as far as they can be told: they come first in a bar, because a narrow terminal cuts its end off. */
  #rateText(total: MoveCount): readonly string[] {
    const byBytes = total.bytes > total.bytesDone
    const rate = this.#bytes.perSecond
    const leftMs = byBytes
      ? this.#bytes.leftMs(total.bytes - total.bytesDone)
      : this.#partitions.leftMs(total.partitions - total.partitionsDone)
    const speed = rate === undefined || rate < 1 ? undefined : `${bytesText(Math.round(rate))}/s`
    const left = leftMs === undefined || leftMs === 0 ? undefined : `about ${timeText(leftMs)} left`
    const known = [left, speed].filter(text => text !== undefined)
    return known.length === 0 ? [] : [known.join(', ')]
  }
}

function totalOf({ give, take }: MoveProgress): MoveCount {
  return {
    partitions: give.partitions + take.partitions,
    partitionsDone: give.partitionsDone + take.partitionsDone,
    bytes: give.bytes + take.bytes,
    bytesDone: give.bytesDone + take.bytesDone
  }
}

/** A time in the two largest units. */
export function timeText(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
}
