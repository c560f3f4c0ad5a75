// What people decided about conflicts, as the document has it.
//
// Edit path: ← settle.ts writes entries, as ordinary changes, here and on other devices; → judge.ts reads them.
//
//   _dovetail  { waived   { "<conflict id>": { fingerprint, reason, by?, until? } }
//                settled  { "<conflict id>": { fingerprint, proposal, by?, rule, subjects, message } } }
//
// Always true: what is odd is passed over. Of several entries for one conflict, written while apart, Automerge's winner counts,
// and the others are known. `by` is whom the entry names; the server, which knows who wrote it, may know better.

import type { Settlement, Waiver } from './conflict'
import type { Reading } from './document'
import { isJsonList, isMap, memberOf, nodes, toJson, type Json, type Members } from './json'
import { MESSAGE_BYTES_MAX } from './message'
import { findSection, type Section } from './reserved'
import { byBytes, bytesOf, cutToBytes } from './text'

/** The most bytes of a reason for a waiver: a paragraph. */
export const REASON_BYTES_MAX = 1_000

/** The most bytes of the name of somebody who decides. */
export const NAME_BYTES_MAX = 200

/** How many settled conflicts are listed, the first by id. */
const SETTLED_LISTED_MAX = 1_000

/** Values of an entry that are read; ours have ten. */
const NODES_MAX = 64

/** That a conflict may stay. */
export interface WaivedEntry {
  readonly fingerprint: string
  readonly waiver: Waiver
}

/** That a conflict was settled. */
export interface SettledEntry {
  readonly fingerprint: string
  readonly settlement: Settlement
  readonly rule: string
  readonly subjects: readonly string[]
  readonly message: string
}

/** The waivers of a conflict, the one that counts first. */
export function waivedEntries(reading: Reading, id: string): readonly WaivedEntry[] {
  return entries(reading, 'waived', id).flatMap(waived)
}

/** How a conflict was settled, the entry that counts first. */
export function settledEntries(reading: Reading, id: string): readonly SettledEntry[] {
  return entries(reading, 'settled', id).flatMap(settled)
}

/** The ids of conflicts that were settled at some time, in byte order. */
export function settledIds(reading: Reading): readonly string[] {
  const section = findSection(reading.root, 'settled')
  return section ? Object.keys(section).sort(byBytes).slice(0, SETTLED_LISTED_MAX) : []
}

/** Whether a waiver says something about these facts at this moment. */
export function counts({ fingerprint, waiver }: WaivedEntry, facts: string, now: number): boolean {
  return fingerprint === facts && (waiver.until === undefined || now < waiver.until)
}

/** All live entries at this key, the winner first. */
function entries(reading: Reading, name: Section, id: string): readonly Members[] {
  const section = findSection(reading.root, name)
  if (!section || !Object.hasOwn(section, id)) return []
  const all = reading.all(reading.idOf(section), id)
  return [...all].reverse().flatMap((live) => {
    const value = live.kind === 'map' ? reading.valueOf(live) : undefined
    if (value === undefined || nodes(value, NODES_MAX) > NODES_MAX) return []
    const members = toJson(value)
    return isMap(members) ? [members] : []
  })
}

function waived(entry: Members): readonly WaivedEntry[] {
  const fingerprint = text(entry, 'fingerprint', NAME_BYTES_MAX)
  const until = memberOf(entry, 'until') ?? undefined
  if (fingerprint === undefined || !(until === undefined || isMoment(until))) return []
  const reason = text(entry, 'reason', REASON_BYTES_MAX) ?? ''
  return [{ fingerprint, waiver: { reason, ...by(entry), ...(until === undefined ? {} : { until }) } }]
}

function settled(entry: Members): readonly SettledEntry[] {
  const [fingerprint, proposal, rule] = ['fingerprint', 'proposal', 'rule'].map((name) =>
    text(entry, name, NAME_BYTES_MAX),
  )
  if (fingerprint === undefined || proposal === undefined || rule === undefined) return []
  const listed = memberOf(entry, 'subjects') as Json | undefined
  const subjects = listed !== undefined && isJsonList(listed) ? listed : []
  return [
    {
      fingerprint,
      settlement: { proposal, ...by(entry) },
      rule,
      subjects: subjects.filter((subject) => typeof subject === 'string'),
      message: text(entry, 'message', MESSAGE_BYTES_MAX + bytesOf('…')) ?? '',
    },
  ]
}

function by(entry: Members): { readonly by?: string } {
  const name = text(entry, 'by', NAME_BYTES_MAX)
  return name === undefined ? {} : { by: name }
}

/** Milliseconds since 1970. */
function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 2 ** 53
}

/** A text, as far as it is within bounds. */
function text(entry: Members, name: string, bytesMax: number): string | undefined {
  const value = memberOf(entry, name)
  return typeof value === 'string' ? cutToBytes(value, bytesMax) : undefined
}
