// What this device remembers about each document beside its content, shared by all tabs.
//
// Always true: what is noted is at hand at once for this tab, and on the disk a little later; reading is defensive, because
// another version of the app may have written it.

import type { DocumentId } from '../ids'
import type { Notes } from '../storage/notes'
import type { Noted } from '../document/store'
import type { PermissionState } from '../types'

const PREFIX = 'document/'

const NOTHING: Noted = {
  saved: undefined,
  role: undefined,
  paths: undefined,
  actors: [],
  kind: undefined,
  title: undefined,
  openedAtMs: undefined,
  pending: 0,
}

/** Actors that are remembered for a document: one for each time that it was opened and edited. */
const ACTORS_MAX = 500

export class DeviceNotes {
  readonly #notes: Promise<Notes>
  readonly #known = new Map<DocumentId, Noted>()

  constructor(notes: Promise<Notes>) {
    this.#notes = notes
  }

  /** What is known of a document; `actors` are those of all tabs. */
  async read(id: DocumentId): Promise<Noted> {
    const kept = readNoted(await (await this.#notes).get(PREFIX + id))
    const known = this.#known.get(id)
    const noted = known ? { ...kept, ...known, actors: both(kept.actors, known.actors) } : kept
    this.#known.set(id, noted)
    return noted
  }

  note(id: DocumentId, more: Partial<Noted>): void {
    const noted = { ...(this.#known.get(id) ?? NOTHING), ...more }
    this.#known.set(id, noted)
    void this.#write(id)
  }

  async all(): Promise<(readonly [DocumentId, Noted])[]> {
    const entries = await (await this.#notes).entries(PREFIX)
    return entries.map(([key, value]) => [key.slice(PREFIX.length) as DocumentId, readNoted(value)])
  }

  async forget(id: DocumentId): Promise<void> {
    this.#known.delete(id)
    await (await this.#notes).delete(PREFIX + id)
  }

  async #write(id: DocumentId): Promise<void> {
    const notes = await this.#notes
    const kept = readNoted(await notes.get(PREFIX + id))
    const noted = this.#known.get(id)
    if (noted)
      await notes.set(PREFIX + id, { ...noted, actors: both(kept.actors, noted.actors).slice(-ACTORS_MAX) })
  }
}

function both(some: readonly string[], others: readonly string[]): string[] {
  return [...new Set([...some, ...others])]
}

function readNoted(value: unknown): Noted {
  if (typeof value !== 'object' || value === null) return NOTHING
  const { saved, role, paths, actors, kind, title, openedAtMs, pending } = value as Record<string, unknown>
  return {
    saved: readSaved(saved),
    role: isRole(role) ? role : undefined,
    paths: Array.isArray(paths) ? (paths.filter(isPlace) as PermissionState['paths']) : undefined,
    actors: texts(actors),
    kind: typeof kind === 'string' ? kind : undefined,
    title: typeof title === 'string' ? title : undefined,
    openedAtMs: typeof openedAtMs === 'number' ? openedAtMs : undefined,
    pending: typeof pending === 'number' ? pending : 0,
  }
}

function readSaved(value: unknown): Noted['saved'] {
  if (typeof value !== 'object' || value === null) return undefined
  const { heads, atMs } = value as Record<string, unknown>
  return typeof atMs === 'number' ? { heads: texts(heads), atMs } : undefined
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
