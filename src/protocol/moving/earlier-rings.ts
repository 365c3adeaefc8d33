/**
 * The rings that others may still go by: news of who joins and who leaves does not reach everybody at once.
 *
 * Each joining peer is thought away alone and together with others, as nobody knows in which order a member hears of them; and those that leave are thought
 * back. There is nothing to compute while nobody joins or leaves, and nothing before a request asks.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { joinersApartMax, membersApartMax } from '../../core/limits.ts'
import { ringMembers } from '../../core/members/membership-view.ts'
import type { Ring } from '../../core/ring/ring.ts'
import type { Neighbourhood } from '../membership/neighbourhood.ts'

export type EarlierRingsParts = Pick<Neighbourhood, 'view' | 'ring' | 'ringOf'>

export class EarlierRings {
  readonly #parts: EarlierRingsParts
  #view: EarlierRingsParts['view'] | undefined
  #name = ''
  #rings: readonly Ring[] = []

  constructor(parts: EarlierRingsParts) {
    this.#parts = parts
  }

  /** Empty while nobody joins or leaves. */
  get rings(): readonly Ring[] {
    if (this.#view !== this.#parts.view) this.#look()
    return this.#rings
  }

  /** Owners of a partition in any of these rings. */
  owners(partition: number): readonly PeerId[] {
    return [...new Set(this.rings.flatMap(ring => ring.owners(partition)))]
  }

  #look(): void {
    const { view, ring } = this.#parts
    this.#view = view
    const statusOf = (peer: PeerId): string | undefined => view.get(peer)?.status
    const joining = ring.members.flatMap(({ peerId }) => (statusOf(peerId) === 'joining' ? [peerId] : []))
    const leaving = view.present.filter(peer => statusOf(peer) === 'leaving')
    // Most news change none of these.
    const name = [ring.digest, ...joining, '', ...leaving].join()
    if (name === this.#name) return
    this.#name = name
    this.#rings = [...this.#withoutJoining(joining), ...this.#withLeaving(joining, leaving)]
  }

  #withoutJoining(joining: readonly PeerId[]): readonly Ring[] {
    const { view, ring } = this.#parts
    const members = ringMembers(view)
    if (joining.length === 0) return []
    const isFew = joining.length <= joinersApartMax && ring.members.length <= membersApartMax
    const away = isFew ? someOf(joining) : [joining]
    return away.map(some => this.#parts.ringOf(members.filter(({ peerId }) => !some.includes(peerId))))
  }

  #withLeaving(joining: readonly PeerId[], leaving: readonly PeerId[]): readonly Ring[] {
    const { view } = this.#parts
    if (leaving.length === 0) return []
    const staying = ringMembers(view).filter(({ peerId }) => !joining.includes(peerId) && !leaving.includes(peerId))
    return [this.#parts.ringOf([...staying, ...leaving.flatMap(peer => view.get(peer) ?? [])])]
  }
}

/** All choices of some of these. */
function someOf(peers: readonly PeerId[]): readonly (readonly PeerId[])[] {
  const choices: (readonly PeerId[])[] = [[]]
  for (const peer of peers) choices.push(...choices.map(some => [...some, peer]))
  return choices.slice(1)
}
