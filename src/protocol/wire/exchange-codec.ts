/** Bytes of the messages of anti-entropy, as `wire.proto` describes them: canonical, and read strictly like all others. */
import type { CausalContext } from '../../core/versions/causal-context.ts'
import type { Reader, Writer } from '../../core/codec.ts'
import { readContext, readDot, writeContext, writeDot } from '../../core/versions/context-codec.ts'
import type { Dot } from '../../core/versions/dot.ts'
import {
  contextBytesMax,
  exchangeBytesMax,
  exchangeNodesMax,
  exchangeVersionsMax,
  frameBytesMax,
  keyBytesMax,
  recordSiblingsMax
} from '../../core/limits.ts'
import { entryBytes, placeBytes } from '../anti-entropy/exchange-layout.ts'
import type {
  ExchangeDifferences,
  ExchangeMessage,
  ExchangeNode,
  ExchangeNodes,
  ExchangeOpen,
  ExchangeVersions,
  ExchangeWanted,
  KeyVersion
} from './message.ts'
import { need } from './wire-check.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)
const REPEATED_NODES: readonly number[] = [2]
const REPEATED_VERSIONS: readonly number[] = [2]
const REPEATED_DOTS: readonly number[] = [3]
const DOT_BYTES_MAX = 32

export function writeExchange(out: Writer, message: ExchangeMessage): void {
  out.uint(1, message.id)
  switch (message.type) {
    case 'exchange-open':
      out.hex(2, message.ring)
      return out.hex(3, message.digest)
    case 'exchange-nodes':
      for (const node of message.nodes) out.message(2, body => writeNode(body, node))
      return
    case 'exchange-differences':
      out.bytes(2, message.yourGaps)
      out.bytes(3, message.myGaps)
      return out.bytes(4, message.changed)
    case 'exchange-versions':
      for (const version of message.versions) out.message(2, body => writeVersion(body, version))
      return
    case 'exchange-wanted':
      return out.bytes(2, message.places)
  }
}

/** Reads the body of the message with this number. */
export function readExchange(field: number, reader: Reader): ExchangeMessage {
  switch (field) {
    case 18:
      return readOpen(reader)
    case 19:
      return readNodes(reader)
    case 20:
      return readDifferences(reader)
    case 21:
      return readVersions(reader)
    default:
      return readWanted(reader)
  }
}

function readOpen(reader: Reader): ExchangeOpen {
  const message = { type: 'exchange-open' as const, id: 0, ring: '', digest: '' }
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) message.id = reader.uint()
    else if (field === 2) message.ring = reader.hex(8)
    else if (field === 3) message.digest = reader.hex(8)
    else reader.unknown(field)
  }
  need(message.id > 0 && message.ring !== '' && message.digest !== '', 'the opening of an exchange')
  return message
}

function readNodes(reader: Reader): ExchangeNodes {
  let id = 0
  const nodes: ExchangeNode[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_NODES)) {
    if (field === 1) id = reader.uint()
    else if (field === 2) nodes.push(readNode(reader.message(exchangeBytesMax)))
    else reader.unknown(field)
    need(nodes.length <= exchangeNodesMax, 'trie nodes of bounded number')
  }
  need(id > 0 && nodes.length > 0, 'trie nodes')
  return { type: 'exchange-nodes', id, nodes }
}

function readDifferences(reader: Reader): ExchangeDifferences {
  const message = { type: 'exchange-differences' as const, id: 0, yourGaps: NO_BYTES, myGaps: NO_BYTES, changed: NO_BYTES }
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) message.id = reader.uint()
    else if (field === 2) message.yourGaps = reader.bytes(exchangeBytesMax)
    else if (field === 3) message.myGaps = reader.bytes(exchangeBytesMax)
    else if (field === 4) message.changed = reader.bytes(exchangeBytesMax)
    else reader.unknown(field)
  }
  const { id, yourGaps, myGaps, changed } = message
  const isWhole = yourGaps.length % placeBytes === 0 && myGaps.length % entryBytes === 0 && changed.length % entryBytes === 0
  need(id > 0 && isWhole && yourGaps.length + myGaps.length + changed.length > 0, 'a list of differences')
  return message
}

function readWanted(reader: Reader): ExchangeWanted {
  let id = 0
  let places = NO_BYTES
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else if (field === 2) places = reader.bytes(exchangeBytesMax)
    else reader.unknown(field)
  }
  need(id > 0 && places.length > 0 && places.length % placeBytes === 0, 'a list of places')
  return { type: 'exchange-wanted', id, places }
}

function readVersions(reader: Reader): ExchangeVersions {
  let id = 0
  const versions: KeyVersion[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_VERSIONS)) {
    if (field === 1) id = reader.uint()
    else if (field === 2) versions.push(readVersion(reader.message(frameBytesMax)))
    else reader.unknown(field)
    need(versions.length <= exchangeVersionsMax, 'versions of bounded number')
  }
  need(id > 0 && versions.length > 0, 'the versions of keys')
  return { type: 'exchange-versions', id, versions }
}

/** Mostly the siblings are the last event of each actor: then the context says it all. */
function writeVersion(out: Writer, { key, context, dots }: KeyVersion): void {
  out.bytes(1, key)
  out.message(2, body => writeContext(body, context))
  if (areLatest(context, dots)) out.bool(4, true)
  else for (const dot of dots) out.message(3, body => writeDot(body, dot))
}

function readVersion(reader: Reader): KeyVersion {
  let key = NO_BYTES
  let context: CausalContext | undefined
  let isLatest = false
  const dots: Dot[] = []
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_DOTS)) {
    if (field === 1) key = reader.bytes(keyBytesMax)
    else if (field === 2) context = readContext(reader.message(contextBytesMax))
    else if (field === 3) dots.push(readDot(reader.message(DOT_BYTES_MAX)))
    else if (field === 4) isLatest = reader.bool()
    else reader.unknown(field)
    need(dots.length <= recordSiblingsMax, 'a version of bounded size')
  }
  need(key.length > 0 && context !== undefined && !(isLatest && dots.length > 0), 'the version of a key')
  const latest = [...context.vector].map(([actor, counter]) => ({ actor, counter }))
  need(isLatest === areLatest(context, isLatest ? latest : dots), 'a version in its shortest form')
  return { key, context, dots: isLatest ? latest : dots }
}

function areLatest({ vector, loose }: CausalContext, dots: readonly Dot[]): boolean {
  if (vector.size === 0 || loose.length > 0 || vector.size !== dots.length) return false
  const actors = [...vector.keys()]
  return dots.every(({ actor, counter }, index) => actors[index] === actor && vector.get(actor) === counter)
}

function writeNode(out: Writer, node: ExchangeNode): void {
  out.uint(1, node.depth)
  out.uint(2, node.prefix)
  out.bytes(3, node.digests)
  out.bytes(4, node.entries)
}

function readNode(reader: Reader): ExchangeNode {
  const node = { depth: 0, prefix: 0, digests: NO_BYTES, entries: NO_BYTES }
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) node.depth = reader.uint(64)
    else if (field === 2) node.prefix = reader.uint()
    else if (field === 3) node.digests = reader.bytes(64)
    else if (field === 4) node.entries = reader.bytes(exchangeBytesMax)
    else reader.unknown(field)
  }
  return node
}
