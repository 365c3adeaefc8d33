/**
 * The shopping cart's merge: a value is a list of lines, and the union keeps each line as often as the version that has it
 * most. Nothing that was added is lost; a line that only one version removed comes back, as in the paper's own cart (section 2.3).
 */

/** Lines of a text, without the empty ones at its end. */
export function linesOf(text: string): readonly string[] {
  return text
    .split(/\r\n|\n/)
    .map(line => line.trimEnd())
    .filter(line => line !== '')
}

/** The union of the versions' lines, in the order in which they first appear. */
export function unionOfLines(texts: readonly string[]): string {
  const union: string[] = []
  const counts = new Map<string, number>()
  for (const text of texts) {
    const seen = new Map<string, number>()
    for (const line of linesOf(text)) {
      const count = (seen.get(line) ?? 0) + 1
      seen.set(line, count)
      if (count <= (counts.get(line) ?? 0)) continue
      counts.set(line, count)
      union.push(line)
    }
  }
  return union.join('\n')
}

/** Lines that are in each of the versions. */
export function commonLines(texts: readonly string[]): ReadonlySet<string> {
  const [first = [], ...others] = texts.map(linesOf)
  return new Set(first.filter(line => others.every(lines => lines.includes(line))))
}
