/**
 * What was written and acknowledged, and what each write had seen: the truth that the cluster is held against at the end.
 *
 * A read names the writes that it shows, because each value begins with its request; so what a write has seen follows from values that were shown,
 * never from a context. Deletes are different: who reads a deleted key is not shown which delete it was. So a delete is checked by what it does: nothing
 * that it had seen may be there at the end.
 */
import { randomBytes } from 'node:crypto'
import { emptyContext } from '../../src/core/versions/causal-context.ts'
import { encodeUtf8 } from '../../src/core/codec.ts'
import { formatDot } from '../../src/core/versions/dot.ts'
import type { Actor, RequestId } from '../../src/core/identifiers.ts'
import type { Sibling, StoredRecord } from '../../src/core/versions/record.ts'
import { CausalHistory, type TrueWrite } from '../../src/simulation/checks/causal-history.ts'
import { SafetyChecks } from '../../src/simulation/checks/safety-checks.ts'
import type { ReadAnswer } from './chaos-peer.ts'

const requestDigits = 32

export class Ledger {
  readonly #history = new CausalHistory()
  readonly #checks: SafetyChecks
  readonly #keys = new Set<string>()
  readonly #deletes = new Map<string, TrueWrite[]>()
  readonly #answeredDeletes = new Set<TrueWrite>()
  readonly #dots = new Map<RequestId, Set<string>>()
  readonly #session = randomBytes(8).toString('hex')
  readonly #found: (problem: string) => void
  #requests = 0
  /** Acknowledged writes, deletes included. */
  acknowledged = 0
  /** Acknowledged writes that are missing, and deletes whose values are back. */
  lost = 0
  /** Acknowledged writes that are gone, and that only a delete without an answer had seen: it cannot be told whether that is right. */
  unknowable = 0

  /** `found` hears of each problem. */
  constructor(found: (problem: string) => void) {
    this.#found = found
    this.#checks = new SafetyChecks(this.#history, found)
  }

  get keys(): ReadonlySet<string> {
    return this.#keys
  }

  /** A write begins; its value begins with its request. `undefined` deletes. */
  begin(key: string, filler: string | undefined, seen: ReadonlySet<RequestId>): TrueWrite {
    const request = `${this.#session}${(++this.#requests).toString(16).padStart(16, '0')}` as RequestId
    const write = this.#history.begin(request, key, filler === undefined ? undefined : `${request}${filler}`, seen)
    this.#keys.add(key)
    if (filler === undefined) this.#deletes.set(key, [...(this.#deletes.get(key) ?? []), write])
    return write
  }

  /** The cluster said that the write is safe. */
  succeeded(write: TrueWrite, dot: string | undefined): void {
    if (write.value === undefined) {
      this.#answeredDeletes.add(write)
      // Nobody will be shown it by name, so nobody will have seen it.
      write.state = 'uncertain'
    } else write.state = 'acknowledged'
    this.acknowledged++
    if (dot !== undefined) this.#sawDot(write.key, siblingOf(write.request, dot))
  }

  failed(write: TrueWrite, mayHaveHappened: boolean): void {
    if (write.state === 'open') write.state = mayHaveHappened ? 'uncertain' : 'refused'
  }

  /** A read was answered; returns all writes that its reader has seen by it. */
  shown(key: string, { siblings }: ReadAnswer): ReadonlySet<RequestId> {
    const values = siblings.flatMap(({ text, dot }) =>
      text === undefined ? [] : [siblingOf(text.slice(0, requestDigits) as RequestId, dot, text)]
    )
    for (const sibling of values) this.#sawDot(key, sibling)
    this.#checks.shown(key, { context: emptyContext, siblings: values })
    return this.#history.pastOf(values.map(({ request }) => request))
  }

  /** The record that all owners of a key hold at the end. */
  finalState(key: string, record: StoredRecord): void {
    for (const sibling of record.siblings) this.#sawDot(key, sibling)
    this.#checks.shown(key, record)
    const deletes = this.#deletes.get(key) ?? []
    const present = record.siblings.map(({ request }) => request)
    const answered = deletes.filter(write => this.#answeredDeletes.has(write))
    const past = this.#history.pastOf([...present, ...answered.map(({ request }) => request)])
    const perhaps = this.#history.pastOf(deletes.map(({ request }) => request))
    for (const write of this.#history.of(key)) {
      if (write.state !== 'acknowledged') continue
      if (past.has(write.request)) this.#checkResurrected(write, present)
      else if (perhaps.has(write.request)) this.unknowable++
      else this.#lose(`LOST: ${key}, write ${write.request} was acknowledged, is not there at the end, and no later write had seen it`)
    }
    for (const write of answered) this.#checkResurrected(write, present)
  }

  /** What an acknowledged write had seen must be gone; but for a value whose request was coordinated twice, and seen once. */
  #checkResurrected(write: TrueWrite, present: readonly RequestId[]): void {
    for (const request of present) {
      if (!write.seen.has(request) || (this.#dots.get(request)?.size ?? 0) > 1) continue
      this.#lose(
        `BACK: ${write.key}, ${request} is there at the end, though the acknowledged ${write.value === undefined ? 'delete' : 'write'} ${write.request} had seen it`
      )
    }
  }

  #lose(problem: string): void {
    this.lost++
    this.#found(problem)
  }

  #sawDot(key: string, sibling: Sibling): void {
    const { request, dot } = sibling
    this.#dots.set(request, (this.#dots.get(request) ?? new Set()).add(formatDot(dot)))
    this.#checks.sawRecord(encodeUtf8(key), { context: emptyContext, siblings: [sibling] })
  }
}

function siblingOf(request: RequestId, dot: string, text?: string): Sibling {
  const [actor, counter] = dot.split(':')
  return {
    dot: { actor: actor as Actor, counter: Number(counter) },
    request,
    wallTime: 0,
    value: text === undefined ? undefined : encodeUtf8(text)
  }
}
