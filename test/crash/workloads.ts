/** What the exhaustive runs do: short scripts that between them write every kind of row, read it back and take it away. */
import type { ClusterOptions } from '../../src/simulation/cluster/cluster.ts'
import { peerName } from '../../src/simulation/cluster/simulated-identity.ts'
import type { Script } from './script.ts'

const ada = peerName(0)
const ben = peerName(1)
const cyd = peerName(2)
const dee = peerName(3)

export interface Workload {
  readonly options: ClusterOptions
  /** True when a copy may be the only one of an acknowledged write, so that the loss of a row may be the loss of a write. */
  readonly isFragile?: boolean
  run(script: Script): void
}

export const workloads = {
  'puts, gets and deletes': {
    options: { peers: 3 },
    run: script => {
      script.write(ada, 'a')
      script.writeBlind(ben, 'a')
      script.read(cyd, 'a')
      script.write(cyd, 'a', 3)
      script.write(ben, 'b')
      script.remove(ada, 'a')
      script.writeBlind(cyd, 'b')
      script.read(ada, 'b', 3)
      script.write(ada, 'b')
      script.read(ben, 'a')
      script.write(ben, 'a')
    }
  },
  'restarts between writes': {
    options: { peers: 3 },
    run: script => {
      for (const peer of [ada, ben, cyd]) {
        script.write(peer, 'a')
        script.writeBlind(peer, 'b')
        script.stop(peer)
        script.write(ada, 'a')
        script.start(peer)
        script.settle()
      }
    }
  },
  'hints stored and delivered': {
    options: { peers: 4 },
    run: script => {
      const key = script.cluster.keyWhere(owners => owners.includes(ben) && !owners.includes(dee))
      script.write(ada, key, 3)
      script.stop(ben)
      script.run(3000)
      script.write(ada, key)
      script.writeBlind(cyd, key)
      script.write(dee, 'b')
      script.start(ben)
      script.settle()
      script.read(ben, key)
      script.write(ben, key)
    }
  },
  'a tab that writes alone': {
    options: { peers: 4 },
    isFragile: true,
    run: script => {
      const { cluster } = script
      const key = cluster.keyWhere(owners => !owners.includes(dee))
      script.write(ada, key)
      cluster.partition([dee], [ada, ben, cyd])
      script.run(3000)
      script.writeBlind(dee, key, 1)
      script.write(dee, 'b', 1)
      script.write(ada, key)
      cluster.heal()
      script.settle()
      script.read(ada, key)
      script.write(ada, key)
    }
  },
  'a join with its transfer': {
    options: { peers: 3 },
    run: script => {
      for (const key of ['a', 'b', 'c', 'd']) script.write(ada, key)
      script.cluster.add()
      script.write(ben, 'a')
      script.settle()
      script.read(dee, 'a')
      script.write(dee, 'a')
      script.write(dee, 'e')
    }
  },
  'a leave with its transfer': {
    options: { peers: 4 },
    run: script => {
      for (const key of ['a', 'b', 'c', 'd']) script.write(ada, key)
      script.leave(ben)
      script.write(cyd, 'a')
      script.settle()
      script.read(dee, 'a')
      script.write(dee, 'a')
    }
  },
  'a read that repairs': {
    options: { peers: 3 },
    run: script => {
      const { cluster } = script
      script.write(ada, 'a', 3)
      cluster.partition([cyd], [ada, ben])
      script.run(3000)
      script.write(ada, 'a')
      script.writeBlind(cyd, 'a', 2)
      cluster.heal()
      script.run(300)
      script.read(cyd, 'a', 3)
      script.write(cyd, 'a')
      script.settle()
    }
  },
  'an exchange that refills a lost disk': {
    options: { peers: 3 },
    run: script => {
      for (const key of ['a', 'b', 'c']) script.write(ada, key, 3)
      script.remove(ada, 'b', 3)
      script.lose(ben)
      script.start(ben)
      script.run(20_000)
      script.read(ben, 'a', 3)
      script.write(ben, 'a', 3)
    }
  },
  'a delete that is forgotten': {
    options: { peers: 3, tombstoneGraceMs: 24_000 },
    run: script => {
      script.write(ada, 'a')
      script.remove(ada, 'a')
      script.write(ada, 'b')
      script.forgetDeletes('a')
      script.run(40_000)
      script.writeBlind(ben, 'a')
      script.read(cyd, 'a')
      script.remove(cyd, 'a')
    }
  }
} as const satisfies Readonly<Record<string, Workload>>

export type WorkloadName = keyof typeof workloads
