/** What the Merkle trie adds to a put, and what it takes of memory. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { md5, sha256 } from '../../../src/core/hash.ts'
import { KeyIndex } from '../../../src/protocol/key-index.ts'
import { Tokens } from '../../../src/protocol/tokens.ts'
import { keyOf, partitions, rowOf } from './sample.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const rounds = 100_000
const now = { ms: 0, wallMs: 0 }

export function printPutCost(sizes: readonly number[]): void {
  console.log('\n## What a put adds, in microseconds by the clock: hashes of position and record, index row, path in the trie, sum\n')
  console.log('keys held | entries in memory | mean | p50 | p99 | of it the path alone | bytes of memory per key')
  console.log('--- | --- | --- | --- | --- | --- | ---')
  for (const size of sizes) {
    for (const isHeld of [true, false]) printOne(size, isHeld)
  }
}

function printOne(size: number, isHeld: boolean): void {
  const before = heapBytes()
  const index = new KeyIndex(partitions, new Tokens(1), { isComplete: true, rows: [], damaged: [] })
  for (let key = 0; key < size; key++) index.trie.set(md5(keyOf(key)), sha256(keyOf(key)))
  if (!isHeld) for (let partition = 0; partition < partitions; partition++) index.trie.release(partition)
  const perKey = Math.max(heapBytes() - before, 0) / size
  const places = Array.from({ length: rounds }, (_, round) => md5(keyOf((round * 7919) % size)))
  const startMs = performance.now()
  for (const place of places) index.trie.replace(place, place, place)
  const pathUs = ((performance.now() - startMs) * 1000) / rounds
  const times = measure(index, size)
  const at = (share: number): string => (times[Math.floor(rounds * share)] as number).toFixed(2)
  const mean = times.reduce((sum, time) => sum + time, 0) / rounds
  console.log(
    `${size.toLocaleString('en')} | ${isHeld ? 'all' : 'none'} | ${mean.toFixed(2)} | ${at(0.5)} | ${at(0.99)} | ${pathUs.toFixed(2)} | ${perKey.toFixed(0)}`
  )
}

/** Microseconds of each put of a key whose row was just read, so that its old hash is not known either; ascending. The first tenth warms up and does not count. */
function measure(index: KeyIndex, size: number): Float64Array {
  const warmUp = rounds / 10
  const times = new Float64Array(rounds)
  for (let round = -warmUp; round < rounds; round++) {
    const number = ((round + warmUp) * 7919) % size
    const key = keyOf(number)
    const [old, row] = [rowOf(number, 1), rowOf(number, 2)]
    const startMs = performance.now()
    index.settle(now, index.change(key, old, row), true)
    if (round >= 0) times[round] = (performance.now() - startMs) * 1000
    index.settle(now, index.change(key, row, old), true)
  }
  return times.sort()
}

function heapBytes(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
