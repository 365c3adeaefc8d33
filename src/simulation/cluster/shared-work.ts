/**
 * Work that simulated peers share. A ring is a pure function of its members, a record one of its bytes, and a signature holds or does not: a thousand
 * simulated peers need each of these once, where real peers each do it for themselves.
 */
import { equalBytes } from '../../core/bytes.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { decodeMember, type MemberRecord, type MemberVerifier } from '../../core/members/member-record.ts'
import { createRing, type Ring, type RingMember, type RingOptions } from '../../core/ring/ring.ts'
import type { Message } from '../../protocol/wire/message.ts'
import { readMessage } from '../../protocol/wire/message-codec.ts'
import type { RingFunction } from '../../protocol/membership/neighbourhood.ts'
import { simulatedVerifier } from './simulated-identity.ts'

export interface SharedWork {
  readonly ringOf: RingFunction
  readonly recordOf: (bytes: Uint8Array) => MemberRecord
  /** The same record as all others have it. */
  readonly known: (record: MemberRecord) => MemberRecord
  readonly messageOf: (frame: Uint8Array) => Message
  readonly verifier: MemberVerifier
}

export function sharedWork(): SharedWork {
  const known = records()
  return {
    ringOf: ringCache(),
    known,
    recordOf: recordCache(known),
    messageOf: frame => messageWith(known, readMessage(frame)),
    verifier: verdictCache()
  }
}

function messageWith(known: SharedWork['known'], message: Message): Message {
  return message.type === 'view-records' ? { ...message, records: message.records.map(known) } : message
}

/** One object for each record, which stands for all that are equal: a signature is of one content. */
function records(): (record: MemberRecord) => MemberRecord {
  const byPeer = new Map<PeerId, MemberRecord[]>()
  return record => {
    const ofPeer = byPeer.get(record.peerId) ?? []
    const known = ofPeer.findLast(other => isSame(other, record))
    if (known !== undefined) return known
    byPeer.set(record.peerId, ofPeer)
    ofPeer.push(record)
    return record
  }
}

function isSame(a: MemberRecord, b: MemberRecord): boolean {
  return a.sequence === b.sequence && a.incarnation === b.incarnation && a.issuer === b.issuer && equalBytes(a.signature, b.signature)
}

/** Gossip hands the same bytes to all: the record that they are is read once. */
function recordCache(known: (record: MemberRecord) => MemberRecord): (bytes: Uint8Array) => MemberRecord {
  const read = new WeakMap<Uint8Array, MemberRecord>()
  return bytes => {
    const record = read.get(bytes) ?? known(decodeMember(bytes))
    read.set(bytes, record)
    return record
  }
}

/** Remembers good signatures by the array that holds them; a record that is altered is another one. */
function verdictCache(): MemberVerifier {
  const verified = new WeakMap<Uint8Array, { readonly peer: PeerId; readonly bytes: Uint8Array }>()
  return {
    verify: (peer, bytes, signature) => {
      const known = verified.get(signature)
      if (known !== undefined && known.peer === peer && equalBytes(known.bytes, bytes)) return true
      const isGood = simulatedVerifier.verify(peer, bytes, signature)
      if (isGood) verified.set(signature, { peer, bytes })
      return isGood
    }
  }
}

/** Rings that are remembered; the oldest is forgotten first, and computed again when asked for. */
const RINGS_MAX = 32

interface KnownRing {
  readonly members: readonly RingMember[]
  readonly options: RingOptions
  readonly ring: Ring
}

/** A ring function that remembers. Most ask for the ring that somebody asked for last, about the very members that others hold: to see that takes a glance. */
function ringCache(): RingFunction {
  /** Those asked for last are at the end. */
  const known: KnownRing[] = []
  const find = (members: readonly RingMember[], options: RingOptions): KnownRing | undefined => {
    const place = known.findLastIndex(each => isSameRing(each, members, options))
    const [found] = place < 0 ? [] : known.splice(place, 1)
    if (found !== undefined) known.push(found)
    return found
  }
  return (members, options) => {
    const asGiven = find(members, options)
    if (asGiven !== undefined) return asGiven.ring
    const sorted = members.toSorted((a, b) => (a.peerId < b.peerId ? -1 : 1))
    const inOrder = find(sorted, options)
    if (inOrder !== undefined) return inOrder.ring
    const ring = createRing(sorted, options)
    known.push({ members: sorted, options, ring })
    if (known.length > RINGS_MAX) known.shift()
    return ring
  }
}

function isSameRing(known: KnownRing, members: readonly RingMember[], options: RingOptions): boolean {
  if (known.members.length !== members.length || !isSameConfiguration(known.options, options)) return false
  for (let place = 0; place < members.length; place++)
    if (!isSameMember(known.members[place] as RingMember, members[place] as RingMember)) return false
  return true
}

function isSameConfiguration(a: RingOptions, b: RingOptions): boolean {
  return (
    a === b ||
    (a.cluster === b.cluster && a.partitions === b.partitions && a.replicas === b.replicas && a.durableOwners === b.durableOwners)
  )
}

function isSameMember(a: RingMember, b: RingMember): boolean {
  return a === b || (a.peerId === b.peerId && a.weight === b.weight && a.durable === b.durable && a.zone === b.zone)
}
