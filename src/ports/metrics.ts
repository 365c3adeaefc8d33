/** Counters and gauges by name, e.g. `put.applied`, `wire.unexpected`. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: string, amount?: number): void
  /** Sets a gauge. */
  gauge(name: string, value: number): void
  /** All values at the moment. */
  snapshot(): Readonly<Record<string, number>>
}
