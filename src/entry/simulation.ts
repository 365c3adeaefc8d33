/**
 * `dynamesh/simulation`: whole clusters under virtual time, decided by one seed. `simulate` runs clients, faults and checkers;
 * `Cluster` is for scenarios of your own. Uses no API of any platform.
 *
 *     import { Cluster } from 'dynamesh/simulation'
 *
 *     const cluster = new Cluster({ seed: 1, peers: 3 })
 *     const [ada, ben, cyd] = cluster.peers
 *     cluster.partition([ada], [ben, cyd])
 *     cluster.put(ada, 'cart', 'milk', { quorum: 1 })
 */
export { simulate, type SimulationOptions, type SimulationResult, type SimulationStatistics } from '../simulation/simulate.ts'
export { Cluster, type ClusterObserver, type ClusterOptions } from '../simulation/cluster.ts'
export { type CallOptions, type GetAnswer, type PutAnswer, type PutInput } from '../simulation/client-call.ts'
export { agreedRecord, divergences } from '../simulation/convergence.ts'
export { type FaultKind, faultKinds, type MessageFault, messageFaults } from '../simulation/fault-kinds.ts'
export type { FiredFault } from '../simulation/fault-schedule.ts'
export { replayFlags } from '../simulation/replay.ts'
export type { FaultSelection, RunInput } from '../simulation/run-profile.ts'
export { shrink, type ShrinkOptions, type ShrunkRun } from '../simulation/shrink.ts'
export { addTotals, neverHappened, noTotals, type SimulationTotals, totalsOf } from '../simulation/totals.ts'
export { goodNetwork, type NetworkQuality, type SimulatedNetwork } from '../simulation/simulated-network.ts'
export type { PeerProfile } from '../simulation/peer-life.ts'
export type { SimulatedPeer } from '../simulation/simulated-peer.ts'
export type { DiskDelays, SimulatedStorage } from '../simulation/simulated-storage.ts'
export type { Trace } from '../simulation/trace.ts'
export type { VirtualTime } from '../simulation/virtual-time.ts'
