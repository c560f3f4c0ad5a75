// What the tabs of one origin tell each other about documents, besides the documents themselves.
//
// Edit path: ← one tab hears something from the server or from its user, → the other tabs hear it within milliseconds, also
// those that have no connection of their own.
//
// Always true: what is heard is checked member by member, because another tab may run an older or a newer version of the app.
// What is not understood is stepped over; members that are not known here are left out. Nobody hears themselves, and nobody
// may count on being heard: whatever must survive is in the notes (storage/notes.ts) before it is told.

import type { Environment, TabChannel } from '../environment'
import type { OwnMessage } from '../link/link'
import { documentId, type DocumentId } from '../ids'
import { readWhose, type Whose } from '../rights'
import type { Heads } from '../types'

/** What tabs say. */
export type TabMessage =
  /** Changes were refused, or what is known of refused ones has grown. `ledger` is read by refusal/ledger.ts. */
  | { readonly type: 'refused'; readonly documentId: DocumentId; readonly ledger: unknown }
  /** Somebody has read about a refused edit and wants to see no more of it. */
  | { readonly type: 'dismissed'; readonly documentId: DocumentId; readonly id: string }
  /** Everything up to these heads is durable on the server. */
  | {
      readonly type: 'acked'
      readonly documentId: DocumentId
      readonly heads: Heads
      readonly atMs: number
    }
  /** So much of the document waits for the server, or nothing any more. */
  | { readonly type: 'waits'; readonly documentId: DocumentId; readonly pending: number }
  /** Nothing of the document is on this device any more. */
  | { readonly type: 'forgotten'; readonly documentId: DocumentId }
  /** What somebody may do, as the server said it to them: they may be somebody else than whoever hears it. */
  | (Passed<'permission'> & { readonly whose: Whose })
  /** What the rules say, as the server said it. Members of `conflicts` and `undecided` are for their reader to check. */
  | Passed<'conflicts'>

/** What the server said of a document, under a name of our own. */
type Passed<K extends 'permission' | 'conflicts'> = {
  readonly type: K
} & Omit<Extract<OwnMessage, { readonly type: `dovetail-${K}` }>, 'type'>

export type TabMessageType = TabMessage['type']
export type TabMessageOf<K extends TabMessageType> = Extract<TabMessage, { readonly type: K }>

/** The channel between the tabs. Where the browser has none, nothing is heard and nothing is told. */
export interface Tabs {
  /** Tells all other tabs. Nothing happens after `close`. */
  send(message: TabMessage): void
  /** Calls with each message of this type; what is returned ends that. */
  on<K extends TabMessageType>(type: K, listener: (message: TabMessageOf<K>) => void): () => void
  close(): void
}

/** Opens the channel of those tabs that share what is kept under `name`. */
export function createTabs(environment: Pick<Environment, 'channel'>, name: string): Tabs {
  return new TabsOnChannel(environment.channel(`${name}-tabs`))
}

class TabsOnChannel implements Tabs {
  #channel: TabChannel | undefined
  readonly #listeners = new Map<TabMessageType, Set<(message: never) => void>>()

  constructor(channel: TabChannel | undefined) {
    this.#channel = channel
    channel?.addEventListener('message', ({ data }) => this.#hear(data))
  }

  send(message: TabMessage): void {
    this.#channel?.postMessage(message)
  }

  on<K extends TabMessageType>(type: K, listener: (message: TabMessageOf<K>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    this.#listeners.set(type, listeners)
    // A function of its own for each call, so that the same listener may be there twice.
    const call = (message: TabMessageOf<K>) => listener(message)
    listeners.add(call)
    return () => void listeners.delete(call)
  }

  close(): void {
    this.#channel?.close()
    this.#channel = undefined
    this.#listeners.clear()
  }

  #hear(data: unknown): void {
    // A message that was on its way when the channel was closed.
    if (!this.#channel) return
    const message = readTabMessage(data)
    if (!message) return
    for (const call of [...(this.#listeners.get(message.type) ?? [])]) call(message as never)
  }
}

/** Reads what another tab said; nothing when it is not understood. */
export function readTabMessage(data: unknown): TabMessage | undefined {
  if (!isObject(data) || !isText(data['documentId'])) return undefined
  const about = documentId(data['documentId'])
  return about && readers.get(data['type'])?.(data, about)
}

type Members = Readonly<Record<string, unknown>>
type Reader<K extends TabMessageType> = (data: Members, about: DocumentId) => TabMessageOf<K> | undefined

const byType: { readonly [K in TabMessageType]: Reader<K> } = {
  refused: ({ ledger }, about) => ({ type: 'refused', documentId: about, ledger }),
  dismissed: ({ id }, about) => (isText(id) ? { type: 'dismissed', documentId: about, id } : undefined),
  acked: ({ heads, atMs }, about) =>
    isHeads(heads) && isTime(atMs) ? { type: 'acked', documentId: about, heads, atMs } : undefined,
  waits: ({ pending }, about) =>
    isCount(pending) ? { type: 'waits', documentId: about, pending } : undefined,
  forgotten: (_, about) => ({ type: 'forgotten', documentId: about }),
  permission: ({ role, paths, whose }, about) => {
    const person = readWhose(whose)
    return person && isRole(role) && (paths === undefined || isListOf(isPlace)(paths))
      ? { type: 'permission', documentId: about, role, paths, whose: person }
      : undefined
  },
  conflicts: ({ heads, rules, conflicts, undecided, beyond }, about) =>
    isHeads(heads) &&
    isRules(rules) &&
    isListOf(isAnything)(conflicts) &&
    isListOf(isUndecided)(undecided) &&
    isListOf(isBeyond)(beyond)
      ? { type: 'conflicts', documentId: about, heads, rules, conflicts, undecided, beyond }
      : undefined,
}

/** A map, and not the object, because a tab may say any type, `constructor` too. */
const readers: ReadonlyMap<unknown, (data: Members, about: DocumentId) => TabMessage | undefined> = new Map(
  Object.entries(byType),
)

// A list with more than this comes from a broken tab: no document has as many heads or conflicts.
const LISTED_MAX = 100_000

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 1024
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isHeads(value: unknown): value is Heads {
  return isListOf(isHash)(value)
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

function isAnything(value: unknown): value is unknown {
  return value !== undefined
}

function isRole(value: unknown): value is 'none' | 'read' | 'write' | 'admin' {
  return typeof value === 'string' && ['none', 'read', 'write', 'admin'].includes(value)
}

function isPlace(value: unknown): value is string | { path: string; may: 'append' } {
  return isText(value) || (isObject(value) && isText(value['path']) && value['may'] === 'append')
}

function isRules(value: unknown): value is { kind: string; version: number } {
  return isObject(value) && isText(value['kind']) && typeof value['version'] === 'number'
}

function isUndecided(value: unknown): value is { rule: string; reason: unknown } {
  return isObject(value) && isText(value['rule'])
}

function isBeyond(value: unknown): value is { rule: string; conflicts: number } {
  return isObject(value) && isText(value['rule']) && typeof value['conflicts'] === 'number'
}

function isListOf<T>(is: (value: unknown) => value is T): (value: unknown) => value is readonly T[] {
  return (value): value is readonly T[] =>
    Array.isArray(value) && value.length <= LISTED_MAX && value.every(is)
}
