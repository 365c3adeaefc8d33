/** The head of the page: which cluster, how this peer fares, and the switch that cuts its network. */
import { lookOf } from '../model/member-looks.ts'
import type { PeerView } from '../model/use-peer.ts'
import { usePeerView } from '../model/use-peer.ts'
import { Mark } from './mark.tsx'
import { MemberBadge } from './member-badge.tsx'
import { NetworkSwitch } from './network-switch.tsx'

export function TopBar() {
  const view = usePeerView()
  const { status, looks, peer } = view
  const self = lookOf(looks, peer.peerId)
  return (
    <header class='top'>
      <h1 class='brand'>
        <Mark />
        dynamesh
      </h1>
      <p class='cluster'>
        cluster <strong>{status.cluster}</strong>
      </p>
      <p class='self'>
        <MemberBadge look={self} />
        <span>
          This tab is <strong>{self.name}</strong>
        </span>
      </p>
      <p class={`state state-${stateTone(view)}`} role='status'>
        <span class='state-dot' aria-hidden='true' />
        {stateWords(view)}
      </p>
      <div class='top-actions'>
        <NetworkSwitch />
        <a class='button' href={location.href} target='_blank' rel='noopener noreferrer'>
          Open another tab
        </a>
      </div>
    </header>
  )
}

function stateTone({ status }: PeerView): 'good' | 'busy' | 'alone' {
  if (status.networkCut || status.state === 'isolated') return 'alone'
  return status.state === 'up' ? 'good' : 'busy'
}

function stateWords({ status, members }: PeerView): string {
  if (status.networkCut) return 'Network cut: alone'
  if (status.state === 'isolated') return 'No other peer can be reached'
  if (status.state !== 'up') return `${status.state[0]?.toUpperCase() ?? ''}${status.state.slice(1)}…`
  const present = members.filter(member => member.status !== 'left' && member.status !== 'evicted')
  const reachable = present.filter(member => member.reachability === 'reachable' || member.self)
  return reachable.length === present.length
    ? `Up, ${present.length} members`
    : `Up, ${reachable.length} of ${present.length} members reachable`
}
