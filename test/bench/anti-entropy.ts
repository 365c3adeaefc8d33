/**
 * What it costs two replicas to find where they differ, and to be able to: `npm run bench -- anti-entropy [--sizes 10000,100000] [--start 100000]`.
 *
 * Differences are random: a third of the keys is missing here, a third there, a third is there in two versions. Bytes are those of all encoded
 * messages with their frames, in both directions, of the descent, of the second comparison and of the requests for records; the records
 * themselves come on top, here as for any other method. Beside it what others measured for the same sizes: range-based reconciliation (negentropy,
 * fan-out 16), which compares once. Times are those of the processor, which other processes lengthen less than those of a clock.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { filesystemStorage } from '../../src/adapters/filesystem-storage.ts'
import { emptyContext } from '../../src/core/causal-context.ts'
import { encodeUtf8, Writer } from '../../src/core/codec.ts'
import { md5, sha256 } from '../../src/core/hash.ts'
import { actorOf, type ReplicaId, type RequestId } from '../../src/core/identifiers.ts'
import { MerkleTrie } from '../../src/core/merkle-trie.ts'
import { prng } from '../../src/core/prng.ts'
import { emptyRecord, putSibling, type StoredRecord } from '../../src/core/record.ts'
import type { StorageOperation } from '../../src/ports/storage.ts'
import { packDifferences, packPlaces, type Difference } from '../../src/protocol/exchange-layout.ts'
import { indexOperation, KeyIndex } from '../../src/protocol/key-index.ts'
import type { ExchangeNode, Message } from '../../src/protocol/message.ts'
import { readMessage, writeMessage } from '../../src/protocol/message-codec.ts'
import { chunksOf, SharedTrie } from '../../src/protocol/reconciliation.ts'
import { encodeRow, prefixes, rowKey } from '../../src/protocol/storage-layout.ts'

const { values: options } = parseArgs({
  options: { sizes: { type: 'string', default: '10000,100000' }, start: { type: 'string', default: '100000' } }
})

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const partitions = 1024
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

function recordOf(index: number, counter: number): StoredRecord {
  const actor = actorOf('0011223344556677' as ReplicaId, index + 1)
  return putSibling(emptyRecord, emptyContext, {
    dot: { actor, counter },
    request: '00'.repeat(16) as RequestId,
    wallTime: 1,
    value: new Uint8Array(100)
  })
}

/** What a put adds: hashing the key's position and the record, the index row, and the path in the trie. */
function printPutCost(): void {
  console.log('\n## What a put adds, in microseconds\n')
  console.log('keys held | path in the trie alone | with hashes and index row | heap of the trie per key')
  console.log('--- | --- | --- | ---')
  for (const size of [10_000, 100_000, 1_000_000]) {
    const before = heapBytes()
    const index = new KeyIndex(partitions)
    for (let key = 0; key < size; key++) index.trie.set(md5(keyBytes(key)), sha256(keyBytes(key)))
    const perKey = (heapBytes() - before) / size
    const rounds = 50_000
    const positions = Array.from({ length: rounds }, (_, round) => md5(keyBytes((round * 7919) % size)))
    const hashes = positions.map(position => sha256(position))
    const startUs = cpuUs()
    for (const [round, position] of positions.entries()) index.trie.set(position, hashes[round] as Uint8Array)
    const pathUs = (cpuUs() - startUs) / rounds
    const records = Array.from({ length: rounds }, (_, round) => ({ epoch: 1, record: recordOf(round, 2) }))
    const beforeWholeUs = cpuUs()
    for (const [round, row] of records.entries()) {
      const key = keyBytes((round * 7919) % size)
      indexOperation(key, row)
      index.hold(key, row)
    }
    const wholeUs = (cpuUs() - beforeWholeUs) / rounds
    console.log(`${size.toLocaleString('en')} | ${pathUs.toFixed(2)} | ${wholeUs.toFixed(2)} | ${perKey.toFixed(0)} B`)
  }
}

/** Time that this process has used, in microseconds. */
function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

function heapBytes(): number {
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Time to know all keys after a start (the peer works meanwhile): from index rows, and from the rows with the values as it would be without them. */
async function printStart(keys: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'dynamesh-bench-'))
  const storage = filesystemStorage(folder, { reserveBytes: 0 })
  try {
    await storage.open()
    for (let from = 0; from < keys; from += 1000) await storage.write(pageOf(from, Math.min(from + 1000, keys)))
    await storage.close()
    await storage.open()
    const startUs = cpuUs()
    const index = new KeyIndex(partitions)
    for await (const row of storage.scan({ prefix: prefixes.index })) index.restore([row])
    const loadedUs = cpuUs()
    let values = 0
    for await (const { value } of storage.scan({ prefix: prefixes.row })) values += value.length
    const scannedUs = cpuUs()
    console.log(`\n## Start with ${keys.toLocaleString('en')} keys on disk, values of 100 bytes\n`)
    console.log(`index rows: ${((loadedUs - startUs) / 1000).toFixed(0)} ms for ${index.keys.toLocaleString('en')} keys`)
    console.log(
      `only reading the rows with values, without hashing them: ${((scannedUs - loadedUs) / 1000).toFixed(0)} ms for ${(values / 1e6).toFixed(0)} MB`
    )
  } finally {
    await storage.close()
    await rm(folder, { recursive: true, force: true })
  }
}

function pageOf(from: number, to: number): readonly StorageOperation[] {
  return Array.from({ length: to - from }, (_, offset) => from + offset).flatMap(index => {
    const key = encodeUtf8(`key-${index}`)
    const row = { epoch: index + 1, record: recordOf(index, 1) }
    return [{ type: 'put' as const, key: rowKey(key), value: encodeRow(row) }, indexOperation(key, row)]
  })
}

console.log('# Anti-entropy')
for (const size of options.sizes.split(',').map(Number)) printExchanges(size)
printPutCost()
await printStart(Number(options.start))
