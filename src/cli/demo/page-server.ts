/**
 * Serves the built page and one small JSON file that tells it which peers to join. Static files only, from one folder, to this machine
 * only, under a content security policy that lets the page run its own code and connect to peers, and nothing else.
 */
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { extname, join, normalize, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self' ws: wss:",
  "img-src 'self' data:",
  "worker-src 'self' blob:",
  "font-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join('; ')

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.map': 'application/json; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8'
}

/** What the page reads from `/dynamesh.json`. */
export interface PageConfig {
  readonly cluster: string
  /** WebSocket addresses of peers. */
  readonly join: readonly string[]
  readonly peers: readonly { readonly name: string; readonly peerId: string | undefined }[]
}

/** A running page server. */
export interface PageServer {
  readonly port: number
  close(): Promise<void>
}

/** Serves `folder` on `port` of this machine. Rejects with the system's error when the port is taken. */
export async function pageServer(folder: string, port: number, config: () => PageConfig): Promise<PageServer> {
  const listener = (request: IncomingMessage, response: ServerResponse): void => void respond(folder, config, request, response)
  const servers = [createServer(listener)]
  const first = await listen(servers[0] as Server, '127.0.0.1', port)
  // Browsers may try the IPv6 address of localhost first; another program there would be mistaken for the demo.
  const second = createServer(listener)
  try {
    await listen(second, '::1', first)
    servers.push(second)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      await closeAll(servers)
      throw error
    }
  }
  return { port: first, close: () => closeAll(servers) }
}

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host)
  await once(server, 'listening')
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  await Promise.all(
    servers.map(async server => {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    })
  )
}

async function respond(folder: string, config: () => PageConfig, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('content-security-policy', POLICY)
  response.setHeader('x-content-type-options', 'nosniff')
  response.setHeader('referrer-policy', 'no-referrer')
  response.setHeader('cross-origin-opener-policy', 'same-origin')
  const path = pathOf(request.url ?? '/')
  const isHead = request.method === 'HEAD'
  if (request.method !== 'GET' && !isHead) return refuse(response, 405, 'This server takes GET and HEAD.')
  if (path === '/dynamesh.json') return sendConfig(response, config(), isHead)
  if (path === undefined) return refuse(response, 400, 'The path is not acceptable.')
  await sendFile(response, folder, path === '/' ? '/index.html' : path, isHead)
}

/** The decoded path, or `undefined` when it tries to leave the folder or cannot be decoded. */
function pathOf(url: string): string | undefined {
  try {
    const path = decodeURIComponent(url.split(/[?#]/, 1)[0] ?? '/')
    const isSafe =
      path.startsWith('/') && !path.includes('\0') && !path.includes('\\') && !path.split('/').some(part => part.startsWith('.'))
    return isSafe ? path : undefined
  } catch {
    return undefined
  }
}

function sendConfig(response: ServerResponse, config: PageConfig, isHead: boolean): void {
  response.writeHead(200, { 'content-type': TYPES['.json'], 'cache-control': 'no-store' })
  response.end(isHead ? undefined : JSON.stringify(config))
}

async function sendFile(response: ServerResponse, folder: string, path: string, isHead: boolean): Promise<void> {
  const file = normalize(join(folder, path))
  const type = TYPES[extname(file).toLowerCase()]
  const found = file.startsWith(normalize(folder + sep)) && type !== undefined ? await stat(file).catch(() => undefined) : undefined
  if (found === undefined || !found.isFile()) return refuse(response, 404, 'There is no such file.')
  // Files under assets/ have a hash of their contents in their name.
  const cache = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
  response.writeHead(200, { 'content-type': type, 'content-length': found.size, 'cache-control': cache })
  if (isHead) response.end()
  else await pipeline(createReadStream(file), response).catch(() => response.destroy())
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': TYPES['.txt'], 'cache-control': 'no-store' })
  response.end(`${text}\n`)
}
