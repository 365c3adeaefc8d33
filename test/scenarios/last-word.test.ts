/** A peer that has left goes once a member that stays would remember it. */
import { describe, expect, test } from 'vitest'
import type { PeerId } from '../../src/core/identifiers.ts'
import { encodeUtf8, Writer } from '../../src/core/codec.ts'
import { emptyRecord } from '../../src/core/versions/record.ts'
import { writeMessage } from '../../src/protocol/wire/message-codec.ts'
import { partingMs } from '../../src/protocol/moving/departure.ts'
import type { Cluster } from '../../src/simulation/cluster/cluster.ts'
import { ada, ben, clusterOf, cyd } from './cast.ts'

const statusAt = (cluster: Cluster, peer: PeerId, of: PeerId): string | undefined => cluster.peer(peer).ringPeer?.view.get(of)?.status
const hasLeft = (cluster: Cluster, peer: PeerId): boolean => statusAt(cluster, peer, peer) === 'left'

/** Nothing that a peer says of its having left arrives, until that is called off. */
function loseLastWords(cluster: Cluster, of: PeerId): () => void {
  const { publish } = cluster.network
  cluster.network.publish = (from, bytes) => (from === of && hasLeft(cluster, of) ? undefined : publish.call(cluster.network, from, bytes))
  cluster.withholds = ({ message }) =>
    message.type === 'view-records' && message.records.some(each => each.peerId === of && each.status === 'left')
  return () => {
    cluster.network.publish = publish
    cluster.withholds = () => false
  }
}

describe('a peer that has left', () => {
  test('says so until it is heard: the only other one, which joins, does not wait for it for ever', () => {
    const cluster = clusterOf(1)
    for (const key of ['a', 'b', 'c']) cluster.put(ada, key, `value of ${key}`, { quorum: 1 })
    const speak = loseLastWords(cluster, ada)
    cluster.add()
    cluster.runUntil(() => statusAt(cluster, ada, ben) === 'joining')
    cluster.peer(ada).leave()
    expect(cluster.runUntil(() => hasLeft(cluster, ada))).toBe(true)
    cluster.run(partingMs / 2)
    expect(cluster.departed.has(ada)).toBe(false)
    expect(statusAt(cluster, ben, ada)).toBe('leaving')
    speak()
    expect(cluster.runUntil(() => cluster.departed.has(ada), partingMs / 2)).toBe(true)
    expect(cluster.unheard.has(ada)).toBe(false)
    expect(cluster.settle()).toBe(true)
    expect(statusAt(cluster, ben, ben)).toBe('up')
    expect(cluster.keys(ben).toSorted()).toEqual(['a', 'b', 'c'])
  })

  test('is heard by a member only once that would remember it after a crash', () => {
    const cluster = clusterOf(2)
    cluster.peer(ada).leave()
    cluster.runUntil(() => hasLeft(cluster, ada))
    const { storage } = cluster.peer(ben)
    storage.slowness = 100_000
    expect(cluster.runUntil(() => statusAt(cluster, ben, ada) === 'left')).toBe(true)
    cluster.run(5000)
    cluster.crash(ben, 'lost')
    storage.slowness = 1
    expect(cluster.departed.has(ada)).toBe(false)
    cluster.start(ben)
    expect(cluster.runUntil(() => cluster.departed.has(ada))).toBe(true)
    expect(cluster.unheard.has(ada)).toBe(false)
    expect(statusAt(cluster, ben, ada)).toBe('left')
  })

  test('takes nothing more meanwhile, and goes unheard after a while where nobody answers', () => {
    const cluster = clusterOf(3)
    cluster.put(ada, 'before', 'value', { quorum: 3 })
    loseLastWords(cluster, cyd)
    cluster.peer(cyd).leave()
    expect(cluster.runUntil(() => hasLeft(cluster, cyd))).toBe(true)
    const leftAtMs = cluster.time.nowMs
    const answers: string[] = []
    cluster.observer = {
      sent: (from, _to, message) => (from === cyd && message.type === 'replicated' ? answers.push(message.status) : undefined)
    }
    const out = new Writer()
    writeMessage(out, {
      type: 'replicate',
      id: 77,
      key: encodeUtf8('late'),
      record: cluster.copy(ada, 'before') ?? emptyRecord,
      hintFor: []
    })
    cluster.peer(cyd).frame(ada, out.finish())
    expect(answers).toEqual(['overloaded'])
    expect(cluster.runUntil(() => cluster.departed.has(cyd))).toBe(true)
    expect(cluster.time.nowMs - leftAtMs).toBeGreaterThanOrEqual(partingMs)
    expect(cluster.unheard.has(cyd)).toBe(true)
    expect(cluster.keys(cyd)).toEqual([])
  })

  test('goes at once where nobody is left to hear it', () => {
    const cluster = clusterOf(1)
    cluster.peer(ada).leave()
    expect(cluster.runUntil(() => cluster.departed.has(ada), 1000)).toBe(true)
  })
})
