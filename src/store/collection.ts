/** Typed access to the keys `name:id` of a peer: bytes become values, siblings become one by the application's own merge. */
import { StoreError } from '../core/errors.ts'
import type { Codec, Collection, CollectionOptions, Peer } from './api.ts'
import { OptionReader } from './option-reader.ts'

/**
 * A collection of `peer`.
 *
 * @throws `ERR_OPTIONS` when codec or merge are missing
 */
export function collectionOf<Value>(peer: Peer, name: string, options: CollectionOptions<Value>): Collection<Value> {
  const { codec, merge } = checkOptions(name, options)
  const keyOf = (id: string): string => `${name}:${id}`
  const typed = <Read extends { readonly values: readonly Uint8Array[]; readonly context: Uint8Array }>(read: Read): Typed<Value> => {
    const values = read.values.map(bytes => codec.decode(bytes))
    return { value: mergedValue(values, merge), values, context: read.context }
  }
  return {
    get: async (id, request) => typed(await peer.get(keyOf(id), request)),
    put: async (id, context, value, request) => peer.put(keyOf(id), context, codec.encode(value), request),
    update: (id, change, request) => peer.update(keyOf(id), values => codec.encode(change(mergedValue(values.map(bytes => codec.decode(bytes)), merge))), request),
    delete: (id, context, request) => peer.delete(keyOf(id), context, request),
    watch: (id, request) => mapAsync(peer.watch(keyOf(id), request), typed)
  }
}

interface Typed<Value> {
  readonly value: Value | undefined
  readonly values: readonly Value[]
  readonly context: Uint8Array
}

function checkOptions<Value>(name: unknown, options: CollectionOptions<Value>): { readonly codec: Codec<Value>; readonly merge: CollectionOptions<Value>['merge'] } {
  const reader = new OptionReader('collection options', options, ['codec', 'merge'])
  if (typeof name !== 'string' || name === '') reader.problem('ERR_OPTIONS', 'the name of a collection must be a text of at least one character')
  if (typeof reader.get('merge') !== 'function') reader.problem('ERR_OPTIONS', 'merge must be a function that makes one value of several')
  const codec = reader.get('codec')
  const isCodec = typeof codec === 'object' && codec !== null && ['encode', 'decode'].every(part => typeof Reflect.get(codec, part) === 'function')
  if (!isCodec) reader.problem('ERR_OPTIONS', 'codec must have encode and decode, e.g. json()')
  reader.finish()
  if (!isCodec) throw new StoreError('ERR_OPTIONS', 'codec is missing')
  return { codec: options.codec, merge: options.merge }
}

function mergedValue<Value>(values: readonly Value[], merge: (values: readonly Value[]) => Value): Value | undefined {
  return values.length > 1 ? merge(values) : values[0]
}

async function* mapAsync<From, To>(source: AsyncIterable<From>, map: (from: From) => To): AsyncGenerator<To, void, undefined> {
  for await (const item of source) yield map(item)
}
