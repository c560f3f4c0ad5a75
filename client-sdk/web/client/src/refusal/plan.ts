// What has to become of a document in which there are refused changes: which changes go, which are made anew, what is kept.
//
// Edit path: ← refusals.ts, for the document of this tab; ← chunks.ts, for what is stored; → the same document without them.
//
// ```text
//   a ── b ── H ── c ── d          H is refused by the server; c, d and e build on it
//         \        └ e
//          k                       k does not
//
//   a ── b ── k                    is kept, and
//         \── c' ── d'             c, d and e are made anew on what H was made on, by other actors
//          \─ e'
// ```
//
// Always true: what comes out has no refused change and none that builds on one. Every other change that was there is in it, or
// what became of it is in the ledger. A change is made anew once: what the ledger says of it holds.
//
// The cost is linear in the history: one walk over it, and one copy of what is kept inside WebAssembly. A document of 10,000
// changes took 0.5 s on two busy cores, one of 20,000 took 1.1 s; 1,000 changes made anew took 0.25 s more.

import { Automerge, type Change, type Doc } from '../automerge'
import { difference } from '../document/difference'
import { plain } from '../document/plain'
import { inWords } from '../rules/said'
import type { Heads, JsonPatchOperation, RefusedEdit } from '../types'
import { amended, shownEdit, type Ledger, type Refusal, type Remake } from './ledger'
import { openChange, type OpenChange } from './operations'
import { Remaking } from './remake'
import { sort, type Going, type Past, type Sorted } from './sort'

/** The server said that it does not take these. */
export interface Rejected {
  readonly changes: readonly string[]
  readonly code: string
  readonly reason: string
  readonly setAside: boolean
  readonly atMs: number
}

/** A document, and everything that decides what becomes of it. */
export interface Case {
  readonly doc: Doc<unknown>
  /** Changes that wait for others which the document does not have, besides those that wait in it. */
  readonly waiting: readonly Uint8Array[]
  readonly ledger: Ledger
  /** What the server just said, if that is why we are here. */
  readonly rejected: Rejected | undefined
  /** What the server is known to have: no change up to there is refused, whatever was said of it before. */
  readonly held: Heads | undefined
  readonly nowMs: number
  /** `remade`: for changes that are made anew; `later`: for what is edited after that. */
  readonly newActor: (use: 'remade' | 'later') => string
  /** Whether a change of this actor may be made anew here. */
  readonly mayRemake: (actor: string) => boolean
}

export interface Plan {
  /** The document as it has to be; nothing when it can stay as it is. */
  readonly doc: Doc<unknown> | undefined
  /** The same object when nothing is new. It has to be kept before the document is: otherwise something might be lost. */
  readonly ledger: Ledger
  /** How many lawful changes go that were not made anew, because that is not ours to do. */
  readonly left: number
}

/** The code with which the server refuses what is lawful but for what it builds on. */
const ON_REFUSED = 'depends_on_refused'

/** Decides. Nothing is changed; the document that was brought stays what it is. */
export function plan(given: Case): Plan {
  const past = Automerge.getChangesMetaSince(given.doc, [])
  const edit = refusedEdit(given)
  const ledger = lifting(given, past, refusing(given, edit))
  const sorted = sort(given.doc, past, given.waiting, ledger)
  if (sorted.isClean) return { doc: undefined, ledger, left: 0 }
  const made = remake(given, ledger, sorted)
  const doc = rebuilt(given, sorted, made.bytes)
  return {
    doc,
    ledger: tell(given, made.ledger, { sorted, made, doc, edit: edit?.id }),
    left: made.left,
  }
}

/** Whether a document has refused changes among those that came since these heads. */
export function isRefusedIn(doc: Doc<unknown>, since: Heads, ledger: Ledger): boolean {
  if (ledger.refused.size === 0) return false
  return Automerge.getChangesMetaSince(doc, [...since]).some(({ hash }) => ledger.refused.has(hash))
}

/**
 * Those that are refused for themselves, and that nobody knew. What only builds on a refused change is made anew, and then
 * answers for itself; so does what was made anew already.
 */
export function newlyRefused({ code, changes }: Rejected, ledger: Ledger): string[] {
  if (code === ON_REFUSED) return []
  return changes.filter(
    (hash) => !ledger.refused.has(hash) && !ledger.remade.has(hash) && !ledger.lifted.has(hash),
  )
}

/** The same in all tabs that are told the same, also where they cannot tell each other. */
function refusedEdit({ rejected, ledger }: Case): RefusedEdit | undefined {
  const [id] = rejected ? newlyRefused(rejected, ledger) : []
  if (!rejected || id === undefined) return undefined
  const { code, reason, setAside, atMs } = rejected
  return { id, atMs, code, reason, labels: [], remade: 0, lost: 0, patch: [], setAside }
}

function refusing({ rejected, ledger }: Case, edit: RefusedEdit | undefined): Ledger {
  if (!rejected || !edit) return ledger
  const refused = new Map(ledger.refused)
  for (const hash of newlyRefused(rejected, ledger)) {
    refused.set(hash, { atMs: rejected.atMs, edit: edit.id, bytes: undefined })
  }
  return amended(ledger, { refused, edits: new Map(ledger.edits).set(edit.id, edit) })
}

/** What the server has is refused no more. */
function lifting({ doc, held, nowMs }: Case, past: Past, ledger: Ledger): Ledger {
  const there = past.filter(({ hash }) => ledger.refused.has(hash))
  if (there.length === 0 || !held || held.length === 0) return ledger
  const beyond = new Set(Automerge.getChangesMetaSince(doc, [...held]).map(({ hash }) => hash))
  const lifted = new Map(ledger.lifted)
  for (const { hash } of there) if (!beyond.has(hash)) lifted.set(hash, nowMs)
  return lifted.size === ledger.lifted.size ? ledger : amended(ledger, { lifted })
}

// ------------------------------------------------------------------------------------------------ making anew

interface Made {
  readonly ledger: Ledger
  readonly bytes: readonly Uint8Array[]
  /** The refused edit because of which a change goes, by the hash of the change. */
  readonly because: ReadonlyMap<string, string>
  /** How many were made anew and how many could not be, by refused edit. */
  readonly counts: ReadonlyMap<string, { remade: number; lost: number }>
  readonly left: number
}

function remake(given: Case, known: Ledger, { going, isKept }: Sorted): Made {
  const because = causes(going, known)
  const ledger = amended(known, { refused: withBytes(known.refused, going) })
  const made: Uint8Array[] = []
  const counts = new Map<string, { remade: number; lost: number }>()
  const isLawful = ({ hash }: Going) => !ledger.refused.has(hash) && !ledger.remade.has(hash)
  const isToMake = (change: Going) => isLawful(change) && given.mayRemake(change.actor)
  const left = going.filter((change) => isLawful(change) && !isToMake(change)).length
  // Opening a change takes longer than all the rest, and where nothing is to be made nobody needs to look into any.
  if (!going.some(isToMake)) return { ledger, bytes: made, because, counts, left }

  const remade = new Map(ledger.remade)
  const remaking = new Remaking(isKept)
  const actors = new Actors(given.newActor)
  for (const change of going) {
    const open = opened(change)
    const before = ledger.remade.get(change.hash)
    if (before) replay(remaking, open, before)
    else if (!isToMake(change)) remaking.goes(open)
    else {
      const { entry, isWhole } = makeOne(remaking, open, actors, given.nowMs, change.bytes)
      remade.set(change.hash, entry)
      if (entry.now?.bytes) made.push(entry.now.bytes)
      count(counts, because.get(change.hash), entry, isWhole)
    }
  }
  return { ledger: amended(ledger, { remade }), bytes: made, because, counts, left }
}

/** Where Automerge cannot show a change, at least what it builds on is known. */
function opened({ hash, actor, deps, message, bytes }: Going): OpenChange {
  const nothing = { hash, actor, deps, message, seq: 0, startOp: 0, time: 0, ops: [] }
  return (bytes && openChange(bytes)) ?? nothing
}

function replay(remaking: Remaking, change: OpenChange, { now, without }: Remake): void {
  const made = now?.bytes && openChange(now.bytes)
  if (made) remaking.wasMade(change, made, without)
  else {
    remaking.goes(change)
    if (now) remaking.isNow(change, now.hash)
  }
}

function makeOne(
  remaking: Remaking,
  change: OpenChange,
  actors: Actors,
  atMs: number,
  bytes: Uint8Array | undefined,
): { readonly entry: Remake; readonly isWhole: boolean } {
  const { actor, seq } = actors.next(change.actor)
  const remade = remaking.make(change, actor, seq)
  if (remade.outcome === 'nothing' || remade.outcome === 'lost') {
    const entry = { atMs, bytes, now: undefined, without: [] }
    return { entry, isWhole: remade.outcome === 'nothing' }
  }
  actors.took(change.actor)
  const hash = openChange(remade.bytes)?.hash ?? ''
  remaking.isNow(change, hash)
  const entry = { atMs, bytes, now: { hash, bytes: remade.bytes }, without: remade.without }
  return { entry, isWhole: remade.outcome === 'whole' }
}

/** One new actor in the place of each old one: its changes stand in the same order as before. */
class Actors {
  readonly #newActor: Case['newActor']
  readonly #now = new Map<string, { readonly actor: string; readonly seq: number }>()

  constructor(newActor: Case['newActor']) {
    this.#newActor = newActor
  }

  next(old: string): { readonly actor: string; readonly seq: number } {
    const now = this.#now.get(old) ?? { actor: this.#newActor('remade'), seq: 1 }
    this.#now.set(old, now)
    return now
  }

  took(old: string): void {
    const { actor, seq } = this.next(old)
    this.#now.set(old, { actor, seq: seq + 1 })
  }
}

function count(
  counts: Map<string, { remade: number; lost: number }>,
  edit: string | undefined,
  { now }: Remake,
  isWhole: boolean,
): void {
  if (edit === undefined || (isWhole && !now)) return
  const so = counts.get(edit) ?? { remade: 0, lost: 0 }
  if (isWhole) so.remade += 1
  else so.lost += 1
  counts.set(edit, so)
}

/** Each that goes, goes because of a refused one that it is, or builds on. */
function causes(going: readonly Going[], ledger: Ledger): Map<string, string> {
  const because = new Map<string, string>()
  for (const { hash, deps } of going) {
    const edit =
      ledger.refused.get(hash)?.edit ?? deps.map((dep) => because.get(dep)).find((it) => it !== undefined)
    if (edit !== undefined) because.set(hash, edit)
  }
  return because
}

/** What goes is kept with why it goes, for those that come later and build on it. */
function withBytes(
  refused: ReadonlyMap<string, Refusal>,
  going: readonly Going[],
): ReadonlyMap<string, Refusal> {
  const all = new Map(refused)
  for (const { hash, bytes } of going) {
    const refusal = all.get(hash)
    if (refusal && !refusal.bytes && bytes) all.set(hash, { ...refusal, bytes })
  }
  return all
}

// ------------------------------------------------------------------------------------------------ the result

function rebuilt(
  { doc, newActor }: Case,
  { keptHeads, joining }: Sorted,
  made: readonly Uint8Array[],
): Doc<unknown> {
  // An actor that made changes which are gone would use their numbers again.
  const actor = newActor('later')
  // A copy as of these heads, and not of the document: that would bring along all that waits in it, and some of it may go.
  const kept =
    keptHeads.length === 0
      ? Automerge.init<unknown>(actor)
      : Automerge.clone(Automerge.view(doc, [...keptHeads]), actor)
  return Automerge.applyChanges(kept, [...joining, ...made] as Change[])[0]
}

/** Writes down what people will read about it. */
function tell(
  given: Case,
  ledger: Ledger,
  became: { sorted: Sorted; made: Made; doc: Doc<unknown>; edit: string | undefined },
): Ledger {
  const { sorted, made, doc } = became
  const edits = new Map(ledger.edits)
  for (const [id, { remade, lost }] of made.counts) {
    const edit = edits.get(id)
    if (edit) edits.set(id, { ...edit, remade: edit.remade + remade, lost: edit.lost + lost })
  }
  const told = became.edit ?? [...made.counts].find(([, { lost }]) => lost > 0)?.[0]
  const edit = told === undefined ? undefined : edits.get(told)
  if (edit) {
    const labels = sorted.going
      .filter(({ hash }) => ledger.refused.get(hash)?.edit === edit.id)
      .map(({ message }) => inWords(message ?? ''))
    const patch = [...edit.patch, ...undone(given.doc, doc)]
    edits.set(edit.id, shownEdit({ ...edit, labels: [...edit.labels, ...labels.filter(Boolean)], patch }))
  }
  return amended(ledger, { edits })
}

/** What would bring back what was undone. */
function undone(before: Doc<unknown>, after: Doc<unknown>): JsonPatchOperation[] {
  return difference(plain(after), plain(before))
}
