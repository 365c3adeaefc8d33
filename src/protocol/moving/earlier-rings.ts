/**
 * The rings that others may still go by: news of who joins and who leaves does not reach everybody at once.
 *
 * Each joining peer is thought away alone and together with others, as nobody knows in which order a member hears of them; and those that leave are thought
 * back in the same way. There is nothing to compute while nobody joins or leaves, and nothing before a request asks.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { joinersApartMax, membersApartMax } from '../../core/limits.ts'
import { ringMembers } from '../../core/members/membership-view.ts'
import type { Ring, RingMember } from '../../core/ring/ring.ts'
import type { Neighbourhood } from '../membership/neighbourhood.ts'

export type EarlierRingsParts = Pick<Neighbourhood, 'view' | 'ring' | 'ringOf'>

export class EarlierRings {
  readonly #parts: EarlierRingsParts
  #view: EarlierRingsParts['view'] | undefined
  #name = ''
  #joining: readonly PeerId[] = []
  #leaving: readonly PeerId[] = []
  #withoutJoining: readonly Ring[] | undefined
  #withLeaving: readonly Ring[] | undefined
  #without: { readonly name: string; readonly rings: readonly Ring[] } | undefined

  constructor(parts: EarlierRingsParts) {
    this.#parts = parts
  }

  /** Empty while nobody joins or leaves. */
  get rings(): readonly Ring[] {
    this.#look()
    this.#withoutJoining ??= this.#choicesOf(this.#joining).map(away => this.#ringOf(away, []))
    return [...this.#withoutJoining, ...this.#ringsWithLeaving()]
  }

  /** Owners of a partition in any of these rings. */
  owners(partition: number): readonly PeerId[] {
    return ownersIn(this.rings, partition)
  }

  /** Owners of a partition for members that have not heard who leaves. Nobody where the ring is large: this is asked with each change of it. */
  ownersWithLeaving(partition: number): readonly PeerId[] {
    if (this.#parts.ring.members.length > membersApartMax) return []
    this.#look()
    return ownersIn(this.#ringsWithLeaving(), partition)
  }

  /** Members of the ring that have not got all that they own in it. */
  get joining(): readonly PeerId[] {
    this.#look()
    return this.#joining
  }

  /** Owners of a partition in the rings without some or all of `peers`. */
  ownersWithout(partition: number, peers: readonly PeerId[]): readonly PeerId[] {
    const name = [this.#parts.ring.digest, ...peers].join()
    if (this.#without?.name !== name) this.#without = { name, rings: this.#choicesOf(peers).map(away => this.#ringOf(away, [])) }
    return ownersIn(this.#without.rings, partition)
  }

  #ringsWithLeaving(): readonly Ring[] {
    this.#withLeaving ??= this.#choicesOf(this.#leaving).map(back => this.#ringOf(this.#joining, back))
    return this.#withLeaving
  }

  /** Most news change neither who joins nor who leaves. */
  #look(): void {
    const { view, ring } = this.#parts
    if (this.#view === view) return
    this.#view = view
    const statusOf = (peer: PeerId): string | undefined => view.get(peer)?.status
    const joining = ring.members.flatMap(({ peerId }) => (statusOf(peerId) === 'joining' ? [peerId] : []))
    const leaving = view.present.filter(peer => statusOf(peer) === 'leaving')
    const name = [ring.digest, ...joining, '', ...leaving].join()
    if (name === this.#name) return
    this.#name = name
    this.#joining = joining
    this.#leaving = leaving
    this.#withoutJoining = undefined
    this.#withLeaving = undefined
  }

  #choicesOf(peers: readonly PeerId[]): readonly (readonly PeerId[])[] {
    const isFew = peers.length <= joinersApartMax && this.#parts.ring.members.length <= membersApartMax
    if (peers.length === 0) return []
    return isFew ? someOf(peers) : [peers]
  }

  #ringOf(away: readonly PeerId[], back: readonly PeerId[]): Ring {
    const { view } = this.#parts
    const isOther = ({ peerId }: RingMember): boolean => !away.includes(peerId) && !back.includes(peerId)
    return this.#parts.ringOf([...ringMembers(view).filter(isOther), ...back.flatMap(peer => view.get(peer) ?? [])])
  }
}

function ownersIn(rings: readonly Ring[], partition: number): readonly PeerId[] {
  return [...new Set(rings.flatMap(ring => ring.owners(partition)))]
}

/** All choices of some of these. */
function someOf(peers: readonly PeerId[]): readonly (readonly PeerId[])[] {
  const choices: (readonly PeerId[])[] = [[]]
  for (const peer of peers) choices.push(...choices.map(some => [...some, peer]))
  return choices.slice(1)
}
