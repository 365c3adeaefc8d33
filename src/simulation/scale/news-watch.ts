/** How long news about a member takes to reach everybody: from the peer that tells it to the last of those that run. */
import type { PeerId } from '../../core/identifiers.ts'
import type { MemberRecord } from '../../core/members/member-record.ts'

interface News {
  readonly record: MemberRecord
  readonly sinceMs: number
  /** Peers that have not heard it. */
  readonly lacking: Set<PeerId>
}

export class NewsWatch {
  readonly #open = new Map<PeerId, News>()
  /** Time that each of the news took, in milliseconds. */
  readonly spreadMs: number[] = []
  /** News that were overtaken by newer ones of the same member before all had heard them. */
  overtaken = 0

  /** News that not everybody has heard. */
  get waiting(): number {
    return this.#open.size
  }

  /** A member says something new about itself, or somebody else does. */
  told(nowMs: number, record: MemberRecord, running: Iterable<PeerId>): void {
    if (this.#open.has(record.peerId)) this.overtaken += 1
    this.#open.set(record.peerId, { record, sinceMs: nowMs, lacking: new Set(running) })
  }

  /** A peer's view has this record of a member now. */
  heard(nowMs: number, peer: PeerId, record: MemberRecord): void {
    const news = this.#open.get(record.peerId)
    if (news === undefined || isOlder(record, news.record)) return
    news.lacking.delete(peer)
    this.#close(nowMs, record.peerId, news)
  }

  /** True for a record that is newer than all that was told of its peer so far. */
  isNews(record: MemberRecord): boolean {
    const news = this.#open.get(record.peerId)
    return news === undefined || isOlder(news.record, record)
  }

  /** A peer does not run any more: nobody waits for it. */
  stopped(nowMs: number, peer: PeerId): void {
    for (const [about, news] of this.#open) {
      news.lacking.delete(peer)
      this.#close(nowMs, about, news)
    }
  }

  #close(nowMs: number, about: PeerId, news: News): void {
    if (news.lacking.size > 0) return
    this.#open.delete(about)
    this.spreadMs.push(nowMs - news.sinceMs)
  }
}

function isOlder(a: MemberRecord, b: MemberRecord): boolean {
  return a.incarnation < b.incarnation || (a.incarnation === b.incarnation && a.sequence < b.sequence)
}
