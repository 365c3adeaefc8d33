/**
 * Which sessions there are with each peer, and which of them is used.
 *
 * Two peers that dial each other at the same time get two connections; so does a pair that was relayed and now reaches each other
 * directly. Both ends choose by the same rule (streams before WebRTC before relayed, then the one dialled by the smaller peer id, then the younger) and
 * send on the chosen one. The smaller peer id closes the others, after a grace in which what is under way still arrives; only one end
 * does, because the two may disagree about which of two connections is younger.
 */
import type { Admission, Lane } from '../../ports/network.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { Writer } from '../../core/codec.ts'
import { StoreError } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Hello } from './hello.ts'
import { isBetter, reachOf } from './reach.ts'
import type { Session } from './session.ts'

/** How long a session that is no longer used stays open for what is under way. */
const surplusGraceMs = 2_000

export interface SessionTableEvents {
  /** First session with the peer. */
  connected(peer: PeerId): void
  /** Last session with the peer ended. */
  disconnected(peer: PeerId): void
}

export class SessionTable {
  readonly #self: PeerId
  readonly #clock: Clock
  readonly #events: SessionTableEvents
  /** Open sessions by peer, the one in use first. */
  readonly #open = new Map<PeerId, Session[]>()

  constructor(self: PeerId, clock: Clock, events: SessionTableEvents) {
    this.#self = self
    this.#clock = clock
    this.#events = events
  }

  /** The session that is used to send to `peer`. */
  current(peer: PeerId): Session | undefined {
    return this.#open.get(peer)?.[0]
  }

  /** The sessions in use, one per peer. */
  currents(): readonly Session[] {
    return [...this.#open.values()].map(sessions => sessions[0] as Session)
  }

  /** Every open session. */
  all(): readonly Session[] {
    return [...this.#open.values()].flat()
  }

  send(peer: PeerId, lane: Lane, encode: (out: Writer) => void): boolean {
    return this.#open.get(peer)?.[0]?.send(lane, encode) ?? false
  }

  /** Judges a hello by the run that it names: an older run than one that is connected is a copied identity, or a late ghost. */
  judgeRun(peer: PeerId, hello: Hello): Admission {
    const others = this.#otherRuns(peer, hello)
    if (others.every(other => (other.remote?.startedMs ?? 0) <= hello.startedMs)) return { admit: true }
    const message = `Another process that started later is connected as ${peer}. If both are meant to run, give one an identity of its own.`
    return { admit: false, code: 'ERR_DUPLICATE_IDENTITY', message }
  }

  opened(session: Session): void {
    if (session.remote !== undefined) this.#dropOlderRuns(session.peer, session.remote)
    const sessions = [...(this.#open.get(session.peer) ?? []), session]
    this.#open.set(
      session.peer,
      sessions.toSorted((a, b) => this.#compare(a, b))
    )
    if (sessions.length === 1) this.#events.connected(session.peer)
    else this.#closeSurplus(session.peer)
  }

  closed(session: Session): void {
    const before = this.#open.get(session.peer)
    if (before?.includes(session) !== true) return
    const rest = before.filter(other => other !== session)
    if (rest.length > 0) return void this.#open.set(session.peer, rest)
    this.#open.delete(session.peer)
    this.#events.disconnected(session.peer)
  }

  #otherRuns(peer: PeerId, hello: Hello): readonly Session[] {
    return (this.#open.get(peer) ?? []).filter(session => session.remote?.session !== hello.session)
  }

  /** Ends sessions with earlier runs of the peer: after a reload they would look alive for many seconds. */
  #dropOlderRuns(peer: PeerId, hello: Hello): void {
    for (const session of this.#otherRuns(peer, hello)) {
      session.abort(new StoreError('ERR_CLOSED', 'The peer started anew and connected again.'))
    }
  }

  #closeSurplus(peer: PeerId): void {
    if (this.#self > peer) return
    this.#clock.schedule(surplusGraceMs, () => {
      for (const session of this.#open.get(peer)?.slice(1) ?? []) void session.close()
    })
  }

  /** Negative when `a` is to be preferred. Both ends agree, but for the last criterion, where the order of arrival may differ. */
  #compare(a: Session, b: Session): number {
    const [reachA, reachB] = [reachOf(a.info), reachOf(b.info)]
    if (reachA !== reachB) return isBetter(reachA, reachB) ? -1 : 1
    const dialler = Number(this.#isDialledBySmaller(b)) - Number(this.#isDialledBySmaller(a))
    return dialler !== 0 ? dialler : b.order - a.order
  }

  #isDialledBySmaller(session: Session): boolean {
    return session.isOpener === this.#self < session.peer
  }
}
