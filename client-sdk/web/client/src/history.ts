// What was: who changed what and when, the document as it was, and the way back.
//
// Always true: all of it works on what is here; the server is asked for who the authors are, and for names of states, which are
// its own part of the document. What was done is in words (`deeds.ts`), whoever tells it. What the server writes for whoever asks it
// to has an actor of its own, by which nobody else would know whose it is: it is noted as this device's.

import type { Answer, Ask } from './api'
import { Automerge, type Doc } from './automerge'
import { DovetailError } from './errors'
import { Deeds, eachLast } from './deeds'
import {
  ENTRY_ACTOR,
  FIRST_ACTOR,
  HISTORY_HASHES_MAX,
  HISTORY_MESSAGES_MAX,
  RESERVED_KEY,
} from './generated/constants'
import type { DocumentId } from './ids'
import type { Draft } from './document/assign'
import { difference } from './document/difference'
import { isObject, plain, type Plain, type PlainObject } from './document/plain'
import { inWords } from './rules/said'
import type { Heads, History, HistoryGroup, NamedVersion } from './types'

/** Changes of one author without a longer pause are one group; the server counts the same way. */
const PAUSE_MS = 5 * 60 * 1000

/**
 * What the server did with a name is waited for so long at most: it comes by the connection of the document, which may be gone or
 * slow where the answer was not.
 */
const LISTED_MS_MAX = 5_000

/** How many groups a page has. */
const PAGE = 50

/** What the history needs of its document. */
export interface Past<T> {
  readonly id: DocumentId
  /** Throws `not_ready`. */
  readonly doc: () => Doc<Draft>
  readonly view: (root: PlainObject) => T
  /** Whether an actor is this device. */
  readonly isMine: (actor: string) => boolean
  /** What this actor made was made for this device. */
  readonly madeFor: (actor: string) => void
  /** Whom the server takes us for. */
  readonly me: () => string | undefined
  /** Makes one change, after which it reads as that state of it does. */
  readonly become: (state: Draft, label: string) => void
  readonly saved: () => Promise<void>
  /** Waits until `test` says yes of the document, and no longer than this, nor than it is open. */
  readonly until: (test: () => boolean, msMax: number) => Promise<void>
}

export function createHistory<T>(past: Past<T>, ask: Ask): History<T> {
  const at = (heads: Heads): PlainObject => plainAt(past.doc(), heads)
  const versions = () => versionsOf(plain(past.doc()) as PlainObject)
  const isListed = (name: string) => versions().some((version) => version.name === name)
  const versionPath = (name: string) => `/api/docs/${past.id}/versions/${encodeURIComponent(name)}`
  return {
    page: async (cursor) => {
      try {
        return { ...(await pageOfServer(past, ask, cursor)), from: 'server' }
      } catch (error) {
        // Where the server tells nothing of it, the device tells what it has, from the beginning: there is no connection, or the
        // server has not got the document yet, or has it no more.
        if (cursor !== undefined || !(error instanceof DovetailError)) throw error
        return { groups: groupsHere(past), next: undefined, from: 'here' }
      }
    },
    at: (heads) => past.view(at(heads)),
    difference: (from, to) =>
      difference(open(at(from)), open(to ? at(to) : (plain(past.doc()) as PlainObject))),
    restore: async (heads, label) => {
      past.become(viewAt(past.doc(), heads), label ?? 'Went back to an earlier state')
      await Promise.resolve()
    },
    versions: async () => {
      await Promise.resolve()
      return versions()
    },
    name: async (name, { note, heads } = {}) => {
      // What is named has to be there first.
      await past.saved()
      const body = { ...(note === undefined ? {} : { note }), heads: heads ?? Automerge.getHeads(past.doc()) }
      const before = Automerge.getHeads(past.doc())
      const answer = await ask(versionPath(name), { method: 'PUT', body })
      const made = answer.body as { heads: string[]; at: number; by?: string | null; note?: string | null }
      await past.until(() => isListed(name), LISTED_MS_MAX)
      noteOurs(past, before, answer)
      return {
        name,
        heads: made.heads,
        atMs: made.at,
        by: made.by ?? undefined,
        note: made.note ?? undefined,
      }
    },
    removeName: async (name) => {
      const before = Automerge.getHeads(past.doc())
      const answer = await ask(versionPath(name), { method: 'DELETE' })
      await past.until(() => !isListed(name), LISTED_MS_MAX)
      noteOurs(past, before, answer)
    },
  }
}

/**
 * What the server wrote because this device asked: among the newest of the document as the answer names it, and among what came since.
 * It says nothing of itself, as what people make does.
 */
function noteOurs(past: Past<unknown>, before: Heads, { etag = '' }: Answer): void {
  const newest: readonly string[] = etag.match(/[0-9a-f]{64}/g) ?? []
  for (const { hash, actor, message } of Automerge.getChangesMetaSince(past.doc(), [...before])) {
    if (newest.includes(hash) && !message && isSomebodys({ actor })) past.madeFor(actor)
  }
}

/** The plain values of a document as it was. */
export function plainAt(doc: Doc<Draft>, heads: Heads): PlainObject {
  return plain(viewAt(doc, heads)) as PlainObject
}

function viewAt(doc: Doc<Draft>, heads: Heads): Doc<Draft> {
  if (!Automerge.hasHeads(doc, [...heads])) {
    throw new DovetailError('unknown_heads', 'This device does not have that state of the document.')
  }
  return Automerge.view(doc, [...heads])
}

/** Without what belongs to the server. */
export function open(root: PlainObject): PlainObject {
  return Object.fromEntries(Object.entries(root).filter(([name]) => name !== RESERVED_KEY))
}

interface ServerGroup {
  readonly heads: string[]
  readonly from: number
  readonly to: number
  readonly actor: string
  readonly author: string | null
  readonly changes: number
  /** The newest last, and of many the newest. */
  readonly messages: string[]
  readonly messages_left_out?: number
  /** The oldest first, and of many those of the newest changes. */
  readonly hashes?: string[]
}

async function pageOfServer(
  past: Past<unknown>,
  ask: Ask,
  cursor: string | undefined,
): Promise<{ groups: HistoryGroup[]; next: string | undefined }> {
  const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === undefined ? {} : { cursor }) })
  const { body } = await ask(`/api/docs/${past.id}/history?${query}`)
  const { groups, next } = (body ?? {}) as { groups?: ServerGroup[]; next?: string | null }
  if (!Array.isArray(groups))
    throw new DovetailError('bad_answer', 'Something that is not Dovetail answered.')
  const deeds = deedsOf(past)
  return {
    groups: groups
      .filter(isSomebodys)
      .map(({ heads, from, to, actor, author, changes, messages, messages_left_out, hashes }) => ({
        heads,
        fromMs: from,
        toMs: to,
        author: author ?? undefined,
        mine: past.isMine(actor) || (author !== null && author === past.me()),
        changes,
        messages: deeds?.of(messages, hashes ?? []) ?? messages.map(inWords),
        messagesLeftOut: messages_left_out ?? 0,
      })),
    next: next ? (new URL(next, 'http://server').searchParams.get('cursor') ?? undefined) : undefined,
  }
}

/** Nothing while the document is not here. */
function deedsOf(past: Past<unknown>): Deeds | undefined {
  try {
    return new Deeds(past.doc())
  } catch (error) {
    if (error instanceof DovetailError) return undefined
    throw error
  }
}

/** Changes without a longer pause, as they were met. */
interface Go {
  readonly actor: string
  fromMs: number
  toMs: number
  /** When the last of them was made; clocks differ, so another may be later. */
  lastMs: number
  /** What each says of itself, the oldest first. */
  readonly said: string[]
  readonly hashes: string[]
}

/** From the changes that are here, the newest first. */
function groupsHere(past: Past<unknown>): HistoryGroup[] {
  const doc = past.doc()
  const deeds = new Deeds(doc)
  const goes: Go[] = []
  for (const { actor, hash, time, message } of Automerge.getChangesMetaSince(doc, [])) {
    const atMs = time * 1000
    let go = goes.at(-1)
    if (go?.actor !== actor || Math.abs(atMs - go.lastMs) > PAUSE_MS) {
      go = { actor, fromMs: atMs, toMs: atMs, lastMs: atMs, said: [], hashes: [] }
      goes.push(go)
    }
    go.fromMs = Math.min(go.fromMs, atMs)
    go.toMs = Math.max(go.toMs, atMs)
    go.lastMs = atMs
    if (message) go.said.push(message)
    go.hashes.push(hash)
  }
  return goes
    .filter(isSomebodys)
    .reverse()
    .map(({ actor, fromMs, toMs, said, hashes }) => {
      const lines = eachLast(said)
      const listed = lines.slice(-HISTORY_MESSAGES_MAX)
      return {
        heads: hashes.slice(-1),
        fromMs,
        toMs,
        author: undefined,
        mine: past.isMine(actor),
        changes: hashes.length,
        messages: deeds.of(listed, hashes.slice(-HISTORY_HASHES_MAX)),
        messagesLeftOut: lines.length - listed.length,
      }
    })
}

/** The change that every dashboard begins with is nobody's, and so is the one that makes room for decisions and names. */
function isSomebodys({ actor }: { readonly actor: string }): boolean {
  return actor !== FIRST_ACTOR && actor !== ENTRY_ACTOR
}

function versionsOf(root: PlainObject): NamedVersion[] {
  const reserved = root[RESERVED_KEY]
  const versions = isObject(reserved) ? reserved['versions'] : undefined
  if (!isObject(versions)) return []
  return Object.entries(versions)
    .flatMap(([name, entry]) => version(name, entry))
    .sort((one, other) => other.atMs - one.atMs)
}

function version(name: string, entry: Plain): NamedVersion[] {
  if (!isObject(entry)) return []
  const { heads, at, by, note } = entry
  if (!Array.isArray(heads) || typeof at !== 'number') return []
  const hashes = (heads as readonly Plain[]).filter((head): head is string => typeof head === 'string')
  return [{ name, heads: hashes, atMs: at, by: text(by), note: text(note) }]
}

function text(value: Plain | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}
