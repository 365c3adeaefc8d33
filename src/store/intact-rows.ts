/** Reads and scans that go on past damaged rows: one flipped bit must not hide everything behind it. */
import { isStoreError } from '../core/errors.ts'
import type { ScanRange, Storage, StorageRow } from '../ports/storage.ts'

/** The undamaged rows of a range, in order. `damaged` hears of each row that is left out, and that no limit counts. */
export async function* intactRows(
  storage: Storage,
  range: ScanRange,
  damaged: (key: Uint8Array) => void
): AsyncGenerator<StorageRow, void, undefined> {
  let { after } = range
  let left = range.limit ?? Number.POSITIVE_INFINITY
  while (left > 0) {
    try {
      const rest = { prefix: range.prefix, limit: left, ...(after === undefined ? {} : { after }) }
      for await (const row of storage.scan(rest)) {
        after = row.key.slice()
        left -= 1
        yield row
      }
      return
    } catch (error) {
      const key = damagedKey(error)
      if (key === undefined) throw error
      after = key
      damaged(key)
    }
  }
}

/** The value of a row, or `'damaged'`, which `damaged` hears of, too. */
export async function readOrDamaged(
  storage: Storage,
  key: Uint8Array,
  damaged: (key: Uint8Array) => void = () => undefined
): Promise<Uint8Array | 'damaged' | undefined> {
  try {
    const [value] = await storage.read([key])
    return value
  } catch (error) {
    if (!isStoreError(error) || error.code !== 'ERR_RECORD_CORRUPT') throw error
    damaged(key)
    return 'damaged'
  }
}

function damagedKey(error: unknown): Uint8Array | undefined {
  if (!isStoreError(error) || error.code !== 'ERR_RECORD_CORRUPT') return undefined
  const { key } = error.details
  return key instanceof Uint8Array ? key.slice() : undefined
}
