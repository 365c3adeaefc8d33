/**
 * Messages between peers. The port promises less than any real network: a message may be lost, repeated or reordered, never
 * altered. So the same protocol code meets real hiccups and simulated faults.
 *
 * Of repetitions it promises one thing, as a peer that starts anew remembers no message: what was sent to one run of a peer never reaches the next.
 * Messages travel on connections, and a connection ends with the process at either end.
 */
import type { Writer } from '../core/codec.ts'
import type { PeerId } from '../core/identifiers.ts'

/** Classes of traffic, each on a stream of its own: bulk transfer never delays requests. */
export type Lane = 'request' | 'bulk'

/** How a peer is connected at the moment. */
export interface ConnectionInfo {
  readonly peer: PeerId
  readonly transport: 'tcp' | 'websocket' | 'webrtc' | 'webrtc-direct' | 'memory' | 'other'
  /** True while the connection goes through a relay. */
  readonly relayed: boolean
  /** Address of the other end in text form. */
  readonly address: string
}

/** Answer to another peer's hello: let it in, or why not. */
export type Admission = { readonly admit: true } | { readonly admit: false; readonly code: string; readonly message: string }

/** What the network calls in its user. Handlers must not throw. */
export interface NetworkHandlers {
  /** This peer's hello: opaque to the network, sent first on every connection. */
  hello(): Uint8Array
  /** Judges another peer's hello. Nothing else of that peer is delivered before it was admitted. */
  admit(peer: PeerId, hello: Uint8Array): Admission
  /** A frame arrived. `frame` is a view that is valid during the call only. Throwing marks the frame malformed and resets the stream. */
  frame(peer: PeerId, lane: Lane, frame: Uint8Array): void
  /** A peer was admitted on both sides and can be sent to. */
  connected(peer: PeerId): void
  /** The last connection to an admitted peer ended. */
  disconnected(peer: PeerId): void
  /** This peer refused another or was refused by it. */
  refused(peer: PeerId | undefined, code: string, message: string): void
  /** A gossip message arrived. The answer decides whether it is passed on. */
  gossip(peer: PeerId, bytes: Uint8Array): 'accept' | 'ignore' | 'reject'
  /** Addresses of a peer that is dialled only when something is sent to it; `undefined` for all others, wanted ones included. */
  distant(peer: PeerId): readonly string[] | undefined
  /** Such a peer could not be dialled: what was sent to it is lost. */
  unreachable(peer: PeerId): void
  /** This peer's own addresses changed. */
  addresses(addresses: readonly string[]): void
}

/** A peer to be connected to, with the addresses under which it was last known (multiaddr texts; may lack the peer id part). */
export interface WantedPeer {
  readonly peer: PeerId
  readonly addresses: readonly string[]
}

export interface Network {
  readonly peerId: PeerId
  /** Starts listening and dialling. Starts degraded, not at all, when a relay or `join` address cannot be reached. */
  start(handlers: NetworkHandlers): Promise<void>
  /** Says goodbye, closes connections and stops. Stopping twice is fine. */
  stop(): Promise<void>
  /**
   * Queues one message; `encode` is called at once and writes it into the outgoing batch. A distant peer without a connection is dialled for it. Returns
   * false when the peer is not connected and not distant, or its queue is full: the message is lost, as the port allows.
   */
  send(peer: PeerId, lane: Lane, encode: (out: Writer) => void): boolean
  /** Spreads `bytes` to all peers of the cluster's topic, best effort. */
  publish(bytes: Uint8Array): void
  /**
   * Replaces the set of peers to stay connected to; redials them for ever. Connections to distant peers may end when they are idle, or for want of
   * room.
   */
  want(peers: readonly WantedPeer[]): void
  /** Connections to admitted peers. */
  connections(): readonly ConnectionInfo[]
  /** Own addresses that others can dial, in text form with the peer id. */
  addresses(): readonly string[]
  /** Cuts (true) or restores (false) all traffic: what a demo page's "cut the network" does. */
  cut(isCut: boolean): void
  /** Says goodbye with what can be sent synchronously; for `pagehide`. */
  goodbye(): void
}
