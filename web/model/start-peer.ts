/**
 * From an opened page to a running peer: is the page allowed to, where to join, start.
 */
import type { Peer } from 'dynamesh'
import { createPeer } from 'dynamesh'
import type { Invitation } from './invitation.ts'
import { findInvitation, InvitationError } from './invitation.ts'

export interface Started {
  readonly peer: Peer
  readonly invitation: Invitation
}

/** Why this page cannot be a peer at all, before anything was tried. */
export class InsecureContextError extends Error {
  readonly code = 'ERR_INSECURE_CONTEXT'
}

/** Starts this tab's peer; `inMemory` forgets everything when the tab is closed. */
export async function startPeer(inMemory: boolean): Promise<Started> {
  checkContext()
  const invitation = await findInvitation()
  checkAddresses(invitation)
  const storage = inMemory ? 'memory' : `page:${invitation.cluster}`
  const peer = await createPeer({ cluster: invitation.cluster, join: invitation.join, storage })
  return { peer, invitation }
}

function checkContext(): void {
  if (window.isSecureContext && globalThis.crypto?.subtle !== undefined) return
  const here = location.protocol === 'file:' ? 'a file' : `${location.protocol}//${location.hostname}`
  throw new InsecureContextError(
    `This page was opened from ${here}. Browsers give encryption, WebRTC and lasting storage only to pages from https:// or http://localhost.`
  )
}

/** A page from https:// is not allowed to open ws:// connections, except to its own machine. */
function checkAddresses({ join }: Invitation): void {
  if (location.protocol !== 'https:' || join.length === 0) return
  const isUsable = (address: string): boolean =>
    /\/(wss|tls|webrtc-direct)(\/|$)/.test(address) || /^\/(ip4\/127\.|ip6\/::1\/|dns\d?\/localhost\/)/.test(address)
  if (join.some(isUsable)) return
  throw new InvitationError(
    'All addresses to join by are ws://, which a page from https:// may not open. Give the edge peer a certificate (wss), or open this page from http://localhost.'
  )
}
