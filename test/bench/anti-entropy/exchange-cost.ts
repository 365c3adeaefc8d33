/** A whole exchange of two tries, through encoded messages, until it is known which records to send. */
import { Writer } from '../../../src/core/codec.ts'
import type { MerkleTrie } from '../../../src/core/merkle/merkle-trie.ts'
import { exchangeVersionsMax } from '../../../src/core/limits.ts'
import { differencesMessage } from '../../../src/protocol/anti-entropy/exchange.ts'
import { packPlaces, type Difference } from '../../../src/protocol/anti-entropy/exchange-layout.ts'
import type { ExchangeNode, KeyVersion, Message } from '../../../src/protocol/wire/message.ts'
import { readMessage, writeMessage } from '../../../src/protocol/wire/message-codec.ts'
import { chunksOf, SharedTrie } from '../../../src/protocol/anti-entropy/reconciliation.ts'
import { keyOf, partitions, recordOf } from './sample.ts'

export interface ExchangeCost {
  readonly bytes: number
  readonly messages: number
  /** Times that one side has to wait for the other, one way. */
  readonly trips: number
  readonly found: number
}

const shared = Array.from({ length: partitions }, (_, partition) => partition)
const id = 0x1f_1234_5678_9abc
const listItemsMax = 4096

/** `keyAt` tells the key, by its number, of a place that differs. */
export function exchangeCost(tries: readonly [MerkleTrie, MerkleTrie], keyAt: (place: number) => number, frameBytes: number): ExchangeCost {
  const post = new Post(frameBytes)
  const sides = [new SharedTrie(tries[0], shared, id), new SharedTrie(tries[1], shared, id)] as const
  post.send({ type: 'exchange-open', id, ring: '0'.repeat(16), digest: sides[0].digest() })
  if (sides[0].digest() === sides[1].digest()) return { bytes: post.bytes, messages: post.messages, trips: 1, found: 0 }
  const { found, trips } = descend(sides, post)
  const differences = found.flat()
  tell(found, keyAt, post)
  // The differences, the versions and the requests.
  return { bytes: post.bytes, messages: post.messages, trips: trips + 3, found: differences.length }
}

/** Encodes messages, counts their bytes and reads them back. */
class Post {
  readonly #out = new Writer()
  readonly #frameBytes: number
  bytes = 0
  messages = 0

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes
  }

  send(message: Message): Message {
    this.#out.reset()
    writeMessage(this.#out, message)
    this.bytes += this.#out.length + this.#frameBytes
    this.messages += 1
    return readMessage(this.#out.finish())
  }
}

type Sides = readonly [SharedTrie, SharedTrie]

/** What each side found, and how many trips that took, the opening included. */
function descend(sides: Sides, post: Post): { readonly found: readonly [Difference[], Difference[]]; readonly trips: number } {
  const found: [Difference[], Difference[]] = [[], []]
  let nodes: readonly ExchangeNode[] = [sides[1].root()]
  let trips = 1
  for (let to: 0 | 1 = 0; nodes.length > 0; to = to === 0 ? 1 : 0) {
    trips += 1
    nodes = chunksOf(nodes).flatMap(chunk => {
      const message = post.send({ type: 'exchange-nodes', id, nodes: chunk })
      return message.type === 'exchange-nodes' ? sides[to].compare(message.nodes, difference => found[to].push(difference) > 0) : []
    })
  }
  return { found, trips }
}

/** The second comparison, and what it leads to. */
function tell(found: readonly [Difference[], Difference[]], keyAt: (place: number) => number, post: Post): void {
  for (const differences of found) {
    for (const chunk of chunksOf(differences, listItemsMax)) post.send(differencesMessage(id, chunk))
    want(
      differences.filter(({ theirs }) => theirs === 0),
      post
    )
    const changed = differences.filter(({ mine, theirs }) => mine !== 0 && theirs !== 0)
    for (const chunk of chunksOf(changed, exchangeVersionsMax)) {
      const versions = chunk.map(({ place }) => versionOf(keyAt(place)))
      post.send({ type: 'exchange-versions', id, versions })
      want(chunk, post)
    }
  }
}

function want(differences: readonly Difference[], post: Post): void {
  for (const chunk of chunksOf(differences, listItemsMax))
    post.send({ type: 'exchange-wanted', id, places: packPlaces(chunk.map(({ place }) => place)) })
}

function versionOf(key: number): KeyVersion {
  const { context, siblings } = recordOf(key, 2)
  return { key: keyOf(key), context, dots: siblings.map(({ dot }) => dot) }
}
