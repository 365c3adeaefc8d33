/**
 * `npm run bench -- moves [--peers 8] [--keys 4000] [--value 400]`: what a change of the ring costs, in virtual time, without faults.
 *
 * A copy that moves is one that an owner of the new ring did not have. Beside these, the records that were sent: 1 is the least. Everything
 * else that peers say about moving (offers and what answers them) is beside it, per byte of what moved.
 */
import { parseArgs } from 'node:util'
import { Writer } from '../../src/core/codec.ts'
import type { PeerId } from '../../src/core/identifiers.ts'
import { valueBytes } from '../../src/core/versions/record.ts'
import type { Message } from '../../src/protocol/wire/message.ts'
import { writeMessage } from '../../src/protocol/wire/message-codec.ts'
import { Cluster } from '../../src/simulation/cluster/cluster.ts'

const { values } = parseArgs({
  options: { peers: { type: 'string', default: '8' }, keys: { type: 'string', default: '4000' }, value: { type: 'string', default: '400' } }
})
const [peerCount, keyCount, valueLength] = [Number(values.peers), Number(values.keys), Number(values.value)]
const keys = Array.from({ length: keyCount }, (_, index) => `key-${index}`)
const text = 'v'.repeat(valueLength)

interface Traffic {
  records: number
  recordBytes: number
  otherBytes: number
  perGiver: Map<PeerId, number>
}

function sized(message: Message): number {
  const out = new Writer()
  writeMessage(out, message)
  return out.finish().length
}

function watch(cluster: Cluster): Traffic {
  const traffic: Traffic = { records: 0, recordBytes: 0, otherBytes: 0, perGiver: new Map() }
  cluster.observer = {
    sent: (from, _to, message) => {
      if (message.type === 'handoff') {
        const bytes = message.entries.reduce((sum, { key, record }) => sum + key.length + valueBytes(record), 0)
        traffic.records += message.entries.length
        traffic.recordBytes += bytes
        traffic.perGiver.set(from, (traffic.perGiver.get(from) ?? 0) + bytes)
      } else if (/^(offer|handed-off|exchange|repair|transfer)/.test(message.type)) traffic.otherBytes += sized(message)
    }
  }
  return traffic
}

function ownersOf(cluster: Cluster): ReadonlyMap<string, ReadonlySet<PeerId>> {
  return new Map(keys.map(key => [key, new Set(cluster.owners(key))]))
}

/** Makes the change, waits for its end, and answers its row of the table. */
function measure(name: string, cluster: Cluster, change: () => void): Readonly<Record<string, string | number>> {
  cluster.settle()
  cluster.run(20_000)
  const before = ownersOf(cluster)
  const traffic = watch(cluster)
  const sinceMs = cluster.time.nowMs
  change()
  cluster.run(100)
  cluster.settle(3_600_000)
  const tookMs = cluster.time.nowMs - sinceMs
  cluster.run(20_000)
  let moved = 0
  let wrong = 0
  for (const key of keys) {
    const owners = cluster.owners(key)
    moved += owners.filter(owner => before.get(key)?.has(owner) === false).length
    wrong += cluster.running().filter(({ peer }) => owners.includes(peer) !== (cluster.copy(peer, key) !== undefined)).length
  }
  const movedBytes = moved * (valueLength + keyCount.toString().length + 4)
  const shares = [...traffic.perGiver.values()]
  return {
    change: name,
    moved,
    sent: traffic.records,
    'sent/moved': (traffic.records / moved).toFixed(3),
    'other bytes/moved bytes': (traffic.otherBytes / movedBytes).toFixed(3),
    givers: shares.length,
    'largest share': (Math.max(...shares) / traffic.recordBytes).toFixed(2),
    'virtual s': (tookMs / 1000).toFixed(1),
    'wrong copies': wrong
  }
}

function filled(): Cluster {
  const cluster = new Cluster({
    peers: peerCount,
    partitions: 256,
    trace: false,
    evictAfterMs: 60_000,
    profile: index => ({ durable: index !== 1 })
  })
  const [first] = cluster.peers
  if (first === undefined) throw new Error('a cluster has peers')
  let open = 0
  for (const key of keys) {
    open += 1
    cluster.startPut(first, key, text, { quorum: 3 }, () => {
      open -= 1
    })
    if (open >= 64) cluster.runUntil(() => open < 32)
  }
  cluster.runUntil(() => open === 0)
  return cluster
}

const rows = []
{
  const cluster = filled()
  rows.push(measure('one joins', cluster, () => cluster.add({})))
  rows.push(measure('one leaves', cluster, () => cluster.peer(cluster.peers[2] as PeerId).leave()))
  rows.push(
    measure('one vanishes', cluster, () => {
      const gone = cluster.peers[1] as PeerId
      cluster.crash(gone)
      cluster.departed.add(gone)
      cluster.runUntil(() => cluster.peer(cluster.peers[0] as PeerId).ringPeer?.view.get(gone)?.status === 'evicted', 400_000)
    })
  )
  rows.push(
    measure('three join at once', cluster, () => {
      for (let newcomer = 0; newcomer < 3; newcomer++) cluster.add({})
    })
  )
  rows.push(
    measure('one joins, one leaves', cluster, () => {
      cluster.add({})
      cluster.peer(cluster.peers[3] as PeerId).leave()
    })
  )
}
console.table(rows)
