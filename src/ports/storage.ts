/**
 * One peer's disk: an ordered map from byte strings to byte strings.
 *
 * Every implementation passes the suite in `conformance/storage.ts`. Errors are `StoreError`s: `ERR_IO`, `ERR_QUOTA`,
 * `ERR_STORE_LOCKED`, `ERR_STORE_VERSION`, `ERR_RECORD_CORRUPT`, `ERR_CLOSED`, `ERR_IDB_*`.
 */

/** One change of a batch. */
export type StorageOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: Uint8Array }

/** A row of a scan. */
export interface StorageRow {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** What to scan: keys that start with `prefix`, in byte order. */
export interface ScanRange {
  readonly prefix: Uint8Array
  /** Start behind this key instead of at the first. */
  readonly after?: Uint8Array
  /** Stop after so many rows. @default Infinity */
  readonly limit?: number
}

/** What an opened storage says about itself. */
export interface StorageStatus {
  /** Where the data is, for people: a folder, a database name, "memory". */
  readonly location: string
  /** True when the platform promised to keep the data (always, for a folder; after `persist()` was granted, in a browser). */
  readonly persistent: boolean
  /** Accounted bytes of keys and values. */
  readonly bytes: number
  /** Most accounted bytes, or `undefined` for as many as fit. */
  readonly bytesMax: number | undefined
  /**
   * Stretches of its log that the storage could not read when it was opened, and left out. More than 0 means that acknowledged rows may be
   * missing: treat the storage as one that lost its memory, not as one that never had it.
   */
  readonly recovered: number
}

export interface Storage {
  /**
   * Opens for exclusive use. A second opener gets `ERR_STORE_LOCKED`, a newer format `ERR_STORE_VERSION`, a place with other contents
   * `ERR_CONFIG`; all leave the data untouched. The same object opens again after `close`.
   */
  open(): Promise<void>
  /** Waits for writes under way, then closes. Further calls reject with `ERR_CLOSED`. Closing twice is fine. */
  close(): Promise<void>
  /** Values of `keys` in their order, `undefined` for absent ones. A row whose checksum fails rejects with `ERR_RECORD_CORRUPT` and `details.key` (Uint8Array). */
  read(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>
  /**
   * Applies `batch` whole or not at all; durable when the promise resolves. Concurrent calls share one commit
   * (group commit) but succeed or fail each on their own. The bytes may not be changed until then.
   */
  write(batch: readonly StorageOperation[]): Promise<void>
  /**
   * Rows in ascending byte order of keys, as they were when each was read; rows may be written and deleted meanwhile. A row whose
   * checksum fails ends the scan with `ERR_RECORD_CORRUPT` and `details.key`: a new scan with `after: details.key` goes on behind it.
   */
  scan(range: ScanRange): AsyncIterable<StorageRow>
  /**
   * Gives the space of deleted rows back to the disk, in a stretch of about `rowsMax` rows behind the key `after` (from the first one without it). Answers
   * where to go on, `undefined` at the end. A storage where deleting is enough leaves it out.
   */
  reclaim?(after: Uint8Array | undefined, rowsMax: number): Promise<Uint8Array | undefined>
  status(): StorageStatus
}
