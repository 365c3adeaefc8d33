/** The port of the demo's page: the one asked for, or the first free one from the default on. */
import { listenError } from '../start/listen.ts'
import { pageServer, type PageConfig, type PageServer } from './page-server.ts'

/** Port of the page when none is asked for. */
export const defaultPagePort = 8080
/** Ports tried from the default on. */
const portsTried = 100

/** Serves the page on `port`, or on the next free port from `first` on when none is given. Rejects with `ERR_LISTEN`. */
export async function openPageServer(
  folder: string,
  port: number | undefined,
  first: number,
  config: () => PageConfig
): Promise<PageServer> {
  const last = port ?? first + portsTried
  for (let candidate = port ?? first; ; candidate++) {
    try {
      return await pageServer(folder, candidate, config)
    } catch (error) {
      const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (!isTaken || candidate >= last) throw listenError('localhost', candidate, '--port', error)
    }
  }
}
