/**
 * Which member a person means. Peer ids are long and all begin alike, so tables show their ends; a command takes the whole id, or a beginning or an end
 * of it that no other member has.
 *
 * Members that are there come first: one that left long ago cannot make a name ambiguous.
 */
import { StoreError } from '../errors.ts'
import type { PeerId } from '../identifiers.ts'
import type { MemberRecord } from './member-record.ts'
import { isGone } from './member-record.ts'

/** Least characters of a part of a peer id: fewer are met by chance. */
export const memberNameMin = 6
/** Candidates that an error lists. */
const candidatesMax = 8

/**
 * The member that `name` stands for.
 *
 * @throws `ERR_MEMBER_UNKNOWN` when there is none, `ERR_MEMBER_AMBIGUOUS` when there are several
 */
export function memberNamed(members: readonly MemberRecord[], name: string): MemberRecord {
  const exact = members.find(({ peerId }) => peerId === name)
  if (exact !== undefined) return exact
  const part = name.replace(/^…/, '')
  const meant = part.length < memberNameMin ? [] : members.filter(({ peerId }) => peerId.startsWith(part) || peerId.endsWith(part))
  const present = meant.filter(({ status }) => !isGone(status))
  const [found, another] = present.length > 0 ? present : meant
  if (found === undefined) throw unknown(name)
  if (another !== undefined) throw ambiguous(name, present.length > 0 ? present : meant)
  return found
}

function unknown(name: string): StoreError {
  const hint = name.length < memberNameMin ? `A part of a peer id needs at least ${memberNameMin} characters.` : 'See the list of members.'
  return new StoreError(
    'ERR_MEMBER_UNKNOWN',
    `No member has the peer id ${JSON.stringify(name)}, nor one that begins or ends like this. ${hint}`,
    {
      details: { name }
    }
  )
}

function ambiguous(name: string, meant: readonly MemberRecord[]): StoreError {
  const candidates: readonly PeerId[] = meant.slice(0, candidatesMax).map(({ peerId }) => peerId)
  const rest = meant.length > candidatesMax ? ` and ${meant.length - candidatesMax} more` : ''
  return new StoreError(
    'ERR_MEMBER_AMBIGUOUS',
    `${JSON.stringify(name)} may mean ${meant.length} members: ${candidates.join(', ')}${rest}. Give more of the peer id.`,
    { details: { name, candidates } }
  )
}
