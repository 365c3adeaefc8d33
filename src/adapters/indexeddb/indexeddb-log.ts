/**
 * Lets Chromium begin a new log for the databases of this origin, because the old one may be torn.
 *
 * Chromium keeps IndexedDB in LevelDB: changes are appended to a log, which is read at the next start. A browser that is killed in the middle of an
 * append leaves half a record at the log's end. The next start takes that for the end, which is right, but goes on appending behind it; the
 * start after that finds the half record in the middle, takes the whole database for corrupt, and deletes every database of the origin.
 * (`Reusing old log` and then `Corruption: checksum mismatch` in Chromium's own logs; reproduced in indexeddb-crash.test.ts.)
 *
 * LevelDB begins a new log once the old one has 4 MiB. So after an end that was not in good order that much is written, to a database of its own
 * that is then deleted. It takes some 50 ms in the background, and nobody waits for it.
 */
import { deleteDB, openDB } from 'idb'

const NAME = 'dynamesh-new-log'
/** Together they make more than 4 MiB of log, as each put goes into it twice; values are random because others are compressed. */
const ROWS = 50
const ROW_BYTES = 50_000

/** Does nothing where the browser does not say that it is a Chromium. */
export async function beginNewLog(): Promise<void> {
  if (!('userAgentData' in navigator)) return
  const database = await openDB(NAME, 1, { upgrade: created => void created.createObjectStore('rows') })
  try {
    const transaction = database.transaction('rows', 'readwrite', { durability: 'relaxed' })
    const done = transaction.done
    for (let row = 0; row < ROWS; row++) void transaction.store.put(crypto.getRandomValues(new Uint8Array(ROW_BYTES)), row)
    await done
  } finally {
    database.close()
    await deleteDB(NAME)
  }
}
