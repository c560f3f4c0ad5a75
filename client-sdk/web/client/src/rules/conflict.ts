// A conflict as people and programs see it: the JSON form of `GET /api/docs/{id}/conflicts`, as the core says it.
//
// Always true: its state is a function of the document, the rule set and the moment. Nothing here remembers anything.

import type { Beyond, Conflict } from '../generated/types'
import type { Undecided } from '../types'

export type {
  Beyond,
  Cause,
  Conflict,
  Decision,
  Mode,
  Offer,
  Settlement,
  Severity,
  Touched,
  Waiver,
} from '../generated/types'
export type { Undecided } from '../types'

/** What is known of one document at one moment. */
export interface Judgement {
  /** Open and waived conflicts: rules in the order of the set, subjects in byte order. */
  readonly conflicts: readonly Conflict[]
  readonly undecided: readonly Undecided[]
  readonly beyond: readonly Beyond[]
}
