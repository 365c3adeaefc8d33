/** A few simulated runs in Node.js, for the browser tests to compare theirs with. */
import type { TestProject } from 'vitest/node'
import { simulate } from '../../src/entry/simulation.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Seeds, and the fingerprints of the traces that they give in Node.js. */
    simulatedRuns: readonly (readonly [seed: number, fingerprint: string])[]
  }
}

export default function setup(project: TestProject): void {
  const runs = [1, 2, 3, 4, 5].map(seed => [seed, simulate({ seed, operations: 100, trace: true }).fingerprint] as const)
  project.provide('simulatedRuns', runs)
}
