/** How to see a run again: the flags of `dynamesh simulate`. */
import type { RunInput } from './run-profile.ts'

/** The flags that give this run. */
export function replayFlags({ seed, peers, operations, faults, only }: RunInput): string {
  const flags = [`--seed ${seed}`]
  if (peers !== undefined) flags.push(`--peers ${peers}`)
  if (operations !== undefined) flags.push(`--ops ${operations}`)
  if (faults !== undefined) flags.push(`--faults ${faults.length === 0 ? 'none' : faults.join()}`)
  if (only !== undefined) flags.push(`--only ${only.length === 0 ? 'none' : only.join()}`)
  return flags.join(' ')
}
