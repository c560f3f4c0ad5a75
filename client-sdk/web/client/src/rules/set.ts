// A rule set that was checked and may be used; and how it is written.

import type { Mode, Severity } from './conflict'
import type { Template } from './message'
import type { Field, Plan } from './plan'
import type { Check } from './predicate'
import type { Proposal } from './proposal'

/** A number, the path of one, or a path and what counts where no number stands there. */
export type OperandJson = number | string | { readonly path: string; readonly default: number }

/** One rule as people write it; see docs/RULES.md. */
export interface RuleJson {
  readonly id: string
  readonly predicate: string
  readonly over?: string | null
  readonly message: string
  readonly severity?: string | null
  readonly mode?: string | null
  readonly proposals?: readonly string[] | null
  readonly auto_settle_after?: number | null
  readonly within?: string | null
  readonly ignore_empty?: boolean | null
  readonly columns?: OperandJson | null
  readonly in?: string | null
  readonly limit?: OperandJson | null
  readonly min?: OperandJson | null
  readonly max?: OperandJson | null
  readonly values?: readonly unknown[] | null
  readonly fields?: readonly string[] | null
  readonly expr?: string | null
  readonly bounds?: Readonly<Record<string, number>> | null
}

/** A rule set as people write it, and as the server gives it. */
export interface RuleSetJson {
  /** Which documents: the text at `kind` in their root. */
  readonly kind: string
  /** Which member holds what people call an item; `title` by default. */
  readonly label?: string | null
  readonly rule?: readonly RuleJson[]
}

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
