/**
 * `npm run experiments [-- <name>]`: what others published about Dynamo and its descendants, repeated on this code under virtual time, with the
 * published numbers beside. Each file here is one experiment and says what it models; `experiments.test.ts` asserts what they show.
 */
import { printJoinsAndLeaves } from './joins-and-leaves.ts'
import { printOneKeySet } from './one-key-set.ts'
import { printShoppingCart } from './shopping-cart.ts'
import { printSiblingExplosion } from './sibling-explosion.ts'
import { printVersionDivergence } from './version-divergence.ts'

interface Experiment {
  readonly title: string
  readonly print: () => void
}

const experiments: Readonly<Record<string, Experiment>> = {
  'one-key-set': { title: "Jepsen's one-key set on Riak, 2013: 2,000 adds of five clients to one key", print: printOneKeySet },
  'joins-and-leaves': {
    title: 'Joins and leaves under causal read-modify-write load (riak_kv issue 1754, 2020)',
    print: printJoinsAndLeaves
  },
  'sibling-explosion': { title: 'Sibling explosion: two clients that write in turn', print: printSiblingExplosion },
  'shopping-cart': { title: 'The shopping cart of the paper, section 4.4', print: printShoppingCart },
  'version-divergence': { title: 'Versions that a request sees: the paper, section 6.3', print: printVersionDivergence }
}

const [wanted] = process.argv.slice(2)
const chosen = Object.entries(experiments).filter(([name]) => wanted === undefined || name === wanted)

if (chosen.length === 0) {
  console.error(`Usage: npm run experiments [-- ${Object.keys(experiments).join('|')}]`)
  process.exitCode = 2
}
for (const [name, { title, print }] of chosen) {
  const startedMs = performance.now()
  console.log(`\n## ${name}: ${title}\n`)
  print()
  console.log(`(${((performance.now() - startedMs) / 1000).toFixed(1)} s)`)
}
