// What this device knows about the refused changes of one document. Tabs share it: in the notes, and over their channel.
//
// Always true: it only grows, but for its bounds, so the ledgers of two tabs merge in any order to the same. A change that the
// server turned out to have is lifted, and stays so; a refused edit that was dismissed stays dismissed. What is read, from disk
// or from another tab, is checked member by member: it may be of another version of the app.

import type { RefusedEdit } from '../types'

/** A change that the server refused for itself, and not for what it builds on. */
export interface Refusal {
  readonly atMs: number
  /** The refused edit that tells of it. */
  readonly edit: string
  /** The change, so that those on top of it can be made anew also where it is gone already. */
  readonly bytes: Uint8Array | undefined
}

/** A lawful change on top of a refused one, and what became of it. */
export interface Remake {
  readonly atMs: number
  readonly bytes: Uint8Array | undefined
  /** What it is now; nothing when nothing of it was left, or nothing could be made anew. */
  readonly now: { readonly hash: string; readonly bytes: Uint8Array | undefined } | undefined
  /** Places of its operations that are not in `now`. */
  readonly without: readonly number[]
}

export interface Ledger {
  /** By hash. */
  readonly refused: ReadonlyMap<string, Refusal>
  /** By the hash of the change that was made anew. */
  readonly remade: ReadonlyMap<string, Remake>
  /** Hashes that were refused once and that the server has all the same: another tab brought them when it could. */
  readonly lifted: ReadonlyMap<string, number>
  /** By id. */
  readonly edits: ReadonlyMap<string, RefusedEdit>
  /** Ids of edits that somebody has read, and when. */
  readonly dismissed: ReadonlyMap<string, number>
}

export const emptyLedger: Ledger = {
  refused: new Map(),
  remade: new Map(),
  lifted: new Map(),
  edits: new Map(),
  dismissed: new Map(),
}

/** Twice as many changes as may wait for the server by default: a long day without a network can be refused as a whole. */
export const HASHES_MAX = 20_000

/** Refused edits that are shown. Nobody reads more; the newest stay. */
export const EDITS_MAX = 100

/** Dismissed ones are remembered for tabs that did not hear of it yet. */
const DISMISSED_MAX = 10 * EDITS_MAX

/** Changes of one ledger are some hundred bytes each. The newest keep theirs; without them less can be made anew. */
export const BYTES_MAX = 4 << 20

/** As long as an unopened document stays on a device: a stored chunk or a sleeping tab with a refused change is no older. */
export const AGE_MS_MAX = 90 * 24 * 60 * 60 * 1000

/** How much of what was undone is kept to be looked at. */
const PATCH_MAX = 1_000
const LABELS_MAX = 100

/** Everything that either knows. Gives back `one` itself where `other` adds nothing. */
export function merged(one: Ledger, other: Ledger): Ledger {
  const lifted = union(one.lifted, other.lifted, (mine) => mine)
  const dismissed = union(one.dismissed, other.dismissed, (mine) => mine)
  const ledger = {
    refused: union(without(one.refused, lifted), without(other.refused, lifted), earlier),
    remade: union(one.remade, other.remade, earlier),
    lifted,
    edits: union(without(one.edits, dismissed), without(other.edits, dismissed), fuller),
    dismissed,
  }
  return isSame(one, ledger) ? one : ledger
}

function isSame(one: Ledger, other: Ledger): boolean {
  return (Object.keys(one) as (keyof Ledger)[]).every((part) => one[part] === other[part])
}

/** Of what two tabs did at the same time without knowing, both keep the same. */
function earlier<T extends Refusal | Remake>(mine: T, theirs: T): T {
  if (mine.atMs !== theirs.atMs) return mine.atMs < theirs.atMs ? mine : theirs
  if (nameOf(theirs) !== nameOf(mine)) return nameOf(theirs) < nameOf(mine) ? theirs : mine
  return mine.bytes || !theirs.bytes ? mine : theirs
}

function nameOf(entry: Refusal | Remake): string {
  return 'edit' in entry ? entry.edit : (entry.now?.hash ?? '')
}

/** What is told of a refused edit only grows. */
function fuller(mine: RefusedEdit, theirs: RefusedEdit): RefusedEdit {
  if (extent(theirs) !== extent(mine)) return extent(theirs) > extent(mine) ? theirs : mine
  if (theirs.atMs !== mine.atMs) return theirs.atMs < mine.atMs ? theirs : mine
  return JSON.stringify(theirs) < JSON.stringify(mine) ? theirs : mine
}

function extent({ remade, lost, labels, patch }: RefusedEdit): number {
  return remade + lost + labels.length + patch.length
}

/** Gives back `one` itself where nothing changes. */
function union<T>(
  one: ReadonlyMap<string, T>,
  other: ReadonlyMap<string, T>,
  choose: (mine: T, theirs: T) => T,
): ReadonlyMap<string, T> {
  let both: Map<string, T> | undefined
  for (const [key, theirs] of other) {
    const mine = one.get(key)
    const chosen = mine === undefined ? theirs : choose(mine, theirs)
    if (chosen !== mine) (both ??= new Map(one)).set(key, chosen)
  }
  return both ?? one
}

/** What was lifted is not refused, and what was dismissed is not shown. */
function consistent(ledger: Ledger): Ledger {
  return {
    ...ledger,
    refused: without(ledger.refused, ledger.lifted),
    edits: without(ledger.edits, ledger.dismissed),
  }
}

function without<T>(map: ReadonlyMap<string, T>, keys: ReadonlyMap<string, unknown>): ReadonlyMap<string, T> {
  return [...keys.keys()].some((key) => map.has(key))
    ? new Map([...map].filter(([key]) => !keys.has(key)))
    : map
}

/** The ledger with these parts instead. */
export function amended(ledger: Ledger, parts: Partial<Ledger>): Ledger {
  return consistent({ ...ledger, ...parts })
}

/** Within the bounds above, the newest first. Gives back the ledger itself where it is within them. */
export function bounded(ledger: Ledger, nowMs: number): Ledger {
  const since = nowMs - AGE_MS_MAX
  const refused = newest(ledger.refused, HASHES_MAX, ({ atMs }) => atMs, since)
  const remade = newest(ledger.remade, HASHES_MAX, ({ atMs }) => atMs, since)
  const within = {
    refused,
    remade,
    lifted: newest(ledger.lifted, HASHES_MAX, (atMs) => atMs, since),
    edits: newest(ledger.edits, EDITS_MAX, ({ atMs }) => atMs, -Infinity),
    dismissed: newest(ledger.dismissed, DISMISSED_MAX, (atMs) => atMs, since),
  }
  const light = lightened(within)
  return isSame(ledger, light) ? ledger : light
}

function newest<T>(
  map: ReadonlyMap<string, T>,
  most: number,
  atMs: (value: T) => number,
  sinceMs: number,
): ReadonlyMap<string, T> {
  const isOld = [...map.values()].some((value) => atMs(value) < sinceMs)
  if (map.size <= most && !isOld) return map
  const entries = [...map].filter(([, value]) => atMs(value) >= sinceMs)
  return new Map(entries.sort(([, one], [, other]) => atMs(one) - atMs(other)).slice(-most))
}

/** Without the bytes of the oldest where there are too many; the hashes stay. */
function lightened(ledger: Ledger): Ledger {
  let room = BYTES_MAX
  const take = (bytes: Uint8Array | undefined): Uint8Array | undefined => {
    if (!bytes || bytes.length > room) return undefined
    room -= bytes.length
    return bytes
  }
  const refused = new Map(ledger.refused)
  const remade = new Map(ledger.remade)
  const all = [
    ...[...refused].map(([hash, { atMs }]) => ({ hash, atMs, in: refused })),
    ...[...remade].map(([hash, { atMs }]) => ({ hash, atMs, in: remade })),
  ]
  let isLighter = false
  for (const { hash } of all.sort((one, other) => other.atMs - one.atMs)) {
    const refusal = refused.get(hash)
    if (refusal) {
      const bytes = take(refusal.bytes)
      if (bytes !== refusal.bytes) isLighter = true
      refused.set(hash, { ...refusal, bytes })
    }
    const remake = remade.get(hash)
    if (remake) {
      const bytes = take(remake.bytes)
      const now = remake.now && { hash: remake.now.hash, bytes: take(remake.now.bytes) }
      if (bytes !== remake.bytes || now?.bytes !== remake.now?.bytes) isLighter = true
      remade.set(hash, { ...remake, bytes, now })
    }
  }
  return isLighter ? { ...ledger, refused, remade } : ledger
}

/** What is shown of a refused edit, within bounds. */
export function shownEdit(edit: RefusedEdit): RefusedEdit {
  return { ...edit, labels: edit.labels.slice(0, LABELS_MAX), patch: edit.patch.slice(0, PATCH_MAX) }
}

/** The refused edits to show, the oldest first; in the same order in all tabs. */
export function editsOf(ledger: Ledger): readonly RefusedEdit[] {
  return [...ledger.edits.values()].sort(
    (one, other) => one.atMs - other.atMs || (one.id < other.id ? -1 : 1),
  )
}

// ------------------------------------------------------------------------------------------------ reading

/** Reads what another tab or an earlier visit wrote. What is not understood is left out. */
export function readLedger(value: unknown): Ledger {
  if (!isObject(value)) return emptyLedger
  return consistent({
    refused: readMap(value['refused'], readRefusal),
    remade: readMap(value['remade'], readRemake),
    lifted: readMap(value['lifted'], readTime),
    edits: readMap(value['edits'], readEdit),
    dismissed: readMap(value['dismissed'], readTime),
  })
}

function readMap<T>(value: unknown, read: (value: unknown) => T | undefined): ReadonlyMap<string, T> {
  if (!(value instanceof Map)) return new Map()
  const entries = [...(value as Map<unknown, unknown>)].flatMap(([key, entry]): [string, T][] => {
    const known = read(entry)
    return typeof key === 'string' && known !== undefined ? [[key, known]] : []
  })
  return new Map(entries)
}

function readRefusal(value: unknown): Refusal | undefined {
  if (!isObject(value)) return undefined
  const { atMs, edit, bytes } = value
  return isNumber(atMs) && isText(edit) ? { atMs, edit, bytes: readBytes(bytes) } : undefined
}

function readRemake(value: unknown): Remake | undefined {
  if (!isObject(value)) return undefined
  const { atMs, bytes, now, without } = value
  if (!isNumber(atMs) || !Array.isArray(without) || !without.every(isNumber)) return undefined
  if (now === undefined) return { atMs, bytes: readBytes(bytes), now, without }
  if (!isObject(now) || !isText(now['hash'])) return undefined
  return {
    atMs,
    bytes: readBytes(bytes),
    now: { hash: now['hash'], bytes: readBytes(now['bytes']) },
    without,
  }
}

function readEdit(value: unknown): RefusedEdit | undefined {
  if (!isObject(value)) return undefined
  const { id, atMs, code, reason, labels, remade, lost, patch, setAside } = value
  if (!isText(id) || !isNumber(atMs) || !isText(code) || !isText(reason)) return undefined
  if (!isNumber(remade) || !isNumber(lost)) return undefined
  if (!Array.isArray(labels) || !labels.every(isText)) return undefined
  if (!Array.isArray(patch) || !patch.every(isOperation)) return undefined
  return { id, atMs, code, reason, labels, remade, lost, patch, setAside: setAside === true }
}

function isOperation(value: unknown): value is RefusedEdit['patch'][number] {
  if (!isObject(value) || !isText(value['path'])) return false
  return (
    value['op'] === 'remove' || ((value['op'] === 'add' || value['op'] === 'replace') && 'value' in value)
  )
}

function readTime(value: unknown): number | undefined {
  return isNumber(value) ? value : undefined
}

function readBytes(value: unknown): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
