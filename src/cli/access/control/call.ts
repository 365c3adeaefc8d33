/**
 * One request on the control socket. When the command is interrupted while it changes something, the peer is asked to give the request up and
 * the answer is awaited a moment longer, because the answer says whether a write happened; closing the connection would lose that. A read
 * just closes it. A peer that hangs does not answer either: then an interruption, or a long silence, ends the wait.
 */
import { randomUUID } from 'node:crypto'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { errorCodes, isStoreError, StoreError, type ErrorCode, type WriteOutcome } from '../../../core/errors.ts'
import { encodeFrame } from './frame.ts'
import type { Plain } from './plain.ts'

/** How long an interrupted command waits to learn what became of its write. */
const cancelWaitMs = 2000
/** Largest answer taken: more than the largest record that peers exchange. */
const answerBytesMax: number = 64 * 1024 * 1024
/** How long a peer may be silent beyond the time that its request has: longer than the largest plan takes. */
export const silenceMsDefault: number = 60_000
/** What may have happened although no answer came. */
const CHANGES: ReadonlySet<string> = new Set(['put', 'delete', 'evict'])
/** Longest line of a list: more than the longest key takes. */
const lineCharactersMax: number = 64 * 1024

/** Where a peer is reached, and the data folder that a person knows it by. */
export interface ControlSocket {
  readonly path: string
  readonly folder: string
  /** A peer that is silent for so much longer than a request may take is taken for one that hangs. */
  readonly silenceMs: number
}

/** Sends one request and answers the whole body; rejects with the error that the peer answered. */
export async function call(
  socket: ControlSocket,
  operation: string,
  head: Plain,
  value: Uint8Array,
  signal?: AbortSignal
): Promise<Uint8Array> {
  if (signal?.aborted === true) throw new StoreError('ERR_ABORTED', 'The request was given up before it was sent.')
  if (signal === undefined || !CHANGES.has(operation)) return ask(socket, operation, encodeFrame(head, value), head, signal)
  const id = randomUUID()
  const answer = ask(socket, operation, encodeFrame({ ...head, id }, value), head)
  const over = new AbortController()
  try {
    return await Promise.race([answer, interruption(socket, id, operation, signal, over.signal)])
  } finally {
    over.abort()
  }
}

/** Sends one request and answers the lines of its body as they come. */
export async function* callLines(socket: ControlSocket, operation: string, head: Plain, signal?: AbortSignal): AsyncIterable<string> {
  const response = await send(socket, operation, encodeFrame(head), socket.silenceMs, signal)
  // From here on the peer may have nothing to tell, or the reader may be slow.
  response.socket.setTimeout(0)
  let pending = ''
  response.setEncoding('utf8')
  try {
    for await (const part of response as AsyncIterable<string>) {
      const lines = (pending + part).split('\n')
      pending = lines.pop() ?? ''
      if (pending.length > lineCharactersMax) throw new StoreError('ERR_WIRE_MALFORMED', 'The running peer sent a line that is too long.')
      for (const line of lines) {
        if (line === '{"end":true}') return
        yield line
      }
    }
  } catch (error) {
    if (isStoreError(error)) throw error
    throw signal?.aborted === true ? interrupted(operation) : endedEarly(error)
  }
  throw endedEarly(undefined)
}

function endedEarly(cause: unknown): StoreError {
  return new StoreError('ERR_CLOSED', 'The answer ended early: the peer stopped or could not go on.', { cause })
}

/** The whole answer to a frame, within the time that its head gives the request. */
async function ask(socket: ControlSocket, operation: string, frame: Uint8Array, head: Plain, signal?: AbortSignal): Promise<Uint8Array> {
  const requestMs = typeof head['timeoutMs'] === 'number' ? head['timeoutMs'] : 0
  try {
    return await readAll(await send(socket, operation, frame, requestMs + socket.silenceMs, signal))
  } catch (error) {
    throw signal?.aborted === true ? interrupted(operation) : error
  }
}

function interrupted(operation: string): StoreError {
  return new StoreError('ERR_ABORTED', `The wait for \`${operation}\` was interrupted.`)
}

/** Rejects some time after `signal` aborts, and asks the peer to give request `id` up when it does; never does so once `over` aborted. */
function interruption(socket: ControlSocket, id: string, operation: string, signal: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const cancel = (): void => {
      ask(socket, 'cancel', encodeFrame({ id }), {}).catch(() => {})
      const timer = setTimeout(() => reject(unansweredError(operation)), cancelWaitMs)
      over.addEventListener('abort', () => clearTimeout(timer), { once: true })
    }
    signal.addEventListener('abort', cancel, { once: true, signal: over })
  })
}

function unansweredError(operation: string): StoreError {
  const message = `The ${operation} was interrupted, and the peer did not say in time what became of it.`
  return new StoreError('ERR_ABORTED', message, { outcome: 'indeterminate' })
}

async function send(
  socket: ControlSocket,
  operation: string,
  frame: Uint8Array,
  silenceMs: number,
  signal?: AbortSignal
): Promise<IncomingMessage> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': frame.length, connection: 'close' }
    const where = { socketPath: socket.path, path: `/v1/${operation}`, method: 'POST', headers }
    const request = httpRequest({ ...where, timeout: silenceMs, ...(signal === undefined ? {} : { signal }) }, resolve)
    request.on('timeout', () => request.destroy(silent(socket, operation, silenceMs)))
    request.on('error', error => reject(isStoreError(error) ? error : connectionError(socket, operation, error)))
    request.end(frame)
  })
  if (response.statusCode === 200) return response
  throw parseError(await readAll(response))
}

async function readAll(response: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let bytes = 0
  try {
    for await (const part of response as AsyncIterable<Uint8Array>) {
      bytes += part.length
      if (bytes > answerBytesMax) throw new StoreError('ERR_WIRE_FRAME_TOO_LARGE', `The answer has more than ${answerBytesMax} bytes.`)
      parts.push(part)
    }
  } catch (error) {
    if (isStoreError(error)) throw error
    throw new StoreError('ERR_CLOSED', 'The peer stopped before it had answered; whether a write happened is unknown.', {
      outcome: 'indeterminate',
      cause: error
    })
  }
  return Buffer.concat(parts)
}

function silent({ folder }: ControlSocket, operation: string, silenceMs: number): StoreError {
  const message = `The peer on ${folder} has not answered for ${Math.ceil(silenceMs / 1000)} s. Is its process stopped, or its disk stuck?`
  return new StoreError('ERR_NETWORK', message, { outcome: outcomeOf(operation) })
}

function outcomeOf(operation: string): WriteOutcome {
  return CHANGES.has(operation) ? 'indeterminate' : 'none'
}

function connectionError(socket: ControlSocket, operation: string, error: Error): StoreError {
  const code = 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ECONNREFUSED' || code === 'ENOTDIR') {
    const message = `No peer is running on the data folder ${socket.folder}. Start one with \`dynamesh start\`, name another folder with --data, or use --join.`
    return new StoreError('ERR_NETWORK', message, { cause: error })
  }
  if (code === 'EACCES')
    return new StoreError('ERR_NETWORK', `The peer on ${socket.folder} belongs to another user of this machine.`, { cause: error })
  return new StoreError('ERR_CLOSED', `The peer on ${socket.folder} closed the connection before it had answered: ${error.message}.`, {
    outcome: outcomeOf(operation),
    cause: error
  })
}

function parseError(body: Uint8Array): StoreError {
  const plain = parsePlain(body)
  const code = errorCodes().find(entry => entry.code === plain['code'])?.code ?? ('ERR_INTERNAL' satisfies ErrorCode)
  const outcome: WriteOutcome = plain['outcome'] === 'applied' || plain['outcome'] === 'indeterminate' ? plain['outcome'] : 'none'
  const details = typeof plain['details'] === 'object' && plain['details'] !== null ? (plain['details'] as Plain) : {}
  const message = typeof plain['message'] === 'string' ? plain['message'] : 'The peer answered with an error that has no message.'
  return new StoreError(code, message, { outcome, details })
}

function parsePlain(body: Uint8Array): Plain {
  try {
    const plain: unknown = JSON.parse(new TextDecoder().decode(body))
    return typeof plain === 'object' && plain !== null ? (plain as Plain) : {}
  } catch {
    return {}
  }
}
