/**
 * Two peers compare their views of the members, and each sends what the other lacks: the answer to gossip that was lost.
 *
 * First only the digests of whole views are compared. Where they differ, small views are compared member by member; large ones first by the
 * digests of their branches (`view-branches.ts`), so that a difference of a few members among a thousand costs a kilobyte and not fifty.
 */
import { equalBytes } from '../../core/bytes.ts'
import type { PeerId } from '../../core/identifiers.ts'
import type { MemberRecord } from '../../core/members/member-record.ts'
import type { MembershipView } from '../../core/members/membership-view.ts'
import { branchCount, branchDigestBytes, differingBranches } from '../../core/members/view-branches.ts'
import { sendRequest, type Effect } from '../effect.ts'
import type { ViewSummary } from '../wire/message.ts'

const NOTHING: Uint8Array = new Uint8Array(0)

/** Begins a comparison. */
export function compareViews(view: MembershipView, peer: PeerId, effects: Effect[]): void {
  sendRequest(effects, peer, { type: 'view-digest', digest: view.digest })
}

/** Answers a digest that differs. */
export function summarize(view: MembershipView, peer: PeerId, effects: Effect[]): void {
  const count = branchCount(view.size)
  if (count === 1) sendRequest(effects, peer, wholeSummary(view))
  else sendRequest(effects, peer, { type: 'view-summary', entries: [], branches: view.branchDigests(count), covers: NOTHING })
}

/**
 * Answers a summary: with another, more detailed one, or with records that the other lacks and the wish for those that it has newer. True when the
 * other turned out to know nothing that is not known here.
 */
export function answerSummary(view: MembershipView, from: PeerId, summary: ViewSummary, effects: Effect[]): boolean {
  if (summary.branches.length > 0) {
    sendRequest(effects, from, closerSummary(view, summary.branches))
    return false
  }
  const theirs = new Map(summary.entries.map(entry => [entry.peerId, entry]))
  const compared = covered(view, summary.covers)
  const lacking = compared.filter(record => compareVersions(theirs.get(record.peerId), record) < 0)
  const wanted = summary.entries.filter(entry => compareVersions(entry, view.get(entry.peerId)) > 0).map(entry => entry.peerId)
  // Same versions under different digests: some peer said one version twice, and only the records themselves can tell.
  const told = lacking.length + wanted.length === 0 ? compared : lacking
  if (told.length > 0) sendRequest(effects, from, { type: 'view-records', records: told })
  if (wanted.length > 0) sendRequest(effects, from, { type: 'view-request', peers: wanted })
  return wanted.length === 0
}

/** Answers a wish. */
export function answerRequest(view: MembershipView, from: PeerId, peers: readonly PeerId[], effects: Effect[]): void {
  const records = peers.map(peer => view.get(peer)).filter(record => record !== undefined)
  if (records.length > 0) sendRequest(effects, from, { type: 'view-records', records })
}

/** Answers news of which, merged here, another version still counts: of two evictions of one peer, say. Who sent them may never begin a comparison. */
export function answerOutdone(view: MembershipView, from: PeerId, news: readonly MemberRecord[], effects: Effect[]): void {
  const outdone = news.filter(record => view.get(record.peerId) !== record)
  answerRequest(
    view,
    from,
    outdone.map(({ peerId }) => peerId),
    effects
  )
}

/** Compares versions; an unknown one is older than any. */
export function compareVersions(
  a: { readonly incarnation: number; readonly sequence: number } | undefined,
  b: { readonly incarnation: number; readonly sequence: number } | undefined
): number {
  if (a === undefined || b === undefined) return (a === undefined ? 0 : 1) - (b === undefined ? 0 : 1)
  return a.incarnation - b.incarnation || a.sequence - b.sequence
}

/** The members of the branches that differ; of all where none seems to. */
function closerSummary(view: MembershipView, branches: Uint8Array): ViewSummary {
  const count = branches.length / branchDigestBytes
  const covers = differingBranches(branches, view.branchDigests(count))
  if (covers.every(byte => byte === 0)) return wholeSummary(view)
  return { type: 'view-summary', entries: view.inBranches(covers, count).map(versionOf), branches: NOTHING, covers: coverOf(count, covers) }
}

function wholeSummary(view: MembershipView): ViewSummary {
  return { type: 'view-summary', entries: view.all().map(versionOf), branches: NOTHING, covers: NOTHING }
}

/** Members that a summary speaks of. */
function covered(view: MembershipView, covers: Uint8Array): readonly MemberRecord[] {
  if (covers.length === 0) return view.all()
  return view.inBranches(covers.subarray(1), 2 ** (covers[0] ?? 0))
}

/** The logarithm of the number of branches, then a bit for each. */
function coverOf(count: number, bits: Uint8Array): Uint8Array {
  const covers = new Uint8Array(1 + bits.length)
  covers[0] = Math.log2(count)
  covers.set(bits, 1)
  return covers
}

function versionOf({ peerId, incarnation, sequence }: MemberRecord): ViewSummary['entries'][number] {
  return { peerId, incarnation, sequence }
}

/** False for what is known, or older: that is not worth the check of a signature. */
export function isNews(record: MemberRecord, known: MemberRecord | undefined): boolean {
  const compared = compareVersions(record, known)
  return compared > 0 || (compared === 0 && !(known?.issuer === record.issuer && equalBytes(known.signature, record.signature)))
}
