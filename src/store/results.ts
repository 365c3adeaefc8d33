/** Outcomes of the protocol as callers see them: results, or typed errors. */
import { formatDot } from '../core/versions/dot.ts'
import { StoreError, type ErrorCode } from '../core/errors.ts'
import { wallTimeMs } from '../core/versions/hybrid-clock.ts'
import { recordBytesMax, siblingsMax } from '../core/limits.ts'
import { writerOf } from '../core/identifiers.ts'
import type { MembershipView } from '../core/members/membership-view.ts'
import { maximalSiblings, type Sibling, type StoredRecord } from '../core/versions/record.ts'
import type { GetOutcome, PutOutcome } from '../protocol/effect.ts'
import type { GetResult, PutResult, SiblingInfo } from './api.ts'
import { textOf } from './text.ts'

/** The siblings that callers see: deletes only while they are concurrent with a value. Values are copies. */
export function siblingInfos(record: StoredRecord, view: MembershipView): readonly SiblingInfo[] {
  const siblings = maximalSiblings(record)
  if (!siblings.some(({ value }) => value !== undefined)) return []
  return siblings.map(sibling => siblingInfo(sibling, view))
}

function siblingInfo({ dot, request, value, wallTime }: Sibling, view: MembershipView): SiblingInfo {
  const writerReplica = writerOf(request)
  const bytes = value?.slice()
  return {
    value: bytes,
    text: bytes === undefined ? undefined : textOf(bytes),
    writer: view.ofReplica(writerReplica)?.peerId,
    writerReplica,
    wallTimeMs: wallTimeMs(wallTime),
    hybridTime: wallTime,
    dot: formatDot(dot)
  }
}

/** Seals a context once, when it is asked for: most reads are never written back, and a seal costs more than the rest of the result. */
export type SealedContext = () => Uint8Array

export function sealedOnce(seal: SealedContext): SealedContext {
  let sealed: Uint8Array | undefined
  return () => (sealed ??= seal())
}

/** The result of a get. */
export function getResult(outcome: GetOutcome, view: MembershipView, context: SealedContext): GetResult {
  const siblings = siblingInfos(outcome.record, view)
  const live = siblings.filter(({ value }) => value !== undefined)
  return {
    values: live.map(({ value }) => value as Uint8Array),
    texts: live.map(({ text }) => text),
    siblings,
    get context() {
      return context()
    },
    replied: outcome.replied,
    r: outcome.r,
    n: outcome.n
  }
}

/** The result of a put that was acknowledged. */
export function putResult(outcome: PutOutcome, context: SealedContext): PutResult {
  const { dot, acknowledged, hinted, coordinator, request, siblings, w, n } = outcome
  if (dot === undefined || coordinator === undefined) throw putError(outcome)
  // Copies: the coordinator remembers its own for retries of the same request.
  return {
    get context() {
      return context()
    },
    acknowledged: [...acknowledged],
    hinted: [...hinted],
    coordinator,
    requestId: request,
    dot: formatDot(dot),
    siblings,
    w,
    n
  }
}

/** The error of a get that did not reach its quorum. What did come back is in the details, and is no quorum read. */
export function getError(outcome: GetOutcome, partial: GetResult): StoreError {
  const details = { needed: outcome.r, replied: outcome.replied, values: partial.values, context: partial.context }
  return new StoreError(
    'ERR_READ_QUORUM',
    `Only ${outcome.replied.length} of the ${outcome.r} replies that this read needs (R) came in time. Try again, or read with a smaller r; details.values holds what came.`,
    { details }
  )
}

const PUT_ERRORS: { readonly [Status in Exclude<PutOutcome['status'], 'ok'>]: readonly [code: ErrorCode, message: string] } = {
  quorum: ['ERR_WRITE_QUORUM', ''],
  overloaded: ['ERR_OVERLOADED', 'The peers that store this key have too many requests in flight. Try again in a moment.'],
  full: ['ERR_QUOTA', 'No reachable peer has room for this write. Delete something or raise storageBytesMax, then try again.'],
  failed: ['ERR_IO', 'No reachable peer could store this write: their storage fails. See their logs.'],
  'hints-full': [
    'ERR_HINTS_FULL',
    'The reachable peers hold as many hints as they may for the owners that are away. Bring the owners back, or evict them.'
  ],
  'max-keys': [
    'ERR_MAX_KEYS',
    'The peers that store this key hold as many keys as they may. Existing keys can still be written; delete some, or raise keysMax.'
  ],
  'not-owner': ['ERR_NOT_OWNER', 'The peers asked do not know this key as theirs: their view of the ring differs. Try again in a moment.'],
  'too-many-siblings': [
    'ERR_TOO_MANY_SIBLINGS',
    `The key has as many concurrent values, or bytes of them, as it may (${siblingsMax} values, ${recordBytesMax} bytes). Read it, merge the values (details.values) and write with the context (details.context).`
  ]
}

/** The error of a put that was not acknowledged. */
export function putError(outcome: PutOutcome, extra: Readonly<Record<string, unknown>> = {}): StoreError {
  const { status, mayHaveHappened, acknowledged, w, request, dot } = outcome
  const [code, message] = PUT_ERRORS[status === 'ok' ? 'quorum' : status]
  const details = {
    acknowledged: [...acknowledged],
    acked: acknowledged.length,
    needed: w,
    requestId: request,
    dot: dot === undefined ? undefined : formatDot(dot),
    ...extra
  }
  return new StoreError(code, message === '' ? quorumMessage(outcome) : message, {
    outcome: mayHaveHappened ? 'indeterminate' : 'none',
    details
  })
}

function quorumMessage({ acknowledged, w, mayHaveHappened }: PutOutcome): string {
  const known = mayHaveHappened
    ? 'the write may still become visible; a retry with details.requestId cannot count twice'
    : 'nothing was written'
  return `Only ${acknowledged.length} of the ${w} durable acknowledgements that this write needs (W) came in time; ${known}. Try again, or write with a smaller w.`
}
