/** Suggests the name that was probably meant, by edit distance; nothing when no name is close. */

/** The name among `names` nearest to `typed`, or `undefined` when none is near enough to be a slip. */
export function didYouMean(typed: string, names: readonly string[]): string | undefined {
  const lower = typed.toLowerCase().slice(0, 64)
  const prefixed = names.filter(name => lower.length > 1 && name.startsWith(lower))
  if (prefixed.length === 1) return prefixed[0]
  const near = Math.max(1, Math.floor(lower.length / 3))
  let best: string | undefined
  let bestDistance = near + 1
  for (const name of names) {
    const distance = editDistance(lower, name.toLowerCase())
    if (distance < bestDistance) [best, bestDistance] = [name, distance]
  }
  return best
}

/** ` Did you mean X?` or nothing, to end a message with. */
export function suggestion(typed: string, names: readonly string[], prefix = ''): string {
  const name = didYouMean(typed, names)
  return name === undefined ? '' : ` Did you mean ${prefix}${name}?`
}

/** Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`. */
function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1)
      let distance = Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1)
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (isSwap) distance = Math.min(distance, (beforePrevious[column - 2] ?? 0) + 1)
      current.push(distance)
    }
    beforePrevious = previous
    previous = current
  }
  return previous[b.length] ?? 0
}
