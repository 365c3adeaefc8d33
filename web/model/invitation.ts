/**
 * Where this tab is to join: from the server's `dynamesh.json`, or from an invite in the address, `#cluster=NAME&join=ADDRESS`.
 *
 * An invite is checked whole before a peer is started, so that a cut link or one for another cluster joins nothing.
 */

/** Why an invite was not followed, in words for the person who opened it. */
export class InvitationError extends Error {
  readonly code = 'ERR_INVITE'
}

export interface NamedPeer {
  readonly name: string
  readonly peerId: string
}

/** What a tab needs to become a peer. */
export interface Invitation {
  readonly cluster: string
  readonly join: readonly string[]
  /** Names of the edge peers, for people. */
  readonly peers: readonly NamedPeer[]
}

const joinMax = 16
const peersMax = 256

/** Reads the invite of an address fragment; `undefined` when the fragment is none. */
export function parseInvite(fragment: string): Invitation | undefined {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''))
  if (!fields.has('cluster') && !fields.has('join')) return undefined
  const cluster = fields.get('cluster') ?? ''
  const join = fields.getAll('join').slice(0, joinMax)
  if (cluster === '') throw new InvitationError('This invite link is cut short: it names no cluster. Ask for the whole link.')
  if (join.length === 0) throw new InvitationError('This invite link is cut short: it has no address to join by. Ask for the whole link.')
  for (const address of join) checkAddress(address)
  return { cluster, join, peers: [] }
}

/** The invite as a link to this page. */
export function inviteLink(page: string, invitation: Invitation): string {
  const fields = new URLSearchParams([
    ['cluster', invitation.cluster],
    ...invitation.join.map(address => ['join', address] as [string, string])
  ])
  return `${page.split('#')[0] ?? page}#${fields.toString()}`
}

/** Reads `dynamesh.json`; a file of another shape is no invitation. */
export function parseServed(json: unknown): Invitation | undefined {
  if (typeof json !== 'object' || json === null) return undefined
  const { cluster, join, peers } = json as { cluster?: unknown; join?: unknown; peers?: unknown }
  if (typeof cluster !== 'string' || !Array.isArray(join)) return undefined
  const addresses = join.filter(address => typeof address === 'string').slice(0, joinMax)
  return { cluster, join: addresses, peers: Array.isArray(peers) ? peers.filter(isNamedPeer).slice(0, peersMax) : [] }
}

/** Joins what the link says with what the server says: they must name the same cluster. */
export function combine(invite: Invitation | undefined, served: Invitation | undefined): Invitation {
  if (invite === undefined && served === undefined) {
    throw new InvitationError(
      'This page was opened without a cluster to join. Run `npm start` and open the address it prints, or open an invite link.'
    )
  }
  if (invite === undefined) return served as Invitation
  if (served === undefined) return invite
  if (invite.cluster !== served.cluster) {
    throw new InvitationError(
      `This invite is for the cluster "${invite.cluster}", but this page belongs to "${served.cluster}". Nothing was joined.`
    )
  }
  return { ...served, join: [...new Set([...invite.join, ...served.join])] }
}

/** The invitation that this page's address and server give. */
export async function findInvitation(): Promise<Invitation> {
  return combine(parseInvite(location.hash), await fetchServed())
}

async function fetchServed(): Promise<Invitation | undefined> {
  try {
    const response = await fetch('./dynamesh.json', { cache: 'no-store' })
    return response.ok ? parseServed(await response.json()) : undefined
  } catch {
    return undefined
  }
}

function checkAddress(address: string): void {
  if (!address.startsWith('/'))
    throw new InvitationError(`This invite link is damaged: "${preview(address)}" is not an address that starts with "/".`)
  const peerId = address.split('/p2p/').at(-1) ?? ''
  const isWhole =
    address.includes('/p2p/') && /^(12D3KooW[1-9A-HJ-NP-Za-km-z]{44}|Qm[1-9A-HJ-NP-Za-km-z]{44}|[a-z0-9]{50,128})$/.test(peerId)
  if (!isWhole)
    throw new InvitationError(
      `This invite link is cut short: the address "${preview(address)}" does not end in a whole peer id. Ask for the whole link.`
    )
}

function preview(address: string): string {
  return address.length > 60 ? `${address.slice(0, 60)}…` : address
}

function isNamedPeer(peer: unknown): peer is NamedPeer {
  return (
    typeof peer === 'object' &&
    peer !== null &&
    'name' in peer &&
    typeof peer.name === 'string' &&
    'peerId' in peer &&
    typeof peer.peerId === 'string'
  )
}
