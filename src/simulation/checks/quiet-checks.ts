/**
 * What must hold of a cluster that has converged and that nobody uses: nothing is repaired or moved any more, whatever was under way has come
 * to its end, and nothing is fuller than its bound. What fails here would cost an idle cluster traffic and memory for ever.
 */
import type { PeerId } from '../../core/identifiers.ts'
import { hintBytesPerTargetMax, rememberedRequestsMax, rowCacheMax } from '../../core/limits.ts'
import type { ProtocolEvent } from '../../protocol/effect.ts'
import type { RingPeer } from '../../protocol/ring-peer.ts'
import type { Cluster } from '../cluster/cluster.ts'

/** Time in which the last gets and puts end that nobody waits for any more. */
const calmMs = 20_000
/** Virtual time that is looked at, several rounds of every periodic task, and how often. */
const quietMs = 40_000
const lookEveryMs = 500
/** Events that may wait for their time, for each peer: timers and messages of periodic tasks. */
const eventsPerPeerMax = 500

const UNDER_WAY = ['storage', 'puts', 'calls', 'gets'] as const

/** Watches a quiet cluster for a while; a sentence for everything that is not as it must be. */
export function quietProblems(cluster: Cluster): readonly string[] {
  cluster.run(calmMs)
  const found = new Set<string>()
  const { observer } = cluster
  cluster.observer = {
    ...observer,
    reported: (peer, event) => {
      if (isWork(event)) found.add(`${peer} still works without traffic: ${event.type}`)
      observer.reported?.(peer, event)
    }
  }
  for (const problem of watched(cluster)) found.add(problem)
  cluster.observer = observer
  return [...found]
}

function isWork(event: ProtocolEvent): boolean {
  if (event.type === 'exchange-finished') return event.repaired > 0
  return event.type === 'repair-sent' || event.type === 'hint-stored' || event.type === 'hint-delivered' || event.type === 'key-changed'
}

function watched(cluster: Cluster): readonly string[] {
  const busy = new Map<string, number>()
  const ended = new Set<string>()
  const full: string[] = []
  for (let ms = 0; ms < quietMs; ms += lookEveryMs) {
    cluster.run(lookEveryMs)
    for (const [peer, ringPeer] of ringPeers(cluster)) {
      full.push(...overfull(peer, ringPeer))
      for (const name of UNDER_WAY) {
        const count = ringPeer.load[name]
        if (count === 0) ended.add(`${peer}: ${name}`)
        busy.set(`${peer}: ${name}`, count)
      }
    }
  }
  const endless = [...busy]
    .filter(([name]) => !ended.has(name))
    .map(([name, count]) => `${count} never come to their end without traffic at ${name}`)
  const waiting = cluster.time.waiting
  const crowd = waiting > eventsPerPeerMax * cluster.peers.length ? [`${waiting} events wait in a quiet cluster`] : []
  return [...endless, ...crowd, ...new Set(full)]
}

function overfull(peer: PeerId, ringPeer: RingPeer): readonly string[] {
  const { remembered, cached } = ringPeer.load
  const found: string[] = []
  if (remembered > rememberedRequestsMax) found.push(`${peer} remembers more than ${rememberedRequestsMax} requests`)
  if (cached > rowCacheMax) found.push(`${peer} keeps more than ${rowCacheMax} rows in memory`)
  for (const { target, bytes } of ringPeer.hints())
    if (bytes > hintBytesPerTargetMax) found.push(`${peer} keeps more than ${hintBytesPerTargetMax} bytes of hints for ${target}`)
  return found
}

function ringPeers(cluster: Cluster): readonly (readonly [PeerId, RingPeer])[] {
  return cluster.running().flatMap(({ peer, ringPeer }) => (ringPeer === undefined ? [] : [[peer, ringPeer] as const]))
}
