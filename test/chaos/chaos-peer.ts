/** What the load and the checks do with a peer, whether it is a process or a tab. */
import type { DeleteOptions, GetOptions, PeerStatus, PutOptions } from '../../src/entry/nodejs.ts'
import type { StorageRow } from '../../src/ports/storage.ts'

export interface ReadAnswer {
  /** Values, and deletes that are concurrent with one (`text` is undefined). */
  readonly siblings: readonly { readonly text: string | undefined; readonly dot: string }[]
  readonly context: Uint8Array
}

export interface WriteAnswer {
  readonly context: Uint8Array
  readonly dot: string
}

export interface DeleteAnswer {
  readonly context: Uint8Array
  readonly existed: boolean
}

/** A key that a peer stores, and the hash of its copy. */
export type StoredKeys = ReadonlyMap<string, string>

export interface ChaosPeer {
  readonly name: string
  /** False while it is known to be away. */
  readonly isServing: boolean
  readonly peerId: string
  /** Everything that should not have happened to it. */
  readonly complaints: readonly string[]
  /** Errors are `StoreError`s; one of a peer that went away says `indeterminate`. */
  get(key: string, options: GetOptions): Promise<ReadAnswer>
  put(key: string, context: Uint8Array | undefined, value: string, options: PutOptions): Promise<WriteAnswer>
  delete(key: string, context: Uint8Array | undefined, options: DeleteOptions): Promise<DeleteAnswer>
  status(): Promise<PeerStatus>
  keys(): Promise<StoredKeys>
  /** Live bytes after a garbage collection, and all memory of the process where it has one of its own. */
  memory(): Promise<MemorySample>
  /** Ends it as its user would. */
  stop(): Promise<void>
  /** What its disk holds, once it has stopped. */
  rows(): Promise<readonly StorageRow[]>
}

export interface MemorySample {
  /** Which life of the peer was measured: it changes with every start. */
  readonly life: number
  readonly ageMs: number
  readonly heapBytes: number
  readonly residentBytes: number | undefined
}
