/**
 * Gossipsub on one topic per cluster, for news that may get lost.
 *
 * The settings matter in small clusters. By default gossipsub scores down peers that share an IP address (a laptop with 14 tabs
 * delivers nothing) and throws when nobody listens. Messages travel unsigned here: what they carry is signed by its author.
 */
import { gossipsub, StrictNoSign, TopicValidatorResult, type GossipSub } from '@libp2p/gossipsub'
import { sha256 } from '../../core/hash.ts'
import { gossipBytesMax, gossipLazyMin, gossipLazyShare } from '../../core/limits.ts'
import { encodeUtf8 } from '../../core/codec.ts'
import { toHex } from '../../core/bytes.ts'
import type { PeerId } from '../../core/identifiers.ts'

type GossipFactory = ReturnType<typeof gossipsub>

/** Judges a message that `from` passed on. */
export type GossipJudge = (from: PeerId, bytes: Uint8Array) => 'accept' | 'ignore' | 'reject'

const results = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject
} as const

/** The topic of a cluster: a hash, so that its name is no secret given away to relays. */
export function gossipTopic(cluster: string): string {
  return `/dynamesh/gossip/1/${toHex(sha256(encodeUtf8(cluster)).subarray(0, 16))}`
}

/** Below what gossipsub asks of a peer to send it messages (-50), above what makes it deaf to the peer's subscriptions (-80). */
const strangerScore = -60

/** The gossipsub service of a host that takes part in `topic` only, and tells nothing to peers that are not admitted. */
export function gossipService(topic: string, isAdmitted: (peer: PeerId) => boolean): GossipFactory {
  return gossipsub({
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: message => sha256(message.data),
    emitSelf: false,
    fallbackToFloodsub: false,
    floodPublish: true,
    Dlazy: gossipLazyMin,
    gossipFactor: gossipLazyShare,
    doPX: false,
    runOnLimitedConnection: true,
    allowedTopics: [topic],
    maxInboundDataLength: gossipBytesMax,
    scoreParams: {
      IPColocationFactorWeight: 0,
      appSpecificWeight: 1,
      appSpecificScore: peer => (isAdmitted(peer as PeerId) ? 0 : strangerScore)
    }
  })
}

/** Subscribes to the topic, with `judge` deciding what is passed on. */
export function joinGossip(service: GossipSub, topic: string, judge: GossipJudge): void {
  service.topicValidators.set(topic, (from, message) => results[judge(from.toString() as PeerId, message.data)])
  service.subscribe(topic)
}
