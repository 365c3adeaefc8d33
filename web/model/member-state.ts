/** A member's state as one word for people and one tone for the eye. */
import type { ConnectionInfo, MemberInfo } from 'dynamesh'

export interface MemberState {
  readonly tone: 'self' | 'good' | 'busy' | 'suspect' | 'gone'
  readonly words: string
}

/** Status and reachability together: what this peer makes of the member right now. */
export function memberState(member: MemberInfo): MemberState {
  if (member.status === 'left' || member.status === 'evicted') return { tone: 'gone', words: member.status }
  if (member.reachability === 'suspect') return { tone: 'suspect', words: 'suspect' }
  if (member.status === 'joining' || member.status === 'leaving') return { tone: 'busy', words: member.status }
  if (member.self) return { tone: 'self', words: 'up' }
  return member.reachability === 'unknown' ? { tone: 'suspect', words: 'not met yet' } : { tone: 'good', words: 'up' }
}

const transports: Readonly<Record<ConnectionInfo['transport'], string>> = {
  tcp: 'TCP',
  websocket: 'WebSocket',
  webrtc: 'WebRTC',
  'webrtc-direct': 'WebRTC direct',
  memory: 'in memory',
  other: 'other'
}

/** How a member is connected. */
export function connectionWords(member: MemberInfo): string {
  if (member.self) return 'this tab'
  if (member.connection === undefined) return 'not connected'
  return member.connection.relayed ? `${transports[member.connection.transport]}, relayed` : transports[member.connection.transport]
}
