/**
 * Work that simulated peers share. A ring is a pure function of its members, a record one of its bytes, and a signature holds or does not: a thousand
 * simulated peers need each of these once, where real peers each do it for themselves.
 */
import { equalBytes } from '../../core/bytes.ts'
import type { PeerId } from '../../core/identifiers.ts'
import { decodeMember, type MemberRecord, type MemberVerifier } from '../../core/members/member-record.ts'
import { createRing, type Ring, type RingMember } from '../../core/ring/ring.ts'
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

/** A ring function that remembers. */
function ringCache(): RingFunction {
  const rings = new Map<string, Ring>()
  const hashes = new WeakMap<RingMember, readonly [number, number]>()
  const hashOf = (member: RingMember): readonly [number, number] => {
    const known = hashes.get(member) ?? hashOfText(`${member.peerId} ${member.weight} ${member.durable} ${member.zone ?? ''}`)
    hashes.set(member, known)
    return known
  }
  return (members, options) => {
    let [first, second] = [0, 0]
    for (const member of members) {
      const hash = hashOf(member)
      first = (first + hash[0]) >>> 0
      second = (second + hash[1]) >>> 0
    }
    const key = `${options.cluster} ${options.partitions} ${options.replicas} ${members.length} ${first} ${second}`
    const ring = rings.get(key) ?? createRing(members, options)
    rings.delete(key)
    rings.set(key, ring)
    const oldest = rings.size > RINGS_MAX ? rings.keys().next().value : undefined
    if (oldest !== undefined) rings.delete(oldest)
    return ring
  }
}

/** Two hashes of 32 bits (FNV-1a with two primes). */
function hashOfText(text: string): readonly [number, number] {
  let [first, second] = [0x811c9dc5, 0x1b873593]
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    first = Math.imul(first ^ code, 0x01000193)
    second = Math.imul(second ^ code, 0x85ebca6b)
    second ^= second >>> 13
  }
  return [first >>> 0, second >>> 0]
}
