// The conflicts of one document: business rules that do not hold, and what a person decides about them.

import type { Beyond, Cause, Conflict as Found, Undecided as UndecidedOnServer } from '../generated/types'
import type { Watchable } from './watchable'

/** A business rule that does not hold, as `GET /api/docs/{id}/conflicts` shows it. */
export type Conflict = Omit<Found, 'causes'> & {
  /** The changes that made it so, the oldest first. */
  readonly causes: readonly ConflictCause[]
  /** Since when it is open, in milliseconds since 1970, where the server said so. */
  readonly open_since?: number | undefined
}

/** A change that brought a conflict about. */
export type ConflictCause = Cause & {
  /** It was made by this device, or by whom the server takes us for. */
  readonly mine?: boolean | undefined
}

/** A rule that could not be judged. It counts as neither kept nor broken. */
export type Undecided = Omit<UndecidedOnServer, 'reason'> & {
  /** `judged_by_server`: it is an expression, or of a newer kind than this device knows. */
  readonly reason: UndecidedOnServer['reason'] | 'judged_by_server'
}

/** What the rules say of one document. */
export interface ConflictsState {
  /** Open and waived ones. */
  readonly conflicts: readonly Conflict[]
  readonly open: number
  /** Who judged: the server, or this device by the rules that it last had from the server. */
  readonly judged: 'not_yet' | 'here' | 'server'
  /** Rules that could not be judged: they have not passed. */
  readonly undecided: readonly Undecided[]
  /** Rules with more conflicts than are listed. */
  readonly beyond: readonly Beyond[]
}

/** The conflicts of one document. Deciding is an ordinary edit: it works offline and merges. */
export interface Conflicts extends Watchable<ConflictsState> {
  /** Makes one of the proposals. Throws `DovetailError` `conflict_not_found`, `proposal_not_offered`, `read_only`. */
  settle(conflictId: string, proposal: string): Promise<void>
  /** Lets it stay, with a reason, perhaps until a time (milliseconds since 1970). */
  waive(
    conflictId: string,
    waiver: { readonly reason: string; readonly untilMs?: number | undefined },
  ): Promise<void>
  unwaive(conflictId: string): Promise<void>
  /** What a proposal would write, place by place, to show it beforehand; empty when that is not known here. */
  preview(
    conflictId: string,
    proposal: string,
  ): readonly { readonly path: readonly string[]; readonly value: unknown }[]
}
