/** Flags that several commands share, so that they mean the same everywhere. */
import { replicasMax, timeoutMsMax } from '../../core/limits.ts'
import type { Flags } from './command.ts'

/** Folder of a peer's data when none is named. */
export const dataFolderDefault = './dynamesh-data'

/** Flags of every command. */
export const commonFlags: Flags = {
  json: { kind: 'switch', help: 'Print JSON, for programs; errors too.' },
  verbose: { kind: 'switch', help: 'Also print diagnostics, and stack traces of errors.' },
  help: { kind: 'switch', short: 'h', help: 'Print this help.' }
}

/** Flags that say which cluster a peer belongs to. */
export const clusterFlags: Flags = {
  cluster: { kind: 'text', value: 'NAME', help: 'Name of the cluster. Peers of another name refuse each other.' },
  join: { kind: 'list', value: 'ADDR', help: 'Address of a peer to join by; may be repeated.' },
  partitions: {
    kind: 'integer',
    value: 'Q',
    help: 'Partitions of the ring, a power of two; the same on all peers, for ever. Default: 1024.'
  },
  replicas: { kind: 'integer', value: 'N', min: 1, max: replicasMax, help: 'Owners of each partition; the same on all peers. Default: 3.' }
}

/** Flags of a command that asks a peer of this machine. */
export const localFlags: Flags = {
  data: { kind: 'text', value: 'FOLDER', help: `Data folder of the running peer to ask. Default: ${dataFolderDefault}.` }
}

/** Flags of a command that asks a peer of this machine or of the network. */
export const accessFlags: Flags = {
  ...localFlags,
  ...clusterFlags,
  join: {
    kind: 'list',
    value: 'ADDR',
    help: 'Ask this peer over the network instead, as a client that stores nothing; may be repeated. Needs --cluster.'
  }
}

const timeoutFlag: Flags = {
  timeout: { kind: 'duration', value: 'TIME', help: `Longest wait, like 500ms, 5s or 1m. Default: 5s; at most ${timeoutMsMax / 60_000}m.` },
  strict: { kind: 'switch', help: 'Count only owners of the key, no fallbacks.' }
}

/** Flags of a read. */
export const readFlags: Flags = {
  r: { kind: 'integer', value: 'R', min: 1, max: replicasMax, help: 'Replies to wait for. Default: what the peer was started with, or 2.' },
  ...timeoutFlag
}

/** Flags of a write, which reads first. */
export const writeFlags: Flags = {
  w: {
    kind: 'integer',
    value: 'W',
    min: 1,
    max: replicasMax,
    help: 'Durable acknowledgements to wait for. Default: what the peer was started with, or 2.'
  },
  ...readFlags,
  context: {
    kind: 'text',
    value: 'TOKEN',
    help: 'Supersede exactly what the get that printed this context had read; nothing is read first.'
  },
  'context-file': { kind: 'text', value: 'FILE', help: 'The same, with the context from a file that get --context-file wrote.' },
  'request-id': { kind: 'text', value: 'ID', help: 'Repeat a write whose outcome is unknown; it cannot count twice.' }
}

/** Says that KEY is written in hexadecimal. */
export const keyFlags: Flags = {
  'key-hex': { kind: 'switch', help: 'KEY is written in hexadecimal digits, for keys that are not text.' }
}
