/** Unpredictable bytes for identities, request ids and the seed of a peer's own generator. */
export interface Random {
  /** `length` fresh random bytes. */
  bytes(length: number): Uint8Array
}
