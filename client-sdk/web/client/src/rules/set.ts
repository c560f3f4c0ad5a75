// A rule set that was checked and may be used; and how it is written.

import type { OperandSource, RuleSetSource, RuleSource } from '../generated/types'
import type { Mode, Severity } from './conflict'
import type { Template } from './message'
import type { Field, Plan } from './plan'
import type { Check } from './predicate'
import type { Proposal } from './proposal'

/** As people write it: what is left out may be said to be nothing. */
type Written<T> = { readonly [K in keyof T]: Record<never, never> extends Pick<T, K> ? T[K] | null : T[K] }

/** A number, the path of one, or a path and what counts where no number stands there. */
export type OperandJson = OperandSource

/** One rule as people write it; see docs/RULES.md. */
export type RuleJson = Written<RuleSource>

/** A rule set as people write it, and as the server gives it. */
export type RuleSetJson = Omit<Written<RuleSetSource>, 'rule'> & { readonly rule?: readonly RuleJson[] }

/** Rules that were checked, and what they read of a document. */
export interface RuleSet {
  readonly kind: string
  readonly rules: readonly Rule[]
  readonly plan: Plan
}

export type Rule =
  | JudgedRule
  /** An expression, or what only a newer server knows. */
  | { readonly judged: 'by_server'; readonly id: string }

/** A rule that is judged on this device. */
export interface JudgedRule {
  readonly judged: 'here'
  readonly id: string
  readonly severity: Severity
  readonly mode: Mode
  readonly proposals: readonly Proposal[]
  readonly check: Check
  /** The names that a subject ends with, as a path; none where the item alone is the subject. */
  readonly tail: string
  /** The collection that its items belong to. */
  readonly collection: number
  /** The field with what people call an item. */
  readonly label: Field | undefined
  readonly message: Template<Field>
  /** The fields that it depends on, those of its message included. */
  readonly fields: readonly Field[]
  /** The collections whose keys it depends on. */
  readonly keysOf: readonly number[]
}
