// What this device remembers about each document beside its content, shared by all tabs.
//
// Edit path: ← a store of this tab notes something; → the notes on the disk, where other tabs and later visits find it.
//
// Always true: a tab writes what it noted itself and nothing else, while it holds a lock, so that two tabs lose nothing of each
// other's. Whether something waits for the server is said by each tab for itself; what a tab said that is gone now is taken over
// by whoever opens the document next. Reading is defensive, because another version of the app may have written it. Where a
// page has no locks, two tabs that write in the same millisecond may lose one of the two; nothing is lost of a document by that.

import type { Environment } from '../environment'
import { documentId, type DocumentId } from '../ids'
import type { Notes } from '../storage/notes'
import { readWhose, withRights, type Right } from '../rights'
import type { Heads, PermissionState } from '../types'

const PREFIX = 'document/'

/** Actors that are remembered for a document: one for each time that it was opened and edited. */
const ACTORS_MAX = 500

/** What a device remembers about a document beside its content. */
export interface Noted {
  readonly saved: { readonly heads: Heads; readonly atMs: number } | undefined
  /** What the server lets each of those do who shared this store. */
  readonly rights: readonly Right[]
  readonly actors: readonly string[]
  readonly kind: string | undefined
  readonly title: string | undefined
  readonly openedAtMs: number | undefined
  /** Of a dashboard: the documents that its widgets show, and showed while it was open last. */
  readonly shows: readonly DocumentId[]
  /** The document that it was made for, until the server knows that it follows that one. */
  readonly follows: DocumentId | undefined
  /** How many changes waited for the server when that was last noted: exactly, whether there were any. */
  readonly pending: number
}

/** As it is on the disk. */
interface Entry extends Omit<Noted, 'pending'> {
  /** How many changes wait, by tab. Those that have none are not in it. */
  readonly pendingIn: Readonly<Record<string, number>>
}

const NOTHING: Entry = {
  saved: undefined,
  rights: [],
  actors: [],
  kind: undefined,
  title: undefined,
  openedAtMs: undefined,
  shows: [],
  follows: undefined,
  pendingIn: {},
}

export class DeviceNotes {
  readonly #notes: Promise<Notes>
  readonly #environment: Pick<Environment, 'withLock'>
  readonly #name: string
  readonly #tab: string
  /** What this tab noted and what is not on the disk yet. */
  readonly #unwritten = new Map<DocumentId, Partial<Noted>>()
  /** What the disk had of those documents that were open here, when that was last read or written. */
  readonly #known = new Map<DocumentId, Entry>()
  readonly #writing = new Set<Promise<void>>()
  #leave: () => void = () => undefined

  /** Tabs that share their notes have the same `name`; `tab` is this one. */
  constructor(notes: Promise<Notes>, environment: Pick<Environment, 'withLock'>, name: string, tab: string) {
    this.#notes = notes
    this.#environment = environment
    this.#name = name
    this.#tab = tab
    // For as long as it is held, what this tab says of itself holds.
    const here = new Promise<void>((resolve) => (this.#leave = resolve))
    void environment.withLock(this.#tabLock(tab), {}, () => here).catch(() => undefined)
  }

  /** What is known of a document; `actors` are those of all tabs. */
  async read(id: DocumentId): Promise<Noted> {
    const { pendingIn } = await this.#kept(id)
    const gone = await this.#gone(Object.keys(pendingIn))
    if (gone.length > 0) await this.#change(id, (kept) => takenOver(kept, gone, this.#tab))
    const kept = await this.#kept(id)
    if (kept !== NOTHING) this.#known.set(id, kept)
    return this.#noted(id, kept)
  }

  /** `actors`, `rights` and `pending`: those of this tab. */
  note(id: DocumentId, more: Partial<Noted>): void {
    const before = this.#unwritten.get(id) ?? {}
    const actors = more.actors ? { actors: both(before.actors ?? [], more.actors) } : {}
    const rights = more.rights ? { rights: withRights(before.rights ?? [], more.rights) } : {}
    this.#unwritten.set(id, { ...before, ...more, ...actors, ...rights })
    const writing = this.#write(id)
      // What could not be noted is not known later, and that is all.
      .catch(() => undefined)
      .finally(() => void this.#writing.delete(writing))
    this.#writing.add(writing)
  }

  async all(): Promise<(readonly [DocumentId, Noted])[]> {
    const entries = await (await this.#notes).entries(PREFIX)
    const kept = new Map(
      entries.map(([key, value]) => [key.slice(PREFIX.length) as DocumentId, readEntry(value)]),
    )
    for (const id of this.#unwritten.keys()) if (!kept.has(id)) kept.set(id, NOTHING)
    return [...kept].map(([id, entry]) => [id, this.#noted(id, entry)])
  }

  async forget(id: DocumentId): Promise<void> {
    await this.written()
    this.#known.delete(id)
    await this.#locked(id, async () => (await this.#notes).delete(PREFIX + id))
  }

  /** All notes are gone: what this tab knows of those documents that are here is noted again, beside what others do. */
  async noteAgain(isHere: (id: DocumentId) => boolean): Promise<void> {
    // What is noted from now on knows nothing of what was there before; what was on its way to the disk comes in while this goes on.
    const before = new Map(this.#known)
    for (const [id, now] of this.#known) {
      const known = before.get(id) ?? now
      if (!isHere(id)) continue
      const gone = await this.#gone(Object.keys(known.pendingIn))
      await this.#change(id, (kept) => {
        // What waits here is known best by who noted it last.
        const here = this.#known.get(id)?.pendingIn[this.#tab] ?? 0
        const counted = { ...known, pendingIn: { ...known.pendingIn, [this.#tab]: here } }
        const { pendingIn } = takenOver(counted, gone, this.#tab)
        return joined(kept, { ...known, pendingIn: { [this.#tab]: pendingIn[this.#tab] ?? 0 } })
      })
    }
  }

  /** Resolves when everything that was noted so far is on the disk, or will not get there. */
  async written(): Promise<void> {
    await Promise.all(this.#writing)
  }

  /** This tab is gone. */
  async close(): Promise<void> {
    await this.written()
    this.#leave()
  }

  #noted(id: DocumentId, { pendingIn, ...kept }: Entry): Noted {
    const mine = this.#unwritten.get(id) ?? {}
    const here = mine.pending === undefined ? {} : { [this.#tab]: mine.pending }
    return {
      ...kept,
      ...mine,
      actors: both(kept.actors, mine.actors ?? []),
      rights: withRights(kept.rights, mine.rights ?? []),
      // All tabs have the same changes, sooner or later: the most that one of them knows of.
      pending: Math.max(0, ...Object.values({ ...pendingIn, ...here })),
    }
  }

  async #write(id: DocumentId): Promise<void> {
    await this.#change(id, (kept) => (this.#unwritten.has(id) ? kept : undefined))
  }

  /** Reads, decides and writes, while no other tab does; with it goes what this tab noted and is not on the disk yet. */
  async #change(id: DocumentId, change: (kept: Entry) => Entry | undefined): Promise<void> {
    await this.#locked(id, async () => {
      const changed = change(await this.#kept(id))
      if (!changed) return
      const mine = this.#unwritten.get(id)
      const entry = mine ? withNoted(changed, mine, this.#tab) : changed
      await (await this.#notes).set(PREFIX + id, entry)
      this.#known.set(id, entry)
      // Not when something was noted meanwhile: that is written next.
      if (this.#unwritten.get(id) === mine) this.#unwritten.delete(id)
    })
  }

  async #kept(id: DocumentId): Promise<Entry> {
    return readEntry(await (await this.#notes).get(PREFIX + id))
  }

  /** Which of these tabs are gone: nobody holds their locks. */
  async #gone(tabs: readonly string[]): Promise<string[]> {
    const gone: string[] = []
    for (const tab of tabs.filter((other) => other !== this.#tab)) {
      await this.#environment.withLock(this.#tabLock(tab), { ifAvailable: true }, (held) => {
        if (held) gone.push(tab)
        return Promise.resolve()
      })
    }
    return gone
  }

  async #locked(id: DocumentId, work: () => Promise<void>): Promise<void> {
    await this.#environment.withLock(`dovetail/${this.#name}/device/${id}`, {}, work)
  }

  #tabLock(tab: string): string {
    return `dovetail/${this.#name}/tab/${tab}`
  }
}

/** An entry with what a tab noted. */
function withNoted(entry: Entry, { pending, ...noted }: Partial<Noted>, tab: string): Entry {
  const others = Object.entries(entry.pendingIn).filter(([other]) => other !== tab)
  const waiting = pending ?? entry.pendingIn[tab] ?? 0
  return {
    ...entry,
    ...noted,
    actors: both(entry.actors, noted.actors ?? []).slice(-ACTORS_MAX),
    rights: withRights(entry.rights, noted.rights ?? []),
    pendingIn: Object.fromEntries(waiting > 0 ? [...others, [tab, waiting]] : others),
  }
}

/** What is on the disk already, and what a tab knew before. */
function joined(kept: Entry, known: Entry): Entry {
  return {
    saved: later(kept.saved, known.saved),
    rights: withRights(known.rights, kept.rights),
    actors: both(known.actors, kept.actors).slice(-ACTORS_MAX),
    kind: kept.kind ?? known.kind,
    title: kept.title ?? known.title,
    openedAtMs: Math.max(kept.openedAtMs ?? 0, known.openedAtMs ?? 0) || undefined,
    shows: kept.shows.length > 0 ? kept.shows : known.shows,
    follows: kept.follows ?? known.follows,
    pendingIn: readCounts({ ...kept.pendingIn, ...known.pendingIn }),
  }
}

function later(one: Noted['saved'], other: Noted['saved']): Noted['saved'] {
  return !one || (other && other.atMs > one.atMs) ? other : one
}

function takenOver(kept: Entry, gone: readonly string[], tab: string): Entry {
  const counts = Object.entries(kept.pendingIn)
  const theirs = counts.filter(([other]) => gone.includes(other)).map(([, pending]) => pending)
  const others = counts.filter(([other]) => !gone.includes(other))
  const pending = Math.max(kept.pendingIn[tab] ?? 0, ...theirs)
  return { ...kept, pendingIn: { ...Object.fromEntries(others), [tab]: pending } }
}

function both(some: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...some, ...others])]
}

function readEntry(value: unknown): Entry {
  if (typeof value !== 'object' || value === null) return NOTHING
  const noted = value as Record<string, unknown>
  const { saved, rights, actors, kind, title, openedAtMs, shows, follows, pendingIn } = noted
  return {
    saved: readSaved(saved),
    rights: Array.isArray(rights) ? rights.flatMap(readRight) : [],
    actors: texts(actors),
    kind: typeof kind === 'string' ? kind : undefined,
    title: typeof title === 'string' ? title : undefined,
    openedAtMs: typeof openedAtMs === 'number' ? openedAtMs : undefined,
    shows: texts(shows).flatMap((id) => documentId(id) ?? []),
    follows: typeof follows === 'string' ? documentId(follows) : undefined,
    pendingIn: readCounts(pendingIn),
  }
}

function readCounts(value: unknown): Record<string, number> {
  if (typeof value !== 'object' || value === null) return {}
  const counts = Object.entries(value as Record<string, unknown>)
  return Object.fromEntries(
    counts.filter((count): count is [string, number] => typeof count[1] === 'number' && count[1] > 0),
  )
}

function readSaved(value: unknown): Noted['saved'] {
  if (typeof value !== 'object' || value === null) return undefined
  const { heads, atMs } = value as Record<string, unknown>
  return typeof atMs === 'number' ? { heads: texts(heads), atMs } : undefined
}

function readRight(value: unknown): Right[] {
  if (typeof value !== 'object' || value === null) return []
  const { whose, role, paths } = value as Record<string, unknown>
  const person = readWhose(whose)
  if (!person || !isRole(role)) return []
  const places = Array.isArray(paths) ? (paths.filter(isPlace) as PermissionState['paths']) : undefined
  return [{ whose: person, role, paths: places }]
}

function isRole(value: unknown): value is PermissionState['role'] {
  return ['none', 'read', 'write', 'admin'].includes(value as string)
}

function isPlace(value: unknown): boolean {
  return typeof value === 'object' && value !== null && typeof (value as { path?: unknown }).path === 'string'
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []
}
