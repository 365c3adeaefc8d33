/**
 * How members look: a name, a two-letter badge and a colour slot, the same in every tab.
 *
 * All three are a pure function of the member set and the served names. Colour is never the only sign: every place that
 * uses the colour also shows the badge, and slots past the palette are striped.
 */
import type { MemberInfo } from 'dynamesh'
import type { NamedPeer } from './invitation.ts'

/** Colours of the palette; a slot at or past it takes the colour `slot % paletteSize`, striped. */
export const paletteSize = 8

export interface MemberLook {
  readonly peerId: string
  readonly name: string
  /** Two characters for badges. */
  readonly badge: string
  readonly slot: number
  readonly kind: 'edge' | 'tab'
  readonly self: boolean
}

const animals = [
  'Otter Heron Lynx Marten Newt Puffin Quail Robin Seal Tern Vole Wren Yak Zebra Badger Crane',
  'Dingo Egret Finch Gecko Hare Ibis Jackdaw Koala Lemur Mole Narwhal Okapi Panda Raven Stoat Toad'
].flatMap(names => names.split(' '))

/** Looks by peer id. */
export function memberLooks(members: readonly MemberInfo[], named: readonly NamedPeer[]): ReadonlyMap<string, MemberLook> {
  const looks = new Map<string, MemberLook>()
  const slots = new Set<number>()
  const names = new Set<string>()
  const present = new Map(members.map(member => [member.peerId, member]))
  named.forEach(({ peerId, name }, slot) => {
    slots.add(slot)
    looks.set(peerId, { peerId, name, badge: badgeOf(name), slot, kind: 'edge', self: present.get(peerId)?.self ?? false })
  })
  const others = members.filter(member => !looks.has(member.peerId)).sort((a, b) => (a.peerId < b.peerId ? -1 : 1))
  for (const member of others) {
    const seed = hash(member.peerId)
    const slot = probe(seed % paletteSize, slot => !slots.has(slot), Math.ceil((slots.size + 1) / paletteSize) * paletteSize)
    slots.add(slot)
    const name = member.durable ? `edge ${member.peerId.slice(-4)}` : animalName(seed, names)
    names.add(name)
    looks.set(member.peerId, {
      peerId: member.peerId,
      name,
      badge: badgeOf(name),
      slot,
      kind: member.durable ? 'edge' : 'tab',
      self: member.self
    })
  }
  return looks
}

/** The look of a peer that may no longer be a member. */
export function lookOf(looks: ReadonlyMap<string, MemberLook>, peerId: string): MemberLook {
  return looks.get(peerId) ?? { peerId, name: `…${peerId.slice(-6)}`, badge: '··', slot: -1, kind: 'tab', self: false }
}

/** CSS classes of a look's colour. */
export function slotClass(look: MemberLook): string {
  if (look.slot < 0) return 'slot-none'
  return look.slot < paletteSize ? `slot-${look.slot}` : `slot-${look.slot % paletteSize} slot-striped`
}

function animalName(seed: number, taken: ReadonlySet<string>): string {
  const start = seed % animals.length
  const index = probe(start, index => !taken.has(nameAt(index)), animals.length)
  return taken.has(nameAt(index)) ? `${nameAt(index)} ${taken.size}` : nameAt(index)
}

function nameAt(index: number): string {
  return animals[index % animals.length] as string
}

/** First index from `start`, wrapping at `size`, that is free; `start` when none is. */
function probe(start: number, isFree: (index: number) => boolean, size: number): number {
  for (let step = 0; step < size; step++) if (isFree((start + step) % size)) return (start + step) % size
  return start
}

function badgeOf(name: string): string {
  const digits = /(\d+)$/.exec(name)?.[1]
  const letters = name.replace(/[^\p{L}\p{N}]/gu, '')
  return digits === undefined ? letters.slice(0, 2) : `${letters.slice(0, 1).toUpperCase()}${digits.slice(-1)}`
}

function hash(text: string): number {
  let value = 0x811c9dc5
  for (let index = 0; index < text.length; index++) value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
  return value >>> 0
}
