/**
 * What it costs two replicas to find where they differ, and to be able to: `npm run bench -- anti-entropy [--sizes 10000,100000,1000000]
 * [--start 1000000]`.
 *
 * Differences are random: a third of the keys is missing here, a third there, a third is there in two versions. Bytes are those of all encoded
 * messages with their frames, in both directions: the descent, the second comparison, the versions of keys that both have, and the requests for
 * records. The records themselves come on top, here as for any other method. Beside it range-based reconciliation (negentropy, fan-out 16), measured in
 * the same run and as others published it; it compares once, and its requests are not counted.
 */
import { parseArgs } from 'node:util'
import { exchangeCost } from './anti-entropy/exchange-cost.ts'
import { printPutCost } from './anti-entropy/put-cost.ts'
import { reconcileRanges } from './anti-entropy/range-based.ts'
import { cpuUs } from './anti-entropy/sample.ts'
import { printStart } from './anti-entropy/start-cost.ts'
import { TwoSides } from './anti-entropy/two-sides.ts'

const { values: options } = parseArgs({
  options: { sizes: { type: 'string', default: '10000,100000,1000000' }, start: { type: 'string', default: '1000000' } }
})

const frameBytes = 5
/** Bytes of range-based reconciliation by size and number of differences, as published. */
const published: Readonly<Record<string, string>> = {
  '10000/10': '6.7 KB',
  '10000/100': '43.5 KB',
  '10000/1000': '167 KB',
  '100000/10': '14.2 KB',
  '100000/1000': '799 KB'
}

function kilobytes(bytes: number): string {
  return bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1)} KB`
}

/** Answers how many points took more bytes than the rival's. */
function printExchanges(size: number): number {
  console.log(`\n## ${size.toLocaleString('en')} keys\n`)
  console.log(
    'differences | found | bytes both ways | trips | messages | processor ms, both sides | range-based: bytes | trips | ours / theirs | published'
  )
  console.log('--- | --- | --- | --- | --- | --- | --- | --- | --- | ---')
  const sides = new TwoSides(size)
  let worse = 0
  for (const count of [0, 1, 10, 100, 1000, 10_000]) {
    if (count > size) continue
    sides.with(count, (tries, items, keyAt) => {
      const startUs = cpuUs()
      const ours = exchangeCost(tries, keyAt, frameBytes)
      const ms = (cpuUs() - startUs) / 1000
      const rival = reconcileRanges(...items(), frameBytes)
      worse += ours.bytes < rival.bytes ? 0 : 1
      console.log(
        [
          count,
          ours.found,
          kilobytes(ours.bytes),
          ours.trips,
          ours.messages,
          ms.toFixed(1),
          kilobytes(rival.bytes),
          rival.messages,
          (ours.bytes / rival.bytes).toFixed(2),
          published[`${size}/${count}`] ?? '-'
        ].join(' | ')
      )
    })
  }
  return worse
}

console.log('# Anti-entropy')
const sizes = options.sizes.split(',').map(Number)
const worse = sizes.reduce((sum, size) => sum + printExchanges(size), 0)
console.log(`\npoints where ours takes as many bytes as the rival, or more: ${worse}`)
printPutCost(sizes)
await printStart(Number(options.start))
