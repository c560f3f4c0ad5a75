// Settling and waiving: ordinary changes of the document.
//
// Edit path: ← a person who decides; → one change, that goes the way of every other.
//
// Always true: who settles a conflict at the same heads makes the same change, byte for byte, here and on the server, so
// replicas that do so while apart end up with one. Its actor is made of everything that decides its bytes, the heads among them:
// at different heads the actors differ and nothing clashes. It is made on a copy, so the document keeps its own actor.

import { Automerge, ImmutableString, type Doc } from '../automerge'
import type { Conflict } from './conflict'
import { Reading } from './document'
import { NAME_BYTES_MAX, REASON_BYTES_MAX } from './entries'
import { isMap, memberOf } from './json'
import { conflictOf, find, look, type Finding, type Look } from './judge'
import { carryOut, placeOf } from './place'
import { isProposal, type Proposal } from './proposal'
import { edits, type What, type Write } from './remedy'
import { RESERVED_KEY, WAIVER_UNTIL_MS_MAX } from '../generated/constants'
import { ensureSection, entryChange, missingEntry } from './reserved'
import type { RuleSet } from './set'
import { byBytes, bytesOf, cutToBytes, hashed, hex, isBlank } from './text'
import { text, write, type Written } from './written'

/** The most bytes of a conflict's sentence in what a change says of itself. */
const SAID_BYTES_MAX = 500

/** A decision that was written, or why it was not. Then nothing was. */
export type Decided =
  | {
      readonly decided: true
      /** The document with the decision; as with every change, the one before is out of date. */
      readonly doc: Doc<unknown>
      /** The changes that were made, in the order they depend on each other; the last one is the decision. */
      readonly changes: readonly Uint8Array[]
      /** What was settled, as it was before; or what was waived, as it is now. */
      readonly conflict: Conflict
    }
  | Refused

export interface Refused {
  readonly decided: false
  readonly error: 'conflict_not_found' | 'proposal_not_offered' | 'bad_name' | 'bad_waiver'
  /** Why, for people. */
  readonly message: string
}

/** Why a conflict may stay, who says so, and until when (milliseconds since 1970). */
export interface NewWaiver {
  readonly reason: string
  readonly by?: string | undefined
  readonly until?: number | undefined
}

/** What a proposal would write at one place; nothing stands there afterwards where the value is `undefined`. */
export interface PreviewWrite {
  /** Names from the root; of an item of a list its index. */
  readonly path: readonly string[]
  readonly value: unknown
}

/** Makes `proposal` for the conflict, and notes who chose it. `now` is in milliseconds since 1970. */
export function settle(
  doc: Doc<unknown>,
  documentId: string,
  rules: RuleSet,
  conflictId: string,
  proposal: string,
  by: string | undefined,
  now: number,
): Decided {
  if (by !== undefined && bytesOf(by) > NAME_BYTES_MAX) return refused('bad_name', nameTooLong())
  const looked = look(doc, documentId, rules)
  const found = find(looked, conflictId)
  if (!found) return notFound(conflictId)
  const writes = editsOf(looked, found, proposal)
  if (!writes || !isProposal(proposal)) {
    return refused('proposal_not_offered', `${proposal} is not offered for this conflict`)
  }
  const conflict = conflictOf(looked.reading, found, now)
  const changes = settling(looked, found, proposal, by, writes)
  return { decided: true, doc: withChanges(doc, changes), changes, conflict }
}

/** Notes that the conflict may stay as it is, why, and until when. It stays so as long as the facts do. */
export function waive(
  doc: Doc<unknown>,
  documentId: string,
  rules: RuleSet,
  conflictId: string,
  waiver: NewWaiver,
  now: number,
): Decided {
  const wrong = wrongOf(waiver, now)
  if (wrong !== undefined) return refused('bad_waiver', wrong)
  const { reason, by, until } = waiver
  return decide(doc, documentId, rules, conflictId, now, 'Allowed to stay', (waived, fingerprint) => {
    waived[conflictId] = {
      fingerprint: new ImmutableString(fingerprint),
      reason: new ImmutableString(reason),
      ...(by === undefined ? {} : { by: new ImmutableString(by) }),
      ...(until === undefined ? {} : { until }),
    }
  })
}

/** Takes the waiver of a conflict back. */
export function unwaive(
  doc: Doc<unknown>,
  documentId: string,
  rules: RuleSet,
  conflictId: string,
  now: number,
): Decided {
  return decide(doc, documentId, rules, conflictId, now, 'Brought up again', (waived) => {
    delete waived[conflictId]
  })
}

/** What a proposal would write; nothing where it is not offered. */
export function preview(
  doc: Doc<unknown>,
  documentId: string,
  rules: RuleSet,
  conflictId: string,
  proposal: string,
): readonly PreviewWrite[] {
  const looked = look(doc, documentId, rules)
  const found = find(looked, conflictId)
  const writes = (found && editsOf(looked, found, proposal)) ?? []
  return writes.flatMap((one) => {
    const place = placeOf(looked.reading, rules.plan, one)
    return place ? [{ path: place.path.map(String), value: valueOf(one.what) }] : []
  })
}

function editsOf(
  { facts }: Look,
  { rule, violation, proposals }: Finding,
  proposal: string,
): readonly Write[] | undefined {
  const offered = proposals.find((name) => name === proposal)
  return offered && edits(rule, facts, violation.hit, offered, 'make')
}

function valueOf(what: What): unknown {
  return what.write === 'delete' ? undefined : what.value
}

/** The changes that settle a conflict, made on a copy. */
function settling(
  { reading, rules }: Look,
  found: Finding,
  proposal: Proposal,
  by: string | undefined,
  writes: readonly Write[],
): readonly Uint8Array[] {
  const { handle } = reading
  const missing = missingEntry(handle)
  // That change builds on nothing, so it stands beside the other heads.
  const heads = missing ? [...handle.getHeads(), entryChange().hash] : handle.getHeads()
  const copy = handle.fork(settlingActor(found, proposal, by, heads))
  if (missing) copy.applyChanges([missing])
  for (const one of writes) carryOut(copy, reading, rules.plan, one)
  const entry = settledEntry(found, proposal, by)
  write(copy, ensureSection(copy, 'settled'), found.violation.id, entry)
  copy.commit(`settled: ${proposal}`, 0)
  const change = copy.getLastLocalChange()
  copy.free()
  return [missing, change].filter((made) => made !== undefined && made !== null)
}

/** An actor (in hex) that is the same for everybody who makes this very change, and for nobody else. */
function settlingActor(
  { violation }: Finding,
  proposal: Proposal,
  by: string | undefined,
  heads: readonly string[],
): string {
  const { id, fingerprint } = violation
  return hex(hashed(JSON.stringify([id, fingerprint, proposal, [...heads].sort(byBytes), by ?? null])))
}

function settledEntry({ rule, violation }: Finding, proposal: Proposal, by: string | undefined): Written {
  const { fingerprint, subjects, message } = violation
  const members: (readonly [string, Written])[] = [
    ['fingerprint', text(fingerprint)],
    ['message', text(message)],
    ['proposal', text(proposal)],
    ['rule', text(rule.id)],
    ['subjects', { kind: 'list', items: subjects.map(text) }],
  ]
  if (by !== undefined) members.unshift(['by', text(by)])
  return { kind: 'map', members }
}

/** A change of this device's own, in the section of waivers. */
function decide(
  doc: Doc<unknown>,
  documentId: string,
  rules: RuleSet,
  conflictId: string,
  now: number,
  /** What is done to the conflict, for the history. */
  done: string,
  edit: (waived: Record<string, unknown>, fingerprint: string) => void,
): Decided {
  const found = find(look(doc, documentId, rules), conflictId)
  if (!found) return notFound(conflictId)
  const missing = missingEntry(Automerge.getBackend(doc))
  const prepared = missing ? withChanges(doc, [missing]) : doc
  const before = Automerge.getHeads(prepared)
  const options = { time: Math.floor(now / 1_000), message: `${done}: ${shortened(found.violation.message)}` }
  const after = Automerge.change(prepared, options, (draft) =>
    edit(waivedIn(draft as Record<string, unknown>), found.violation.fingerprint),
  )
  const changes = [...(missing ? [missing] : []), ...Automerge.getChangesSince(after, before)]
  return { decided: true, doc: after, changes, conflict: conflictOf(new Reading(after), found, now) }
}

/** The section of waivers, made where it is missing. What a stranger put in its place is replaced. */
function waivedIn(draft: Record<string, unknown>): Record<string, unknown> {
  if (!isMap(memberOf(draft, RESERVED_KEY))) draft[RESERVED_KEY] = {}
  const reserved = draft[RESERVED_KEY] as Record<string, unknown>
  if (!isMap(memberOf(reserved, 'waived'))) reserved['waived'] = {}
  return reserved['waived'] as Record<string, unknown>
}

/** A sentence of the rules, as far as the history shows one. */
function shortened(message: string): string {
  const cut = cutToBytes(message, SAID_BYTES_MAX)
  return cut.length < message.length ? `${cut}…` : message
}

function withChanges(doc: Doc<unknown>, changes: readonly Uint8Array[]): Doc<unknown> {
  return Automerge.applyChanges(doc, [...changes])[0]
}

/** What is wrong with a waiver; nothing when all is right. */
function wrongOf({ reason, by, until }: NewWaiver, now: number): string | undefined {
  if (isBlank(reason)) return 'say why it may stay'
  if (bytesOf(reason) > REASON_BYTES_MAX) return `the reason has at most ${REASON_BYTES_MAX} bytes`
  if (by !== undefined && bytesOf(by) > NAME_BYTES_MAX) return nameTooLong()
  if (until === undefined) return undefined
  if (until <= now) return 'a waiver must end after now'
  return Number.isInteger(until) && until <= WAIVER_UNTIL_MS_MAX
    ? undefined
    : 'a waiver ends at a whole millisecond before the year 10000, or does not end'
}

function nameTooLong(): string {
  return `a name has at most ${NAME_BYTES_MAX} bytes`
}

function notFound(conflictId: string): Refused {
  return refused('conflict_not_found', `there is no conflict ${conflictId} in this document, or no longer`)
}

function refused(error: Refused['error'], message: string): Refused {
  return { decided: false, error, message }
}
