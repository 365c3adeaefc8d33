/**
 * One peer of a simulated cluster: runs the real {@link RingPeer} on a simulated disk, clock and network, with the same meaning of effects
 * as the driver in `store/`: what a step sends to its own peer is delivered before anything else, and the effects of a write wait until it
 * is durable. It can end at any effect.
 */
import { Writer } from '../../core/codec.ts'
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import type { Effect, GetOutcome, PutOutcome } from '../../protocol/effect.ts'
import type { GetCall } from '../../protocol/requests/get-coordinator.ts'
import { encodeHello, judgeHello } from '../../protocol/membership/hello.ts'
import type { Instant } from '../../protocol/instant.ts'
import type { Message, PutCall } from '../../protocol/wire/message.ts'
import { writeMessage } from '../../protocol/wire/message-codec.ts'
import { leaveMintingId } from '../../protocol/replica/minting-id.ts'
import type { RingPeer } from '../../protocol/ring-peer.ts'
import { PeerClock, throttled } from './peer-clock.ts'
import { createRingPeer, requestIdOf, type CallOutcome, type Life, type SimulatedPeerParts } from './peer-life.ts'
import type { Endpoint } from './simulated-network.ts'
import type { SimulatedStorage, StorageAnswer, Unsynced } from './simulated-storage.ts'
import { loadStoredState } from './stored-state.ts'

export class SimulatedPeer implements Endpoint {
  readonly peer: PeerId
  readonly storage: SimulatedStorage
  readonly #parts: SimulatedPeerParts
  readonly #out = new Writer()
  readonly #mayKnow: () => readonly PeerId[]
  #life: Life | undefined
  #lives = 0
  #effectsUntilCrash = Number.POSITIVE_INFINITY
  #crashedMidStep: () => void = () => undefined
  #pausedUntilMs = 0
  readonly clock: PeerClock
  /** Latest that a timer fires after its time. */
  timerLatenessMs = 0
  /** Timers fire only at multiples of it, as in a hidden tab; 0 for any time. */
  timerGrainMs = 0

  /** `mayKnow` answers the peers to join by. */
  constructor(parts: SimulatedPeerParts, mayKnow: () => readonly PeerId[]) {
    this.#parts = parts
    this.peer = parts.peer
    this.storage = parts.storage
    this.clock = new PeerClock(parts.time, parts.profile.wallSkewMs ?? 0)
    this.#mayKnow = mayKnow
  }

  get isRunning(): boolean {
    return this.#life !== undefined
  }

  /** True when its storage may be an older state of itself. */
  get mayRollBack(): boolean {
    return this.#parts.profile.mayRollBack === true
  }

  /** Virtual time of its last start, while it runs. */
  get startedAtMs(): number | undefined {
    return this.#life?.startedAtMs
  }

  get isPaused(): boolean {
    return this.#pausedUntilMs > this.#parts.time.nowMs
  }

  /** The protocol's state while the peer runs. */
  get ringPeer(): RingPeer | undefined {
    return this.#life?.ringPeer
  }

  /** Starts with what the storage holds. */
  start(): void {
    if (this.#life !== undefined) return
    const { network, random, observer } = this.#parts
    this.#lives += 1
    const own = random.fork(`${this.peer}/${this.#lives}`)
    const state = loadStoredState(this.storage, this.peer, own, this.#parts.shared.recordOf)
    this.#life = {
      ringPeer: createRingPeer(this.#parts, state, own, this.#mayKnow().length > 0, this.clock.now().wallMs),
      calls: new Map(),
      admitted: new Map(),
      following: [],
      deferred: [],
      session: own.uint32().toString(16).padStart(8, '0'),
      stepping: false,
      wakeAtMs: Number.POSITIVE_INFINITY,
      lastCall: 0,
      startedAtMs: this.#parts.time.nowMs
    }
    observer.noted(this.peer, `starts, life ${this.#lives}, ${state.rows} rows, ${state.hintRows.length} hints`)
    this.#want([])
    this.#step((peer, now, effects) => peer.start(now, effects))
    network.attach(this)
  }

  /** Ends at once, as if the power went. */
  crash(unsynced: Unsynced = 'some'): void {
    if (this.#life === undefined) return
    this.#parts.observer.noted(this.peer, 'crashes')
    this.#end(false)
    this.storage.crash(unsynced)
  }

  /** Ends in good order: what was written is kept, the others are told. */
  stop(): void {
    const life = this.#life
    if (life === undefined) return
    this.#parts.observer.noted(this.peer, 'stops')
    this.#step((peer, _now, effects) => peer.rest(effects))
    // A crash in the middle of that step came first.
    if (this.#life !== life) return
    const lastWord = leaveMintingId(life.ringPeer, this.clock.now().wallMs)
    this.#end(true)
    this.storage.crash('kept')
    if (!this.storage.isFull && this.storage.failuresLeft === 0) this.storage.tamper(lastWord)
  }

  /** Crashes in the middle of a step, before the effect with this number from now (0 is the next); then calls `crashed`. */
  crashBeforeEffect(number: number, crashed: () => void = () => undefined): void {
    this.#effectsUntilCrash = number
    this.#crashedMidStep = crashed
  }

  /** Does nothing for a while, then everything that came meanwhile. */
  pause(forMs: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#parts.time.nowMs + forMs)
    this.#parts.observer.noted(this.peer, `pauses for ${forMs} ms`)
  }

  /** Timers are on time again, those that wait included. */
  mendTimers(): void {
    this.timerLatenessMs = 0
    this.timerGrainMs = 0
    const life = this.#life
    if (life === undefined) return
    life.wakeAtMs = Number.POSITIVE_INFINITY
    this.#schedule(life)
  }

  /** Ends a pause before its time. */
  resume(): void {
    this.#pausedUntilMs = 0
    const life = this.#life
    if (life !== undefined) this.#catchUp(life)
  }

  get(call: GetCall, done: (outcome: CallOutcome) => void): void {
    this.#call(done, (peer, number, now, effects) => peer.get(now, number, call, effects))
  }

  put(call: PutCall, done: (outcome: CallOutcome) => void): void {
    this.#call(done, (peer, number, now, effects) => peer.put(now, number, call, effects))
  }

  leave(): void {
    this.#parts.observer.noted(this.peer, 'leaves')
    this.#step((peer, now, effects) => peer.leave(now, effects))
  }

  evict(member: PeerId): void {
    this.#parts.observer.noted(this.peer, `evicts ${member}`)
    this.#step((peer, now, effects) => peer.evict(now, 0, member, effects))
  }

  /** A request id that this peer has not used yet. */
  nextRequest(counter: number): RequestId {
    return requestIdOf(this.#life, counter)
  }

  hello(): Uint8Array {
    const member = this.#life?.ringPeer.member
    return member === undefined ? new Uint8Array(0) : encodeHello(this.#parts.configuration, member)
  }

  admit(peer: PeerId, hello: Uint8Array): boolean {
    const judged = judgeHello(this.#parts.configuration, peer, hello, this.#parts.shared.verifier)
    if ('refusal' in judged) this.#parts.observer.noted(this.peer, `refuses ${peer}: ${judged.refusal.message}`)
    else this.#life?.admitted.set(peer, this.#parts.shared.known(judged.member))
    return !('refusal' in judged)
  }

  connected(peer: PeerId): void {
    this.#input(() => {
      const member = this.#life?.admitted.get(peer)
      this.#step((ringPeer, now, effects) => ringPeer.connected(now, peer, member, effects))
    })
  }

  disconnected(peer: PeerId): void {
    this.#input(() => this.#step((ringPeer, now, effects) => ringPeer.disconnected(now, peer, effects)))
  }

  frame(from: PeerId, frame: Uint8Array): void {
    this.#input(() => {
      const message = this.#read(frame)
      if (message !== undefined) this.#step((ringPeer, now, effects) => ringPeer.receive(now, from, message, effects))
    })
  }

  gossip(_from: PeerId, bytes: Uint8Array, accepted: () => void): void {
    this.#input(() =>
      this.#step((ringPeer, now, effects) => {
        if (ringPeer.gossip(now, bytes, effects) === 'accept') accepted()
      })
    )
  }

  isDistant(peer: PeerId): boolean {
    return this.#life?.ringPeer.isDistant(peer) ?? false
  }

  unreachable(peer: PeerId): void {
    this.#input(() => this.#step((ringPeer, now, effects) => ringPeer.unreachable(now, peer, effects)))
  }

  /** A message that another peer of ours wrote: failing to read it is a mistake of the codec. */
  #read(frame: Uint8Array): Message | undefined {
    try {
      return this.#parts.shared.messageOf(frame.slice())
    } catch (error) {
      this.#parts.observer.broke(this.peer, error)
      return undefined
    }
  }

  #end(goodbye: boolean): void {
    const { network } = this.#parts
    const life = this.#life
    this.#life = undefined
    this.#effectsUntilCrash = Number.POSITIVE_INFINITY
    this.#pausedUntilMs = 0
    network.detach(this.peer, goodbye)
    for (const done of life?.calls.values() ?? []) this.#parts.time.after(0, () => done(undefined))
  }

  #call(done: (outcome: CallOutcome) => void, begin: (peer: RingPeer, number: number, now: Instant, effects: Effect[]) => void): void {
    const life = this.#life
    if (life === undefined) return this.#parts.time.after(0, () => done(undefined))
    life.lastCall += 1
    const number = life.lastCall
    life.calls.set(number, done)
    this.#input(() => this.#step((peer, now, effects) => begin(peer, number, now, effects)))
  }

  /** Something reaches the peer: at once, or when its pause is over; always in order. */
  #input(act: () => void): void {
    const life = this.#life
    if (life === undefined) return
    if (!this.isPaused && life.deferred.length === 0) return act()
    life.deferred.push(act)
    if (life.deferred.length === 1) this.#resumeLater(life)
  }

  #resumeLater(life: Life): void {
    const { time } = this.#parts
    time.after(this.#pausedUntilMs - time.nowMs, () => {
      if (this.#life !== life) return
      if (this.isPaused) return this.#resumeLater(life)
      this.#catchUp(life)
    })
  }

  /** What came during a pause, in order. */
  #catchUp(life: Life): void {
    for (const act of life.deferred.splice(0)) if (this.#life === life) act()
  }

  #step(step: (peer: RingPeer, now: Instant, effects: Effect[]) => unknown): void {
    const life = this.#life
    if (life === undefined) return
    this.#stepOnce(life, (now, effects) => step(life.ringPeer, now, effects))
    if (life.stepping) return
    life.stepping = true
    for (let next = life.following.shift(); next !== undefined; next = life.following.shift()) this.#stepOnce(life, next)
    life.stepping = false
    this.#schedule(life)
  }

  #stepOnce(life: Life, step: (now: Instant, effects: Effect[]) => unknown): void {
    if (this.#life !== life) return
    const effects: Effect[] = []
    try {
      step(this.clock.now(), effects)
      for (const effect of effects) {
        if (this.#life !== life) return
        if (this.#effectsUntilCrash <= 0) return this.#crashMidStep()
        this.#effectsUntilCrash -= 1
        this.#perform(life, effect)
      }
    } catch (error) {
      this.#parts.observer.broke(this.peer, error)
      this.crash()
    }
  }

  #crashMidStep(): void {
    this.crash()
    this.#crashedMidStep()
  }

  #perform(life: Life, effect: Effect): void {
    const { network, observer } = this.#parts
    switch (effect.kind) {
      case 'send':
        return this.#send(life, effect)
      case 'broadcast':
        return network.publish(this.peer, effect.bytes)
      case 'read':
        return this.storage.read(
          effect.keys,
          this.#answering(life, effect.token, (values, peer, now, effects) => peer.loaded(now, effect.token, values, effects))
        )
      case 'scan':
        return this.storage.scan(
          effect.prefix,
          effect.after,
          effect.limit,
          this.#answering(life, effect.token, (rows, peer, now, effects) => peer.scanned(now, effect.token, rows, effects))
        )
      case 'write':
        return this.storage.write(
          effect.batch,
          this.#answering(life, effect.token, (_, peer, now, effects) => {
            effects.push(...effect.then)
            peer.written(now, effect.token, effects)
          })
        )
      case 'settle':
        return effect.outcome.kind === 'evict' ? undefined : this.#settle(life, effect.call, effect.outcome)
      case 'want':
        return this.#want(effect.peers.map(({ peer }) => peer))
      case 'report':
        return observer.reported(this.peer, effect.event)
    }
  }

  #answering<Value>(
    life: Life,
    token: number,
    take: (value: Value, peer: RingPeer, now: Instant, effects: Effect[]) => void
  ): (answer: StorageAnswer<Value>) => void {
    return answer => {
      if (this.#life !== life) return
      this.#input(() =>
        this.#step((peer, now, effects) => {
          if (!answer.ok) return peer.failed(now, token, answer.failure, effects)
          peer.damaged(now, answer.damaged, effects)
          take(answer.value, peer, now, effects)
        })
      )
    }
  }

  #send(life: Life, effect: Extract<Effect, { kind: 'send' }>): void {
    const { network, observer } = this.#parts
    const { to, lane, message } = effect
    observer.sent(this.peer, to, message, lane)
    if (this.#parts.withholds(effect)) return
    if (to === this.peer) {
      life.following.push((now, effects) => life.ringPeer.receive(now, to, message, effects))
      return
    }
    this.#out.reset()
    writeMessage(this.#out, message)
    const frame = this.#out.finish()
    observer.framed(this.peer, message, frame.length)
    if (!network.send(this.peer, to, frame)) {
      life.following.push((now, effects) => life.ringPeer.unsent(now, to, message, effects))
    }
  }

  #settle(life: Life, call: number, outcome: GetOutcome | PutOutcome): void {
    const done = life.calls.get(call)
    life.calls.delete(call)
    if (done !== undefined) this.#parts.time.after(0, () => done(outcome))
  }

  #want(members: readonly PeerId[]): void {
    this.#parts.network.want(this.peer, [...members, ...this.#mayKnow().filter(peer => !this.isDistant(peer))])
  }

  /** Keeps one timer, for the earliest deadline. */
  #schedule(life: Life): void {
    if (this.#life !== life) return
    const { time, random } = this.#parts
    const deadlineMs = life.ringPeer.deadline()
    if (deadlineMs >= life.wakeAtMs) return
    life.wakeAtMs = deadlineMs
    const lateMs = this.timerLatenessMs === 0 ? 0 : random.below(this.timerLatenessMs)
    time.after(throttled(time.nowMs, this.clock.trueMsUntil(deadlineMs) + lateMs, this.timerGrainMs), () => {
      if (this.#life !== life || life.wakeAtMs !== deadlineMs) return
      this.#input(() => {
        life.wakeAtMs = Number.POSITIVE_INFINITY
        this.#step((peer, now, effects) => peer.wake(now, effects))
      })
    })
  }
}
