// What may be done about a conflict: a closed list of edits that make the rule hold again. "Later" is the order in which
// Automerge counts operations, never a clock's.

import type { Proposal } from '../generated/types'
import type { Predicate } from './predicate'

export type { Proposal }

/** How a proposal is called, what a button says, and which predicates it can settle. */
const PROPOSALS = {
  push_down: { label: 'Push the later one down', fits: ['no_overlap'] },
  first_free: { label: 'Move the later one to the first free place', fits: ['no_overlap'] },
  clamp: { label: 'Take the nearest allowed value', fits: ['in_bounds', 'range'] },
  number_title: { label: 'Number the later one', fits: ['unique'] },
  clear_reference: { label: 'Remove the reference', fits: ['reference_exists'] },
  keep_earlier: { label: 'Keep the earlier value', fits: ['exclusive_field', 'immutable'] },
  keep_later: { label: 'Keep the later value', fits: ['exclusive_field'] },
  unset_later: { label: 'Keep what was set first', fits: ['mutually_exclusive'] },
} as const satisfies Readonly<Record<Proposal, { label: string; fits: readonly Predicate[] }>>

/** Whether there is a proposal of this name. */
export function isProposal(name: string): name is Proposal {
  return Object.hasOwn(PROPOSALS, name)
}

/** What a button says. */
export function labelOf(proposal: Proposal): string {
  return PROPOSALS[proposal].label
}

/** Whether it can settle conflicts of this predicate. */
export function fits(proposal: Proposal, predicate: Predicate): boolean {
  const fitting: readonly Predicate[] = PROPOSALS[proposal].fits
  return fitting.includes(predicate)
}
