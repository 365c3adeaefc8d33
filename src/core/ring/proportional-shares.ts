/** Dividing something in proportion to weights, where nobody takes more than they can hold. Whole numbers only, so that all peers divide alike. */

/** Divides `total` in proportion to `weights`, rounded down; who reaches their maximum leaves the rest to the others. */
export function proportionalShares(total: number, weights: readonly number[], maxima: readonly number[]): number[] {
  const level = weights.map(() => -1)
  let rest = total
  for (;;) {
    const open = weights.reduce((sum, weight, taker) => (at(level, taker) < 0 ? sum + weight : sum), 0)
    const reached = level.flatMap((share, taker) => (share < 0 && at(weights, taker) * rest >= at(maxima, taker) * open ? [taker] : []))
    if (reached.length === 0) return level.map((share, taker) => (share < 0 ? Math.floor((at(weights, taker) * rest) / open) : share))
    for (const taker of reached) {
      level[taker] = at(maxima, taker)
      rest = Math.max(0, rest - at(maxima, taker))
    }
  }
}

function at(numbers: readonly number[], index: number): number {
  return numbers[index] as number
}
