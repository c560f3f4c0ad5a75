// What the rules say of a document, and what people decided about it.
//
// Edit path: ← a document as it is at this moment; → the conflicts that a screen shows.
//
// Always true: the same document, rules and moment give the same on every device and on the server, in any order of arrival.
// What a rule of the set may take depends on what the rules before it took, and so on the facts alone.

import type { Doc } from '../automerge'
import { causesOf, type AuthorOf, type IsMine } from './causes'
import type { Conflict, Decision, Judgement, Offer, Undecided } from './conflict'
import { Reading } from './document'
import { counts, settledEntries, settledIds, waivedEntries, type WaivedEntry } from './entries'
import { evaluate, LISTED_PER_RULE_MAX, Unknown } from './evaluate'
import { Facts } from './facts'
import { labelOf, type Proposal } from './proposal'
import { edits } from './remedy'
import type { JudgedRule, Rule, RuleSet } from './set'
import { violationOf, type Violation } from './violation'

/** How many conflicts of one document are listed: those of the rules that come first in the set. */
const LISTED_PER_SET_MAX = 500

/** How many items and pairs all rules of a set may look at together. */
const LOOKS_PER_SET_MAX = 500_000

/** A place where a rule does not hold, and what may be done about it. */
export interface Finding {
  readonly rule: JudgedRule
  readonly violation: Violation
  readonly proposals: readonly Proposal[]
}

/** What one rule says. */
type Standing =
  | { readonly rule: Rule; readonly findings: readonly Finding[]; readonly beyond: number }
  | { readonly rule: Rule; readonly undecided: Undecided }

/** A document under one rule set. */
export interface Look {
  readonly reading: Reading
  readonly facts: Facts
  readonly rules: RuleSet
  readonly standings: readonly Standing[]
}

/**
 * What stands at `now` (milliseconds since 1970). `authorOf` names the makers of changes; without it changes name them. Whoever made
 * those of `isMine` is called “you”.
 */
export function judge(
  doc: Doc<unknown>,
  documentId: string,
  rules: RuleSet,
  now: number,
  authorOf?: AuthorOf,
  isMine?: IsMine,
): Judgement {
  return reportOf(look(doc, documentId, rules), now, authorOf, isMine)
}

/**
 * Conflicts that somebody settled and whose rule holds, in the order of their ids: as they were when they were settled, without
 * causes and proposals.
 */
export function settled(doc: Doc<unknown>, documentId: string, rules: RuleSet): readonly Conflict[] {
  const { reading, standings } = look(doc, documentId, rules)
  const broken = new Set(findingsOf(standings).map(({ violation }) => violation.id))
  return settledIds(reading)
    .filter((id) => !broken.has(id))
    .flatMap((id) => settledConflict(reading, rules, id))
}

/**
 * What was found, for as long as the document is as it was: what a proposal would do, and a decision, are mostly asked of what was just
 * judged, and of one conflict after the other.
 */
const found = new WeakMap<
  Doc<unknown>,
  { readonly look: Look; readonly documentId: string; readonly at: string }
>()

/** Looks at a whole document. */
export function look(doc: Doc<unknown>, documentId: string, rules: RuleSet): Look {
  const reading = new Reading(doc)
  // An older document is read another way once there is a newer one.
  const at = reading.handle.getHeads().join()
  const before = found.get(doc)
  if (before?.at === at && before.documentId === documentId && before.look.rules === rules) return before.look
  const made = lookAnew(reading, documentId, rules)
  found.set(doc, { look: made, documentId, at })
  return made
}

function lookAnew(reading: Reading, documentId: string, rules: RuleSet): Look {
  const facts = new Facts(reading, rules.plan)
  let looks = LOOKS_PER_SET_MAX
  let listed = LISTED_PER_SET_MAX
  const standings = rules.rules.map((rule): Standing => {
    if (rule.judged === 'by_server') return { rule, undecided: { rule: rule.id, reason: 'judged_by_server' } }
    const evaluated = evaluate(rule, facts, looks)
    looks = Math.max(looks - evaluated.looks, 0)
    const { says } = evaluated
    if (says instanceof Unknown) return { rule, undecided: { rule: rule.id, reason: says.reason } }
    const hits = says.listed.slice(0, Math.min(listed, LISTED_PER_RULE_MAX))
    listed -= hits.length
    const findings = hits.map((hit): Finding => {
      const violation = violationOf(documentId, rules.plan, rule, facts, hit)
      return { rule, violation, proposals: offered(rule, facts, violation) }
    })
    return { rule, findings, beyond: says.beyond + says.listed.length - hits.length }
  })
  return { reading, facts, rules, standings }
}

/** The rule and the violation of a conflict that is open or waived. */
export function find({ standings }: Look, id: string): Finding | undefined {
  return findingsOf(standings).find(({ violation }) => violation.id === id)
}

/** What stands at `now`, of a document that was looked at. */
export function reportOf(look: Look, now: number, authorOf?: AuthorOf, isMine?: IsMine): Judgement {
  const { reading, standings } = look
  return {
    conflicts: findingsOf(standings).map((finding) => conflictOf(reading, finding, now, authorOf, isMine)),
    undecided: standings.flatMap((standing) => ('undecided' in standing ? [standing.undecided] : [])),
    beyond: standings.flatMap((standing) =>
      'beyond' in standing && standing.beyond > 0
        ? [{ rule: standing.rule.id, conflicts: standing.beyond }]
        : [],
    ),
  }
}

/** What was found, in the state that people's decisions give it. */
export function conflictOf(
  reading: Reading,
  { rule, violation, proposals }: Finding,
  now: number,
  authorOf?: AuthorOf,
  isMine?: IsMine,
): Conflict {
  const { id, fingerprint, subjects, message } = violation
  const { waiver, also } = life(waivedEntries(reading, id), fingerprint, now)
  const registers = reading.changes.areTooMany ? [] : violation.registers()
  const { causes, explanation } = causesOf(reading, registers, authorOf, isMine)
  return {
    id,
    rule: rule.id,
    state: waiver ? 'waived' : 'open',
    severity: rule.severity,
    mode: rule.mode,
    message,
    subjects,
    causes,
    proposals: proposals.map((name): Offer => ({ name, label: labelOf(name) })),
    fingerprint,
    explanation,
    ...(waiver && { waiver: waiver.waiver }),
    ...(also.length > 0 && { also }),
  }
}

function findingsOf(standings: readonly Standing[]): readonly Finding[] {
  return standings.flatMap((standing) => ('findings' in standing ? standing.findings : []))
}

function offered(rule: JudgedRule, facts: Facts, violation: Violation): readonly Proposal[] {
  return rule.proposals.filter(
    (proposal) => edits(rule, facts, violation.hit, proposal, 'offer') !== undefined,
  )
}

/** The waiver that counts, if one does, and what others decided about the same facts. */
function life(
  entries: readonly WaivedEntry[],
  fingerprint: string,
  now: number,
): { readonly waiver: WaivedEntry | undefined; readonly also: readonly Decision[] } {
  const [winner, ...others] = entries
  const waiver = winner && counts(winner, fingerprint, now) ? winner : undefined
  const also = others
    .filter((other) => counts(other, fingerprint, now) && !(waiver && same(other.waiver, waiver.waiver)))
    .map((other): Decision => ({ decision: 'waived', ...other.waiver }))
  return { waiver, also: distinct(also) }
}

function settledConflict(reading: Reading, rules: RuleSet, id: string): readonly Conflict[] {
  const [winner, ...others] = settledEntries(reading, id)
  if (!winner) return []
  const { fingerprint, settlement, message, subjects } = winner
  const rule = rules.rules.find((known) => known.id === winner.rule)
  const { severity, mode } = rule?.judged === 'here' ? rule : ({ severity: 'info', mode: 'surface' } as const)
  const also = distinct([
    ...others
      .filter((other) => !same(other.settlement, settlement))
      .map((other): Decision => ({ decision: 'settled', ...other.settlement })),
    ...waivedEntries(reading, id)
      .filter((other) => other.fingerprint === fingerprint)
      .map((other): Decision => ({ decision: 'waived', ...other.waiver })),
  ])
  return [
    {
      id,
      rule: winner.rule,
      state: 'settled',
      severity,
      mode,
      message,
      subjects,
      causes: [],
      proposals: [],
      fingerprint,
      explanation: '',
      settlement,
      ...(also.length > 0 && { also }),
    },
  ]
}

function distinct(decisions: readonly Decision[]): readonly Decision[] {
  return decisions.filter((one, at) => decisions.findIndex((other) => same(one, other)) === at)
}

/** Decisions are made here, so their members stand in one order. */
function same(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}
