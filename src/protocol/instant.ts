/** The two readings of time that a step gets: protocol code has no clock of its own. */
export interface Instant {
  /** Milliseconds since any fixed point; never goes backwards. For deadlines. */
  readonly ms: number
  /** Milliseconds since 1970 by the machine's calendar; may jump. For people and tie-breaks. */
  readonly wallMs: number
}
