/**
 * `dynamesh/conformance`: what every implementation of a port must pass. The test framework is a parameter, so that authors of other
 * adapters run it under their own.
 */
export { networkConformance, type NetworkConformanceOptions, type NetworkPlace } from '../conformance/network.ts'
export { storageConformance, type StorageConformanceOptions } from '../conformance/storage.ts'
export { type StorageUnderTest } from '../conformance/storage-case.ts'
export type { Admission, ConnectionInfo, Lane, Network, NetworkHandlers, WantedPeer } from '../ports/network.ts'
export type { ScanRange, Storage, StorageOperation, StorageRow, StorageStatus } from '../ports/storage.ts'
