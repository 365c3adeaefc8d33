/**
 * Last-write-wins: of several concurrent values, the one that was written last by the hybrid clocks of the coordinators; by the name of the
 * write event where two clocks say the same (the paper, section 6, "timestamp based reconciliation").
 *
 * All peers choose alike, and that is all it promises. **It loses acknowledged writes**: whatever was written at the same time as the chosen
 * value is gone with the next write, and a clock that runs ahead wins over everything (of five
 * clients' adds to one set it loses 6 or 7 in 10: `npm run experiments -- one-key-set`). So a
 * caller asks for it by name, for values of which only the newest is of any use.
 */
import type { SiblingInfo } from './api.ts'

/** What the choice looks at. */
export type DatedSibling = Pick<SiblingInfo, 'hybridTime' | 'dot'>

/** The sibling that wins; `undefined` of none. A delete wins like a value. */
export function lastWritten<Each extends DatedSibling>(siblings: readonly Each[]): Each | undefined {
  let last: Each | undefined
  for (const sibling of siblings) if (last === undefined || isLater(sibling, last)) last = sibling
  return last
}

function isLater(a: DatedSibling, b: DatedSibling): boolean {
  return a.hybridTime === b.hybridTime ? a.dot > b.dot : a.hybridTime > b.hybridTime
}
