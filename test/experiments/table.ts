/** Tables of the experiments, as Markdown. */

export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map(row => row[column]?.length ?? 0)))
  const line = (row: readonly string[]): string => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  console.log([line(header), line(widths.map(width => '-'.repeat(width))), ...rows.map(line)].join('\n'))
}

/** `0.5` as `50.0 %`. */
export function asPercent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`
}
