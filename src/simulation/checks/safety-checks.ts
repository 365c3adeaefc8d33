/**
 * What must hold at every moment of a run, whatever fails: nothing invented, no false siblings, no dot twice, and no acknowledgement
 * without durable copies. And what must hold of the state at the end: no acknowledged write is missing.
 */
import { covers, descends, emptyContext, joinContexts, type CausalContext } from '../../core/versions/causal-context.ts'
import { decodeUtf8 } from '../../core/codec.ts'
import { formatDot } from '../../core/versions/dot.ts'
import { toMapKey } from '../../core/bytes.ts'
import { encodeUtf8 } from '../../core/codec.ts'
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { BatchOperation } from '../../protocol/effect.ts'
import type { Message } from '../../protocol/wire/message.ts'
import { decodeRow, keyOfRow } from '../../protocol/storage-layout.ts'
import type { CausalHistory, TrueWrite } from './causal-history.ts'
import type { PutAnswer } from '../run/client-call.ts'
import { keyText } from '../run/trace.ts'

const PROBLEMS_MAX = 20
const ASKED_MAX = 4096
const ROW = 'r'.charCodeAt(0)

export class SafetyChecks {
  readonly problems: string[] = []
  readonly #history: CausalHistory
  readonly #found: (problem: string) => void
  readonly #damaged: () => PeerId | undefined
  readonly #requestByDot = new Map<string, RequestId>()
  readonly #dotByRequest = new Map<RequestId, string>()
  /** Requests that were coordinated more than once. */
  readonly #repeated = new Set<RequestId>()
  readonly #everDurable = new Map<string, CausalContext>()
  /** Copies that were dropped at least once. */
  readonly #dropped = new Set<string>()
  /** What peers were asked to make durable, by who asked whom and the number. */
  readonly #asked = new Map<string, readonly (readonly [key: Uint8Array, record: StoredRecord])[]>()
  /** Deletes of which nothing was left at some peer. */
  readonly #reaped = new Set<RequestId>()
  /** Values shown beside a newer one because their request was coordinated twice: allowed, and rare. */
  repeatedShown = 0

  /** `found` hears of each problem as it is found; `damaged` answers the peer whose disk took damage, if any did. */
  constructor(
    history: CausalHistory,
    found: (problem: string) => void = () => undefined,
    damaged: () => PeerId | undefined = () => undefined
  ) {
    this.#history = history
    this.#found = found
    this.#damaged = damaged
  }

  /** A record of a key was seen anywhere. A dot is one write of that key for ever. */
  sawRecord(key: Uint8Array, record: StoredRecord): void {
    for (const { dot, request } of record.siblings) {
      const text = formatDot(dot)
      const name = `${toMapKey(key)}/${text}`
      const known = this.#requestByDot.get(name)
      if (known === undefined) this.#requestByDot.set(name, request)
      else if (known !== request) this.#problem(`dot ${text} was minted twice, for ${known} and ${request}`)
      const other = this.#dotByRequest.get(request)
      if (other === undefined) this.#dotByRequest.set(request, text)
      else if (other !== text) this.#repeated.add(request)
    }
  }

  /** A batch became durable at a peer. */
  becameDurable(peer: PeerId, batch: readonly BatchOperation[]): void {
    for (const operation of batch) {
      if (operation.key[0] !== ROW) continue
      const name = copyName(peer, keyOfRow(operation.key))
      if (operation.type === 'delete') {
        this.#dropped.add(name)
        continue
      }
      const { record } = decodeRow(operation.value)
      this.#checkWrittenOnce(peer, keyOfRow(operation.key), record)
      this.sawRecord(keyOfRow(operation.key), record)
      this.#everDurable.set(name, joinContexts(this.#everDurable.get(name) ?? emptyContext, record.context))
    }
  }

  /**
   * The replica that writes a request finds what the request left there, as long as that is current. Only a dot that nobody has seen is written just now: a
   * disk that was rolled back may get the second dot of a request from others, beside the first.
   */
  #checkWrittenOnce(peer: PeerId, key: Uint8Array, { siblings }: StoredRecord): void {
    for (const [at, { dot, request }] of siblings.entries()) {
      if (this.#requestByDot.has(`${toMapKey(key)}/${formatDot(dot)}`)) continue
      const isTwice = siblings.slice(0, at).some(first => first.request === request && first.dot.actor === dot.actor)
      if (isTwice) this.#problem(`${peer} wrote request ${request} a second time beside its first`)
    }
  }

  /** A caller was told that its put succeeded. */
  acknowledged(key: string, answer: PutAnswer, asked: number): void {
    const { acknowledged, dot, request, w, n } = answer
    if (w !== Math.min(asked, Math.max(n, 1))) this.#problem(`put ${request} asked for w=${asked} of n=${n} and was answered with w=${w}`)
    if (new Set(acknowledged).size !== acknowledged.length) this.#problem(`put ${request} counts a peer twice: ${acknowledged.join()}`)
    if (acknowledged.length < w) this.#problem(`put ${request} was acknowledged by ${acknowledged.join()} instead of ${w} peers`)
    for (const peer of acknowledged) {
      const durable = this.#everDurable.get(copyName(peer, encodeUtf8(key)))
      if (dot === undefined || durable === undefined || !covers(durable, dot))
        this.#problem(`put ${request} of ${key} counts ${peer}, which never held it durably`)
    }
  }

  /**
   * A caller was shown this record by a read that had begun at `begunAtMs` and that these peers replied to. Whoever of them had
   * acknowledged a write before that must have shown it, or what superseded it, unless that was a delete that all owners have forgotten.
   */
  shown(key: string, record: StoredRecord, replied: readonly PeerId[] = [], begunAtMs = 0): void {
    this.#checkInvented(key, record)
    this.#checkSuperseded(`a read of ${key} shows`, record)
    const past = this.#history.pastOf([...record.siblings, ...this.#reapedOf(key)].map(({ request }) => request))
    for (const write of this.#history.of(key)) {
      if (write.acknowledgedAtMs >= begunAtMs || past.has(write.request)) continue
      const witness = replied.find(peer => write.acknowledgedBy.has(peer) && !this.#mayHaveForgotten(peer, key))
      if (witness !== undefined)
        this.#problem(`STALE: a read of ${key} does not know of ${nameOf(write)}, and ${witness}, which had acknowledged it, replied`)
    }
  }

  /** Nothing of a delete is left here: all owners have had it for long enough. */
  reaped(record: StoredRecord): void {
    for (const { request } of record.siblings) this.#reaped.add(request)
  }

  /**
   * The state in which all owners of a key agree at the end: exactly the maximal elements of the true history, which is all that was
   * acknowledged, all that is there, and what was reaped. Of what was deleted and forgotten, `mayReturn` may be there all the same.
   */
  finalState(key: string, record: StoredRecord, mayReturn: ReadonlySet<RequestId> = new Set()): void {
    this.#checkInvented(key, record)
    const present = new Set(record.siblings.map(({ request }) => request))
    const writes = this.#history.of(key)
    const reaped = this.#reapedOf(key)
    const acknowledged = writes.filter(write => write.state === 'acknowledged' && !this.#mayBeLost(write))
    const expected = this.#history.maximal(new Set([...present, ...[...acknowledged, ...reaped].map(({ request }) => request)]))
    for (const write of acknowledged)
      if (expected.has(write.request) && !present.has(write.request) && !this.#reaped.has(write.request))
        this.#problem(`LOST: ${nameOf(write)} was acknowledged, is not in the final state and nobody who wrote it had seen it`)
    const deleted = this.#history.pastOf(reaped.map(({ request }) => request))
    for (const request of present) {
      if (expected.has(request) || (deleted.has(request) && mayReturn.has(request))) continue
      const others = [...present].filter(other => other !== request)
      if (deleted.has(request) && !this.#history.pastOf(others).has(request))
        this.#problem(
          `RESURRECTED: ${key} ends with ${this.#history.get(request)?.value ?? 'deleted'} (${request}), which was deleted for good`
        )
      else this.#superseded(`${key} ends with`, request)
    }
  }

  #reapedOf(key: string): readonly TrueWrite[] {
    return this.#reaped.size === 0 ? [] : this.#history.of(key).filter(({ request }) => this.#reaped.has(request))
  }

  /** All that a peer ever held durably of a key. */
  everHeld(peer: PeerId, key: Uint8Array): CausalContext {
    return this.#everDurable.get(copyName(peer, key)) ?? emptyContext
  }

  /** A peer tells another that something is durable: at this moment it must be. */
  sent(from: PeerId, to: PeerId, message: Message): void {
    if (message.type === 'replicate') this.#asked.set(`${from}>${to} ${message.id}`, [[message.key, message.record]])
    else if (message.type === 'handoff')
      this.#asked.set(
        `${from}>${to} ${message.id}`,
        message.entries.map(({ key, record }) => [key, record])
      )
    else if (message.type === 'replicated' && message.status === 'ok') this.#checkTold(to, from, message.id, [0])
    else if (message.type === 'handed-off') this.#checkTold(to, from, message.id, message.stored)
    for (const oldest of this.#asked.keys()) {
      if (this.#asked.size <= ASKED_MAX) break
      this.#asked.delete(oldest)
    }
  }

  #checkTold(asker: PeerId, teller: PeerId, id: number, numbers: readonly number[]): void {
    const asked = this.#asked.get(`${asker}>${teller} ${id}`) ?? []
    for (const [key, record] of asked.filter((_, number) => numbers.includes(number))) {
      const durable = this.#everDurable.get(copyName(teller, key)) ?? emptyContext
      if (!descends(durable, record.context)) this.#problem(`${teller} tells ${asker} that it holds ${keyText(key)} durably before it does`)
    }
  }

  /** True where a reply need not know what its peer had acknowledged: its disk was damaged, or it has given the copy away since. */
  #mayHaveForgotten(peer: PeerId, key: string): boolean {
    return peer === this.#damaged() || this.#dropped.has(copyName(peer, encodeUtf8(key)))
  }

  /** True for a write that only one disk held, in a run in which a disk takes damage. */
  #mayBeLost(write: TrueWrite): boolean {
    return this.#damaged() !== undefined && write.acknowledgedBy.size < 2
  }

  #checkInvented(key: string, record: StoredRecord): void {
    for (const { request, value } of record.siblings) {
      const write = this.#history.get(request)
      const text = value === undefined ? undefined : decodeUtf8(value)
      if (write === undefined || write.key !== key || write.value !== text)
        this.#problem(`${key} holds a value that nobody wrote there: ${text ?? 'deleted'}`)
      else if (write.state === 'refused')
        this.#problem(`${key} holds ${text ?? 'deleted'}, of which its writer was told that nothing was written`)
    }
  }

  #checkSuperseded(what: string, record: StoredRecord): void {
    const requests = [...new Set(record.siblings.map(({ request }) => request))]
    for (const request of this.#history.superseded(requests)) this.#superseded(what, request)
  }

  #superseded(what: string, request: RequestId): void {
    if (this.#repeated.has(request)) this.repeatedShown += 1
    else
      this.#problem(
        `${what} a false sibling: ${this.#history.get(request)?.value ?? 'deleted'} (${request}) was seen by the writer of another value shown`
      )
  }

  #problem(text: string): void {
    if (this.problems.length >= PROBLEMS_MAX) return
    this.problems.push(text)
    this.#found(text)
  }
}

function copyName(peer: PeerId, key: Uint8Array): string {
  return `${peer}/${toMapKey(key)}`
}

function nameOf({ key, value, request }: TrueWrite): string {
  return `${key} = ${value ?? 'deleted'} (${request})`
}
