/**
 * What travels on a stream: frames, each `length (4 bytes, big-endian) · kind (1 byte) · body`, where the length counts the
 * kind and the body.
 *
 * Most frames are messages of the store, which this layer does not look into. The others keep the stream itself in order: the hello
 * exchange, credit, signs of life and the farewell. Their bodies are protobuf fields, given beside each kind.
 */

/** Kinds of frames by their number on the wire. */
export const FrameKind = {
  /** A message of the store. */
  message: 0,
  /** Says who this is: `startedMs = 1, session = 2 (8 bytes), hello = 3 (bytes)`. First frame in both directions of a request stream. */
  hello: 1,
  /** "I let you in." No body. */
  admit: 2,
  /** "I do not let you in": `code = 1, message = 2`, both text. The last frame of its direction. */
  refuse: 3,
  /** "I have taken so many bytes of your messages": `bytes = 1`. */
  credit: 4,
  /** "Are you there?" No body. */
  ping: 5,
  /** "I am." No body. */
  pong: 6,
  /** "I am leaving." No body. The last frame of its direction. */
  goodbye: 7
} as const

/** Bytes of a frame in front of its body. */
export const frameHeaderBytes = 5

/** Protocol names of the two lanes. The number is the major version: peers of another major do not find each other's lanes. */
export const laneProtocols = { request: '/dynamesh/request/1', bulk: '/dynamesh/bulk/1' } as const
