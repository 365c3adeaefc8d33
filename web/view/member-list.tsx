/** All members with what this peer thinks of them: state, way of connection, share of the ring. */
import type { MemberInfo } from 'dynamesh'
import { lookOf } from '../model/member-looks.ts'
import { connectionWords, memberState } from '../model/member-state.ts'
import { usePeerView } from '../model/use-peer.ts'
import { MemberName } from './member-badge.tsx'
import type { LookProps } from './look-props.ts'

/** Rows shown; a larger cluster says how many there are. */
const rowsMax = 100

export function MemberList({ lookedAt, onLook }: LookProps) {
  const { members, looks } = usePeerView()
  const listed = members
    .filter(member => member.status !== 'left')
    .sort(
      (a, b) =>
        lookOf(looks, a.peerId).kind.localeCompare(lookOf(looks, b.peerId).kind) ||
        lookOf(looks, a.peerId).name.localeCompare(lookOf(looks, b.peerId).name)
    )
  return (
    <section class='panel members-panel' aria-labelledby='members-heading'>
      <div class='panel-head'>
        <h2 id='members-heading'>Members</h2>
        <p class='fine'>{listed.length > rowsMax ? `${rowsMax} of ${listed.length} shown` : listed.length}</p>
      </div>
      <table class='table members'>
        <thead>
          <tr>
            <th scope='col'>Peer</th>
            <th scope='col'>State</th>
            <th scope='col'>Reached by</th>
            <th scope='col' class='number'>
              Partitions
            </th>
          </tr>
        </thead>
        <tbody>
          {listed.slice(0, rowsMax).map(member => (
            <MemberRow key={member.peerId} member={member} lookedAt={lookedAt} onLook={onLook} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

function MemberRow({ member, lookedAt, onLook }: LookProps & { readonly member: MemberInfo }) {
  const { tone, words } = memberState(member)
  const isLookedAt = lookedAt === member.peerId
  return (
    <tr class={isLookedAt ? 'is-looked-at' : undefined} onMouseEnter={() => onLook(member.peerId)} onMouseLeave={() => onLook(undefined)}>
      <th scope='row'>
        <MemberName peerId={member.peerId} />
        <span class='member-kind'>{memberKind(member)}</span>
      </th>
      <td>
        <span class={`tone tone-${tone}`}>
          <span class='tone-sign' aria-hidden='true' />
          {words}
        </span>
      </td>
      <td>{connectionWords(member)}</td>
      <td class='number'>{member.partitionsOwned}</td>
    </tr>
  )
}

function memberKind(member: MemberInfo): string {
  const kind = member.durable ? 'durable' : 'may vanish'
  return `weight ${member.weight}, ${kind}${member.zone === undefined ? '' : `, zone ${member.zone}`}`
}
