/** What happened in a run, as lines for people; and its fingerprint, so that two runs can be compared without keeping all lines. */
import { toHex } from '../../core/bytes.ts'
import { encodeUtf8 } from '../../core/codec.ts'
import type { Dot } from '../../core/versions/dot.ts'
import { sha256 } from '../../core/hash.ts'
import type { StoredRecord } from '../../core/versions/record.ts'
import type { ProtocolEvent } from '../../protocol/effect.ts'
import type { Message } from '../../protocol/wire/message.ts'

/** Lines that are kept; the oldest go first. */
const linesMax = 20_000

export class Trace {
  readonly #lines: string[] = []
  #dropped = 0
  #state = 0x811c9dc5
  #count = 0
  /** Set it to false to save the time that it takes. */
  isOn = true

  /** Adds a line. */
  add(nowMs: number, who: string, what: string): void {
    if (!this.isOn) return
    const line = `${nowMs.toFixed(3).padStart(12)} ${who.padEnd(5)} ${what}`
    this.#count += 1
    for (let index = 0; index < line.length; index++) this.#state = Math.imul(this.#state ^ line.charCodeAt(index), 0x01000193)
    this.#lines.push(line)
    if (this.#lines.length < linesMax * 2) return
    this.#dropped += this.#lines.splice(0, linesMax).length
  }

  get lines(): readonly string[] {
    return this.#dropped === 0 ? this.#lines : [`(${this.#dropped} earlier lines are not kept)`, ...this.#lines]
  }

  /** Equal for equal traces, dropped lines included. */
  get fingerprint(): string {
    return toHex(sha256(encodeUtf8(`${this.#count}:${this.#state >>> 0}`)).subarray(0, 8))
  }
}

/** A message in one line. */
export function describeMessage(message: Message): string {
  switch (message.type) {
    case 'forward-put':
      return `forward-put #${message.id} ${keyText(message.key)} w=${message.w} request ${shortRequest(message.request)}`
    case 'put-result':
      return `put-result #${message.id} ${message.status}${message.dot === undefined ? '' : ` ${shortDot(message.dot)}`}`
    case 'replicate':
      return `replicate #${message.id} ${keyText(message.key)} ${describeRecord(message.record)}${message.hintFor.length === 0 ? '' : ` for ${message.hintFor.join()}`}`
    case 'replicated':
    case 'fetched':
      return `${message.type} #${message.id} ${message.status}${'record' in message && message.record !== undefined ? ` ${describeRecord(message.record)}` : ''}`
    case 'fetch':
      return `fetch #${message.id} ${keyText(message.key)}`
    case 'repair':
      return `repair ${keyText(message.key)} ${describeRecord(message.record)}`
    case 'handoff':
      return `handoff #${message.id} ${message.entries.map(({ key, record }) => `${keyText(key)} ${describeRecord(record)}`).join('; ')}`
    case 'handed-off':
      return `handed-off #${message.id} ${message.stored.join()}`
    default:
      return message.type
  }
}

/** An event in one line, or `undefined` when it says nothing that the messages do not say. */
export function describeEvent(event: ProtocolEvent): string | undefined {
  switch (event.type) {
    case 'key-changed':
      return `${keyText(event.key)} is now ${describeRecord(event.record)}`
    case 'key-dropped':
      return `${keyText(event.key)} is dropped`
    case 'key-discarded':
      return `${keyText(event.key)} is discarded: ${describeRecord(event.record)}`
    case 'key-kept':
      return `${keyText(event.key)} is kept, though it may have been deleted meanwhile`
    case 'tombstone-reaped':
      return `${keyText(event.key)} is reaped: ${describeRecord(event.record)}`
    case 'hint-stored':
    case 'hint-delivered':
      return `${event.type} ${keyText(event.key)} for ${event.target}`
    case 'reachability':
      return `${event.peer} is ${event.reachable ? 'reachable' : 'suspect'}`
    case 'storage-failed':
      return `storage failed: ${event.code}`
    case 'ring-changed':
    case 'rolled-back':
    case 'left':
      return event.type
    case 'counted':
      return event.name.startsWith('absence.') ? event.name : undefined
    default:
      return undefined
  }
}

/** Siblings by dot and value, then what else the record knows. */
export function describeRecord(record: StoredRecord): string {
  const siblings = record.siblings.map(({ dot, value }) => `${shortDot(dot)}=${value === undefined ? 'deleted' : keyText(value)}`)
  const vector = [...record.context.vector].map(([actor, counter]) => shortDot({ actor, counter }))
  return `{${siblings.join(' ')}} knowing ${[...vector, ...record.context.loose.map(dot => `+${shortDot(dot)}`)].join(' ')}`
}

/** First digits of the replica, epoch, counter. */
export function shortDot({ actor, counter }: Dot): string {
  return `${actor.slice(0, 4)}.${Number.parseInt(actor.slice(16), 16)}:${counter}`
}

export function shortRequest(request: string): string {
  return `${request.slice(0, 4)}..${request.slice(-4)}`
}

export function keyText(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes.subarray(0, 40))
    text += byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`
  return text
}
