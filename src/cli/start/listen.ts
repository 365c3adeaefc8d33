/**
 * Where a peer listens. Ports are tried before the peer is made: a peer starts with whatever addresses it can get, while a person who
 * named a port wants to know at once that it is taken.
 */
import { once } from 'node:events'
import { createServer, isIP } from 'node:net'
import { StoreError } from '../../core/errors.ts'
import { usageError } from '../invocation/arguments.ts'

/** Ports of the command line's defaults. */
export const defaultPorts: { readonly tcp: number; readonly webSocket: number } = { tcp: 4301, webSocket: 4302 }

/** The IP address of `--host`. */
export function hostAddress(host: string): string {
  if (host === 'localhost') return '127.0.0.1'
  if (isIP(host) !== 0) return host
  throw usageError(`--host takes an IP address to listen on, like 127.0.0.1 or 0.0.0.0, and '${host}' is not one.`)
}

/** Multiaddrs for TCP and WebSocket on `host`; port 0 is any free one. */
export function listenAddresses(host: string, port: number, webSocketPort: number): readonly string[] {
  const base = `/${isIP(host) === 6 ? 'ip6' : 'ip4'}/${host}/tcp`
  return [`${base}/${port}`, `${base}/${webSocketPort}/ws`]
}

/** Refuses with `ERR_LISTEN` when `port` of `host` cannot be listened on; `flag` is named in the error. */
export async function checkPort(host: string, port: number, flag: string): Promise<void> {
  if (port === 0) return
  try {
    await listenOnce(host, port)
  } catch (error) {
    throw listenError(host, port, flag, error)
  }
}

/** True when `port` of `host` can be listened on. */
export async function isPortFree(host: string, port: number): Promise<boolean> {
  return listenOnce(host, port).then(
    () => true,
    () => false
  )
}

/** `count` different ports of `host` that are free at the moment. */
export async function freePorts(host: string, count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    server.listen(0, host)
    await once(server, 'listening')
    const address = server.address()
    if (typeof address === 'object' && address !== null) ports.push(address.port)
  }
  await Promise.all(servers.map(server => once(server.close(), 'close')))
  return ports
}

async function listenOnce(host: string, port: number): Promise<void> {
  const server = createServer()
  server.listen(port, host)
  await once(server, 'listening')
  await once(server.close(), 'close')
}

/** The error for a port that cannot be listened on. */
export function listenError(host: string, port: number, flag: string, error: unknown): StoreError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const details = { host, port }
  if (code === 'EADDRINUSE') {
    const message = `Port ${port} on ${host} is in use by another program. Choose another with ${flag} PORT, or ${flag} 0 for any free one.`
    return new StoreError('ERR_LISTEN', message, { details, cause: error })
  }
  if (code === 'EACCES')
    return new StoreError('ERR_LISTEN', `Port ${port} may not be used by this user. Choose one above 1023 with ${flag}.`, {
      details,
      cause: error
    })
  if (code === 'EADDRNOTAVAIL')
    return new StoreError('ERR_LISTEN', `${host} is not an address of this machine. Choose another with --host.`, { details, cause: error })
  return new StoreError('ERR_LISTEN', `Port ${port} on ${host} cannot be listened on: ${String(error)}.`, { details, cause: error })
}
