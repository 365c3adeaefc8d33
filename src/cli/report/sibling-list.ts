/** Siblings for people and programs: who wrote each, when, and how large it is; never the raw value unless it was asked for. */
import { toBase64Url } from '../../core/bytes.ts'
import type { GetResult, SiblingInfo } from '../../store/api.ts'
import { keyText, printable } from '../terminal/escape.ts'
import { table } from '../terminal/table.ts'
import { shortPeer } from './short-peer.ts'

/** Characters of a value shown in a list. */
const previewLength = 24

/** A table of siblings, numbered as `get --sibling` counts them. */
export function siblingTable(siblings: readonly SiblingInfo[]): string {
  const columns = [
    { title: '#', align: 'right' },
    { title: 'WRITTEN BY' },
    { title: 'AT' },
    { title: 'BYTES', align: 'right' },
    { title: 'BEGINS' }
  ] as const
  const rows = siblings.map((sibling, index) => [
    String(index + 1),
    shortPeer(sibling.writer),
    wallTime(sibling),
    sibling.value === undefined ? 'deleted' : String(sibling.value.length),
    preview(sibling)
  ])
  return table(columns, rows)
}

/** A `get`'s result as plain data for `--json`. */
export function getJson(key: Uint8Array, result: GetResult): object {
  return {
    key: keyText(key),
    found: result.values.length > 0,
    siblings: result.siblings.map((sibling, index) => ({ index: index + 1, ...siblingJson(sibling) })),
    context: toBase64Url(result.context),
    r: result.r,
    n: result.n,
    replied: result.replied
  }
}

function siblingJson({ value, text, writer, writerReplica, dot, ...rest }: SiblingInfo): object {
  const content =
    value === undefined
      ? { deleted: true }
      : { bytes: value.length, ...(text === undefined ? { base64: Buffer.from(value).toString('base64') } : { text }) }
  return { ...content, writer: writer ?? null, writerReplica, writtenAt: wallTime(rest), dot }
}

function wallTime({ wallTimeMs }: Pick<SiblingInfo, 'wallTimeMs'>): string {
  const isDate = Number.isFinite(wallTimeMs) && Math.abs(wallTimeMs) < 8.64e15
  return isDate ? new Date(wallTimeMs).toISOString().replace(/\.\d+Z$/, 'Z') : 'unknown'
}

function preview({ value, text }: SiblingInfo): string {
  if (value === undefined) return ''
  if (text === undefined) return '(not text)'
  const shown = printable(text.slice(0, previewLength))
  return text.length > previewLength || shown.length > previewLength ? `${shown.slice(0, previewLength)}…` : shown
}
