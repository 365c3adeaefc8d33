/**
 * Faults for the simulator to find, one line each. Whoever changes one of these lines moves the bug along: find the place that has the same
 * job now, and break it there. A bug that the simulator no longer finds shows a hole in its workload, its faults or its checkers.
 */

export interface PlantedBug {
  readonly name: string
  /** What goes wrong, in words. */
  readonly breaks: string
  /** File below `src/`. */
  readonly file: string
  /** Text that is in the file exactly once, and what stands there instead. */
  readonly find: string
  readonly replace: string
}

export const plantedBugs: readonly PlantedBug[] = [
  // Versions: what a write supersedes, and what a merge keeps.
  {
    name: 'merge-forgets-sibling',
    breaks: 'a merge forgets a sibling that the other side has never heard of',
    file: 'core/versions/record.ts',
    find: '(order === 0 || (order < 0 && !covers(b.context, mine.dot)))',
    replace: 'order === 0'
  },
  {
    name: 'merge-revives-superseded',
    breaks: 'a merge keeps a sibling that the other side has superseded',
    file: 'core/versions/record.ts',
    find: 'order > 0 && !covers(a.context, theirs.dot)',
    replace: 'order > 0'
  },
  {
    name: 'merge-drops-context',
    breaks: 'a merge joins the siblings, and keeps the context of one side',
    file: 'core/versions/record.ts',
    find: 'return { context: joinContexts(a.context, b.context), siblings: mergeSiblings(a, b) }',
    replace: 'return { context: a.context, siblings: mergeSiblings(a, b) }'
  },
  {
    name: 'merge-drops-loose-dots',
    breaks: 'a merge drops the loose dots of one side',
    file: 'core/versions/causal-context.ts',
    find: 'return normalised(vector, [...a.loose, ...b.loose].sort(compareDots))',
    replace: 'return normalised(vector, [...a.loose].sort(compareDots))'
  },
  {
    name: 'merge-takes-last-counter',
    breaks: 'a merge of version vectors takes the counter that came last, not the highest',
    file: 'core/versions/version-vector.ts',
    find: 'if ((joined.get(actor) ?? 0) < counter) joined.set(actor, counter)',
    replace: 'joined.set(actor, counter)'
  },
  {
    name: 'dot-claims-its-past',
    breaks: 'a caller who has seen one write counts as having seen all earlier ones of that replica',
    file: 'core/versions/causal-context.ts',
    find: 'if (dot.counter === known + 1 && context.loose.length === 0) {',
    replace: 'if (dot.counter > known && context.loose.length === 0) {'
  },
  {
    name: 'put-ignores-context',
    breaks: 'a put does not supersede what its context has seen',
    file: 'core/versions/record.ts',
    find: 'const superseded = supersededBy(record.siblings, context)',
    replace: 'const superseded = supersededBy(record.siblings, emptyContext)'
  },
  {
    name: 'put-erases-unseen',
    breaks: 'a put supersedes what the coordinator has seen, not what the caller has',
    file: 'core/versions/record.ts',
    find: 'const superseded = supersededBy(record.siblings, context)',
    replace: 'const superseded = supersededBy(record.siblings, record.context)'
  },
  {
    name: 'put-forgets-context',
    breaks: 'a put stores its dot without the context that it was made in',
    file: 'core/versions/record.ts',
    find: 'withDot(joinContexts(record.context, context), sibling.dot)',
    replace: 'withDot(record.context, sibling.dot)'
  },
  {
    name: 'delta-has-whole-context',
    breaks: "a put is replicated with the coordinator's whole context, and erases siblings that its caller has never seen",
    file: 'protocol/replica/replica-operation.ts',
    find: 'then: write.minted(dot, merged, deltaOf(seen, sibling))',
    replace: 'then: write.minted(dot, merged, deltaOf(record.context, sibling))'
  },
  {
    name: 'last-write-wins',
    breaks: 'a record that arrives takes the place of the copy',
    file: 'protocol/replica/replica-operation.ts',
    find: 'const record = known === undefined ? merge.record : mergeRecords(known, merge.record)',
    replace: 'const record = merge.record'
  },
  {
    name: 'retry-writes-again',
    breaks: 'a retry that meets its own write is written once more',
    file: 'protocol/replica/replica-operation.ts',
    find: 'if (row !== undefined && earlier !== undefined) {',
    replace: 'if (row === undefined && earlier !== undefined) {'
  },

  // Actors and epochs: no dot twice.
  {
    name: 'epoch-not-in-actor',
    breaks: 'a copy that is born again mints under the actor of the copy before it',
    file: 'protocol/replica/replica-operation.ts',
    find: 'actorOf(this.#replicaId, epoch)',
    replace: 'actorOf(this.#replicaId, Math.min(epoch, 1))'
  },
  {
    name: 'epoch-lease-not-kept',
    breaks: 'a restart leases the same epochs again',
    file: 'protocol/replica/epoch-lease.ts',
    find: 'const value = encodeNumber(this.#limit + epochLeaseSize)',
    replace: 'const value = encodeNumber(this.#limit)'
  },

  // Durability: nothing leaves before it is on the disk.
  {
    name: 'effects-before-durable',
    breaks: 'what waits for a write leaves before the write is durable',
    file: 'protocol/replica/replica.ts',
    find: "effects.push({ kind: 'write', batch, then, token })",
    replace: "effects.push(...then, { kind: 'write', batch, then: [], token })"
  },
  {
    name: 'replicate-before-durable',
    breaks: 'a write is sent to others before it is durable at its coordinator',
    file: 'protocol/requests/put-coordinator.ts',
    find: 'if (delta === undefined || !tally.acknowledged.includes(this.#parts.routing.self)) return',
    replace: 'if (delta === undefined) return'
  },
  {
    name: 'reads-before-durable',
    breaks: 'a read is answered with a row that is not durable yet',
    file: 'protocol/replica/replica.ts',
    find: 'slot.writing = { row, operations: applied, change }',
    replace: 'slot.writing = { row: (slot.row = row), operations: applied, change }'
  },
  {
    name: 'failed-write-stays',
    breaks: 'a row whose write failed is kept in memory as if it were stored',
    file: 'protocol/replica/replica.ts',
    find: 'if (slot.writing !== undefined) this.#rowWritten(slot.key, false)',
    replace: 'if (slot.writing !== undefined) this.#hold(slot, slot.writing.row)'
  },
  {
    name: 'failed-hint-counts',
    breaks: 'a hint whose write failed is taken for one that is on the disk',
    file: 'protocol/handoff/hint-book.ts',
    find: 'if (isDurable) return',
    replace: 'if (isDurable || notes.length > 0) return'
  },

  // Quorums.
  {
    name: 'one-peer-counts-twice',
    breaks: 'an acknowledgement that the network repeats counts twice',
    file: 'core/quorum-tally.ts',
    find: 'if (tally.acknowledged.includes(peer)) return tally',
    replace: 'if (tally.failed.includes(peer)) return tally'
  },
  {
    name: 'one-short-of-a-quorum',
    breaks: 'a write is acknowledged one peer short of W',
    file: 'core/quorum-tally.ts',
    find: "if (tally.acknowledged.length >= tally.needed) return 'reached'",
    replace: "if (tally.acknowledged.length + 1 >= tally.needed) return 'reached'"
  },
  {
    name: 'asked-counts-as-answered',
    breaks: 'a peer that was asked counts as one that acknowledged',
    file: 'core/quorum-tally.ts',
    find: "if (tally.acknowledged.length >= tally.needed) return 'reached'",
    replace: "if (tally.acknowledged.length + tally.pending.length >= tally.needed) return 'reached'"
  },
  {
    name: 'refusal-counts',
    breaks: 'a replica that refused counts as one that acknowledged',
    file: 'protocol/requests/put-coordinator.ts',
    find: "if (message.status !== 'ok') return this.#gaveUp(now, coordination, from, effects)",
    replace: "if (message.status === 'overloaded') return this.#gaveUp(now, coordination, from, effects)"
  },
  {
    name: 'retry-gets-smaller-quorum',
    breaks: 'a retry that asks for a larger W gets the answer of the first try',
    file: 'protocol/requests/put-coordinator.ts',
    find: 'if (remembered !== undefined && remembered.acknowledged.length >= enough)',
    replace: 'if (remembered !== undefined)'
  },
  {
    name: 'doubt-is-denied',
    breaks: 'a write whose coordinator vanished is reported as one that never was',
    file: 'protocol/requests/put-request.ts',
    find: 'return pending.lost || pending.forwards.size > 0',
    replace: 'return pending.forwards.size > 0'
  },
  {
    name: 'forward-taken-twice',
    breaks: 'a forwarded put that the network repeats is carried out again',
    file: 'protocol/requests/replica-server.ts',
    find: 'if (this.#forwards.has(name)) return true',
    replace: 'if (this.#forwards.has(name)) return false'
  },
  {
    name: 'empty-fallback-answers',
    breaks: 'fallbacks that hold nothing answer "not found" by themselves',
    file: 'protocol/requests/get-coordinator.ts',
    find: 'if (counted >= r || counted + (isLate ? holding : 0) === 0) return counted',
    replace: 'if (counted >= r) return counted'
  },
  {
    name: 'newcomer-vouches',
    breaks: 'an owner that has not got its copies yet answers as one that has',
    file: 'protocol/requests/replica-server.ts',
    find: 'const lacking = predecessors.of(partitionOfKey(routing.ring(), key))',
    replace: 'const lacking = predecessors.of(partitionOfKey(routing.ring(), key)).slice(0, 0)'
  },
  {
    name: 'former-owner-vouches',
    breaks: 'a peer that owns a key no more answers as one that does',
    file: 'protocol/requests/replica-server.ts',
    find: "return predecessors.isOwner(partitionOfKey(routing.ring(), key)) ? 'ok' : 'not-owner'",
    replace: "return predecessors.isOwner(partitionOfKey(routing.ring(), key)) ? 'ok' : 'ok'"
  },

  // Repairs.
  {
    name: 'reads-repair-nothing',
    breaks: 'a read that finds stale owners leaves them so',
    file: 'protocol/requests/read-repair.ts',
    find: 'if (merged === emptyRecord) return []',
    replace: 'if (merged !== emptyRecord) return []'
  },
  {
    name: 'reads-repair-no-tombstone',
    breaks: 'a read does not repair an owner that lacks a delete',
    file: 'protocol/requests/read-repair.ts',
    find: 'if (merged === emptyRecord) return []',
    replace: 'if (merged === emptyRecord || merged.siblings.every(({ value }) => value === undefined)) return []'
  },
  {
    name: 'reads-repair-fallbacks',
    breaks: 'a read repairs fallbacks too, which own nothing',
    file: 'protocol/requests/read-repair.ts',
    find: 'return owners.filter(owner =>',
    replace: 'return [...replies.keys(), ...owners.slice(0, 0)].filter(owner =>'
  },
  {
    name: 'repair-kept-by-stranger',
    breaks: 'a peer that does not own a key keeps the repair that it got',
    file: 'protocol/requests/replica-server.ts',
    find: 'if (!ownersOf(routing, key).includes(routing.self)) return',
    replace: 'if (ownersOf(routing, key).length === 0) return'
  },
  {
    name: 'exchanges-never-begin',
    breaks: 'replicas that nobody reads are never compared',
    file: 'protocol/anti-entropy/anti-entropy.ts',
    find: 'if (!index.isComplete || routing.isJoining(routing.self)) return undefined',
    replace: 'if (index.isComplete || routing.isJoining(routing.self)) return undefined'
  },
  {
    name: 'compares-once',
    breaks: 'a write under way is taken for a lost one, as differences are not compared again',
    file: 'protocol/anti-entropy/exchange.ts',
    find: 'exchange.againAtMs = Math.min(exchange.againAtMs, now.ms + exchangeMs.again)',
    replace: 'exchange.againAtMs = Math.min(exchange.againAtMs, now.ms)'
  },
  {
    name: 'exchange-skips-tombstones',
    breaks: 'anti-entropy does not hand over deletes',
    file: 'protocol/anti-entropy/exchange-repairs.ts',
    find: "sendBulk(effects, exchange.peer, { type: 'repair', key, record })",
    replace:
      "if (record.siblings.some(({ value }) => value !== undefined)) sendBulk(effects, exchange.peer, { type: 'repair', key, record })"
  },
  {
    name: 'trie-misses-writes',
    breaks: 'the Merkle trie in memory is not told of a write',
    file: 'protocol/key-index/key-index.ts',
    find: 'this.trie.replace(place, before, after)',
    replace: 'if (after === undefined) this.trie.replace(place, before, after)'
  },
  {
    name: 'index-row-not-written',
    breaks: 'the Merkle sum of a write is not kept on the disk',
    file: 'protocol/replica/replica.ts',
    find: 'batch.push(...change.operations, ',
    replace: 'batch.push(...(row === undefined ? change.operations : []), '
  },
  {
    name: 'shared-partitions-of-old-ring',
    breaks: 'anti-entropy goes on with the partitions of an earlier ring',
    file: 'protocol/anti-entropy/anti-entropy.ts',
    find: 'if (this.#sharing?.digest === ring.digest) return this.#shared',
    replace: 'if (this.#shared.size > 0) return this.#shared'
  },
  {
    name: 'trie-keeps-old-sums',
    breaks: 'the Merkle trie adds the new sum of a key and does not take the old one away',
    file: 'core/merkle/trie-node.ts',
    find: '} else subtractAt(node, at)',
    replace: '}'
  },

  // Hints.
  {
    name: 'hint-gone-before-acknowledged',
    breaks: 'a hint is deleted when it is sent, not when it is acknowledged',
    file: 'protocol/handoff/hinted-handoff.ts',
    find: 'delivery.sent = entries',
    replace: 'delivery.sent = entries; for (const entry of entries) this.#delivered(now, delivery.target, entry, effects)'
  },
  {
    name: 'hint-gone-though-refused',
    breaks: 'a hint is deleted though its target could not store it',
    file: 'protocol/handoff/hinted-handoff.ts',
    find: 'const stored = new Set(message.stored)',
    replace: 'const stored = new Set([...message.stored, ...delivery.sent.keys()])'
  },
  {
    name: 'hint-gone-though-copy-changed',
    breaks: 'a hint is deleted though the copy says more than what was delivered',
    file: 'protocol/handoff/hinted-handoff.ts',
    find: 'row !== undefined && recordHash(row.record) !== hash',
    replace: "row !== undefined && hash === ''"
  },
  {
    name: 'hint-lost-when-deletion-fails',
    breaks: 'a hint whose deletion failed is forgotten in memory and stays on the disk',
    file: 'protocol/handoff/hinted-handoff.ts',
    find: 'this.#book.keep(target, hint)',
    replace: 'this.#book.forget(target, hint)'
  },
  {
    name: 'copy-goes-with-first-hint',
    breaks: 'a fallback drops its copy while other owners still wait for theirs',
    file: 'protocol/handoff/hinted-handoff.ts',
    find: 'includes(this.#parts.routing.self) || this.#book.holds(key)',
    replace: 'includes(this.#parts.routing.self)'
  },
  {
    name: 'hint-counts-twice',
    breaks: 'a hint that is stored again counts twice, so that the copy never goes',
    file: 'protocol/handoff/hint-book.ts',
    find: 'this.#count(mapKey, weightOf(hint) - weightOf(before))',
    replace: 'this.#count(mapKey, weightOf(hint) - (hint === undefined ? weightOf(before) : 0))'
  },
  {
    name: 'hints-forgotten-at-start',
    breaks: 'a peer that restarts does not know its hints',
    file: 'protocol/handoff/hinted-handoff.ts',
    find: 'if (parsed !== undefined) this.#book.restore(parsed.target, parsed.key, decodeNumber(value))',
    replace: 'if (parsed !== undefined) decodeNumber(value)'
  },
  {
    name: 'stray-hints-wait-for-ever',
    breaks: 'a hint for a peer that owns the key no longer waits for that peer',
    file: 'protocol/handoff/hinted-handoff.ts',
    find: 'return owners.length > 0 && !owners.includes(peer)',
    replace: 'return owners.length > 0 && owners.length === 0'
  },
  {
    name: 'no-hint-for-silent-owner',
    breaks: 'an owner that stays silent gets no hint when nobody can stand in',
    file: 'protocol/requests/put-coordinator.ts',
    find: 'if (coordination.dot !== undefined) this.#parts.hints.keep(now, owners, coordination.put.key, effects)',
    replace: 'if (coordination.dot === undefined) this.#parts.hints.keep(now, owners, coordination.put.key, effects)'
  },
  {
    name: 'fallback-coordinator-hints-once',
    breaks: 'a fallback that coordinates keeps hints only for owners that cannot be reached at the moment',
    file: 'protocol/requests/put-coordinator.ts',
    find: 'for (const owner of coordination.owners) own.add(owner)',
    replace: 'for (const owner of orphans) own.add(owner)'
  },
  {
    name: 'handoff-kept-by-stranger',
    breaks: 'a peer that does not own a key keeps the hint that came home to it',
    file: 'protocol/requests/replica-server.ts',
    find: 'if (!ownersOf(routing, key).includes(routing.self)) {',
    replace: 'if (ownersOf(routing, key).length === 0) {'
  },
  {
    name: 'stand-in-gets-no-hint',
    breaks: 'a fallback is not told for whom it stands in',
    file: 'protocol/requests/put-coordinator.ts',
    find: "message: { type: 'replicate', id, key: put.key, record: delta, hintFor }",
    replace: "message: { type: 'replicate', id, key: put.key, record: delta, hintFor: hintFor.slice(0, 0) }"
  },
  {
    name: 'replica-kept-by-stranger',
    breaks: 'a peer that is neither owner nor stand-in keeps a copy',
    file: 'protocol/requests/replica-server.ts',
    find: "if (hintFor.length === 0 && !ownersOf(routing, key).includes(routing.self)) return 'not-owner'",
    replace: "if (hintFor.length > 0 && ownersOf(routing, key).length === 0) return 'not-owner'"
  },

  // Change.
  {
    name: 'transfer-forgotten-after-crash',
    breaks: 'a transfer that a crash cut short is not taken up again',
    file: 'protocol/moving/transfer.ts',
    find: 'this.#running = ring.digest !== this.#settledDigest',
    replace: 'this.#running = this.#pass > 1 && ring.digest !== this.#settledDigest'
  },
  {
    name: 'obligation-lost-on-full-disk',
    breaks: 'an owner that lacks a copy counts as one that confirmed it, though the hint for it could not be stored',
    file: 'protocol/moving/giving.ts',
    find: 'if (allKept) this.#pageDone(at, gift, page, keys, out)',
    replace: 'this.#pageDone(at, gift, page, keys, out)'
  },
  {
    name: 'newcomers-get-nothing',
    breaks: 'owners do not give newcomers their copies',
    file: 'protocol/moving/transfer.ts',
    find: 'return giver === self ? newcomers : []',
    replace: 'return giver === self ? newcomers.slice(0, 0) : []'
  },
  {
    name: 'lost-owner-keeps-copy',
    breaks: 'a peer that stops being an owner keeps its copies',
    file: 'protocol/moving/transfer.ts',
    find: 'if (!after.includes(self)) return after',
    replace: 'if (!after.includes(self)) return []'
  },
  {
    name: 'dropped-before-confirmed',
    breaks: 'a peer that stops being an owner drops its copies when the first owner has confirmed them',
    file: 'protocol/moving/transfer.ts',
    find: 'if (owed.waiting.size > 0) return',
    replace: 'if (owed.waiting.size > owed.targets.length) return'
  },
  {
    name: 'wanted-counts-as-held',
    breaks: 'what an owner lacks of a partition is taken for confirmed, and not sent',
    file: 'protocol/moving/giving.ts',
    find: 'const keys = wanted.flatMap(number => page.keys[number] ?? [])',
    replace: 'const keys = wanted.slice(0, 0).flatMap(number => page.keys[number] ?? [])'
  },
  {
    name: 'held-when-as-many',
    breaks: 'an owner confirms a partition of which it holds as many records, not the same ones',
    file: 'protocol/moving/taking.ts',
    find: 'equalSums(trie.sum(trie.partitionBits, partition), sum)',
    replace: 'equalSums({ ...sum, count: trie.sum(trie.partitionBits, partition).count }, sum)'
  },
  {
    name: 'up-before-complete',
    breaks: 'a joining peer counts for quorums before it has what it owns',
    file: 'protocol/moving/completion.ts',
    find: 'if (asked !== ring || this.#parts.hints.has(asker) || this.#parts.refill.isGiving(asker)) continue',
    replace: 'if (asked !== ring) continue'
  },
  {
    name: 'never-left',
    breaks: 'a leaving peer never gets to leave',
    file: 'protocol/moving/departure.ts',
    find: 'if (knowsOthers && (!this.#isDismissed || coordinator.active > 0)) return',
    replace: 'if (knowsOthers) return'
  },
  {
    name: 'left-with-its-hints',
    breaks: 'a leaving peer is gone before its copies have found their owners',
    file: 'protocol/moving/departure.ts',
    find: 'if (isLast ? this.#isAwaited(knowsOthers) : hints.waiting().length > 0) return',
    replace: 'if (isLast && this.#isAwaited(knowsOthers)) return'
  },
  {
    name: 'left-unheard',
    breaks: 'a leaving peer goes as soon as it has said so, heard or not',
    file: 'protocol/moving/departure.ts',
    find: "membership.setStatus(now, 'left', effects, this.#asking(heirs))",
    replace: "membership.setStatus(now, 'left', effects, [leftHeard])"
  },
  {
    name: 'heard-and-not-kept',
    breaks: 'a member says of one that left that it remembers it, and would not after a crash',
    file: 'protocol/membership/remembrance.ts',
    find: 'const mustWait = peers.includes(from) && !isKept(from)',
    replace: 'const mustWait = false && !isKept(from)'
  },
  {
    name: 'left-without-heirs',
    breaks: 'a leaving peer takes the only copies along when those who were to get them are evicted',
    file: 'protocol/moving/departure.ts',
    find: 'return replica.keys > 0 && this.#heirs.size > 0',
    replace: 'return false'
  },
  {
    name: 'ring-by-number-of-members',
    breaks: 'a peer computes its ring anew only when the number of members changes, so that two peers have other rings',
    file: 'protocol/membership/neighbourhood.ts',
    find: 'if (ringMembers(view) !== ringMembers(before.view))',
    replace: 'if (ringMembers(view).length !== ringMembers(before.view).length)'
  },
  {
    name: 'leaving-stays-in-ring',
    breaks: 'a leaving peer stays in the ring',
    file: 'core/members/membership-view.ts',
    find: "const IN_RING: ReadonlySet<MemberStatus> = new Set(['joining', 'up'])",
    replace: "const IN_RING: ReadonlySet<MemberStatus> = new Set(['joining', 'up', 'leaving'])"
  },

  // Members.
  {
    name: 'older-member-record-wins',
    breaks: 'an older record of a member takes the place of a newer one',
    file: 'core/members/membership-view.ts',
    find: 'compareMembers(record, known) <= 0',
    replace: 'compareMembers(record, known) === 0'
  },
  {
    name: 'digest-of-outdated-records',
    breaks: 'the digest of a view depends on what was known of its members before',
    file: 'core/members/membership-view.ts',
    find: 'lasting(before === undefined ? [] : [before])',
    replace: 'lasting(before === undefined ? [] : [])'
  },
  {
    name: 'same-version-said-twice',
    breaks: 'a peer says new things about itself under a version that it has used',
    file: 'protocol/membership/membership.ts',
    find: 'this.#sequence += 1',
    replace: 'this.#sequence += 0'
  },
  {
    name: 'suspect-for-ever',
    breaks: 'a suspect that answers stays a suspect',
    file: 'protocol/membership/failure-detector.ts',
    find: 'if (!health.suspected) return',
    replace: 'if (health.connected) return'
  },
  {
    name: 'never-evicted',
    breaks: 'a tab that is gone for good keeps its place in the ring',
    file: 'protocol/membership/membership.ts',
    find: 'if (connected.size > 0 && now.ms - sinceMs >= this.#parts.evictAfterMs)',
    replace: 'if (connected.size > 0 && now.ms - sinceMs > Number.MAX_SAFE_INTEGER)'
  },
  {
    name: 'eviction-not-refuted',
    breaks: 'a peer that was evicted while it was away does not say that it is back',
    file: 'protocol/membership/membership.ts',
    find: 'if (about !== undefined) this.#refute(now, about, effects)',
    replace: 'if (about !== undefined && about.issuer === this.#parts.signer.peerId) this.#refute(now, about, effects)'
  },

  // Deletes that are forgotten.
  {
    name: 'reaped-before-the-grace',
    breaks: 'a delete is forgotten as soon as all owners hold it',
    file: 'protocol/tombstones/tombstone-reaper.ts',
    find: 'return atMs + this.#parts.graceMs <= now.wallMs',
    replace: 'return atMs <= now.wallMs'
  },
  {
    name: 'reaped-without-all-owners',
    breaks: 'a delete is forgotten though not all owners said that they hold it',
    file: 'protocol/tombstones/tombstone-reaper.ts',
    find: 'filter(([, { open }]) => open.size === 0)',
    replace: 'filter(([, { open }]) => open.size >= 0)'
  },
  {
    name: 'reaped-and-not-remembered',
    breaks: 'what was forgotten is taken back from the next owner, which is about to forget it',
    file: 'protocol/tombstones/tombstone-reaper.ts',
    find: 'graveyard.bury(now, key, row.record)',
    replace: 'graveyard.exhume(key)'
  },
  {
    name: 'reaped-value',
    breaks: 'a record that still holds a value is taken for a delete',
    file: 'core/versions/record.ts',
    find: 'return record.siblings.length > 0 && record.siblings.every(sibling => sibling.value === undefined)',
    replace: 'return record.siblings.length > 0 && record.siblings.some(sibling => sibling.value === undefined)'
  },

  // Damage, loss and old states of disks.
  {
    name: 'old-disk-keeps-its-id',
    breaks: 'a peer whose disk is an older state of itself numbers its writes as before',
    file: 'protocol/ring-peer.ts',
    find: 'options.mintingId ?? own.replica',
    replace: 'own.replica'
  },
  {
    name: 'damage-not-mended',
    breaks: 'a damaged row is told, and left as it is',
    file: 'protocol/damage/damaged-rows.ts',
    find: 'if (this.#mending.has(name) || this.#mending.size >= mendsMax) continue',
    replace: 'if (this.#mending.has(name) || this.#mending.size < mendsMax) continue'
  },
  {
    name: 'sum-written-over-its-mark',
    breaks: 'the first write to a partition leaves its sum on the disk, which is wrong after a crash',
    file: 'protocol/key-index/partition-sums.ts',
    find: 'return open.isMarked ? undefined : markOperation(partition, this.#sumOf(partition).count)',
    replace: 'return open.isMarked || partition >= 0 ? undefined : markOperation(partition, this.#sumOf(partition).count)'
  },
  {
    name: 'sum-of-failed-write',
    breaks: 'the sum of a partition is trusted after a write to it failed',
    file: 'protocol/key-index/partition-sums.ts',
    find: 'if (!isDurable) open.isSure = false',
    replace: 'if (!isDurable && open.underWay < 0) open.isSure = false'
  }
]
