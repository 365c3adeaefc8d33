/** Tables of plain text: columns aligned by the width that characters take on a terminal, numbers to the right. */
import { printable } from './escape.ts'

export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
}

/** Lines of a table with a header; cells are made printable here. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cells = [columns.map(column => column.title), ...rows.map(row => row.map(printable))]
  const widths = columns.map((_, index) => Math.max(...cells.map(row => textWidth(row[index] ?? ''))))
  return cells.map(row => line(columns, widths, row)).join('\n')
}

/** Lines of `name  value` pairs, the values aligned. A value of several lines continues below its start. */
export function pairs(entries: readonly (readonly [name: string, ...values: readonly string[]])[], indent = ''): string {
  const width = Math.max(...entries.map(([name]) => name.length)) + 2
  const lines = entries.flatMap(([name, ...values]) =>
    values.map((value, index) => indent + (index === 0 ? name : '').padEnd(width) + printable(value))
  )
  return lines.join('\n')
}

/** A bar of `share` (0..1) of `width` characters. */
export function bar(share: number, width: number): string {
  const filled = Math.max(0, Math.min(width, Math.round(share * width)))
  return '#'.repeat(filled) + '.'.repeat(width - filled)
}

function line(columns: readonly Column[], widths: readonly number[], row: readonly string[]): string {
  const padded = columns.map((column, index) => {
    const cell = row[index] ?? ''
    const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - textWidth(cell)))
    return column.align === 'right' ? padding + cell : cell + padding
  })
  return padded.join('  ').trimEnd()
}

/** Columns that `text` takes: two for wide East Asian characters and emoji, none for combining marks. */
function textWidth(text: string): number {
  let width = 0
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue
    width += /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(
      character
    )
      ? 2
      : 1
  }
  return width
}
