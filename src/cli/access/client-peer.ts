/**
 * A peer that a command makes for itself: a member of weight 0 that stores nothing, listens nowhere, and is gone when the command ends.
 * Used with `--join`, when no peer runs on this machine.
 */
import { isStoreError, StoreError } from '../../core/errors.ts'
import { createPeer } from '../../entry/nodejs.ts'
import type { GetOptions, GetResult, Peer } from '../../store/api.ts'
import type { MemberInfo } from '../../store/member-api.ts'
import type { Access } from './access.ts'
import type { Invocation } from '../invocation/command.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { terminalLogger } from '../report/terminal-logger.ts'

/** How long to wait for the first member that answers, unless --timeout says otherwise. */
const joinTimeoutMsDefault = 10_000
/** How long a request may take, unless --timeout says otherwise. */
const requestTimeoutMsDefault = 5000
/** How long a client tries to tell the others that it is gone. */
const leaveTimeoutMs = 2000

/** Joins `cluster` by the addresses of --join. Rejects with `ERR_NETWORK` when nobody answers, with the refusal when one refuses. */
export async function clientPeer(invocation: Invocation, terminal: Terminal, cluster: string): Promise<Access> {
  const partitions = invocation.number('partitions')
  const replicas = invocation.number('replicas')
  const peer = await createPeer({
    cluster,
    storage: 'memory',
    weight: 0,
    durable: false,
    relay: false,
    listen: [],
    logger: terminalLogger(terminal, invocation.switch('verbose')),
    ...(partitions === undefined ? {} : { partitions }),
    ...(replicas === undefined ? {} : { replicas })
  })
  try {
    await joined(peer, invocation.list('join'), terminal, timeoutOf(invocation))
  } catch (error) {
    await peer.stop()
    throw error
  }
  return peerAccess(peer)
}

/** A peer of this process as an {@link Access}. */
function peerAccess(peer: Peer): Access {
  return {
    get: (key, options) => getOnceMet(peer, key, options),
    put: (key, context, value, options) => peer.put(key, context, value, options),
    delete: (key, context, options) => peer.delete(key, context, options),
    keys: range => peer.keys(range),
    members: async () => peer.members(),
    ring: async () => peer.ring(),
    place: async key => peer.place(key),
    status: async () => peer.status(),
    planChange: async change => peer.planChange(change),
    evict: (member, options) => peer.evict(member, options),
    close: () => leave(peer)
  }
}

/**
 * A client that has just joined may not be connected to enough owners yet: while there are members that it has not met, a get that is short of
 * answers is made again with the next one.
 */
async function getOnceMet(peer: Peer, key: Uint8Array, options: GetOptions): Promise<GetResult> {
  const endsAt = performance.now() + (options.timeoutMs ?? requestTimeoutMsDefault)
  for (;;) {
    const attempt = new AbortController()
    const met = nextMet(peer, endsAt - performance.now(), attempt.signal)
    try {
      return await peer.get(key, { ...options, timeoutMs: Math.max(Math.ceil(endsAt - performance.now()), 1) })
    } catch (error) {
      const isShort = isStoreError(error) && error.code === 'ERR_READ_QUORUM'
      if (!isShort || !peer.members().some(isUnmet) || !(await met)) throw error
    } finally {
      attempt.abort()
    }
  }
}

/** Resolves with true when a further member can be reached, with false when there is no time left. */
function nextMet(peer: Peer, withinMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(false), withinMs)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
    peer.addEventListener('member:reachable', () => resolve(true), { once: true, signal })
  })
}

function isUnmet(member: MemberInfo): boolean {
  return !member.self && member.status === 'up' && member.weight > 0 && member.reachability === 'unknown'
}

/** Says goodbye for good: a client never comes back under its identity, so the others need not wait for it. */
async function leave(peer: Peer): Promise<void> {
  await peer.leave({ signal: AbortSignal.timeout(leaveTimeoutMs) }).catch(() => peer.stop())
}

/** Joins and waits for a member that can be asked and has told who else is one; a refusal ends the wait, since it would be repeated. */
async function joined(peer: Peer, join: readonly string[], terminal: Terminal, timeoutMs: number): Promise<void> {
  const over = new AbortController()
  const options = { signal: over.signal }
  const timer = setTimeout(() => over.abort(nobody(join, timeoutMs)), timeoutMs)
  const refuse = (): void => over.abort(new StoreError('ERR_ABORTED', 'Interrupted before the cluster was joined.'))
  if (terminal.interrupted.aborted) refuse()
  terminal.interrupted.addEventListener('abort', refuse, options)
  peer.addEventListener('peer:refused', event => over.abort(refusal(event.detail.code, event.detail.message)), options)
  try {
    await new Promise<void>((resolve, reject) => {
      let knowsMembers = false
      const check = (): void => {
        if (knowsMembers && peer.members().some(isUsable)) resolve()
      }
      const known = (): void => {
        knowsMembers = true
        check()
      }
      peer.addEventListener('members:known', known, options)
      for (const name of ['member:up', 'member:reachable', 'connection:opened', 'ring:changed'] as const)
        peer.addEventListener(name, check, options)
      over.signal.addEventListener('abort', () => reject(over.signal.reason as Error), { once: true })
      if (over.signal.aborted) reject(over.signal.reason as Error)
      // Only now, so that no refusal is missed.
      else peer.join(join)
    })
  } finally {
    clearTimeout(timer)
    over.abort()
  }
}

function isUsable(member: MemberInfo): boolean {
  return !member.self && member.status === 'up' && member.weight > 0 && member.reachability === 'reachable'
}

function refusal(code: string, message: string): StoreError {
  return new StoreError(code === 'ERR_NOT_ADMITTED' ? code : 'ERR_CLUSTER_CONFIG_MISMATCH', message)
}

function nobody(join: readonly string[], timeoutMs: number): StoreError {
  return new StoreError('ERR_NETWORK', `No peer answered within ${timeoutMs} ms at ${join.join(', ')}. Is one running there?`, {
    details: { join, timeoutMs }
  })
}

/** Commands without requests, like `members`, have no --timeout. */
function timeoutOf(invocation: Invocation): number {
  if (invocation.command.flags['timeout'] === undefined) return joinTimeoutMsDefault
  return invocation.number('timeout') ?? joinTimeoutMsDefault
}
