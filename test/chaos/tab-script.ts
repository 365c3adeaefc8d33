/** What runs in a tab of the chaos run: a peer from the browser entry of the package, driven with plain data. */
import { fromBase64Url, toBase64Url } from '../../src/core/bytes.ts'
import { rowsOnDisk } from '../setup/disk-rows.ts'
import {
  createPeer,
  indexedDbStorage,
  isStoreError,
  type DeleteOptions,
  type GetOptions,
  type Peer,
  type PeerStatus,
  type PutOptions
} from '../../src/entry/browser.ts'

/** An answer, or the fields of a `StoreError`. */
export type PlainAnswer<Result> =
  | { readonly result: Result }
  | { readonly failure: { readonly code: string; readonly outcome: string; readonly message: string } }

interface PlainRead {
  readonly siblings: readonly { readonly text: string | undefined; readonly dot: string }[]
  readonly context: string
}

let running: Peer | undefined
const broken: string[] = []

function peer(): Peer {
  if (running === undefined) throw new Error('the peer of this tab is not started')
  return running
}

async function answer<Result>(call: () => Promise<Result>): Promise<PlainAnswer<Result>> {
  try {
    return { result: await call() }
  } catch (error) {
    if (!isStoreError(error)) throw error
    return { failure: { code: error.code, outcome: error.outcome, message: error.message } }
  }
}

const bytes = (text: string | undefined): Uint8Array | undefined => (text === undefined ? undefined : fromBase64Url(text))

const log = (text: string, details: object | undefined): void => console.log(text, JSON.stringify(details ?? {}))
const logger = { debug: log, info: log, warn: log }

/** The functions that the run calls. */
export const tabFunctions = {
  async start(cluster: string, join: readonly string[], storage: string): Promise<string> {
    const started = await createPeer({ cluster, join, storage, logger })
    started.addEventListener('error', ({ detail }) => broken.push(`${detail.code}: ${detail.message}`))
    running = started
    return started.peerId
  },
  get: (key: string, options: GetOptions): Promise<PlainAnswer<PlainRead>> =>
    answer(async () => {
      const { siblings, context } = await peer().get(key, options)
      return { siblings: siblings.map(({ text, dot }) => ({ text, dot })), context: toBase64Url(context) }
    }),
  put: (
    key: string,
    context: string | undefined,
    value: string,
    options: PutOptions
  ): Promise<PlainAnswer<{ readonly dot: string; readonly context: string }>> =>
    answer(async () => {
      const written = await peer().put(key, bytes(context), value, options)
      return { dot: written.dot, context: toBase64Url(written.context) }
    }),
  delete: (
    key: string,
    context: string | undefined,
    options: DeleteOptions
  ): Promise<PlainAnswer<{ readonly existed: boolean; readonly context: string }>> =>
    answer(async () => {
      const deleted = await peer().delete(key, bytes(context), options)
      return { existed: deleted.existed, context: toBase64Url(deleted.context) }
    }),
  status: (): PeerStatus => peer().status(),
  /** Errors that the peer reported since it was asked last. */
  broken: (): readonly string[] => broken.splice(0),
  async keys(): Promise<readonly (readonly [string, string])[]> {
    const keys: (readonly [string, string])[] = []
    for await (const { text, hash } of peer().keys()) keys.push([text ?? '', hash])
    return keys
  },
  stop: (): Promise<void> => peer().stop(),
  /** Rows on the disk of a tab whose peer was stopped. */
  async rows(storage: string): Promise<readonly (readonly [string, string])[]> {
    const rows = await rowsOnDisk(indexedDbStorage(storage))
    return rows.map(({ key, value }) => [toBase64Url(key), toBase64Url(value)])
  }
}

Object.assign(globalThis, { tabFunctions })
