/**
 * How a value reaches standard output. Into a file or a pipe: its bytes, nothing added. Onto a terminal: text that cannot act on
 * the terminal, and only the beginning of what is no text; `--raw` overrides.
 */
import { concatBytes, toHex } from '../../core/bytes.ts'
import type { SiblingInfo } from '../../store/api.ts'
import { decodeUtf8, printableLines } from '../terminal/escape.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Bytes of a value that is no text shown on a terminal. */
const hexBytesShown = 256
const hexBytesPerLine = 16

/** Writes one value. */
export async function writeValue(terminal: Terminal, value: Uint8Array, isRaw: boolean): Promise<void> {
  if (isRaw || !terminal.stdoutIsTerminal) return terminal.printBytes(value)
  const text = decodeUtf8(value)
  if (text !== undefined) return terminal.print(printableLines(text))
  await terminal.print(hexDump(value.subarray(0, hexBytesShown)))
  terminal.note(`(${value.length} bytes that are not text; redirect to a file to get them, or use --raw)`)
}

/** Writes every value as a netstring, `<bytes>:<value>,` and a line end, so that a program can take them apart again. */
export async function writeFrames(terminal: Terminal, siblings: readonly SiblingInfo[]): Promise<void> {
  const encoder = new TextEncoder()
  for (const { value } of siblings) {
    if (value !== undefined) await terminal.printBytes(concatBytes(encoder.encode(`${value.length}:`), value, encoder.encode(',\n')))
  }
}

function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let offset = 0; offset < bytes.length; offset += hexBytesPerLine) {
    const hex = toHex(bytes.subarray(offset, offset + hexBytesPerLine)).replace(/(..)/g, '$1 ')
    lines.push(`${offset.toString(16).padStart(4, '0')}  ${hex.trimEnd()}`)
  }
  return lines.join('\n')
}
