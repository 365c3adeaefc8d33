/** What `dynamesh simulate` is asked to run, from its flags. */
import { faultKinds, type FaultKind, type FaultSelection, messageFaults, type SimulationOptions } from '../../entry/simulation.ts'
import { usageError } from '../invocation/arguments.ts'
import type { Invocation } from '../invocation/command.ts'
import { suggestion } from '../invocation/did-you-mean.ts'
import type { SeedRange } from './seed-range.ts'

export interface Plan {
  readonly range: SeedRange
  readonly common: Omit<SimulationOptions, 'seed'>
  readonly forMs: number
}

export const seedsDefault: SeedRange = { first: 1, last: 100 }
export const operationsDefault = 300
const MS_PER_HOUR = 3_600_000

/** What the flags ask for. */
export function planOf(invocation: Invocation): Plan {
  const seed = invocation.number('seed')
  const seeds = invocation.text('seeds')
  const hours = invocation.text('hours')
  if (seed !== undefined && (seeds !== undefined || hours !== undefined))
    throw usageError('--seed runs one seed: leave --seeds and --hours out.')
  if (invocation.switch('trace') && seed === undefined) throw usageError('--trace shows one run: name it with --seed.')
  const drawn =
    seeds === undefined ? { ...seedsDefault, ...(hours === undefined ? {} : { last: Number.POSITIVE_INFINITY }) } : parseRange(seeds)
  if (drawn.last === Number.POSITIVE_INFINITY && hours === undefined) throw usageError('--seeds without an end needs --hours.')
  return {
    range: seed === undefined ? drawn : { first: seed, last: seed },
    common: commonOf(invocation),
    forMs: hours === undefined ? Number.POSITIVE_INFINITY : parseHours(hours) * MS_PER_HOUR
  }
}

function commonOf(invocation: Invocation): Omit<SimulationOptions, 'seed'> {
  const peers = invocation.number('peers')
  const faults = invocation.text('faults')
  const only = invocation.text('only')
  return {
    operations: invocation.number('ops') ?? operationsDefault,
    ...(peers === undefined ? {} : { peers }),
    ...(faults === undefined ? {} : { faults: parseFaults(faults) }),
    ...(only === undefined ? {} : { only: parseOnly(only) }),
    ...(invocation.switch('trace') ? { trace: true } : {})
  }
}

function parseRange(text: string): SeedRange {
  const [, first, last] = /^(\d{1,15})\.\.(\d{0,15})$/.exec(text) ?? []
  const range = { first: Number(first), last: last === '' ? Number.POSITIVE_INFINITY : Number(last) }
  if (range.last >= range.first) return range
  throw usageError(`--seeds takes a range like 1..3000, and '${text}' is not one.`)
}

function parseHours(text: string): number {
  const hours = /^\d{1,5}(?:\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (hours > 0) return hours
  throw usageError(`--hours takes a number above 0, like 1 or 0.25, and '${text}' is not one.`)
}

function parseFaults(text: string): readonly FaultKind[] {
  return items(text).map(name => {
    const kind = faultKinds.find(each => each === name)
    if (kind !== undefined) return kind
    throw usageError(
      `--faults: there is no kind of fault '${name}'.${suggestion(name, faultKinds, '') || ` There are: ${faultKinds.join(', ')}.`}`
    )
  })
}

function parseOnly(text: string): FaultSelection {
  return items(text).map(item => {
    const fault = messageFaults.find(each => each === item)
    if (fault !== undefined) return fault
    if (/^\d{1,9}$/.test(item)) return Number(item)
    throw usageError(`--only takes numbers and ${messageFaults.join(', ')}, with commas, or none; '${item}' is neither.`)
  })
}

function items(text: string): readonly string[] {
  return text === 'none' ? [] : text.split(',')
}
