/**
 * Typed access to the keys `name:id` of a peer: bytes become values, siblings become one by the application's own merge, or by
 * last-write-wins where the application asks for it.
 */
import { StoreError } from '../core/errors.ts'
import type { Codec, Collection, CollectionOptions, Peer, SiblingInfo } from './api.ts'
import { lastWritten } from './last-write-wins.ts'
import { OptionReader } from './option-reader.ts'
import { kindOf } from './text.ts'

/**
 * A collection of `peer`.
 *
 * @throws `ERR_OPTIONS` when the name is no text without colons, or codec or merge are missing
 */
export function collectionOf<Value>(peer: Peer, name: string, options: CollectionOptions<Value>): Collection<Value> {
  const { codec, merge } = checkOptions(name, options)
  const keyOf = (id: unknown): string => `${name}:${checkedId(id)}`
  const typed = ({ siblings, context }: Read): Typed<Value> => ({ ...decoded(siblings, codec, merge), context })
  return {
    get: async (id, request) => typed(await peer.get(keyOf(id), request)),
    put: async (id, context, value, request) => peer.put(keyOf(id), context, codec.encode(value), request),
    update: async (id, change, request) => {
      if (typeof change !== 'function')
        throw new StoreError('ERR_OPTIONS', `update needs a function that makes the new value of the old one, got ${kindOf(change)}.`)
      return peer.update(
        keyOf(id),
        onceOnly(codec, siblings => decoded(siblings, codec, merge).value, change),
        request
      )
    },
    delete: async (id, context, request) => peer.delete(keyOf(id), context, request),
    watch: (id, request) => mapAsync(peer.watch(keyOf(id), request), typed)
  }
}

interface Read {
  readonly siblings: readonly SiblingInfo[]
  readonly context: Uint8Array
}

interface Decoded<Value> {
  readonly value: Value | undefined
  readonly values: readonly Value[]
}

interface Typed<Value> extends Decoded<Value> {
  readonly context: Uint8Array
}

/**
 * Applies `change` to what was read first. When another write came in between, the result of `change` is among the siblings that are read
 * then: they are merged, and nothing is changed twice.
 */
function onceOnly<Value>(
  codec: Codec<Value>,
  merged: (siblings: readonly SiblingInfo[]) => Value | undefined,
  change: (value: Value | undefined) => Value
): (values: readonly Uint8Array[], siblings: readonly SiblingInfo[]) => Uint8Array | undefined {
  let isChanged = false
  return (_values, siblings) => {
    const value = merged(siblings)
    if (isChanged) return value === undefined ? undefined : codec.encode(value)
    isChanged = true
    return codec.encode(change(value))
  }
}

function checkedId(id: unknown): string {
  if (typeof id === 'string') return id
  throw new StoreError('ERR_KEY_TYPE', `the id in a collection must be a string, got ${kindOf(id)}.`)
}

function checkOptions<Value>(name: unknown, options: CollectionOptions<Value>): CollectionOptions<Value> {
  const reader = new OptionReader('collection options', options, ['codec', 'merge'])
  if (typeof name !== 'string' || name === '' || name.includes(':')) {
    reader.problem(
      'ERR_OPTIONS',
      'the name of a collection must be a text of at least one character and without colons, so that no two collections share a key'
    )
  }
  const merge = reader.get('merge')
  if (typeof merge !== 'function' && merge !== 'last-write-wins') {
    reader.problem(
      'ERR_OPTIONS',
      "merge must be a function that makes one value of several, or 'last-write-wins', which loses what is written at the same time"
    )
  }
  const codec = reader.parts<Codec<Value>>('codec', ['encode', 'decode'])
  if (codec === undefined) reader.problem('ERR_OPTIONS', 'codec must have encode and decode, e.g. json()')
  reader.finish()
  return { codec: codec as Codec<Value>, merge: merge as CollectionOptions<Value>['merge'] }
}

/** The values of all siblings, and the one that `merge` makes of them: none where a delete was written last and the last write wins. */
function decoded<Value>(siblings: readonly SiblingInfo[], codec: Codec<Value>, merge: CollectionOptions<Value>['merge']): Decoded<Value> {
  const live = siblings.filter(({ value }) => value !== undefined)
  const values = live.map(({ value }) => codec.decode(value as Uint8Array))
  if (merge !== 'last-write-wins') return { value: values.length > 1 ? merge(values) : values[0], values }
  const last = lastWritten(siblings)
  return { value: last === undefined ? undefined : values[live.indexOf(last)], values }
}

async function* mapAsync<From, To>(source: AsyncIterable<From>, map: (from: From) => To): AsyncGenerator<To, void, undefined> {
  for await (const item of source) yield map(item)
}
