/** Names the checker that a problem came from, by the form of its text. */
const checkers: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/STALE:/, 'acknowledged write not read from who has it'],
  [/LOST:/, 'acknowledged write lost'],
  [/false sibling/, 'false sibling'],
  [/minted twice, for/, 'dot minted twice'],
  [/a second time beside its first/, 'request written twice'],
  [/counts a peer twice/, 'peer counted twice'],
  [/never held it durably/, 'acknowledged without a durable copy'],
  [/instead of \d+ peers/, 'acknowledged by fewer than W'],
  [/was answered with w=/, 'another W than asked for'],
  [/of which its writer was told/, 'write denied, and there'],
  [/nobody wrote there/, 'value that nobody wrote'],
  [/repairs a key at/, 'repair at a non-owner'],
  [/did not repair it/, 'stale owner not repaired by a read'],
  [/neither owns nor has hints for/, 'given all, and still owing'],
  [/has left, and holds hints/, 'left, and still owing'],
  [/was answered "not found"/, 'not found by fallbacks alone'],
  [/found no quorum of/, 'no quorum though enough were there'],
  [/went back to an older record/, 'view goes back'],
  [/two things of itself under version/, 'one version says two things'],
  [/durably before it does/, 'told before it is durable'],
  [/are not reaped/, 'deletes not reaped'],
  [/remembers more than|keeps more than/, 'past a bound'],
  [/damaged rows/, 'damaged rows left'],
  [/forgot a (value|delete)/, 'delete forgotten wrongly'],
  [/still counts on/, 'gone member not evicted'],
  [/the members take it for/, 'members take it for another status'],
  [/has joined, and lacks/, 'joined and incomplete'],
  [/though nothing had failed/, 'repair where nothing failed'],
  [/the owners of .* differ/, 'owners differ'],
  [/is no owner of .* and holds it/, 'copy at a non-owner'],
  [/tells .* that it has everything/, 'told complete too early'],
  [/hints/, 'hints left'],
  [/views of the members/, 'views differ'],
  [/rings/, 'rings differ'],
  [/ is (joining|leaving|left|evicted)$/, 'member not up'],
  [/not at rest/, 'no rest'],
  [/never answered/, 'call never answered'],
  [/did not come up/, 'cluster does not come up'],
  [/broke:/, 'a peer broke'],
  [/did not end|process ended/, 'the run does not end']
]

/** Names of all checkers that `problems` came from, each once. */
export function checkersOf(problems: readonly string[]): readonly string[] {
  return [...new Set(problems.map(problem => checkers.find(([pattern]) => pattern.test(problem))?.[1] ?? problem))]
}
