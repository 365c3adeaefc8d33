/**
 * Peers with names instead of key pairs. A signature is a hash over the signer's name and the bytes: cheap, deterministic, and enough to
 * tell a record that was altered. Nobody in a simulation forges.
 */
import { concatBytes, equalBytes } from '../../core/bytes.ts'
import { encodeUtf8 } from '../../core/codec.ts'
import { sha256 } from '../../core/hash.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { MemberSigner, MemberVerifier } from '../../core/members/member-record.ts'

const SIGNATURE_BYTES = 16

/** Short names that are valid peer ids (base58 has no small L, no capital I and O, no zero). */
const NAMES = 'ada ben cyd dee eve fay gus hua ivy jan kim meg ned oya pia quy ron sam tea uma vic wes xia yan zoe'.split(' ')

/** The name of the peer with number `index`, from 0. */
export function peerName(index: number): PeerId {
  const name = NAMES[index % NAMES.length] ?? 'peer'
  const round = Math.floor(index / NAMES.length)
  return `${name}${round === 0 ? '' : round.toString(9).replaceAll('0', '9')}` as PeerId
}

/** The signer of a peer. */
export function simulatedSigner(peerId: PeerId): MemberSigner {
  return { peerId, sign: bytes => signature(peerId, bytes) }
}

/** Checks what {@link simulatedSigner} signed. */
export const simulatedVerifier: MemberVerifier = {
  verify: (peerId, bytes, signed) => equalBytes(signed, signature(peerId, bytes))
}

function signature(peerId: PeerId, bytes: Uint8Array): Uint8Array {
  return sha256(concatBytes(encodeUtf8(`signed by ${peerId}: `), bytes)).slice(0, SIGNATURE_BYTES)
}
