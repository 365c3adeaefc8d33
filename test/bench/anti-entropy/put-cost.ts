/** What the Merkle trie adds to a put, and what it takes of memory. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { md5, sha256 } from '../../../src/core/hash.ts'
import { KeyIndex } from '../../../src/protocol/key-index/key-index.ts'
import { Tokens } from '../../../src/protocol/tokens.ts'
import type { LocalRow } from '../../../src/protocol/storage-layout.ts'
import { cpuUs, keyOf, partitions, rowOf } from './sample.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const rounds = 100_000
const now = { ms: 0, wallMs: 0 }

export function printPutCost(sizes: readonly number[]): void {
  console.log('\n## What a put adds, in microseconds\n')
  console.log('Whole: hashes of the position and of both records, index row, mark, path in the trie. Path: the trie alone.\n')
  console.log('keys held | entries in memory | whole: processor, mean | clock, p50 | clock, p99 | path: processor, mean | memory per key')
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
  const pathUs = perRound(round => index.trie.replace(places[round] as Uint8Array, places[round], places[round]))
  const puts = putsOf(size)
  const put = ({ key, old, row }: Put): void => index.settle(now, index.change(key, old, row), true)
  const wholeUs = perRound(round => put(puts[round] as Put))
  const times = clocked(putsOf(size), put)
  const at = (share: number): string => (times[Math.floor(rounds * share)] as number).toFixed(2)
  console.log(
    `${size.toLocaleString('en')} | ${isHeld ? 'all' : 'none'} | ${wholeUs.toFixed(2)} | ${at(0.5)} | ${at(0.99)} | ${pathUs.toFixed(2)} | ${perKey.toFixed(0)} B`
  )
}

interface Put {
  readonly key: Uint8Array
  readonly old: LocalRow
  readonly row: LocalRow
}

/** Puts of keys whose rows were just read, so that the hashes of the old records are not known either. */
function putsOf(size: number): readonly Put[] {
  return Array.from({ length: rounds }, (_, round) => {
    const number = (round * 7919) % size
    return { key: keyOf(number), old: rowOf(number, 1), row: rowOf(number, 2) }
  })
}

/** Microseconds of the processor. */
function perRound(act: (round: number) => void): number {
  const startUs = cpuUs()
  for (let round = 0; round < rounds; round++) act(round)
  return (cpuUs() - startUs) / rounds
}

/** Microseconds by the clock of each put, ascending: what other processes take is in the highest. */
function clocked(puts: readonly Put[], put: (put: Put) => void): Float64Array {
  return Float64Array.from(puts, each => {
    const startMs = performance.now()
    put(each)
    return (performance.now() - startMs) * 1000
  }).sort()
}

function heapBytes(): number {
  collectGarbage()
  collectGarbage()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
