/**
 * What a peer says about itself to the whole cluster, signed by its own key: self-certifying, so that it may travel through anybody.
 *
 * The newest record of a peer wins: highest incarnation, then highest sequence. A peer raises the incarnation when it was declared gone, or finds that it
 * has forgotten what it said, and the sequence whenever it starts or changes anything: so one that starts without knowing that it was declared gone
 * is not heard before it has heard of that. Nobody can speak for
 * another, with one exception: every peer may publish that another is *evicted*. Such a record ends that peer's incarnation (it has the
 * highest sequence there is), and the peer refutes it with its next incarnation.
 *
 * Not promised: that what is said is true. A peer may claim any weight within the limits and any address. (The paper, section 4.8.1.)
 */
import { compareBytes } from '../bytes.ts'
import { decodeUtf8, encodeUtf8, Reader, Writer } from '../codec.ts'
import { StoreError } from '../errors.ts'
import { sha256 } from '../hash.ts'
import type { PeerId, ReplicaId } from '../identifiers.ts'
import { identifierBytes, peerIdBytesMax } from '../identifiers.ts'
import { addressBytesMax, memberAddressesMax, nameBytesMax, weightMax } from '../limits.ts'

/** `joining`, `up` and `leaving` peers store data; `left` went by itself; `evicted` was declared gone. */
export type MemberStatus = 'joining' | 'up' | 'leaving' | 'left' | 'evicted'

/** A member record as it is signed. */
export interface UnsignedMember {
  readonly peerId: PeerId
  /** 0 or more; higher outranks all sequences of lower ones. */
  readonly incarnation: number
  /** 0 or more; {@link evictedSequence} for `evicted` and for nothing else. */
  readonly sequence: number
  readonly status: MemberStatus
  /** Share of the ring, 0..64; 0 stores nothing. */
  readonly weight: number
  readonly durable: boolean
  readonly zone: string | undefined
  /** Storage incarnation. */
  readonly replica: ReplicaId
  /** Multiaddr texts by which it can be dialled, best first. */
  readonly addresses: readonly string[]
  /** For `left` and `evicted`: how many endings, one after the other, its issuer knew of, with this one; 0 for all others. Orders what may be forgotten. */
  readonly ending: number
  /** Who signed: the peer itself, or for `evicted` possibly another. */
  readonly issuer: PeerId
}

/** A member record with its issuer's signature. */
export interface MemberRecord extends UnsignedMember {
  readonly signature: Uint8Array
}

/** What signing needs: a peer's key. */
export interface MemberSigner {
  readonly peerId: PeerId
  sign(bytes: Uint8Array): Uint8Array
}

/** What checking needs: other peers' keys, which their ids contain. */
export interface MemberVerifier {
  verify(peerId: PeerId, bytes: Uint8Array, signature: Uint8Array): boolean
}

/** Statuses by their number on the wire; where everything else is equal, the higher number wins. */
const STATUSES: readonly MemberStatus[] = ['joining', 'up', 'leaving', 'left', 'evicted']
const ADDRESSES = 9
/** Highest number of an ending. All later ones have it too: then their order is that of the peer ids. */
const endingMax = 2 ** 40
const TEXT_BYTES_MAX = 64 * 1024
const PEER_ID = /^[1-9A-HJ-NP-Za-km-z]+$/
const ADDRESS = /^\/[\x21-\x7e]+$/

/** Sequence of every eviction, above all that the peer itself can say in the same incarnation. */
export const evictedSequence: number = Number.MAX_SAFE_INTEGER
/** Sequences of one run of a peer, from start to end: the next run begins at a multiple of it, past all that the last one said. */
const sequencesPerRun = 0x10_0000

/** Longest signature in bytes. */
export const signatureBytesMax = 512

/** The bytes that the issuer signs: bound to their purpose and to the cluster. */
export function memberSigningBytes(member: UnsignedMember, cluster: string): Uint8Array {
  const out = emptied()
  out.string(1, 'dynamesh member record 1')
  out.string(2, cluster)
  out.message(3, nested => writeUnsigned(nested, member))
  return out.finish()
}

/**
 * Signs a record. The issuer is whoever signs.
 *
 * @throws `ERR_MEMBER_RECORD_INVALID` when others would refuse it
 */
export function signMember(member: Omit<UnsignedMember, 'issuer'>, cluster: string, identity: MemberSigner): MemberRecord {
  const unsigned = { ...member, issuer: identity.peerId }
  checkFields(unsigned)
  return { ...unsigned, signature: identity.sign(memberSigningBytes(unsigned, cluster)) }
}

/** The version that a run begins with which follows the one that said `last`; the first of all for a peer that has said nothing. */
export function nextRun(last: UnsignedMember | undefined): Pick<UnsignedMember, 'incarnation' | 'sequence'> {
  if (last === undefined) return { incarnation: 1, sequence: 0 }
  const { incarnation, sequence } = last
  if (sequence === evictedSequence) return { incarnation: incarnation + 1, sequence: 0 }
  return { incarnation, sequence: (Math.floor(sequence / sequencesPerRun) + 1) * sequencesPerRun }
}

/** Names the run of a peer that said this: all that it says until its end has the same name, and nothing else has. */
export function runOf({ incarnation, sequence }: Pick<UnsignedMember, 'incarnation' | 'sequence'>): string {
  return `${incarnation}.${Math.floor(sequence / sequencesPerRun)}`
}

/** True for what was said in the first run of a storage, by a peer that had not been declared gone. */
export function isFirstRun({ incarnation, sequence }: Pick<UnsignedMember, 'incarnation' | 'sequence'>): boolean {
  return incarnation <= 1 && sequence < sequencesPerRun
}

/**
 * True for a client that passes by: it stores nothing, is not meant to stay, and this is the first run of its storage. So nothing else was ever said
 * of this peer, and nothing depends on it: nobody keeps it in a view, and no record of it has to be forgotten.
 */
export function isPassing(member: UnsignedMember): boolean {
  const { weight, durable, status } = member
  return weight === 0 && !durable && status !== 'evicted' && isFirstRun(member)
}

/** True for a status that nobody waits for: the peer left, or was declared gone. */
export function isGone(status: MemberStatus): boolean {
  return status === 'left' || status === 'evicted'
}

/** The number of an ending that follows the one with this number. */
export function nextEnding(last: number): number {
  return Math.min(last + 1, endingMax)
}

/** What to sign in order to evict the peer of `member`: ends the incarnation that the record speaks of. */
export function evictionOf(member: MemberRecord, ending: number): Omit<UnsignedMember, 'issuer'> {
  const { peerId, incarnation, durable, replica } = member
  return {
    peerId,
    incarnation,
    sequence: evictedSequence,
    status: 'evicted',
    weight: 0,
    durable,
    zone: undefined,
    replica,
    addresses: [],
    ending
  }
}

/**
 * Refuses a record that is not what its issuer signed, or that its issuer may not say.
 *
 * @throws `ERR_MEMBER_RECORD_INVALID`
 */
export function checkMember(record: MemberRecord, cluster: string, verifier: MemberVerifier): void {
  checkFields(record)
  if (record.signature.length > signatureBytesMax) throw invalid('its signature is too long')
  if (!verifier.verify(record.issuer, memberSigningBytes(record, cluster), record.signature))
    throw invalid('its signature is not of its issuer')
}

/** The addresses of `candidates` that a record of `peerId` may carry: valid ones, each once, the first 16. */
export function publishableAddresses(peerId: PeerId, candidates: readonly string[]): readonly string[] {
  return [...new Set(candidates)].filter(address => isAddressOf(peerId, address)).slice(0, memberAddressesMax)
}

/** Orders records of one peer: positive when `a` is newer. Zero means the same record. */
export function compareMembers(a: MemberRecord, b: MemberRecord): number {
  if (a === b) return 0
  return (
    a.incarnation - b.incarnation ||
    a.sequence - b.sequence ||
    // Equal versions are said twice only by a peer that lost its memory, or by two that evict the same peer. Any fixed order will do.
    STATUSES.indexOf(a.status) - STATUSES.indexOf(b.status) ||
    compareBytes(encodeMember(a), encodeMember(b))
  )
}

/**
 * Reads a record to the end of its message; {@link checkMember} must still judge it.
 *
 * @throws `ERR_WIRE_*` when it is not the canonical form of a record, `ERR_MEMBER_RECORD_INVALID` when it has too many addresses
 */
export function readMember(reader: Reader): MemberRecord {
  const read = {
    peerId: '',
    incarnation: 0,
    sequence: 0,
    status: 0,
    weight: 0,
    durable: false,
    zone: '',
    replica: '',
    issuer: '',
    ending: 0
  }
  const addresses: string[] = []
  let signature: Uint8Array = new Uint8Array()
  for (let field = reader.field([ADDRESSES]); field !== 0; field = reader.field([ADDRESSES])) {
    if (field === 1) read.peerId = readText(reader)
    else if (field === 2) read.incarnation = reader.uint()
    else if (field === 3) read.sequence = reader.uint()
    else if (field === 4) read.status = reader.uint(STATUSES.length)
    else if (field === 5) read.weight = reader.uint()
    else if (field === 6) read.durable = reader.bool()
    else if (field === 7) read.zone = readText(reader)
    else if (field === 8) read.replica = reader.hex(identifierBytes.replica)
    else if (field === ADDRESSES) appendAddress(addresses, reader)
    else if (field === 10) read.issuer = readText(reader)
    else if (field === 11) read.ending = reader.uint()
    else if (field === 12) signature = readSignature(reader)
    else reader.unknown(field)
  }
  const status = STATUSES[read.status - 1]
  if (status === undefined || read.replica === '') throw malformed('a member record lacks its status or its replica')
  if (read.issuer === read.peerId) throw malformed('a member record names its own peer as its issuer')
  return {
    peerId: read.peerId as PeerId,
    incarnation: read.incarnation,
    sequence: read.sequence,
    status,
    weight: read.weight,
    durable: read.durable,
    zone: read.zone === '' ? undefined : read.zone,
    replica: read.replica as ReplicaId,
    addresses,
    ending: read.ending,
    issuer: (read.issuer === '' ? read.peerId : read.issuer) as PeerId,
    signature
  }
}

/** Name of what a record says, 8 bytes, whoever issued it. */
export function memberContentHash(record: MemberRecord): Uint8Array {
  const out = emptied()
  writeUnsigned(out, { ...record, issuer: record.peerId })
  return sha256(out.view()).slice(0, 8)
}

/** An issuer is named only where it is another peer. */
function writeUnsigned(out: Writer, member: UnsignedMember): void {
  out.string(1, member.peerId)
  out.uint(2, member.incarnation)
  out.uint(3, member.sequence)
  out.uint(4, STATUSES.indexOf(member.status) + 1)
  out.uint(5, member.weight)
  out.bool(6, member.durable)
  out.string(7, member.zone ?? '')
  out.hex(8, member.replica)
  for (const address of member.addresses) out.string(ADDRESSES, address, true)
  out.string(10, member.issuer === member.peerId ? '' : member.issuer)
  out.uint(11, member.ending)
}

/** Bytes of one record, made once: a record is kept, sent and compared by them. Nobody may change them. */
export function encodeMember(record: MemberRecord): Uint8Array {
  const known = encoded.get(record)
  if (known !== undefined) return known
  const out = emptied()
  writeUnsigned(out, record)
  out.bytes(12, record.signature)
  const bytes = out.finish()
  encoded.set(record, bytes)
  return bytes
}

const encoded = new WeakMap<MemberRecord, Uint8Array>()

/** Records are written in one place and copied from there: they are small, and a large cluster encodes many of them. */
const writer = new Writer()

function emptied(): Writer {
  writer.reset()
  return writer
}

function checkFields(member: UnsignedMember): void {
  if (!isPeerId(member.peerId) || !isPeerId(member.issuer)) throw invalid('it names no peer')
  if (!isCount(member.incarnation) || !isCount(member.sequence)) throw invalid('its version is no pair of whole numbers')
  if (!isCount(member.weight) || member.weight > weightMax) throw invalid(`its weight is not within 0..${weightMax}`)
  if (member.zone !== undefined && !isName(member.zone)) throw invalid(`its zone is not a text of 1..${nameBytesMax} bytes`)
  if (member.addresses.length > memberAddressesMax) throw invalid(`it has more than ${memberAddressesMax} addresses`)
  if (!member.addresses.every(address => isAddressOf(member.peerId, address))) throw invalid('an address is no multiaddr of its peer')
  checkAuthority(member)
}

function checkAuthority(member: UnsignedMember): void {
  const isEviction = member.status === 'evicted'
  if (!isEviction && member.issuer !== member.peerId) throw invalid('it speaks for another peer')
  const isEnding = isCount(member.ending) && member.ending >= 1 && member.ending <= endingMax
  if (isGone(member.status) ? !isEnding : member.ending !== 0) throw invalid('an ending, and nothing else, is counted')
  if (isEviction !== (member.sequence === evictedSequence)) throw invalid('an eviction, and nothing else, has the highest sequence')
  const isBare = member.weight === 0 && member.zone === undefined && member.addresses.length === 0
  if (isEviction && !isBare) throw invalid('an eviction says more than that the peer is gone')
}

function isPeerId(text: string): boolean {
  return text.length <= peerIdBytesMax && PEER_ID.test(text)
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isName(text: string): boolean {
  if (text.length === 0 || text.length > nameBytesMax) return false
  const bytes = encodeUtf8(text)
  return bytes.length <= nameBytesMax && decodeUtf8(bytes) !== undefined
}

/** An address may end in the id of the peer that it leads to, and then it must be this one. */
function isAddressOf(peerId: PeerId, address: string): boolean {
  if (address.length > addressBytesMax || !ADDRESS.test(address)) return false
  const [protocol, id] = address.split('/').slice(-2)
  return protocol !== 'p2p' || id === peerId
}

function appendAddress(addresses: string[], reader: Reader): void {
  if (addresses.length === memberAddressesMax) throw invalid(`it has more than ${memberAddressesMax} addresses`)
  addresses.push(reader.string(TEXT_BYTES_MAX))
}

/** Texts that may be left out are never written empty. */
function readText(reader: Reader): string {
  const text = reader.string(TEXT_BYTES_MAX)
  if (text === '') throw malformed('a text that is the default is written out')
  return text
}

function readSignature(reader: Reader): Uint8Array {
  const signature = reader.bytes(signatureBytesMax)
  if (signature.length === 0) throw malformed('an empty signature is written out')
  // A record outlives the frame that it came in.
  return signature.slice()
}

function invalid(what: string): StoreError {
  return new StoreError('ERR_MEMBER_RECORD_INVALID', `A member record was refused: ${what}.`)
}

function malformed(what: string): StoreError {
  return new StoreError('ERR_WIRE_MALFORMED', `The bytes are not a valid message: ${what}.`)
}

/** Reads one record strictly; {@link checkMember} must still judge it. */
export function decodeMember(bytes: Uint8Array): MemberRecord {
  return readMember(new Reader(bytes))
}
