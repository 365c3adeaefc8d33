/** Bytes of the messages about tombstones, as `wire.proto` describes them: canonical, and read strictly like all others. */
import type { Reader, Writer } from '../../core/codec.ts'
import { keyBytesMax, reapBatchMax } from '../../core/limits.ts'
import type { ReapEntry, ReapMessage } from './message.ts'
import { need } from './wire-check.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)
const REPEATED_ENTRIES: readonly number[] = [3]
const HASH_BYTES = 8
const ENTRY_BYTES_MAX = keyBytesMax + 32

export function writeReap(out: Writer, { id, ring, entries }: ReapMessage): void {
  out.uint(1, id)
  out.hex(2, ring)
  for (const { key, hash } of entries) {
    out.message(3, body => {
      body.bytes(1, key)
      body.hex(2, hash)
    })
  }
}

/** Types by number, from {@link firstType}. */
const TYPES = ['reap-ask', 'reap-agreed', 'reap-drop', 'reap-dropped'] as const
const firstType = 23

/** Reads the body of the message with this number. An answer may be empty; a question or an order is about something. */
export function readReap(field: number, reader: Reader): ReapMessage {
  let id = 0
  let ring = ''
  const entries: ReapEntry[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_ENTRIES)) {
    if (field === 1) id = reader.uint()
    else if (field === 2) ring = reader.hex(8)
    else if (field === 3) entries.push(readReapEntry(reader.message(ENTRY_BYTES_MAX)))
    else reader.unknown(field)
    need(entries.length <= reapBatchMax, 'tombstones of bounded number')
  }
  const type = TYPES[field - firstType]
  const isAnswer = type === 'reap-agreed' || type === 'reap-dropped'
  need(type !== undefined && id > 0 && ring !== '' && (isAnswer || entries.length > 0), 'a message about tombstones')
  return { type, id, ring, entries }
}

function readReapEntry(reader: Reader): ReapEntry {
  let key = NO_BYTES
  let hash = ''
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) key = reader.bytes(keyBytesMax)
    else if (field === 2) hash = reader.hex(HASH_BYTES)
    else reader.unknown(field)
  }
  need(key.length > 0 && hash !== '', 'a tombstone')
  return { key, hash }
}
