/**
 * How long to wait before trying again: doubling up to a bound, with jitter so that peers that lost the same relay do not return in step.
 */

/** Bounds of a wait that grows. */
export interface Backoff {
  readonly firstMs: number
  readonly mostMs: number
}

/** Between attempts to reach a peer that should be there. */
export const redialBackoff: Backoff = { firstMs: 400, mostMs: 15_000 }
/** Between attempts to replace a relayed connection by a direct one. */
export const upgradeBackoff: Backoff = { firstMs: 2_000, mostMs: 60_000 }
/** Between attempts to reach a peer that refused this one, was refused by it, or broke the rules. */
export const refusedBackoff: Backoff = { firstMs: 10_000, mostMs: 300_000 }

/** Milliseconds to wait after `failures` (1 or more) failures in a row; `fraction` in 0..1 decides within 50 %..150 %. */
export function backoffMs(backoff: Backoff, failures: number, fraction: number): number {
  const exponent = Math.min(Math.max(failures - 1, 0), 30)
  return Math.min(backoff.firstMs * 2 ** exponent, backoff.mostMs) * (0.5 + fraction)
}
