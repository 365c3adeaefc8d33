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
export { simulate, type SimulationOptions, type SimulationResult, type SimulationStatistics } from '../simulation/run/simulate.ts'
export { Cluster, type ClusterObserver, type ClusterOptions } from '../simulation/cluster/cluster.ts'
export { type CallOptions, type GetAnswer, type PutAnswer, type PutInput } from '../simulation/run/client-call.ts'
export { agreedRecord, divergences } from '../simulation/checks/convergence.ts'
export { type FaultKind, faultKinds, type MessageFault, messageFaults } from '../simulation/faults/fault-kinds.ts'
export type { FiredFault } from '../simulation/faults/fault-schedule.ts'
export { replayFlags } from '../simulation/run/replay.ts'
export type { FaultSelection, RunInput } from '../simulation/run/run-profile.ts'
export { shrink, type ShrinkOptions, type ShrunkRun } from '../simulation/run/shrink.ts'
export { addTotals, neverHappened, noTotals, type SimulationTotals, totalsOf } from '../simulation/run/totals.ts'
export { goodNetwork, type NetworkQuality, type SimulatedNetwork } from '../simulation/cluster/simulated-network.ts'
export type { PeerProfile } from '../simulation/cluster/peer-life.ts'
export type { SimulatedPeer } from '../simulation/cluster/simulated-peer.ts'
export type { DiskDelays, SimulatedStorage } from '../simulation/cluster/simulated-storage.ts'
export type { Trace } from '../simulation/run/trace.ts'
export type { VirtualTime } from '../simulation/cluster/virtual-time.ts'
