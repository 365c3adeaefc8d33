/** Bytes of the messages of anti-entropy, as `wire.proto` describes them: canonical, and read strictly like all others. */
import type { CausalContext } from '../core/causal-context.ts'
import type { Reader, Writer } from '../core/codec.ts'
import type { Dot } from '../core/dot.ts'
import { contextBytesMax, exchangeBytesMax, exchangeNodesMax, keyBytesMax, recordSiblingsMax } from '../core/limits.ts'
import { readContext, readDot, writeContext, writeDot } from '../core/record-codec.ts'
import { differenceBytes, placeBytes } from './exchange-layout.ts'
import type {
  ExchangeDifferences,
  ExchangeMessage,
  ExchangeNode,
  ExchangeNodes,
  ExchangeOpen,
  ExchangeVersion,
  ExchangeWanted
} from './message.ts'
import { need } from './wire-check.ts'

const NO_BYTES: Uint8Array = new Uint8Array(0)
const REPEATED_NODES: readonly number[] = [2]
const REPEATED_DOTS: readonly number[] = [4]
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
      return out.bytes(2, message.entries)
    case 'exchange-version':
      out.bytes(2, message.key)
      out.message(3, body => writeContext(body, message.context))
      for (const dot of message.dots) out.message(4, body => writeDot(body, dot))
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
      return readVersion(reader)
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
  const { id, bytes } = readIdAndBytes(reader, differenceBytes)
  return { type: 'exchange-differences', id, entries: bytes }
}

function readWanted(reader: Reader): ExchangeWanted {
  const { id, bytes } = readIdAndBytes(reader, placeBytes)
  return { type: 'exchange-wanted', id, places: bytes }
}

function readVersion(reader: Reader): ExchangeVersion {
  const message = { type: 'exchange-version' as const, id: 0, key: NO_BYTES, dots: [] as Dot[] }
  let context: CausalContext | undefined
  for (let field = reader.field(); field !== 0; field = reader.field(REPEATED_DOTS)) {
    if (field === 1) message.id = reader.uint()
    else if (field === 2) message.key = reader.bytes(keyBytesMax)
    else if (field === 3) context = readContext(reader.message(contextBytesMax))
    else if (field === 4) message.dots.push(readDot(reader.message(DOT_BYTES_MAX)))
    else reader.unknown(field)
    need(message.dots.length <= recordSiblingsMax, 'a version of bounded size')
  }
  need(message.id > 0 && message.key.length > 0 && context !== undefined, 'the version of a key')
  return { ...message, context }
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

/** An id and a list of items of `itemBytes` each; no list is a list of none, which nobody sends. */
function readIdAndBytes(reader: Reader, itemBytes: number): { readonly id: number; readonly bytes: Uint8Array } {
  let id = 0
  let bytes = NO_BYTES
  for (let field = reader.field(); field !== 0; field = reader.field()) {
    if (field === 1) id = reader.uint()
    else if (field === 2) bytes = reader.bytes(exchangeBytesMax)
    else reader.unknown(field)
  }
  need(id > 0 && bytes.length > 0 && bytes.length % itemBytes === 0, 'a list of differences')
  return { id, bytes }
}
