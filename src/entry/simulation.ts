/**
 * `dynamesh/simulation`: a whole cluster in one process, under virtual time and decided by one seed, running the same protocol as real peers.
 * For scenarios, for learning what Dynamo does, and for pages that show it.
 */
export {
  type CallOptions,
  Cluster,
  type ClusterObserver,
  type ClusterOptions,
  type GetAnswer,
  type PutAnswer,
  type PutInput
} from '../simulation/cluster.ts'
export { goodNetwork, type NetworkQuality, type NetworkStatistics } from '../simulation/simulated-network.ts'
export { type PeerProfile } from '../simulation/simulated-peer.ts'
export { type DiskDelays } from '../simulation/simulated-storage.ts'
