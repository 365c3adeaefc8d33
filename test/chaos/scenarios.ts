/** The scenarios of a run: which kinds of harm belong together. */
import type { FaultKind } from './faults.ts'

export interface Scenario {
  readonly name: string
  readonly kinds: readonly FaultKind[]
}

export const scenarios: readonly Scenario[] = [
  { name: 'processes', kinds: ['kill', 'stop', 'relay restart', 'tab close', 'tab crash', 'tab reload'] },
  { name: 'network', kinds: ['halves', 'isolate', 'one-way', 'delay', 'reset', 'relay restart', 'tab reload'] },
  {
    name: 'everything',
    kinds: [
      'wipe',
      'kill',
      'stop',
      'relay restart',
      'halves',
      'isolate',
      'one-way',
      'delay',
      'reset',
      'tab close',
      'tab crash',
      'tab reload'
    ]
  }
]
