/**
 * Keeps the connections that are wanted, for ever.
 *
 * A target is a peer, or an address whose peer is not known yet. A target without a connection is tried again and again, with waits
 * that grow and jitter; one that is reached in a worse way than its addresses allow is tried on the better ones in the background. Success,
 * a lost connection and the end of a cut start the waits anew. Dials run at most `dialsMax` at a time, each with an end.
 *
 * libp2p's own redialling gives up after one attempt over WebSockets and does not renew relay reservations, hence this.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { dialsMax, membersMax } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { WantedPeer } from '../../ports/network.ts'
import { parseAddress } from './addresses.ts'
import { backoffMs, redialBackoff, refusedBackoff, upgradeBackoff, type Backoff } from './backoff.ts'
import { isBetter, reachOf, type Reach } from './reach.ts'

/** What the supervisor needs. */
export interface SupervisorOptions {
  readonly self: PeerId
  readonly clock: Clock
  /** A fraction in 0..1, for jitter. */
  fraction(): number
  reach(peer: PeerId): Reach
  /** True for a member that no connection is kept to. */
  isDistant(peer: PeerId): boolean
  /** True when no further connection may be opened. */
  isFull(): boolean
  /** Tries to reach a target in a better way than `present`, until it is connected and admitted; resolves with who answered, rejects with the last reason. */
  dial(peer: PeerId | undefined, addresses: readonly string[], present: Reach, signal: AbortSignal): Promise<PeerId>
  /** True for an error that will not go away soon: a refusal, a fault. */
  isLasting(error: unknown): boolean
}

interface Target {
  /** Peer id, or the address while that is unknown. */
  readonly key: string
  peer: PeerId | undefined
  addresses: readonly string[]
  isJoin: boolean
  isWanted: boolean
  failures: number
  dueMs: number
  /** Not before this time, whatever else happens. */
  punishedUntilMs: number
  attempt: AbortController | undefined
}

/** A peer with the larger id waits this long for the other's first dial: two connections are one too many. */
const courtesyMs = 1_000
/** Why a dial ended whose peer connected in another way. */
const superseded = 'superseded'
/** Why a dial ended whose peer is at other addresses by now. */
const moved = 'moved'
/** A connection that lasted this long wipes out the failures before it. */
const steadyMs = 10_000

export class ConnectionSupervisor {
  readonly #options: SupervisorOptions
  readonly #targets = new Map<string, Target>()
  readonly #connectedAtMs = new Map<PeerId, number>()
  #dials = 0
  #isRunning = false
  #cancelTimer: () => void = () => {}

  constructor(options: SupervisorOptions) {
    this.#options = options
  }

  start(): void {
    this.#isRunning = true
    for (const target of this.#targets.values()) this.#retryNow(target)
    this.#run()
  }

  /** Stops dialling and ends dials under way; `start` resumes at once. */
  stop(): void {
    this.#isRunning = false
    this.#cancelTimer()
    for (const target of this.#targets.values()) target.attempt?.abort()
  }

  /** Adds addresses that are to be reached for ever. Malformed ones are left out. */
  join(addresses: readonly string[]): void {
    for (const text of addresses) {
      const parsed = parseAddress(text)
      if (parsed === undefined || parsed.peer === this.#options.self) continue
      const target = this.#target(parsed.peer ?? parsed.text, parsed.peer)
      target.isJoin = true
      target.addresses = [...new Set([...target.addresses, parsed.text])]
    }
    this.#run()
  }

  /** Replaces the set of wanted peers. */
  want(peers: readonly WantedPeer[]): void {
    const before = [...this.#targets.values()].filter(target => target.isWanted)
    for (const target of before) target.isWanted = false
    for (const { peer, addresses } of peers.slice(0, membersMax)) this.#wantOne(peer, addresses)
    for (const target of before) if (!target.isWanted && !target.isJoin) this.#forget(target)
    this.#run()
  }

  /** A peer is connected: dials to it that could not do better end. */
  connected(peer: PeerId): void {
    if (!this.#connectedAtMs.has(peer)) this.#connectedAtMs.set(peer, this.#options.clock.monotonicMs())
    for (const target of this.#targets.values()) {
      if (target.peer === peer && !this.#canImprove(target)) target.attempt?.abort(superseded)
    }
    this.#run()
  }

  /** A peer is not connected any more. */
  disconnected(peer: PeerId): void {
    const now = this.#options.clock.monotonicMs()
    const wasSteady = now - (this.#connectedAtMs.get(peer) ?? now) >= steadyMs
    this.#connectedAtMs.delete(peer)
    for (const target of this.#targets.values()) {
      if (target.peer !== peer) continue
      if (wasSteady) target.failures = 0
      this.#later(target, redialBackoff)
    }
    this.#run()
  }

  /** A peer refused this one, was refused by it, or broke the rules: it is left alone for a while. */
  punish(peer: PeerId): void {
    const now = this.#options.clock.monotonicMs()
    for (const target of this.#targets.values()) {
      if (target.peer !== peer) continue
      this.#later(target, refusedBackoff)
      target.punishedUntilMs = Math.max(target.dueMs, now)
    }
  }

  /** The network may be back: tries at once what was waiting, but for peers that are being punished. */
  hurry(): void {
    const now = this.#options.clock.monotonicMs()
    for (const target of this.#targets.values()) {
      target.failures = 0
      target.dueMs = Math.max(now, target.punishedUntilMs)
    }
    this.#run()
  }

  #wantOne(peer: PeerId, addresses: readonly string[]): void {
    if (peer === this.#options.self) return
    const isNew = !this.#targets.has(peer)
    const target = this.#target(peer, peer)
    target.isWanted = true
    const before = target.addresses
    const joined = target.isJoin ? before : []
    target.addresses = [...new Set([...addresses, ...joined])]
    if (!isNew && target.addresses.some(address => !before.includes(address))) this.#moved(target, before)
    if (isNew && this.#options.self > peer) target.dueMs += courtesyMs * (0.5 + this.#options.fraction())
  }

  /** A peer has a new address: what did not work so far may work there. A dial to addresses of which it has none left is given up. */
  #moved(target: Target, before: readonly string[]): void {
    const { dueMs } = target
    target.failures = 0
    this.#later(target, redialBackoff)
    target.dueMs = Math.max(Math.min(target.dueMs, dueMs), target.punishedUntilMs)
    if (!before.some(address => target.addresses.includes(address))) target.attempt?.abort(moved)
  }

  #target(key: string, peer: PeerId | undefined): Target {
    const known = this.#targets.get(key)
    if (known !== undefined) return known
    const dueMs = this.#options.clock.monotonicMs()
    const target: Target = {
      key,
      peer,
      addresses: [],
      isJoin: false,
      isWanted: false,
      failures: 0,
      dueMs,
      punishedUntilMs: 0,
      attempt: undefined
    }
    this.#targets.set(key, target)
    return target
  }

  #forget(target: Target): void {
    target.attempt?.abort()
    this.#targets.delete(target.key)
  }

  #retryNow(target: Target): void {
    target.failures = 0
    target.punishedUntilMs = 0
    target.dueMs = this.#options.clock.monotonicMs()
  }

  #later(target: Target, backoff: Backoff): void {
    target.failures++
    const dueMs = this.#options.clock.monotonicMs() + backoffMs(backoff, target.failures, this.#options.fraction())
    target.dueMs = Math.max(dueMs, target.punishedUntilMs)
  }

  /** Starts the dials that are due and sets the timer for the next one. */
  #run(): void {
    this.#cancelTimer()
    if (!this.#isRunning) return
    const now = this.#options.clock.monotonicMs()
    for (const target of this.#waiting()) {
      if (target.dueMs > now || this.#dials >= dialsMax) break
      if (this.#options.isFull() && this.#reach(target) === 'not') this.#later(target, redialBackoff)
      else void this.#attempt(target)
    }
    const next = this.#dials < dialsMax ? this.#waiting()[0] : undefined
    if (next !== undefined) this.#cancelTimer = this.#options.clock.schedule(Math.max(0, next.dueMs - now), () => this.#run())
  }

  #waiting(): readonly Target[] {
    return [...this.#targets.values()].filter(target => this.#needsDial(target)).toSorted((a, b) => a.dueMs - b.dueMs)
  }

  #needsDial(target: Target): boolean {
    return target.attempt === undefined && target.addresses.length > 0 && this.#canImprove(target) && !this.#isSpare(target)
  }

  /** An entrance to a large cluster is not dialled again while others are connected: with a thousand members all would crowd there. */
  #isSpare({ peer, isWanted }: Target): boolean {
    return !isWanted && peer !== undefined && this.#connectedAtMs.size > 0 && this.#options.isDistant(peer)
  }

  /** A relayed connection may always turn into WebRTC; WebRTC into a stream only where there is an address for one. */
  #canImprove(target: Target): boolean {
    const reach = this.#reach(target)
    if (reach !== 'webrtc') return reach !== 'direct'
    return target.addresses.some(text => isStream(text))
  }

  #reach(target: Target): Reach {
    return target.peer === undefined ? 'not' : this.#options.reach(target.peer)
  }

  async #attempt(target: Target): Promise<void> {
    const present = this.#reach(target)
    const attempt = new AbortController()
    target.attempt = attempt
    this.#dials++
    try {
      const isKnown = target.peer === undefined || target.key === target.peer
      target.peer = await this.#options.dial(isKnown ? target.peer : undefined, target.addresses, present, attempt.signal)
      target.failures = 0
      if (this.#reach(target) !== 'direct') this.#later(target, upgradeBackoff)
    } catch (error) {
      const patient = isBetter(present, 'not') ? upgradeBackoff : redialBackoff
      if (attempt.signal.reason === moved) this.#later(target, redialBackoff)
      else if (!attempt.signal.aborted || attempt.signal.reason === superseded)
        this.#later(target, this.#options.isLasting(error) ? refusedBackoff : patient)
      else if (this.#isRunning) this.#retryNow(target)
    } finally {
      this.#dials--
      target.attempt = undefined
      this.#run()
    }
  }
}

function isStream(text: string): boolean {
  const address = parseAddress(text)
  return address !== undefined && address.transport !== 'other' && reachOf(address) === 'direct'
}
