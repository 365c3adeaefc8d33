/** All rows on a disk whose peer was stopped. */
import type { Storage, StorageRow } from '../../src/ports/storage.ts'

/** Opens `disk`, copies its rows in order, and closes it. */
export async function rowsOnDisk(disk: Storage): Promise<readonly StorageRow[]> {
  await disk.open()
  try {
    const rows: StorageRow[] = []
    for await (const { key, value } of disk.scan({ prefix: new Uint8Array(0) })) rows.push({ key: key.slice(), value: value.slice() })
    return rows
  } finally {
    await disk.close()
  }
}
