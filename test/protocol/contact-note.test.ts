/** The note of contacts comes back from its bytes as it was, and nothing else comes back from any bytes. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { decodeNote, encodeNote, type ContactNote } from '../../src/protocol/absence/contact-note.ts'

const note: ContactNote = {
  latestMs: 5,
  sinceMs: 4,
  gapMs: 0,
  confirmedMs: 3,
  membersBefore: [
    { peerId: 'ada' as PeerId, weight: 4, durable: true, zone: 'north' },
    { peerId: 'ben' as PeerId, weight: 1, durable: false, zone: undefined },
    { peerId: 'cyd' as PeerId, weight: 1, durable: true, zone: undefined }
  ]
}

describe('the note of contacts', () => {
  test('is read as it was written, with and without members', () => {
    expect(decodeNote(encodeNote(note))).toEqual(note)
    expect(decodeNote(encodeNote({ ...note, membersBefore: [] }))).toEqual({ ...note, membersBefore: [] })
    expect(decodeNote(undefined)).toBeUndefined()
  })

  test('is taken for none when it is cut short or altered, and never throws', () => {
    const bytes = encodeNote(note)
    expect(decodeNote(bytes.subarray(0, bytes.length - 1))).toBeUndefined()
    const twice = encodeNote({ ...note, membersBefore: [...note.membersBefore, ...note.membersBefore] })
    expect(decodeNote(twice)).toBeUndefined()
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), any => void decodeNote(any)))
  })
})
