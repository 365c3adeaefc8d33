/**
 * The bodies of the frames that keep a stream in order (see `frame.ts`), written and strictly read.
 *
 * A hello carries, beside the store's own greeting, which *run* of the process speaks: when it started and 8 random bytes. Two
 * runs of the same peer id are either a restart, where the newer one is right, or a copied identity, where the user must be told.
 */
import { Reader, type Writer } from '../../core/codec.ts'
import { StoreError } from '../../core/errors.ts'
import { helloBytesMax, refusalBytesMax } from '../../core/limits.ts'

/** Bytes of a session, the name of one run of a network. */
export const sessionBytes = 8

/** The first frame in both directions. */
export interface Hello {
  /** When this run started by its own calendar, in milliseconds since 1970. */
  readonly startedMs: number
  /** Name of the run: 16 hexadecimal digits. */
  readonly session: string
  /** The store's greeting, opaque here. */
  readonly greeting: Uint8Array
}

/** Why a peer is not let in. */
export interface Refusal {
  readonly code: string
  readonly message: string
}

export function writeHello(out: Writer, hello: Hello): void {
  out.uint(1, hello.startedMs)
  out.hex(2, hello.session)
  out.bytes(3, hello.greeting)
}

export function readHello(body: Uint8Array): Hello {
  const reader = new Reader(body)
  let startedMs = 0
  let session = ''
  let greeting = new Uint8Array(0)
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) startedMs = reader.uint()
    else if (field === 2) session = reader.hex(sessionBytes)
    else if (field === 3) greeting = reader.bytes(helloBytesMax).slice()
    else reader.unknown(field)
  }
  if (session === '') throw new StoreError('ERR_WIRE_MALFORMED', 'A hello does not name its session.')
  return { startedMs, session, greeting }
}

export function writeRefusal(out: Writer, refusal: Refusal): void {
  out.string(1, clip(refusal.code))
  out.string(2, clip(refusal.message))
}

export function readRefusal(body: Uint8Array): Refusal {
  const reader = new Reader(body)
  let code = 'ERR_NOT_ADMITTED'
  let message = 'The other peer gave no reason.'
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) code = reader.string(refusalBytesMax)
    else if (field === 2) message = reader.string(refusalBytesMax)
    else reader.unknown(field)
  }
  return { code, message }
}

export function writeCredit(out: Writer, bytes: number): void {
  out.uint(1, bytes)
}

export function readCredit(body: Uint8Array): number {
  const reader = new Reader(body)
  const field = reader.field()
  if (field !== 1) throw new StoreError('ERR_WIRE_MALFORMED', 'A credit frame does not say how much.')
  const bytes = reader.uint()
  reader.finish()
  return bytes
}

/** Text that certainly fits: a UTF-16 code unit takes at most 3 bytes. */
function clip(text: string): string {
  return text.slice(0, Math.floor(refusalBytesMax / 3)).replace(/\p{Surrogate}/gu, '\ufffd')
}
