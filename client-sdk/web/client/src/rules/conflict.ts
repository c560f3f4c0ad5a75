// A conflict as people and programs see it: the JSON form of `GET /api/docs/{id}/conflicts`.
//
// Always true: its state is a function of the document, the rule set and the moment. Nothing here remembers anything.

export type Severity = 'info' | 'warning' | 'error'

/** Who is told: the people who edit, or operators only. */
export type Mode = 'surface' | 'audit'

/** A rule that does not hold in a document, or did not until somebody settled it. */
export interface Conflict {
  /** The same on every replica: base58 of 16 bytes made of document, rule and subjects. */
  readonly id: string
  readonly rule: string
  readonly state: 'open' | 'waived' | 'settled'
  readonly severity: Severity
  readonly mode: Mode
  /** What is wrong, in the rule's words. */
  readonly message: string
  /** What it is about: keys of items, or `key/field`; in byte order. */
  readonly subjects: readonly string[]
  /** The changes that made it so, oldest first; at most 8, and none where the history is too long to be read here. */
  readonly causes: readonly Cause[]
  /** What may be done about it, the best first. */
  readonly proposals: readonly Offer[]
  /** Made of the values in play: a waiver holds as long as it stays the same. */
  readonly fingerprint: string
  /** How it came about, in one sentence made of the causes; empty where there are none. */
  readonly explanation: string
  readonly waiver?: Waiver
  readonly settlement?: Settlement
  /** What others decided while apart. The document's winner counts; these are told, not heeded. */
  readonly also?: readonly Decision[]
}

/** One change that brought a conflict about. */
export interface Cause {
  /** The change's hash, in hex. */
  readonly change: string
  /** The actor that made it, in hex. */
  readonly actor: string
  /** Who is behind the actor, where that is known. */
  readonly author?: string
  /** When, by its maker's clock: milliseconds since 1970; 0 where it does not say. */
  readonly time: number
  /** What its maker wrote about it. */
  readonly message?: string
  readonly touched: readonly Touched[]
  /** The hashes of those other causes that it did not know of, nor they of it. */
  readonly apart_from: readonly string[]
}

/** What a change set, of what a conflict is about. */
export interface Touched {
  /** The item. */
  readonly subject: string
  /** Its fields, as paths within the item; empty where the item itself was set. */
  readonly fields: readonly string[]
  /** Whether the change made the item. */
  readonly created: boolean
}

/** A proposal that can be made now. */
export interface Offer {
  readonly name: string
  /** What a button says. */
  readonly label: string
}

/** Why a conflict may stay. */
export interface Waiver {
  readonly reason: string
  readonly by?: string
  /** Until when, in milliseconds since 1970; for good where absent. */
  readonly until?: number
}

/** How a conflict was settled. */
export interface Settlement {
  readonly proposal: string
  readonly by?: string
}

/** What somebody else decided about the same facts, while apart. */
export type Decision =
  ({ readonly decision: 'waived' } & Waiver) | ({ readonly decision: 'settled' } & Settlement)

/** A rule that could not be judged. It counts as neither kept nor broken. */
export interface Undecided {
  readonly rule: string
  readonly reason: UndecidedReason
}

export type UndecidedReason =
  | 'too_much_to_read'
  | 'too_much_to_compare'
  /** The limit is named by this path, and no number stands there. */
  | { readonly no_limit: string }
  /** The server judges it: it is an expression, or of a newer kind than this device knows. */
  | 'judged_by_server'

/** Conflicts of one rule that are not listed. */
export interface Beyond {
  readonly rule: string
  readonly conflicts: number
}

/** What is known of one document at one moment. */
export interface Judgement {
  /** Open and waived conflicts: rules in the order of the set, subjects in byte order. */
  readonly conflicts: readonly Conflict[]
  readonly undecided: readonly Undecided[]
  readonly beyond: readonly Beyond[]
}
