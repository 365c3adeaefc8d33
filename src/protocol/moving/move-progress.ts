/**
 * How far a ring change has come at this peer: what it gives to new owners, and what it is given, as plain data.
 *
 * A partition counts once for each new owner, and as done once that owner has confirmed that it holds everything; bytes are those of keys and values that
 * had, or have, to travel. How many bytes there will be is an estimate until all partitions were compared, so `bytes` may still change while
 * partitions are left. What a peer takes is known as it is offered, which is a matter of moments after the change.
 *
 * The counts begin anew with a change of the ring after everything was done, so the last state of a change stays to be seen: `partitionsDone` equals
 * `partitions`. Rate and time left are the watcher's to derive: from two states, and the clock.
 *
 * Where to find it: `RingPeer.moves`, and the event `progress`, which comes when it changed, a few times a second at most, and once at the end.
 */
/** One direction. */
export interface MoveCount {
  /** Partitions that change hands. */
  readonly partitions: number
  readonly partitionsDone: number
  /** Bytes of keys and values that have to travel, as far as is known. */
  readonly bytes: number
  readonly bytesDone: number
}

/** What a peer gives and takes. */
export interface MoveProgress {
  readonly give: MoveCount
  readonly take: MoveCount
}

const nothing: MoveCount = { partitions: 0, partitionsDone: 0, bytes: 0, bytesDone: 0 }

/** Nothing has moved since the start. */
export const noMoves: MoveProgress = { give: nothing, take: nothing }
