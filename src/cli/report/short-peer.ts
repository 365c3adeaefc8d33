/** A peer id for a table: its end, which differs between peers, while all begin alike. */
export function shortPeer(peerId: string | undefined): string {
  if (peerId === undefined) return '-'
  return peerId.length > 12 ? `…${peerId.slice(-10)}` : peerId
}
