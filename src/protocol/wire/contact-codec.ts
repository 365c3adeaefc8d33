/** Bytes of what a peer tells another about its contacts, as `wire.proto` describes them. */
import type { Reader, Writer } from '../../core/codec.ts'
import type { ContactAnswer } from './message.ts'
import { need } from './wire-check.ts'

export function writeContactAnswer(out: Writer, message: ContactAnswer): void {
  out.uint(1, message.id)
  out.uint(2, message.sinceAgeMs)
  out.uint(3, message.gapAgeMs)
  out.bool(4, message.isWhole)
}

export function readContactAnswer(reader: Reader): ContactAnswer {
  const message = { type: 'contact-answer' as const, id: 0, sinceAgeMs: 0, gapAgeMs: 0, isWhole: false }
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) message.id = reader.uint()
    else if (field === 2) message.sinceAgeMs = reader.uint()
    else if (field === 3) message.gapAgeMs = reader.uint()
    else if (field === 4) message.isWhole = reader.bool()
    else reader.unknown(field)
  }
  need(message.id > 0, 'an answer about contacts')
  return message
}
