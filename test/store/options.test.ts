import { mkdir, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createPeer, memoryStorage, type ErrorCode, type PeerOptions } from '../../src/entry/nodejs.ts'
import { errorOf, startPeer, temporaryFolder } from './peers.ts'

const good: PeerOptions = { cluster: 'test', storage: 'memory', listen: ['/ip4/127.0.0.1/tcp/0'] }
const create = (options: unknown): Promise<unknown> => createPeer(options as PeerOptions)
const peerPart = '/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'

describe('options of createPeer', () => {
  test.each<readonly [string, unknown, RegExp]>([
    ['nothing', undefined, /cluster is missing.*storage must be/],
    ['null', null, /must be an object, got null/],
    ['a text', 'shop', /must be an object, got a string/],
    ['an array', [good], /must be a plain object, got an array/],
    ['a class instance', Object.assign(new (class Options {})(), good), /plain object/],
    ['a prototype with options', Object.create(good), /plain object/],
    ['no cluster', { ...good, cluster: undefined }, /cluster is missing/],
    ['an empty cluster', { ...good, cluster: '' }, /cluster must be a text of 1..64 bytes/],
    ['a cluster of 65 bytes', { ...good, cluster: 'é'.repeat(33) }, /cluster must be a text of 1..64 bytes/],
    ['a cluster with a lone surrogate', { ...good, cluster: '\uD800' }, /cluster/],
    ['no storage', { ...good, storage: undefined }, /storage must be .* got undefined/],
    ['an empty storage', { ...good, storage: '' }, /got an empty text/],
    ['a storage without functions', { ...good, storage: {} }, /without all of open, close, read, write, scan, status/],
    ['a storage that lacks one function', { ...good, storage: { ...memoryStorage(), open: () => undefined } }, /without all of/],
    ['a URL for storage', { ...good, storage: new URL('file:///tmp/x') }, /without all of/],
    [
      'a storage whose properties throw',
      {
        ...good,
        storage: new Proxy(
          {},
          {
            get: () => {
              throw new Error('trap')
            }
          }
        )
      },
      /storage could not be read: trap/
    ],
    ['partitions that are no power of two', { ...good, partitions: 1000 }, /partitions must be a power of two, got 1000/],
    ['too few partitions', { ...good, partitions: 4 }, /8..65536, got 4/],
    ['no replicas', { ...good, replicas: 0 }, /replicas must be an integer in 1..16, got 0/],
    ['a negative weight', { ...good, weight: -1 }, /weight must be an integer in 0..64, got -1/],
    ['a weight beyond all bounds', { ...good, weight: 1e300 }, /weight/],
    ['durable that is no boolean', { ...good, durable: 'yes' }, /durable must be true or false, got a string/],
    ['an empty zone', { ...good, zone: '' }, /zone must be a text/],
    ['join that is a text', { ...good, join: '/ip4/127.0.0.1/tcp/1' }, /join must be an array/],
    ['join with holes', { ...good, join: new Array<string>(2) }, /join must be an array/],
    ['join with numbers', { ...good, join: [1] }, /join must be an array/],
    ['join of a million addresses', { ...good, join: Array.from({ length: 1_000_000 }, () => 'x') }, /at most 1024 texts/],
    ['listen that is null', { ...good, listen: null }, /listen must be an array/],
    ['relay that is no boolean', { ...good, relay: 1 }, /relay must be true or false/],
    ['no bytes to store', { ...good, storageBytesMax: 0 }, /storageBytesMax/],
    [
      'bytes for a storage of the caller',
      { ...good, storage: memoryStorage(), storageBytesMax: 5 },
      /storageBytesMax bounds a storage that is made by name/
    ],
    ['no keys', { ...good, keysMax: 0 }, /keysMax/],
    ['a logger without warn', { ...good, logger: { debug: () => undefined, info: () => undefined } }, /logger must have the functions/],
    [
      'an option that throws',
      {
        ...good,
        get zone() {
          throw new Error('trap')
        }
      },
      /zone could not be read: trap/
    ],
    ['an option that does not exist', { ...good, clusterr: 'x' }, /"clusterr" is not an option; did you mean cluster\?/],
    ['options of another library', { ...good, maxKeys: 5 }, /"maxKeys" is not an option/],
    ['a symbol', { ...good, [Symbol('x')]: 1 }, /Symbol\(x\) is not an option/],
    ['eviction at once', { ...good, evictAfterMs: 0 }, /evictAfterMs/]
  ])('%s: refused before anything is opened', async (_what, options, message) => {
    const error = await errorOf(() => create(options))
    expect(error.code).toBe('ERR_OPTIONS')
    expect(error.message).toMatch(message)
  })

  test.each<readonly [string, object, ErrorCode]>([
    ['r above N', { r: 4 }, 'ERR_QUORUM_RANGE'],
    ['w above a smaller N', { replicas: 2, w: 3 }, 'ERR_QUORUM_RANGE'],
    ['r of 0', { r: 0 }, 'ERR_QUORUM_RANGE'],
    ['a timeout of 0', { timeoutMs: 0 }, 'ERR_TIMEOUT_RANGE'],
    ['a timeout without end', { timeoutMs: Number.POSITIVE_INFINITY }, 'ERR_TIMEOUT_RANGE'],
    ['only unusable addresses to join by', { join: ['nonsense'] }, 'ERR_BOOTSTRAP_ADDR'],
    ['an address that cannot be listened on', { listen: ['nonsense'] }, 'ERR_LISTEN'],
    ['an address of another machine to listen on', { listen: ['/ip4/192.0.2.1/tcp/0'] }, 'ERR_LISTEN']
  ])('%s: %#', async (_what, options, code) => {
    expect(await errorOf(() => create({ ...good, ...options }))).toMatchObject({ code })
  })

  test('all problems are told at once, the code is that of the first', async () => {
    const error = await errorOf(() =>
      create({ clustr: 'x', storage: 5, r: 9, timeoutMs: -1, weight: 'heavy', join: ['nonsense'], relay: null })
    )
    expect(error.code).toBe('ERR_OPTIONS')
    expect(error.details['problems']).toEqual([
      expect.stringMatching(/"clustr" is not an option; did you mean cluster\?/),
      'cluster is missing: name the cluster',
      expect.stringMatching(/^storage must be/),
      'r must be an integer in 1..3, got 9',
      'timeoutMs must be an integer in 1..600000, got -1',
      'weight must be an integer in 0..64, got a string',
      'relay must be true or false, got null',
      expect.stringMatching(/^join has no usable address: "nonsense"/)
    ])
  })

  test('unusable addresses to join by are listed each with its reason; beside a usable one they are only logged', async () => {
    const bad = ['nonsense', '/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/udp/1', `/ip4/999.0.0.1/tcp/1${peerPart}`]
    const error = await errorOf(() => create({ ...good, join: bad }))
    expect(error.code).toBe('ERR_BOOTSTRAP_ADDR')
    for (const address of bad) expect(error.message).toContain(JSON.stringify(address))
    const warnings: unknown[] = []
    const logger = { debug: () => undefined, info: () => undefined, warn: (_message: string, details?: object) => warnings.push(details) }
    const peer = await startPeer({ join: [...bad, `/ip4/127.0.0.1/tcp/1${peerPart}`], timeoutMs: 50, logger })
    expect(peer.status().state).toBe('isolated')
    expect(JSON.stringify(warnings)).toContain('nonsense')
  })

  test('an address in use is refused by name, and the folder can be used again at once', async () => {
    const storage = await temporaryFolder()
    const server = createServer()
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const listen = [`/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`]
    const error = await errorOf(() => create({ ...good, storage, listen }))
    expect(error).toMatchObject({ code: 'ERR_LISTEN', class: 'ConfigError' })
    expect(error.message).toContain(listen[0])
    await new Promise(resolve => server.close(resolve))
    await startPeer({ storage, listen })
  })

  test('a logger that throws disturbs nobody', async () => {
    const fail = (): never => {
      throw new Error('trap')
    }
    const peer = await startPeer({
      join: ['nonsense', `/ip4/127.0.0.1/tcp/1${peerPart}`],
      timeoutMs: 50,
      logger: { debug: fail, info: fail, warn: fail }
    })
    await peer.put('k', undefined, 'v')
    expect((await peer.get('k')).texts).toEqual(['v'])
  })

  test('what the caller does with its options afterwards changes nothing', async () => {
    const options = { ...good, replicas: 1, r: 1, w: 1 }
    const peer = await startPeer(options)
    Object.assign(options, { cluster: 'other', r: 5, replicas: 9 })
    await peer.put('k', undefined, 'v')
    expect(await peer.get('k')).toMatchObject({ r: 1, texts: ['v'] })
    expect(peer.cluster).toBe('test')
  })
})

describe('folders', () => {
  test('a path that is a file is refused', async () => {
    const file = join(await temporaryFolder(), 'file')
    await writeFile(file, 'mine')
    expect(await errorOf(() => create({ ...good, storage: file }))).toMatchObject({
      class: expect.stringMatching(/StorageError|ConfigError/) as string
    })
  })

  test('a folder of something else is refused and left alone', async () => {
    const folder = await temporaryFolder()
    await writeFile(join(folder, 'letter.txt'), 'mine')
    expect(await errorOf(() => create({ ...good, storage: folder }))).toMatchObject({ code: 'ERR_CONFIG' })
  })

  test('a folder that cannot be made is refused', async () => {
    const file = join(await temporaryFolder(), 'file')
    await writeFile(file, '')
    expect(await errorOf(() => create({ ...good, storage: join(file, 'below') }))).toMatchObject({ code: 'ERR_IO' })
    expect(await errorOf(() => create({ ...good, storage: 'nul\0byte' }))).toMatchObject({ code: 'ERR_IO' })
  })

  test('a new folder, also several levels deep, is made', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'a'))
    const peer = await startPeer({ storage: join(folder, 'a', 'b', 'c') })
    expect(peer.status().storage).toMatchObject({ location: join(folder, 'a', 'b', 'c'), persistent: true })
  })
})
