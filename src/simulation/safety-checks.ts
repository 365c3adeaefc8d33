/**
 * What must hold at every moment of a run, whatever fails: nothing invented, no false siblings, no dot twice, and no acknowledgement
 * without durable copies. And what must hold of the state at the end: no acknowledged write is missing.
 */
import { covers, emptyContext, joinContexts, type CausalContext } from '../core/causal-context.ts'
import { decodeUtf8 } from '../core/codec.ts'
import { formatDot } from '../core/dot.ts'
import { toMapKey } from '../core/bytes.ts'
import { encodeUtf8 } from '../core/codec.ts'
import type { Actor, PeerId, RequestId } from '../core/identifiers.ts'
import type { StoredRecord } from '../core/record.ts'
import type { BatchOperation } from '../protocol/effect.ts'
import { decodeRow, keyOfRow } from '../protocol/storage-layout.ts'
import type { CausalHistory } from './causal-history.ts'
import type { PutAnswer } from './client-call.ts'

const PROBLEMS_MAX = 20
const ROW = 'r'.charCodeAt(0)

export class SafetyChecks {
  readonly problems: string[] = []
  readonly #history: CausalHistory
  readonly #found: (problem: string) => void
  readonly #requestByDot = new Map<string, RequestId>()
  readonly #dotByRequest = new Map<RequestId, string>()
  /** Requests that were coordinated more than once. */
  readonly #repeated = new Set<RequestId>()
  /** Where each actor writes: the first peer that held a dot of it. */
  readonly #writers = new Map<Actor, PeerId>()
  readonly #everDurable = new Map<string, CausalContext>()
  /** Values shown beside a newer one because their request was coordinated twice: allowed, and rare. */
  repeatedShown = 0

  /** `found` hears of each problem as it is found. */
  constructor(history: CausalHistory, found: (problem: string) => void = () => undefined) {
    this.#history = history
    this.#found = found
  }

  /** A record was seen anywhere. */
  sawRecord(record: StoredRecord): void {
    for (const { dot, request } of record.siblings) {
      const text = formatDot(dot)
      const known = this.#requestByDot.get(text)
      if (known === undefined) this.#requestByDot.set(text, request)
      else if (known !== request) this.#problem(`dot ${text} was minted twice, for ${known} and ${request}`)
      const other = this.#dotByRequest.get(request)
      if (other === undefined) this.#dotByRequest.set(request, text)
      else if (other !== text) this.#repeated.add(request)
    }
  }

  /** A batch became durable at a peer. */
  becameDurable(peer: PeerId, batch: readonly BatchOperation[]): void {
    for (const operation of batch) {
      if (operation.type !== 'put' || operation.key[0] !== ROW) continue
      const name = copyName(peer, keyOfRow(operation.key))
      const { record } = decodeRow(operation.value)
      this.sawRecord(record)
      this.#checkWrittenOnce(peer, record)
      this.#everDurable.set(name, joinContexts(this.#everDurable.get(name) ?? emptyContext, record.context))
    }
  }

  /** The replica that wrote a request finds what the request left there, as long as that is current. */
  #checkWrittenOnce(peer: PeerId, { siblings }: StoredRecord): void {
    for (const { dot } of siblings) if (!this.#writers.has(dot.actor)) this.#writers.set(dot.actor, peer)
    if (siblings.length < 2) return
    const written = new Set<string>()
    for (const { dot, request } of siblings) {
      if (this.#writers.get(dot.actor) !== peer) continue
      const name = `${dot.actor}/${request}`
      if (written.has(name)) this.#problem(`${peer} wrote request ${request} a second time beside its first`)
      written.add(name)
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

  /** A caller was shown this record. */
  shown(key: string, record: StoredRecord): void {
    this.#checkInvented(key, record)
    this.#checkSuperseded(`a read of ${key} shows`, record)
  }

  /** The state in which all owners of a key agree at the end. */
  finalState(key: string, record: StoredRecord): void {
    this.#checkInvented(key, record)
    this.#checkSuperseded(`${key} ends with`, record)
    const present = record.siblings.map(({ request }) => request)
    const past = this.#history.pastOf(present)
    for (const write of this.#history.of(key)) {
      if (write.state === 'acknowledged' && !past.has(write.request)) {
        this.#problem(
          `LOST: ${key} = ${write.value ?? 'deleted'} (${write.request}) was acknowledged, is not in the final state and nobody who wrote it had seen it`
        )
      }
    }
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
    for (const request of this.#history.superseded(requests)) {
      if (this.#repeated.has(request)) this.repeatedShown += 1
      else
        this.#problem(
          `${what} a false sibling: ${this.#history.get(request)?.value ?? 'deleted'} (${request}) was seen by the writer of another value shown`
        )
    }
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
