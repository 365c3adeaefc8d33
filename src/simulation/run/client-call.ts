/** Calls of simulated clients: what is asked, and what came of it. */
import { emptyContext, withDot, type CausalContext } from '../../core/versions/causal-context.ts'
import { decodeUtf8 } from '../../core/codec.ts'
import type { PeerId, RequestId } from '../../core/identifiers.ts'
import { maximalSiblings, type StoredRecord } from '../../core/versions/record.ts'
import type { GetOutcome, PutOutcome } from '../../protocol/effect.ts'
import type { CallOutcome } from '../cluster/peer-life.ts'

export interface CallOptions {
  /** R or W. @default 2 */
  readonly quorum?: number
  /** @default true */
  readonly sloppy?: boolean
  /** @default 5,000 */
  readonly timeoutMs?: number
}

export interface PutInput extends CallOptions {
  /** What the caller has read. @default nothing */
  readonly context?: CausalContext
  /** @default a new one */
  readonly request?: RequestId
}

export interface GetAnswer {
  readonly status: GetOutcome['status'] | 'crashed'
  /** Values as callers see them, sorted; deletes are left out. */
  readonly values: readonly string[]
  readonly context: CausalContext
  readonly replied: readonly PeerId[]
  readonly r: number
  readonly n: number
}

export interface PutAnswer extends Omit<PutOutcome, 'kind' | 'status'> {
  readonly status: PutOutcome['status'] | 'crashed'
  /** What the caller has seen after this write. */
  readonly context: CausalContext
}

/** A call of a client. */
export interface AskedCall {
  readonly kind: 'get' | 'put'
  readonly peer: PeerId
  readonly key: string
  readonly quorum: number
  readonly sloppy: boolean
  readonly askedAtMs: number
}

export function getAnswer(outcome: CallOutcome): GetAnswer {
  if (outcome?.kind !== 'get') return { status: 'crashed', values: [], context: emptyContext, replied: [], r: 0, n: 0 }
  const { status, record, replied, r, n } = outcome
  return { status, values: valuesOf(record), context: record.context, replied, r, n }
}

export function putAnswer(outcome: CallOutcome, context: CausalContext, request: RequestId): PutAnswer {
  if (outcome?.kind !== 'put') {
    return {
      status: 'crashed',
      mayHaveHappened: true,
      dot: undefined,
      coordinator: undefined,
      acknowledged: [],
      hinted: [],
      siblings: 0,
      request,
      w: 0,
      n: 0,
      context
    }
  }
  const { kind: _kind, ...rest } = outcome
  return { ...rest, context: outcome.dot === undefined ? context : withDot(context, outcome.dot) }
}

/** Values as callers see them, sorted. */
export function valuesOf(record: StoredRecord): readonly string[] {
  return maximalSiblings(record)
    .flatMap(({ value }) => (value === undefined ? [] : [decodeUtf8(value) ?? '']))
    .sort()
}
