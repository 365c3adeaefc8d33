/**
 * A command's side of the control socket: the methods of a peer, each as one request. What travels and how is in `call.ts`.
 */
import { toBase64Url } from '../../../core/bytes.ts'
import type { DeleteOptions, DeleteResult, GetOptions, KeyInfo, KeyPlacement, PeerStatus, RingInfo } from '../../../store/api.ts'
import type { ChangePlan, EvictResult, MemberInfo } from '../../../store/member-api.ts'
import type { KeyRange, LeaveProgress, LocalAccess } from '../access.ts'
import { call, callLines, silenceMsDefault, type ControlSocket } from './call.ts'
import { findEndpoint } from './endpoint.ts'
import { decodeGetResult, parseKeyed, parseResult, type Plain } from './plain.ts'

const noBytes = new Uint8Array()

/** How to ask; see {@link ControlSocket.silenceMs}. */
export interface ControlClientOptions {
  /** Ends every wait for an answer. */
  readonly signal?: AbortSignal
  readonly silenceMs?: number
}

/** The peer that runs on `folder`. Nothing is sent before the first call. */
export async function controlClient(folder: string, { signal: over, silenceMs }: ControlClientOptions = {}): Promise<LocalAccess> {
  const socket: ControlSocket = { path: await findEndpoint(folder), folder, silenceMs: silenceMs ?? silenceMsDefault }
  const ask = async (operation: string, head: Plain): Promise<unknown> => parse(await call(socket, operation, head, noBytes, over))
  return {
    get: async (key, options) => decodeGetResult(await call(socket, 'get', requestHead(key, undefined, options), noBytes, options.signal)),
    put: async (key, context, value, options) =>
      parseResult(parse(await call(socket, 'put', requestHead(key, context, options), value, options.signal))),
    delete: async (key, context, options) =>
      parseResult<DeleteResult>(parse(await call(socket, 'delete', requestHead(key, context, options), noBytes, options.signal))),
    keys: range => listKeys(socket, range, over),
    members: async () => (await ask('members', {})) as readonly MemberInfo[],
    ring: async () => (await ask('ring', {})) as RingInfo,
    place: async key => parseKeyed<KeyPlacement>((await ask('place', { key: toBase64Url(key) })) as Plain),
    status: async () => (await ask('status', {})) as PeerStatus,
    planChange: async change => (await ask('plan', { change })) as ChangePlan,
    evict: async (peer, { force, signal }) =>
      parse(await call(socket, 'evict', { peer, force: force === true }, noBytes, signal)) as unknown as EvictResult,
    leave: async (tell, signal) => {
      for await (const line of callLines(socket, 'leave', {}, signal)) tell(JSON.parse(line) as LeaveProgress)
    },
    close: async () => {}
  }
}

/** The head of a request about `key`; the signal cannot travel. */
function requestHead(key: Uint8Array, context: Uint8Array | undefined, options: GetOptions | DeleteOptions): Plain {
  const { signal: _, ...plain } = options
  return { key: toBase64Url(key), ...(context === undefined ? {} : { context: toBase64Url(context) }), ...plain }
}

async function* listKeys(socket: ControlSocket, range: KeyRange, over: AbortSignal | undefined): AsyncIterable<KeyInfo> {
  const { prefix, after, limit } = range
  const head = {
    ...(prefix === undefined ? {} : { prefix: toBase64Url(prefix) }),
    ...(after === undefined ? {} : { after: toBase64Url(after) }),
    ...(limit === undefined ? {} : { limit })
  }
  for await (const line of callLines(socket, 'keys', head, over)) yield parseKeyed<KeyInfo>(JSON.parse(line) as Plain)
}

function parse(answer: Uint8Array): Plain {
  return JSON.parse(new TextDecoder().decode(answer)) as Plain
}
