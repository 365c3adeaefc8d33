/** Results and options of a peer as plain JSON data on the control socket, and back: bytes as base64url, absent as `null` or left out. */
import { fromBase64Url, toBase64Url } from '../../../core/bytes.ts'
import { StoreError } from '../../../core/errors.ts'
import type { DeleteOptions, GetResult, KeyInfo, KeyPlacement, PutResult, SiblingInfo } from '../../../store/api.ts'
import { decodeUtf8 } from '../../terminal/escape.ts'
import { decodeFrame, encodeFrame } from './frame.ts'

/** A JSON object whose fields are not known yet. */
export type Plain = Readonly<Record<string, unknown>>

/** The bytes of a base64url field; `undefined` when the field is absent. */
export function bytesField(head: Plain, name: string): Uint8Array | undefined {
  const text = textField(head, name)
  if (text === undefined) return undefined
  const bytes = fromBase64Url(text)
  if (bytes === undefined) throw badField(name, 'base64url text')
  return bytes
}

export function textField(head: Plain, name: string): string | undefined {
  const value = head[name] ?? undefined
  if (value === undefined || typeof value === 'string') return value
  throw badField(name, 'text')
}

export function numberField(head: Plain, name: string): number | undefined {
  const value = head[name] ?? undefined
  if (value === undefined || typeof value === 'number') return value
  throw badField(name, 'a number')
}

/** The options of any request; the peer itself checks their ranges. */
export function optionsOf(head: Plain, signal: AbortSignal): DeleteOptions & { readonly r?: number } {
  const r = numberField(head, 'r')
  const w = numberField(head, 'w')
  const timeoutMs = numberField(head, 'timeoutMs')
  const requestId = textField(head, 'requestId')
  return {
    signal,
    ...(r === undefined ? {} : { r }),
    ...(w === undefined ? {} : { w }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(head['sloppy'] === false ? { sloppy: false } : {}),
    ...(head['force'] === true ? { force: true } : {})
  }
}

/** A `get`'s result as a frame: the siblings' values follow the head, in order. */
export function encodeGetResult(result: GetResult): Uint8Array {
  const siblings = result.siblings.map(plainSibling)
  const head = { siblings, context: toBase64Url(result.context), replied: result.replied, r: result.r, n: result.n }
  return encodeFrame(head, ...result.siblings.flatMap(sibling => (sibling.value === undefined ? [] : [sibling.value])))
}

function plainSibling({ value, writer, writerReplica, wallTimeMs, hybridTime, dot }: SiblingInfo): PlainSibling {
  return { bytes: value?.length ?? null, writer, writerReplica, wallTimeMs, hybridTime, dot }
}

export function decodeGetResult(frame: Uint8Array): GetResult {
  const { head, bytes } = decodeFrame(frame)
  const plain = head as unknown as Omit<GetResult, 'context' | 'siblings'> & { readonly siblings: readonly PlainSibling[] }
  let offset = 0
  const siblings = plain.siblings.map(({ bytes: length, ...rest }): SiblingInfo => {
    const value = length === null ? undefined : bytes.subarray(offset, (offset += length))
    return { ...rest, writer: rest.writer ?? undefined, value, text: value === undefined ? undefined : decodeUtf8(value) }
  })
  const values = siblings.flatMap(sibling => (sibling.value === undefined ? [] : [sibling.value]))
  return { values, texts: values.map(decodeUtf8), siblings, context: contextOf(head), replied: plain.replied, r: plain.r, n: plain.n }
}

type PlainSibling = Omit<SiblingInfo, 'value' | 'text'> & { readonly bytes: number | null }

/** A result with a context, e.g. of `put`. */
export function plainResult(result: { readonly context: Uint8Array }): Plain {
  return { ...result, context: toBase64Url(result.context) }
}

export function parseResult<Result extends { readonly context: Uint8Array } = PutResult>(plain: Plain): Result {
  return { ...plain, context: contextOf(plain) } as unknown as Result
}

export function plainKeyed(info: KeyInfo | KeyPlacement): Plain {
  return { ...info, key: toBase64Url(info.key) }
}

export function parseKeyed<Info extends KeyInfo | KeyPlacement>(plain: Plain): Info {
  const key = bytesField(plain, 'key') ?? new Uint8Array()
  return { ...plain, key } as unknown as Info
}

function contextOf(plain: Plain): Uint8Array {
  return bytesField(plain, 'context') ?? new Uint8Array()
}

function badField(name: string, kind: string): StoreError {
  return new StoreError('ERR_WIRE_MALFORMED', `Field '${name}' on the control socket must be ${kind}.`)
}
