/** Where the built page lies: beside the compiled program, or in `dist` when the sources are run. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the built page, or `undefined` when it was not built. */
export async function pageFolder(): Promise<string | undefined> {
  for (const place of ['../../web/', '../../../dist/web/']) {
    const folder = fileURLToPath(new URL(place, import.meta.url))
    const index = await stat(join(folder, 'index.html')).catch(() => undefined)
    if (index?.isFile() === true) return folder
  }
  return undefined
}
