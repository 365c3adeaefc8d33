/**
 * What it costs two replicas to find where they differ, and to be able to: `npm run bench -- anti-entropy [--sizes 10000,100000] [--start 100000]`.
 *
 * Differences are random: a third of the keys is missing here, a third there, a third is there in two versions. Bytes are those of all encoded
 * messages with their frames, in both directions, of the descent, of the second comparison and of the requests for records; the records
 * themselves come on top, here as for any other method. Beside it what others measured for the same sizes: range-based reconciliation (negentropy,
 * fan-out 16), which compares once. Times are those of the processor, which other processes lengthen less than those of a clock.
 */
import { parseArgs } from 'node:util'
import { Writer } from '../../src/core/codec.ts'
import { md5, sha256 } from '../../src/core/hash.ts'
import { MerkleTrie } from '../../src/core/merkle-trie.ts'
import { prng } from '../../src/core/prng.ts'
import { packDifferences, packPlaces, type Difference } from '../../src/protocol/exchange-layout.ts'
import type { ExchangeNode, Message } from '../../src/protocol/message.ts'
import { readMessage, writeMessage } from '../../src/protocol/message-codec.ts'
import { chunksOf, SharedTrie } from '../../src/protocol/reconciliation.ts'
import { printPutCost } from './anti-entropy/put-cost.ts'
import { cpuUs, partitions } from './anti-entropy/sample.ts'
import { printStart } from './anti-entropy/start-cost.ts'

const { values: options } = parseArgs({
  options: { sizes: { type: 'string', default: '10000,100000,1000000' }, start: { type: 'string', default: '1000000' } }
})

const shared = Array.from({ length: partitions }, (_, partition) => partition)
const frameBytes = 5
const id = 0x1f_1234_5678_9abc
/** Bytes of range-based reconciliation by size and number of differences, as published. */
const rangeBased: Readonly<Record<string, string>> = {
  '10000/10': '6.7 KB',
  '10000/100': '43.5 KB',
  '10000/1000': '167 KB',
  '100000/10': '14.2 KB',
  '100000/1000': '799 KB'
}

function keyBytes(index: number): Uint8Array {
  return Uint8Array.of(index >>> 24, index >>> 16, index >>> 8, index)
}

/** The trie of keys `0 .. size - 1` where each has a version; 0 leaves a key out. */
function trieOf(size: number, version: (index: number) => number): MerkleTrie {
  const trie = new MerkleTrie(partitions)
  for (let index = 0; index < size; index++) {
    const found = version(index)
    const key = keyBytes(index)
    if (found > 0) trie.set(md5(key), sha256(Uint8Array.of(...key, found)))
  }
  return trie
}

/** Which keys differ, and how: 0 missing here, 1 missing there, 2 another version. */
function differing(size: number, count: number): ReadonlyMap<number, number> {
  const random = prng(`${size}/${count}`)
  const chosen = new Map<number, number>()
  while (chosen.size < count) chosen.set(random.below(size), chosen.size % 3)
  return chosen
}

interface Cost {
  bytes: number
  messages: number
  turns: number
  found: number
}

/** A whole exchange, through encoded messages. */
function exchange(tries: readonly [MerkleTrie, MerkleTrie]): Cost {
  const sides = tries.map(trie => new SharedTrie(trie, shared, id)) as [SharedTrie, SharedTrie]
  const cost: Cost = { bytes: 0, messages: 0, turns: 0, found: 0 }
  const out = new Writer()
  const post = (message: Message): Message => {
    out.reset()
    writeMessage(out, message)
    cost.bytes += out.length + frameBytes
    cost.messages += 1
    return readMessage(out.finish())
  }
  const ring = '0'.repeat(16)
  post({ type: 'exchange-open', id, ring, digest: sides[0].digest() })
  cost.turns += 1
  if (sides[0].digest() === sides[1].digest()) return cost
  const found: [Difference[], Difference[]] = [[], []]
  let nodes: readonly ExchangeNode[] = [sides[1].root()]
  for (let to = 0; nodes.length > 0; to = 1 - to) {
    cost.turns += 1
    nodes = chunksOf(nodes).flatMap(chunk => {
      const message = post({ type: 'exchange-nodes', id, nodes: chunk })
      return message.type === 'exchange-nodes'
        ? sides[to as 0 | 1].compare(message.nodes, difference => found[to as 0 | 1].push(difference) > 0)
        : []
    })
  }
  const wanted = found.flatMap(differences => {
    for (const chunk of chunksOf(differences, 4096)) post({ type: 'exchange-differences', id, entries: packDifferences(chunk) })
    return differences.filter(({ theirs }) => theirs === 0).map(({ place }) => place)
  })
  for (const chunk of chunksOf(wanted, 4096)) post({ type: 'exchange-wanted', id, places: packPlaces(chunk) })
  cost.turns += 2
  cost.found = found[0].length + found[1].length
  return cost
}

function kilobytes(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} KB`
}

function printExchanges(size: number): void {
  console.log(`\n## ${size.toLocaleString('en')} keys\n`)
  console.log('differences | found | bytes both ways | messages | one-way trips | ms for both sides | range-based reconciliation')
  console.log('--- | --- | --- | --- | --- | --- | ---')
  for (const count of [0, 1, 10, 100, 1000, 10_000]) {
    if (count > size) continue
    const how = differing(size, count)
    const mine = trieOf(size, index => (how.get(index) === 0 ? 0 : 1))
    const theirs = trieOf(size, index => [1, 0, 2][how.get(index) ?? 0] ?? 1)
    const startUs = cpuUs()
    const { bytes, messages, turns, found } = exchange([mine, theirs])
    const ms = (cpuUs() - startUs) / 1000
    console.log(
      `${count} | ${found} | ${kilobytes(bytes)} | ${messages} | ${turns} | ${ms.toFixed(1)} | ${rangeBased[`${size}/${count}`] ?? '-'}`
    )
  }
}

console.log('# Anti-entropy')
const sizes = options.sizes.split(',').map(Number)
for (const size of sizes) printExchanges(size)
printPutCost(sizes)
await printStart(Number(options.start))
