/** Numbers that a peer keeps about its own work, for `peer.metrics()`. They start at nothing with each start and are lost with the process. */
import type { Metrics } from '../ports/metrics.ts'

/** Counters and gauges in memory. */
export function counters(): Metrics {
  const values = new Map<string, number>()
  return {
    count: (name, amount = 1) => values.set(name, (values.get(name) ?? 0) + amount),
    gauge: (name, value) => values.set(name, value),
    snapshot: () => Object.fromEntries([...values].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
