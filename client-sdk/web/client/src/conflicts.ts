// The conflicts of one document: what the rules say of it, and what a person decides.
//
// Edit path: ← the server says what it found (`dovetail-conflicts`), or this device judges by the rules that it last had from
// it; ← a person settles or waives; → an ordinary edit of the document.
//
// Always true: what the server said counts for the state that it judged. As soon as the document is another one here, this
// device judges; what only the server can judge stays as it said. A conflict that did not change is the same object as before.

import type { Ask } from './api'
import type { Doc } from './automerge'
import type { Draft } from './document/assign'
import { samePlain } from './document/plain'
import { DovetailError } from './errors'
import { sameHeads, type DocumentId } from './ids'
import type { OwnMessage } from './link/link'
import { inWords } from './rules/said'
import type { Conflict, ConflictCause, Conflicts, ConflictsState, Heads, Undecided } from './types'
import { Watched } from './watch'

/** Judging follows edits at this distance, so that a drag that writes often is judged once. */
const JUDGE_AFTER_MS = 150

/** What takes long is done less often: this many times as long goes by in between. */
const REST_TIMES = 10

const NOTHING: ConflictsState = { conflicts: [], open: 0, judged: 'not_yet', undecided: [], beyond: [] }

/** What judges a document on this device: the rules of its kind. */
export interface Judge {
  /** `isMine`: whether an actor is this device. */
  judge(doc: Doc<Draft>, isMine: (actor: string) => boolean): Omit<ConflictsState, 'open' | 'judged'>
  /** The document with the decision in it. Throws `conflict_not_found`, `proposal_not_offered`, `bad_waiver`. */
  settle(doc: Doc<Draft>, conflictId: string, proposal: string, by: string | undefined): Doc<Draft>
  waive(
    doc: Doc<Draft>,
    conflictId: string,
    waiver: {
      readonly reason: string
      readonly untilMs: number | undefined
      readonly by: string | undefined
    },
  ): Doc<Draft>
  unwaive(doc: Doc<Draft>, conflictId: string): Doc<Draft>
  preview(
    doc: Doc<Draft>,
    conflictId: string,
    proposal: string,
  ): readonly { path: readonly string[]; value: unknown }[]
}

/** What the conflicts need of their document. */
export interface Judged {
  readonly id: DocumentId
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Throws `not_ready`. */
  readonly doc: () => Doc<Draft>
  readonly heads: () => Heads
  /** Puts the document with a decision in the place of the one that is there. Throws `read_only`. */
  readonly decide: (become: (doc: Doc<Draft>) => Doc<Draft>) => void
  /** Whether an actor is this device. */
  readonly isMine: (actor: string) => boolean
  /** Who decides, as far as that is known. */
  readonly me: () => string | undefined
  /** Whether the server can be asked now. */
  readonly isLive: () => boolean
  /** Waits until all that was made here is on the server. */
  readonly saved: () => Promise<void>
}

/** What the server says that it found. */
type Found = OwnMessage & { type: 'dovetail-conflicts' }

export class DocumentConflicts implements Conflicts {
  readonly #state = new Watched<ConflictsState>(NOTHING)
  readonly subscribe = this.#state.subscribe
  readonly getState = this.#state.getState
  readonly #judged: Judged
  readonly #ask: Ask
  #judge: Judge | undefined
  #soon: ReturnType<typeof setTimeout> | undefined
  /** When this device judged last, and how long that took. */
  #judgedAtMs = -Infinity
  #judgeMs = 0
  /** What the server found last; perhaps in a state that has not come here yet. */
  #found: Found | undefined

  constructor(judged: Judged, ask: Ask) {
    this.#judged = judged
    this.#ask = ask
  }

  /** Other rules are in force, or they are known by now. */
  setJudge(judge: Judge | undefined): void {
    this.#judge = judge
    this.changed()
  }

  /** The document is another one. */
  changed(): void {
    if (!this.#judge || this.#soon !== undefined) return
    const restMs = this.#judgedAtMs + REST_TIMES * this.#judgeMs - this.#judged.now()
    this.#soon = setTimeout(() => this.#judgeNow(), Math.max(JUDGE_AFTER_MS, restMs))
  }

  /** The server judged. What it says of a state that is not here is kept until that comes. */
  hear(message: Found): void {
    this.#found = message
    if (this.#isFoundHere() || !this.#judge) this.#tellFound(message)
  }

  stop(): void {
    clearTimeout(this.#soon)
    this.#soon = undefined
  }

  async settle(conflictId: string, proposal: string): Promise<void> {
    const here = (judge: Judge, doc: Doc<Draft>) => judge.settle(doc, conflictId, proposal, this.#judged.me())
    if (!this.#decidedHere(here)) await this.#decideThere(conflictId, 'settle', { proposal })
  }

  async waive(conflictId: string, waiver: { reason: string; untilMs?: number | undefined }): Promise<void> {
    const { reason, untilMs } = waiver
    const here = (judge: Judge, doc: Doc<Draft>) =>
      judge.waive(doc, conflictId, { reason, untilMs, by: this.#judged.me() })
    const until = untilMs === undefined ? {} : { until: untilMs }
    if (!this.#decidedHere(here)) await this.#decideThere(conflictId, 'waive', { reason, ...until })
  }

  async unwaive(conflictId: string): Promise<void> {
    const here = (judge: Judge, doc: Doc<Draft>) => judge.unwaive(doc, conflictId)
    if (!this.#decidedHere(here)) await this.#decideThere(conflictId, 'unwaive', {})
  }

  preview(conflictId: string, proposal: string): readonly { path: readonly string[]; value: unknown }[] {
    try {
      return this.#judge?.preview(this.#judged.doc(), conflictId, proposal) ?? []
    } catch (error) {
      if (error instanceof DovetailError) return []
      throw error
    }
  }

  /** Whether it was decided here: what is no conflict here may be one on the server, which judges by rules of its own as well. */
  #decidedHere(decide: (judge: Judge, doc: Doc<Draft>) => Doc<Draft>): boolean {
    const judge = this.#judge
    if (!judge) return false
    try {
      this.#judged.decide((doc) => decide(judge, doc))
    } catch (error) {
      if (error instanceof DovetailError && error.code === 'conflict_not_found') return false
      throw error
    }
    this.#judgeNow()
    return true
  }

  async #decideThere(
    conflictId: string,
    decision: 'settle' | 'waive' | 'unwaive',
    body: object,
  ): Promise<void> {
    if (!this.#judged.isLive())
      throw new DovetailError(
        'unreachable',
        'Only the server can decide this, and it cannot be reached now.',
        {
          passing: true,
        },
      )
    await this.#judged.saved()
    const path = `/api/docs/${this.#judged.id}/conflicts/${encodeURIComponent(conflictId)}/${decision}`
    await this.#ask(path, { method: 'POST', body })
  }

  #judgeNow(): void {
    this.stop()
    if (!this.#judge) return
    // What the server said of this very state says more: it knows authors, and rules that are judged there only.
    if (this.#found && this.#isFoundHere()) this.#tellFound(this.#found)
    else this.#tell(this.#judgeHere(this.#judge), 'here')
  }

  #judgeHere(judge: Judge): ReturnType<Judge['judge']> {
    const beganAtMs = this.#judged.now()
    const found = judge.judge(this.#judged.doc(), this.#judged.isMine)
    this.#judgedAtMs = this.#judged.now()
    this.#judgeMs = this.#judgedAtMs - beganAtMs
    return found
  }

  #isFoundHere(): boolean {
    return this.#found !== undefined && sameHeads([...this.#found.heads].sort(), this.#judged.heads())
  }

  #tellFound({ conflicts, undecided, beyond }: Found): void {
    const all = {
      conflicts: conflicts.filter(isConflict),
      undecided: undecided as readonly Undecided[],
      beyond,
    }
    this.#tell(all, 'server')
  }

  #tell(found: Omit<ConflictsState, 'open' | 'judged'>, judged: ConflictsState['judged']): void {
    const shown = found.conflicts
      .filter(({ state, mode }) => state !== 'settled' && mode !== 'audit')
      .map((conflict) => ({ ...conflict, causes: conflict.causes.map((cause) => this.#signed(cause)) }))
    const conflicts = asBefore(shown, this.#state.getState().conflicts)
    const open = conflicts.filter(({ state }) => state === 'open').length
    this.#state.set({ ...found, conflicts, open, judged })
  }

  /** The server knows whose an actor is where it asks people who they are, and this device knows its own. */
  #signed(cause: ConflictCause): ConflictCause {
    const { isMine, me } = this.#judged
    const user = me()
    const said = cause.message === undefined ? {} : { message: inWords(cause.message) }
    return { ...cause, ...said, mine: isMine(cause.actor) || (user !== undefined && cause.author === user) }
  }
}

/** Those that are as they were are the objects that they were, so that a screen draws anew what is another one. */
function asBefore(conflicts: readonly Conflict[], before: readonly Conflict[]): readonly Conflict[] {
  const known = new Map(before.map((conflict) => [conflict.id, conflict]))
  return conflicts.map((conflict) => {
    const was = known.get(conflict.id)
    return was && samePlain(was, conflict) ? was : conflict
  })
}

function isConflict(value: unknown): value is Conflict {
  if (typeof value !== 'object' || value === null) return false
  const { id, rule, state, message, subjects, causes, proposals } = value as Partial<Conflict>
  return (
    [id, rule, state, message].every((part) => typeof part === 'string') &&
    [subjects, causes, proposals].every((part) => Array.isArray(part))
  )
}
