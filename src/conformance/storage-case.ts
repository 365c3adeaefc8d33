/** What a case of the storage suite works on, and how it is registered. */
import type { Storage } from '../ports/storage.ts'

/** One place for data, and ways to look at it from outside. */
export interface StorageUnderTest {
  /** A storage on the place, closed. Each call may return a new object; a storage without a place of its own returns the same one. */
  storage(): Storage
  /** Removes the place. All its storages are closed. */
  dispose(): Promise<void>
  /** Makes the closed place look as if a later release had written it. Leave out where there is no format. */
  makeNewer?(): Promise<void>
  /** Undoes `makeNewer`. */
  makeCurrent?(): Promise<void>
  /** Flips a bit in the stored value of `key` while the place is closed. Leave out where nothing can rot. */
  damage?(key: Uint8Array): Promise<void>
}

/** What a case gets: an opened storage, and its place. */
export type StorageCase = (storage: Storage, place: StorageUnderTest) => Promise<void>

/** Registers one case. */
export type RegisterCase = (name: string, run: StorageCase, settings?: { readonly bytesMax?: number }) => void
