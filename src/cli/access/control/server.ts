/**
 * The control endpoint of a running peer: what `dynamesh get`, `put` and the others talk to. HTTP over a socket in the data
 * folder; every request is a POST of one frame (`frame.ts`) to `/v1/<operation>`, every error is JSON with the fields of a
 * `StoreError`. It is for commands of the same machine, user and version, not a public interface: nothing listens on the network.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import process from 'node:process'
import { once } from 'node:events'
import { StoreError } from '../../../core/errors.ts'
import { valueBytesMax } from '../../../core/limits.ts'
import type { Peer } from '../../../store/api.ts'
import type { MembershipChange } from '../../../store/member-api.ts'
import { toStoreError } from '../../outcome/failure.ts'
import { claimEndpoint } from './endpoint.ts'
import { decodeFrame, headBytesMax, type ControlFrame } from './frame.ts'
import { bytesField, encodeGetResult, numberField, optionsOf, plainKeyed, plainResult, textField, type Plain } from './plain.ts'

/** Commands that may be connected at a time; further ones are turned away by the operating system's queue. */
const connectionsMax = 256
/** How often somebody who waits is told how far it has come. */
const tellEveryMs = 250
/** The last line of a list that is complete. */
const lastLine = '{"end":true}\n'
const requestBytesMax = 4 + headBytesMax + valueBytesMax

/** A running control endpoint. */
export interface ControlServer {
  readonly path: string
  /** Stops taking requests, lets `settle` finish those in flight, and removes the socket. */
  close(settle: () => Promise<void>): Promise<void>
}

/** What the endpoint needs of a peer. */
export type ControlledPeer = Pick<
  Peer,
  'get' | 'put' | 'delete' | 'keys' | 'members' | 'ring' | 'place' | 'status' | 'planChange' | 'evict' | 'leave'
>

interface Call {
  readonly peer: ControlledPeer
  readonly head: Plain
  readonly bytes: Uint8Array
  readonly signal: AbortSignal
  readonly response: ServerResponse
}

const OPERATIONS: Readonly<Record<string, (call: Call) => Promise<void>>> = {
  get: async ({ peer, head, signal, response }) =>
    sendBytes(response, encodeGetResult(await peer.get(keyOf(head), optionsOf(head, signal)))),
  put: async ({ peer, head, bytes, signal, response }) =>
    sendJson(response, plainResult(await peer.put(keyOf(head), bytesField(head, 'context'), bytes, optionsOf(head, signal)))),
  delete: async ({ peer, head, signal, response }) =>
    sendJson(response, plainResult(await peer.delete(keyOf(head), bytesField(head, 'context'), optionsOf(head, signal)))),
  keys: streamKeys,
  members: async ({ peer, response }) => sendJson(response, peer.members()),
  ring: async ({ peer, response }) => sendJson(response, peer.ring()),
  place: async ({ peer, head, response }) => sendJson(response, plainKeyed(peer.place(keyOf(head)))),
  status: async ({ peer, response }) => sendJson(response, peer.status()),
  plan: async ({ peer, head, response }) => sendJson(response, peer.planChange(head['change'] as MembershipChange)),
  evict: async ({ peer, head, signal, response }) =>
    sendJson(response, await peer.evict(textField(head, 'peer') ?? '', { force: head['force'] === true, signal })),
  leave: streamLeave
}

/** Opens the control endpoint of `peer`, whose data is in `folder`. */
export async function controlServer(peer: ControlledPeer, folder: string): Promise<ControlServer> {
  const endpoint = await claimEndpoint(folder)
  const calls = new Map<string, AbortController>()
  const server = createServer((request, response) => void answer(peer, calls, request, response))
  server.maxConnections = connectionsMax
  await listenPrivately(server, endpoint.path)
  // A connection that could not be accepted, as when descriptors run out, is that command's misfortune and not the peer's.
  server.on('error', () => {})
  return {
    path: endpoint.path,
    close: async settle => {
      const closed = once(server, 'close')
      server.close()
      await settle()
      server.closeIdleConnections()
      setTimeout(() => server.closeAllConnections(), 1000).unref()
      await closed
      await endpoint.release()
    }
  }
}

/** Listens with a socket that only its owner may open; set before the socket exists, so that there is no gap. */
async function listenPrivately(server: Server, path: string): Promise<void> {
  const umask = process.platform === 'win32' ? undefined : process.umask(0o177)
  try {
    server.listen(path)
  } finally {
    if (umask !== undefined) process.umask(umask)
  }
  await once(server, 'listening')
}

async function answer(
  peer: ControlledPeer,
  calls: Map<string, AbortController>,
  request: IncomingMessage,
  response: ServerResponse
): Promise<void> {
  const abort = new AbortController()
  response.on('close', () => abort.abort())
  let id: string | undefined
  try {
    const operation = operationOf(request)
    const frame = await readFrame(request)
    id = textField(frame.head, 'id')
    if (operation === 'cancel') return cancel(calls, id, response)
    if (id !== undefined) calls.set(id, abort)
    await perform(operation, { peer, ...frame, signal: abort.signal, response })
  } catch (error) {
    sendError(response, toStoreError(error))
  } finally {
    if (id !== undefined && calls.get(id) === abort) calls.delete(id)
  }
}

async function perform(operation: string, call: Call): Promise<void> {
  const handler = Object.hasOwn(OPERATIONS, operation) ? OPERATIONS[operation] : undefined
  if (handler === undefined)
    throw new StoreError(
      'ERR_WIRE_UNSUPPORTED',
      `The running peer has no operation '${operation}'; it may be of an older version of dynamesh.`
    )
  await handler(call)
}

function cancel(calls: Map<string, AbortController>, id: string | undefined, response: ServerResponse): void {
  if (id !== undefined) calls.get(id)?.abort()
  sendJson(response, {})
}

function operationOf(request: IncomingMessage): string {
  const [, version, operation] = (request.url ?? '').split('/')
  if (request.method !== 'POST' || version !== 'v1' || operation === undefined) {
    throw new StoreError('ERR_WIRE_UNSUPPORTED', 'The control socket takes POST requests to /v1/<operation> only.')
  }
  return operation
}

async function readFrame(request: IncomingMessage): Promise<ControlFrame> {
  const parts: Uint8Array[] = []
  let bytes = 0
  for await (const part of request as AsyncIterable<Uint8Array>) {
    bytes += part.length
    if (bytes > requestBytesMax) {
      throw new StoreError('ERR_VALUE_TOO_LARGE', `The request has more than ${requestBytesMax} bytes; a value may have ${valueBytesMax}.`)
    }
    parts.push(part)
  }
  return decodeFrame(Buffer.concat(parts))
}

async function streamKeys({ peer, head, signal, response }: Call): Promise<void> {
  const prefix = bytesField(head, 'prefix')
  const after = bytesField(head, 'after')
  const limit = numberField(head, 'limit')
  const range = {
    ...(prefix === undefined ? {} : { prefix }),
    ...(after === undefined ? {} : { after }),
    ...(limit === undefined ? {} : { limit })
  }
  for await (const info of peer.keys(range)) {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
    if (signal.aborted) return
    if (!response.write(JSON.stringify(plainKeyed(info)) + '\n')) await drained(response, signal)
  }
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  response.end(lastLine)
}

/** Tells how far it has come until the peer has left. Whoever stops listening does not stop the leaving. */
async function streamLeave({ peer, signal, response }: Call): Promise<void> {
  const left = peer.leave({ signal })
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  const tell = (): void => {
    const { moves, keys } = peer.status()
    if (!response.writableNeedDrain) response.write(JSON.stringify({ moves, keys }) + '\n')
  }
  tell()
  const timer = setInterval(tell, tellEveryMs)
  try {
    await left
  } finally {
    clearInterval(timer)
  }
  tell()
  response.end(lastLine)
}

async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  await once(response, 'drain', { signal }).catch(() => {})
}

function keyOf(head: Plain): Uint8Array {
  return bytesField(head, 'key') ?? new Uint8Array()
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(value))
}

function sendBytes(response: ServerResponse, bytes: Uint8Array): void {
  response.writeHead(200, { 'content-type': 'application/octet-stream' })
  response.end(bytes)
}

/** A stream that has already begun cannot turn into an error: it ends without its last line, which the client notices. */
function sendError(response: ServerResponse, error: StoreError): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  const { code, message, outcome, details } = error
  response.writeHead(400, { 'content-type': 'application/json', connection: 'close' })
  response.end(JSON.stringify({ code, message, outcome, details }))
}
