/** Time, as the driver sees it. Protocol code gets `now` as an argument and never this port. */
export interface Clock {
  /** Milliseconds since any fixed point; never goes backwards. For deadlines. */
  monotonicMs(): number
  /** Milliseconds since 1970 by the machine's calendar; may jump. For people and tie-breaks. */
  wallMs(): number
  /** Calls `wake` once after `delayMs` and returns a function that cancels it. */
  schedule(delayMs: number, wake: () => void): () => void
}
