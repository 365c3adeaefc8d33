/**
 * What a peer keeps on its disk of its contacts with other members (`absence.ts`): when they were, and, while it doubts its copies, of whom the ring was
 * made before. By that ring it knows who vouches for which copies; a crash in the middle of the doubt must not make it forget that.
 */
import { Reader, Writer } from '../../core/codec.ts'
import { isStoreError } from '../../core/errors.ts'
import { peerIdBytesMax, type PeerId } from '../../core/identifiers.ts'
import { frameBytesMax, nameBytesMax, weightMax } from '../../core/limits.ts'
import { checkedMembers, type RingMember } from '../../core/ring/ring-options.ts'
import { metaKey } from '../storage-layout.ts'

/** Meta row of the {@link ContactNote}. */
export const contactKey: Uint8Array = metaKey('contact')

/** Field of the members, one after the other. */
const MEMBERS = 5
const REPEATED = [MEMBERS]

/** Wall times in milliseconds. */
export interface ContactNote {
  /** Last moment after which a contact lasted a 24th of the grace: time for comparisons in the background. */
  readonly latestMs: number
  /** Beginning of the time in contact that goes on: birth, or the return from the last long absence. */
  readonly sinceMs: number
  /** Last contact before that absence; 0 for none. */
  readonly gapMs: number
  /** Everything that was coordinated here until then has its copies or its hints. */
  readonly confirmedMs: number
  /** Members of the ring before the absence that is in doubt; none while there is no doubt. */
  readonly membersBefore: readonly RingMember[]
}

export function encodeNote({ latestMs, sinceMs, gapMs, confirmedMs, membersBefore }: ContactNote): Uint8Array {
  const out = new Writer(64)
  for (const [index, value] of [latestMs, sinceMs, gapMs, confirmedMs].entries()) out.uint(index + 1, Math.max(Math.floor(value), 0))
  for (const { peerId, weight, durable, zone } of membersBefore) {
    out.message(MEMBERS, body => {
      body.string(1, peerId)
      body.uint(2, weight)
      body.bool(3, durable)
      if (zone !== undefined) body.string(4, zone)
    })
  }
  return out.finish()
}

/** A note; `undefined` where there is none that can be read: this peer then counts as one that has just begun. */
export function decodeNote(bytes: Uint8Array | undefined): ContactNote | undefined {
  if (bytes === undefined) return undefined
  const values = [0, 0, 0, 0, 0]
  const members: RingMember[] = []
  try {
    const reader = new Reader(bytes)
    for (let field = reader.field(REPEATED); field !== 0; field = reader.field(REPEATED)) {
      if (field < values.length) values[field] = reader.uint()
      else if (field === MEMBERS) members.push(readMember(reader.message(frameBytesMax)))
      else reader.unknown(field)
    }
    const [, latestMs = 0, sinceMs = 0, gapMs = 0, confirmedMs = 0] = values
    return { latestMs, sinceMs, gapMs, confirmedMs, membersBefore: checkedMembers(members) }
  } catch (error) {
    if (!isStoreError(error)) throw error
    return undefined
  }
}

function readMember(reader: Reader): RingMember {
  let peerId = ''
  let weight = 0
  let durable = false
  let zone: string | undefined
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) peerId = reader.string(peerIdBytesMax)
    else if (field === 2) weight = reader.uint(weightMax)
    else if (field === 3) durable = reader.bool()
    else if (field === 4) zone = reader.string(nameBytesMax)
    else reader.unknown(field)
  }
  return { peerId: peerId as PeerId, weight, durable, zone }
}
