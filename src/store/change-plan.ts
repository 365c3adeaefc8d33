/** Plans a change of the members: who is meant, the ring without and with it, and how much this peer thinks would move. */
import { ringChange, type RingChange } from '../core/ring/change-plan.ts'
import type { PeerId } from '../core/identifiers.ts'
import { membersMax, nameBytesMax, weightMax } from '../core/limits.ts'
import { memberNamed } from '../core/members/member-name.ts'
import { isGone } from '../core/members/member-record.ts'
import { createRing, type RingMember } from '../core/ring/ring.ts'
import type { RingPeer } from '../protocol/ring-peer.ts'
import type { ChangePlan, MoveSize } from './member-api.ts'
import { OptionReader } from './option-reader.ts'
import { kindOf } from './text.ts'

/** Weight of a newcomer unless it is said: that of an edge peer. */
const newWeightDefault = 4

export interface PlanParts {
  readonly ringPeer: RingPeer
  readonly cluster: string
  /** Bytes that this peer stores. */
  readonly bytes: number
}

/** Who would come and go, checked. */
interface Change {
  readonly join: readonly RingMember[]
  readonly leave: readonly PeerId[]
  readonly evict: readonly PeerId[]
}

/**
 * What `change` would do to the ring that this peer sees.
 *
 * @throws `ERR_OPTIONS` for a change that is none, or contradicts itself; `ERR_MEMBER_UNKNOWN`, `ERR_MEMBER_AMBIGUOUS`
 */
export function planChange(parts: PlanParts, change: unknown): ChangePlan {
  const { ringPeer, cluster } = parts
  const { join, leave, evict } = checkChange(ringPeer, change)
  const before = ringPeer.ring()
  const goes = new Set([...leave, ...evict])
  const { partitions, replicas } = before
  const after = createRing([...before.members.filter(({ peerId }) => !goes.has(peerId)), ...join], { cluster, partitions, replicas })
  const planned = ringChange(before, after, new Set(evict))
  return {
    ...planned,
    joining: join.map(({ peerId }) => peerId),
    leaving: leave,
    evicted: evict,
    size: sizeOf(parts, planned),
    warnings: warningsOf(planned)
  }
}

function checkChange(ringPeer: RingPeer, change: unknown): Change {
  const reader = new OptionReader('a change', change ?? {}, ['join', 'leave', 'evict'])
  const leave = namedMembers(ringPeer, reader, 'leave')
  const evict = namedMembers(ringPeer, reader, 'evict')
  const join = newcomers(reader)
  const twice = [...leave, ...evict, ...join.map(({ peerId }) => peerId)].find((peer, index, all) => all.indexOf(peer) !== index)
  if (twice !== undefined) reader.problem('ERR_OPTIONS', `${twice} is named twice`)
  const present = join.find(({ peerId }) => ringPeer.ring().isMember(peerId))
  if (present !== undefined) reader.problem('ERR_OPTIONS', `${present.peerId} is a member already`)
  if (leave.length + evict.length + join.length === 0) reader.problem('ERR_OPTIONS', 'nobody joins, leaves or is evicted')
  reader.finish()
  return { join, leave, evict }
}

function namedMembers(ringPeer: RingPeer, reader: OptionReader, name: 'leave' | 'evict'): readonly PeerId[] {
  return reader.texts(name, [], membersMax).map(text => {
    const { peerId, status } = memberNamed(ringPeer.view.all(), text)
    if (isGone(status)) reader.problem('ERR_OPTIONS', `${peerId} has ${status === 'left' ? 'left' : 'been evicted'} already`)
    return peerId
  })
}

function newcomers(reader: OptionReader): readonly RingMember[] {
  const given = reader.get('join')
  const list = reader.check('join', () => (Array.isArray(given ?? []) ? Array.from((given ?? []) as readonly unknown[]) : undefined))
  if (list !== undefined && list.length <= membersMax) return list.map((newcomer, index) => newMember(newcomer, index))
  reader.problem('ERR_OPTIONS', `join must be an array of at most ${membersMax} newcomers`)
  return []
}

function newMember(newcomer: unknown, index: number): RingMember {
  const reader = new OptionReader(`join[${index}]`, newcomer ?? kindOf(newcomer), ['peerId', 'weight', 'durable', 'zone'])
  const zone = reader.get('zone') === undefined ? undefined : reader.text('zone', '', nameBytesMax)
  const member = {
    peerId: reader.text('peerId', `newcomer-${index + 1}`, nameBytesMax * 2) as PeerId,
    weight: reader.integer('weight', newWeightDefault, 0, weightMax),
    durable: reader.boolean('durable', true),
    zone
  }
  reader.finish()
  return member
}

/** What moves, by what this peer has itself; where it is no owner, the mean of its own partitions stands for the others. */
function sizeOf({ ringPeer, bytes }: PlanParts, { moves }: RingChange): MoveSize | undefined {
  const ring = ringPeer.ring()
  const owned = ring.partitionsOf(ringPeer.self)
  if (owned.length === 0) return undefined
  const mean = owned.reduce((keys, partition) => keys + ringPeer.counts.sizeOf(partition), 0) / owned.length
  const { counts } = ringPeer
  const known = (partition: number): number | undefined =>
    counts.isComplete && ring.isOwner(ringPeer.self, partition) ? counts.sizeOf(partition) : undefined
  const keys = Math.round(moves.reduce((sum, { partition, to }) => sum + to.length * (known(partition) ?? mean), 0))
  const stored = ringPeer.keys
  return {
    keys,
    bytes: stored === 0 ? 0 : Math.round((keys * bytes) / stored),
    keysAreExact: moves.every(({ partition }) => known(partition) !== undefined)
  }
}

/** What the new ring cannot do and the old one could, and what nobody could give. */
function warningsOf({ before, after, orphans }: RingChange): readonly string[] {
  const worse = after.warnings.filter(warning => !before.warnings.includes(warning))
  if (orphans === 0) return worse
  return [
    `All owners of ${orphans} ${orphans === 1 ? 'partition' : 'partitions'} would be evicted: what only they have is lost, unless they come back.`,
    ...worse
  ]
}
