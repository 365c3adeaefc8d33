/** Lists of peers in messages. */
import type { Reader, Writer } from '../../core/codec.ts'
import { peerIdBytesMax, type PeerId } from '../../core/identifiers.ts'
import { messageEntriesMax } from '../../core/limits.ts'
import { need } from './wire-check.ts'

export function writePeers(out: Writer, field: number, peers: readonly PeerId[]): void {
  for (const peer of peers) out.string(field, peer)
}

/** Reads one more peer of a list. */
export function pushPeer(peers: PeerId[], reader: Reader): void {
  const peer = reader.string(peerIdBytesMax)
  need(peer !== '' && peers.length < messageEntriesMax, 'a list of peers')
  peers.push(peer as PeerId)
}
