// The way to everything: one repo, one connection, one store for each open document.
//
// Edit path: ← an app opens a document; → a store (document/store.ts). ← Dovetail's own messages from the server, and what other
// tabs were told; → the store that they are about.
//
// Always true: the same id gives the same store for as long as somebody uses it; what a store needs of the rest comes to it as
// `Surroundings`, so a store knows no client.

import { createApi, createAsk, type Ask } from './api'
import {
  Automerge,
  generateAutomergeUrl,
  parseAutomergeUrl,
  Repo,
  type DocHandle,
  type PeerId,
} from './automerge'
import { resolveConfig, type DovetailConfig, type ResolvedConfig } from './config'
import { LiveWidgetData } from './dashboard/data'
import { writesOf } from './dashboard/edit'
import { firstDashboard, firstWidgetData } from './dashboard/first'
import { LiveDashboard } from './dashboard/store'
import type { Draft } from './document/assign'
import { plain, type PlainObject } from './document/plain'
import { LiveDocument, type Surroundings } from './document/store'
import { writeToDraft } from './document/writes'
import { browserEnvironment, type Environment } from './environment'
import { DovetailError } from './errors'
import { documentId, type DocumentId } from './ids'
import { createLink } from './link/connect'
import type { Link, OwnMessage } from './link/link'
import { DeviceNotes } from './outbox/device'
import { evict, openLock, toEvict } from './outbox/evict'
import type { Me } from './presence'
import { createRefusals, type Refusals } from './refusal/refusals'
import { RuleBook } from './rulebook'
import { DocumentStorage } from './storage/documents'
import { memoryNotes, openNotes, type Notes } from './storage/notes'
import { TabAdapter } from './tabs/adapter'
import { createTabs, type Tabs } from './tabs/tabs'
import type {
  Api,
  DashboardStore,
  DocumentStore,
  Dovetail,
  KeptDocument,
  LinkState,
  NewWidget,
  Session,
  StorageState,
  Watchable,
  WidgetData,
  WidgetDataStore,
} from './types'

/** The repo writes what changed after this long: at once, but once for what is made in one go. */
const SAVE_AFTER_MS = 10

/** Old documents are looked for when the page has been there for a while, so that they are in nobody's way. */
const EVICT_AFTER_MS = 20_000

/** What a server takes that said nothing yet. */
const CHANGE_BYTES_MAX = 1 << 20

/** Starts everything. Throws `DovetailError` `bad_config`. */
export function createDovetail(
  config: DovetailConfig,
  environment: Environment = browserEnvironment(),
): Dovetail {
  return new Client(resolveConfig(config), environment)
}

class Client implements Dovetail {
  readonly link: Watchable<LinkState>
  readonly session: Watchable<Session | undefined>
  readonly storage: Watchable<StorageState>
  readonly api: Api
  readonly #config: ResolvedConfig
  readonly #environment: Environment
  readonly #ask: Ask
  readonly #link: Link
  readonly #documents: DocumentStorage
  readonly #notes: Promise<Notes>
  readonly #device: DeviceNotes
  readonly #tabs: Tabs
  readonly #tabAdapter: TabAdapter | undefined
  readonly #refusals: Refusals
  readonly #rules: RuleBook
  readonly #repo: Repo
  readonly #peerId = `tab-${crypto.randomUUID()}` as PeerId
  readonly #open = new Map<DocumentId, LiveDocument<unknown>>()
  /** Lets go of the lock that says that a document is open here. */
  readonly #unlock = new Map<DocumentId, () => void>()
  readonly #endings: (() => void)[] = []

  constructor(config: ResolvedConfig, environment: Environment) {
    const { kind, name } = config.storage
    this.#config = config
    this.#environment = environment
    this.#ask = createAsk(config, environment)
    this.api = createApi(this.#ask)
    this.#documents = new DocumentStorage(environment, kind, name)
    this.#notes =
      kind === 'memory'
        ? Promise.resolve(memoryNotes('the app keeps nothing here'))
        : openNotes(environment, name)
    this.#device = new DeviceNotes(this.#notes)
    this.#tabs = createTabs(environment, name)
    this.#tabAdapter = tabAdapter(config, (id) => this.#open.has(id))
    this.#link = createLink(config, environment)
    this.#refusals = createRefusals({
      name,
      notes: this.#notes,
      tabs: this.#tabs,
      documents: this.#documents,
      environment,
    })
    this.#repo = new Repo({
      peerId: this.#peerId,
      storage: this.#refusals.storage ?? this.#documents,
      network: [this.#link.adapter, ...(this.#tabAdapter ? [this.#tabAdapter] : [])],
      saveDebounceRate: SAVE_AFTER_MS,
    })
    this.#refusals.attach(this.#repo, ({ documentId }) => this.#open.get(documentId)?.serverHeads)
    this.#rules = new RuleBook(this.#ask, this.#notes, this.#link.session, environment.now, (kind) => {
      for (const store of this.#open.values()) if (store.kind === kind) store.setJudge()
    })
    this.link = this.#link
    this.session = this.#link.session
    this.storage = this.#documents.state
    this.#listen()
  }

  open<T>(id: string): DocumentStore<T> {
    return this.#store(
      parsed(id),
      (known) => new LiveDocument<T>(this.#surroundings(), known, (root) => root as T),
    )
  }

  openDashboard(id: string): DashboardStore {
    return this.#store(parsed(id), (known) => new LiveDashboard(this.#surroundings(), known))
  }

  openWidgetData(id: string): WidgetDataStore {
    return this.#store(parsed(id), (known) => new LiveWidgetData(this.#surroundings(), known))
  }

  create<T extends object>(value: T): DocumentStore<T> {
    const handle = this.#repo.create<Draft>(value as Draft)
    return this.#store(
      handle.documentId,
      (id) => new LiveDocument<T>(this.#surroundings(), id, (root) => root as T, handle),
    )
  }

  createDashboard(
    init: { title?: string; widgets?: Readonly<Record<string, NewWidget>> } = {},
  ): DashboardStore {
    const handle = this.#made(firstDashboard(), (root, draft) => {
      const widgets = Object.entries(init.widgets ?? {}).map(
        ([id, widget]) => ({ edit: 'createWidget', id, widget }) as const,
      )
      const title = init.title === undefined ? [] : [{ edit: 'setTitle', title: init.title } as const]
      writeToDraft(draft, writesOf(root, [...title, ...widgets]))
    })
    return this.#store(handle.documentId, (id) => new LiveDashboard(this.#surroundings(), id, handle))
  }

  createWidgetData(shape: WidgetData['shape']): WidgetDataStore {
    const handle = this.#made(firstWidgetData(), (_, draft) =>
      writeToDraft(draft, [{ path: ['shape'], value: shape }]),
    )
    return this.#store(handle.documentId, (id) => new LiveWidgetData(this.#surroundings(), id, handle))
  }

  importAutomerge(bytes: Uint8Array): { readonly id: DocumentId; readonly kind: string | undefined } {
    const doc = loaded(bytes)
    const handle = this.#repo.import<Draft>(Automerge.save(doc))
    const kind = (plain(doc) as PlainObject)['kind']
    return { id: handle.documentId, kind: typeof kind === 'string' ? kind : undefined }
  }

  async kept(): Promise<readonly KeptDocument[]> {
    const noted = await this.#device.all()
    return noted
      .map(([id, { kind, title, openedAtMs, pending }]) => ({
        id,
        kind,
        title,
        openedAtMs: openedAtMs ?? 0,
        pending: this.#open.get(id)?.saving.getState().pending ?? pending,
      }))
      .sort((one, other) => other.openedAtMs - one.openedAtMs)
  }

  async forget(id: string, options: { evenUnsaved?: boolean } = {}): Promise<void> {
    const known = parsed(id)
    const { pending } = await this.#device.read(known)
    const waiting = this.#open.get(known)?.saving.getState().pending ?? pending
    if (waiting > 0 && !options.evenUnsaved) {
      throw new DovetailError('not_saved', `${waiting} changes of this document are on this device only.`)
    }
    await this.#forget(known)
  }

  reconnect(): void {
    this.#link.reconnect()
  }

  async close(): Promise<void> {
    for (const end of this.#endings.splice(0)) end()
    for (const store of [...this.#open.values()]) store.end()
    await this.#repo.flush()
    this.#refusals.close()
    this.#rules.close()
    this.#tabs.close()
    this.#link.close()
    this.#tabAdapter?.disconnect()
    ;(await this.#notes).close()
    await this.#documents.close()
  }

  // ------------------------------------------------------------------------------------------ stores

  #store<S extends LiveDocument<never> | LiveDocument<unknown>>(
    id: DocumentId,
    make: (id: DocumentId) => S,
  ): S {
    const open = this.#open.get(id)
    if (open) return open.take() as unknown as S
    const store = make(id)
    this.#open.set(id, store)
    this.#hold(id)
    return store
  }

  /** A document that begins with the same change everywhere, and what is made on top of it. */
  #made(first: Uint8Array, write: (root: PlainObject, draft: Draft) => void): DocHandle<Draft> {
    const { documentId } = parseAutomergeUrl(generateAutomergeUrl())
    const handle = this.#repo.import<Draft>(first, { docId: documentId })
    const root = plain(handle.doc()) as PlainObject
    handle.change((draft) => write(root, draft), { message: 'Made it' })
    return handle
  }

  /** Says to other tabs, by a lock that they can see, that the document is open here. */
  #hold(id: DocumentId): void {
    const open = new Promise<void>((resolve) => this.#unlock.set(id, resolve))
    const lock = openLock(this.#config.storage.name, id)
    void this.#environment.withLock(lock, { mode: 'shared' }, () => open).catch(() => undefined)
  }

  #surroundings(): Surroundings {
    return {
      repo: this.#repo,
      ask: this.#ask,
      config: this.#config,
      environment: this.#environment,
      me: () => this.#me(),
      user: () => this.session.getState()?.user?.id,
      keepsAll: () => this.#documents.keepsAll,
      changeBytesMax: () => this.session.getState()?.limits.changeBytesMax ?? CHANGE_BYTES_MAX,
      guard: (handle) => this.#refusals.guard(handle),
      refused: (id) => this.#refusals.refused(id),
      dismiss: (id, refused) => this.#refusals.dismiss(id, refused),
      judgeOf: (kind, id) => this.#rules.judgeOf(kind, id),
      noted: (id) => this.#device.read(id),
      note: (id, noted) => this.#device.note(id, noted),
      serverStorageId: () => this.#link.server.getState().storageId,
      tellTabs: (documentId, heads) => {
        this.#tabs.send({ type: 'acked', documentId, heads, atMs: this.#environment.now() })
      },
      released: (id) => {
        this.#open.delete(id)
        this.#unlock.get(id)?.()
        this.#unlock.delete(id)
      },
      whyMissing: (id) => this.#whyMissing(id),
    }
  }

  #me(): Me {
    const user = this.session.getState()?.user
    const id = user?.id ?? this.#peerId
    return { key: this.#peerId, id, name: user?.name ?? this.#config.presence.name ?? user?.id ?? 'Guest' }
  }

  async #whyMissing(id: DocumentId): Promise<'unreachable' | 'not_found' | 'deleted'> {
    try {
      await this.api.access(id)
      return 'unreachable'
    } catch (error) {
      const code = error instanceof DovetailError ? error.code : ''
      if (code === 'document_deleted') return 'deleted'
      return code === 'document_not_found' ? 'not_found' : 'unreachable'
    }
  }

  async #forget(id: DocumentId): Promise<void> {
    await this.#repo.removeFromCache(id)
    await this.#refusals.forget(id)
    await this.#documents.removeRange([id])
    await this.#device.forget(id)
  }

  // ------------------------------------------------------------------------------------------ what is heard

  #listen(): void {
    const later = setTimeout(() => void this.#evict(), EVICT_AFTER_MS)
    this.#endings.push(
      () => clearTimeout(later),
      this.#link.onMessage((message) => this.#hear(message)),
      this.#link.subscribe(() => this.#linked()),
      this.#environment.onHide(() => this.#flush()),
      this.storage.subscribe(() => {
        for (const store of this.#open.values()) store.storageChanged()
      }),
      this.#tabs.on('acked', ({ documentId, heads }) => this.#open.get(documentId)?.heardHeads(heads, 'tab')),
      this.#tabs.on('permission', (told) =>
        this.#open.get(told.documentId)?.hear({ ...told, type: 'dovetail-permission' }),
      ),
      this.#tabs.on('conflicts', (told) =>
        this.#open.get(told.documentId)?.hear({ ...told, type: 'dovetail-conflicts' }),
      ),
    )
  }

  #hear(message: OwnMessage): void {
    this.#open.get(message.documentId)?.hear(message)
    if (message.type === 'dovetail-reject') this.#refusals.reject(message)
    if (message.type === 'dovetail-permission') {
      this.#tabs.send({ ...message, type: 'permission', paths: message.paths })
    }
    if (message.type === 'dovetail-conflicts') this.#tabs.send({ ...message, type: 'conflicts' })
  }

  #linked(): void {
    if (this.#link.getState().status !== 'live') return
    for (const store of this.#open.values()) void store.lookAgain()
  }

  /** The page is hidden, or about to go: what waits becomes changes, and changes go to the disk. */
  #flush(): void {
    for (const store of this.#open.values()) store.flush()
    void this.#repo.flush()
  }

  async #evict(): Promise<void> {
    const old = toEvict(await this.#device.all(), this.#config.limits, this.#environment.now())
    await evict(old, this.#config.storage.name, this.#environment, (id) => this.#forget(id))
  }
}

function parsed(text: string): DocumentId {
  const id = documentId(text)
  if (id === undefined) throw new DovetailError('bad_document_id', 'This is not the id of a document.')
  return id
}

function loaded(bytes: Uint8Array): Automerge.Doc<Draft> {
  try {
    return Automerge.load<Draft>(bytes)
  } catch (error) {
    throw new DovetailError('bad_file', 'This file is no Automerge document.', { cause: error })
  }
}

/** Nothing where tabs cannot speak to each other. */
function tabAdapter(config: ResolvedConfig, isOpen: (id: DocumentId) => boolean): TabAdapter | undefined {
  if (typeof BroadcastChannel === 'undefined' || config.storage.kind === 'memory') return undefined
  return new TabAdapter(config.storage.name, isOpen)
}
