// The way to everything: one repo, one connection, one store for each open document.
//
// Edit path: ← an app opens a document; → a store (document/store.ts). ← Dovetail's own messages from the server, and what other
// tabs were told; → the store that they are about.
//
// Always true: the same id, opened in the same way, gives the same store for as long as somebody uses it; what a store needs of
// the rest comes to it as `Surroundings`, so a store knows no client.

import { createApi, createAsk, type Ask } from './api'
import {
  Automerge,
  generateAutomergeUrl,
  parseAutomergeUrl,
  Repo,
  type DocHandle,
  type Message,
  type PeerId,
} from './automerge'
import { resolveConfig, type DovetailConfig, type ResolvedConfig } from './config'
import { LiveWidgetData } from './dashboard/data'
import { writesOf } from './dashboard/edit'
import { firstDashboard, firstWidgetData } from './dashboard/first'
import { LiveDashboard } from './dashboard/store'
import type { Draft } from './document/assign'
import { TabOrder } from './document/order'
import { plain, type PlainObject } from './document/plain'
import type { WhyMissing } from './document/find'
import { LiveDocument } from './document/store'
import type { Released, Surroundings } from './document/surroundings'
import { writeToDraft } from './document/writes'
import { browserEnvironment, type Environment } from './environment'
import { DovetailError } from './errors'
import { Following } from './following'
import { documentId, sameHeads, unique, type DocumentId } from './ids'
import { createLink } from './link/connect'
import type { Link, OwnMessage } from './link/link'
import { changeFits } from './link/parts'
import { DeviceNotes } from './outbox/device'
import { evict, openLock, toEvict } from './outbox/evict'
import { Leftovers } from './outbox/leftovers'
import type { Me } from './presence'
import { createRefusals, type Refusals } from './refusal/refusals'
import { SyncAnew } from './refusal/sync'
import { whose, type Whose } from './rights'
import { RuleBook } from './rulebook'
import { DocumentStorage } from './storage/documents'
import { memoryNotes, openNotes, type Notes } from './storage/notes'
import { TabAdapter, type Hears } from './tabs/adapter'
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

/** How often is written what waits, where the repo itself would wait until the clock is where it was. */
const WRITE_EVERY_MS = 1_000

/** What a server takes that said nothing yet. */
const CHANGE_BYTES_MAX = 1 << 20

/** Starts everything. Throws `DovetailError` `bad_config`. */
export function createDovetail(
  config: DovetailConfig,
  environment: Environment = browserEnvironment(),
): Dovetail {
  return new Client(resolveConfig(config), environment)
}

/** As what a document is open. */
type View = 'any' | 'dashboard' | 'data'

/** A store, whatever it is of. */
type OpenStore = Pick<
  LiveDocument<unknown>,
  | 'id'
  | 'kind'
  | 'getState'
  | 'saving'
  | 'serverHeads'
  | 'setJudge'
  | 'close'
  | 'writeAll'
  | 'hear'
  | 'heardRight'
  | 'isOurs'
  | 'heardHeads'
  | 'lookAgain'
  | 'serverSaid'
  | 'storageChanged'
>

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
  readonly #following: Following
  readonly #leftovers: Leftovers
  readonly #repo: Repo
  readonly #peerId = `tab-${unique()}` as PeerId
  /** One document may be open as a dashboard and as whatever it is. */
  readonly #open = new Map<string, OpenStore>()
  /** The locks that say that a document is open here. */
  readonly #held = new Map<DocumentId, { readonly letGo: () => void; readonly isFree: Promise<void> }>()
  readonly #order = new TabOrder()
  /** Documents that left the device while this page was there, in whichever tab, and are to be written whole. */
  readonly #forgotten = new Set<DocumentId>()
  readonly #endings: (() => void)[] = []
  #writing: ReturnType<typeof setInterval> | undefined
  #closing: Promise<void> | undefined

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
    this.#device = new DeviceNotes(this.#notes, environment, name, this.#peerId)
    this.#tabs = createTabs(environment, name)
    this.#tabAdapter = tabAdapter(config, {
      isHere: (id) => this.#held.has(id) || id in this.#repo.handles,
      mayHear: (message) => this.#refusals.mayHear(message),
    })
    this.#link = createLink(config, environment)
    this.#refusals = createRefusals({
      name,
      notes: this.#notes,
      tabs: this.#tabs,
      documents: this.#documents,
      environment,
      ours: (id, actor) => this.#each(id, (store) => store.isOurs(actor)),
    })
    this.#repo = new Repo({
      peerId: this.#peerId,
      storage: this.#refusals.storage ?? this.#documents,
      network: [this.#link.adapter, ...(this.#tabAdapter ? [this.#tabAdapter] : [])],
      saveDebounceRate: SAVE_AFTER_MS,
    })
    this.#refusals.attach(this.#repo, ({ documentId }) => this.#of(documentId)[0]?.serverHeads)
    this.#rules = new RuleBook(this.#ask, this.#notes, this.#link.session, environment.now, (kind) => {
      for (const store of this.#open.values()) if (store.kind === kind) store.setJudge()
    })
    this.link = this.#link
    this.session = this.#link.session
    this.storage = this.#documents.state
    this.#leftovers = new Leftovers({
      device: this.#device,
      isOpen: (id) => this.#of(id).length > 0,
      open: (id) => this.open(id),
    })
    this.#following = new Following({
      device: this.#device,
      api: this.api,
      isLive: () => this.#link.getState().status === 'live',
      isKnown: () => !!this.session.getState()?.user,
      environment,
    })
    this.#listen()
  }

  open<T>(id: string): DocumentStore<T> {
    return this.#store('any', parsed(id), (known) => {
      return new LiveDocument<T>(this.#surroundings(), known, (root) => root as T)
    })
  }

  openDashboard(id: string): DashboardStore {
    return this.#store('dashboard', parsed(id), (known) => new LiveDashboard(this.#surroundings(), known))
  }

  openWidgetData(id: string): WidgetDataStore {
    return this.#store('data', parsed(id), (known) => new LiveWidgetData(this.#surroundings(), known))
  }

  create<T extends object>(value: T): DocumentStore<T> {
    const handle = this.#repo.create<Draft>(value as Draft)
    sayMade(handle, [])
    return this.#store('any', handle.documentId, (id) => {
      return new LiveDocument<T>(this.#surroundings(), id, (root) => root as T, handle)
    })
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
    return this.#store('dashboard', handle.documentId, (id) => {
      return new LiveDashboard(this.#surroundings(), id, handle)
    })
  }

  createWidgetData(
    shape: WidgetData['shape'],
    options: { readonly follows?: string | undefined } = {},
  ): WidgetDataStore {
    const follows = options.follows === undefined ? undefined : parsed(options.follows)
    const handle = this.#made(firstWidgetData(), (_, draft) =>
      writeToDraft(draft, [{ path: ['shape'], value: shape }]),
    )
    if (follows !== undefined) this.#following.made(handle.documentId, follows)
    return this.#store('data', handle.documentId, (id) => {
      return new LiveWidgetData(this.#surroundings(), id, handle)
    })
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
        pending: this.#pendingHere(id) ?? pending,
      }))
      .sort((one, other) => other.openedAtMs - one.openedAtMs)
  }

  async forget(id: string, options: { evenUnsaved?: boolean } = {}): Promise<void> {
    const known = parsed(id)
    const { pending } = await this.#device.read(known)
    const waiting = this.#pendingHere(known) ?? pending
    if (waiting > 0 && !options.evenUnsaved) {
      throw new DovetailError('not_saved', `${waiting} changes of this document are on this device only.`)
    }
    const lock = this.#held.get(known)
    for (const store of this.#of(known)) store.close()
    await lock?.isFree
    await this.#environment.withLock(
      openLock(this.#config.storage.name, known),
      { ifAvailable: true },
      (held) => {
        if (!held)
          throw new DovetailError('still_open', 'Another tab has this document open.', { passing: true })
        return this.#forget(known)
      },
    )
  }

  reconnect(): void {
    this.#link.reconnect()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const end of this.#endings.splice(0)) end()
    for (const store of [...this.#open.values()]) store.close()
    await this.#repo.flush(this.#ready())
    this.#refusals.close()
    this.#rules.close()
    this.#following.close()
    this.#leftovers.close()
    this.#tabs.close()
    this.#link.close()
    this.#tabAdapter?.disconnect()
    await this.#device.close()
    ;(await this.#notes).close()
    await this.#documents.close()
  }

  // ------------------------------------------------------------------------------------------ stores

  #store<S extends OpenStore & { take(): S }>(view: View, id: DocumentId, make: (id: DocumentId) => S): S {
    const key = `${view} ${id}`
    // What is open in the same way was made by the same function.
    const open = this.#open.get(key) as S | undefined
    if (open) return open.take()
    this.#hold(id)
    const store = make(id)
    this.#open.set(key, store)
    return store
  }

  /** The stores of a document. */
  #of(id: DocumentId): OpenStore[] {
    return [...this.#open.values()].filter((store) => store.id === id)
  }

  /** What waits of a document, if it is here by now. */
  #pendingHere(id: DocumentId): number | undefined {
    const ready = this.#of(id).filter((store) => store.getState().status === 'ready')
    return ready[0]?.saving.getState().pending
  }

  #released(store: Released): void {
    for (const [key, open] of this.#open) if (open === store) this.#open.delete(key)
    if (this.#of(store.id).length > 0) return
    this.#held.get(store.id)?.letGo()
    this.#held.delete(store.id)
  }

  /** A document that begins with the same change everywhere, and what is made on top of it. */
  #made(first: Uint8Array, write: (root: PlainObject, draft: Draft) => void): DocHandle<Draft> {
    const { documentId } = parseAutomergeUrl(generateAutomergeUrl())
    const handle = this.#repo.import<Draft>(first, { docId: documentId })
    const root = plain(handle.doc()) as PlainObject
    const before = handle.heads()
    handle.change((draft) => write(root, draft), { message: 'Made it' })
    sayMade(handle, before)
    return handle
  }

  /** Says to other tabs, by a lock that they can see, that the document is open here. */
  #hold(id: DocumentId): void {
    if (this.#held.has(id)) return
    let letGo: () => void = () => undefined
    const open = new Promise<void>((resolve) => (letGo = resolve))
    const lock = openLock(this.#config.storage.name, id)
    const isFree = this.#environment.withLock(lock, { mode: 'shared' }, () => open).catch(() => undefined)
    this.#held.set(id, { letGo, isFree })
  }

  #surroundings(): Surroundings {
    return {
      repo: this.#repo,
      ask: this.#ask,
      config: this.#config,
      environment: this.#environment,
      me: () => this.#me(),
      user: () => this.session.getState()?.user?.id,
      isLive: () => this.#link.getState().status === 'live',
      whose: () => this.#whose(),
      keepsAll: () => this.#documents.keepsAll,
      changeBytesMax: () => {
        const session = this.session.getState()
        return session ? changeFits(session.limits) : CHANGE_BYTES_MAX
      },
      guard: async (handle) => {
        await this.#refusals.guard(handle)
        await this.#keepWhole(handle)
      },
      refused: (id) => this.#refusals.refused(id),
      dismiss: (id, refused) => this.#refusals.dismiss(id, refused),
      judgeOf: (kind, id) => this.#rules.judgeOf(kind, id),
      noted: (id) => this.#device.read(id),
      note: (id, noted) => this.#device.note(id, noted),
      serverStorageId: () => this.#link.server.getState().storageId,
      tellTabs: (documentId, heads) => {
        this.#tabs.send({ type: 'acked', documentId, heads, atMs: this.#environment.now() })
      },
      order: this.#order,
      released: (store) => this.#released(store),
      whyMissing: (id) => this.#whyMissing(id),
    }
  }

  #whose(): Whose {
    return whose(this.#config, this.session.getState())
  }

  #me(): Me {
    const user = this.session.getState()?.user
    const id = user?.id ?? this.#peerId
    return { key: this.#peerId, id, name: user?.name ?? this.#config.presence.name ?? user?.id ?? 'Guest' }
  }

  async #whyMissing(id: DocumentId): Promise<WhyMissing> {
    try {
      // What is asked for does not matter; of a deleted document its access is still told, this is not.
      await this.#ask(`/api/docs/${id}/history?limit=1`)
      return 'there'
    } catch (error) {
      const code = error instanceof DovetailError ? error.code : ''
      if (code === 'document_deleted') return 'deleted'
      return code === 'document_not_found' ? 'not_found' : 'unreachable'
    }
  }

  async #forget(id: DocumentId): Promise<void> {
    await this.#unload(id)
    await this.#refusals.forget(id)
    await this.#documents.removeRange([id])
    await this.#device.forget(id)
    this.#forgotten.add(id)
    this.#tabs.send({ type: 'forgotten', documentId: id })
  }

  /** Takes a document out of the repo, which does not write it for that. */
  async #unload(id: DocumentId): Promise<void> {
    const handle = this.#repo.handles[id]
    if (!handle?.isReady()) return
    // Unloading makes it an empty document, which must not be written.
    handle.removeAllListeners('heads-changed')
    await this.#repo.removeFromCache(id)
  }

  /**
   * Another tab took it off the device. Where it is open here, which it was not a moment before, it is written as a whole now;
   * else at its next opening.
   */
  async #heardForgotten(id: DocumentId): Promise<void> {
    this.#forgotten.add(id)
    const handle = this.#repo.handles[id]
    if (!this.#held.has(id)) await this.#unload(id)
    else if (handle?.isReady()) await this.#keepWhole(handle)
  }

  /**
   * The repo takes a document that it once kept to be kept still, and writes only what is added to it. One that left the device
   * and came back is written as a whole.
   */
  async #keepWhole(handle: DocHandle<unknown>): Promise<void> {
    const { documentId } = handle
    if (handle.heads().length === 0 || !this.#forgotten.delete(documentId)) return
    await this.#documents.save([documentId, 'snapshot', unique()], Automerge.save(handle.doc()))
  }

  /** Documents that the repo has something of: it cannot write others. */
  #ready(): DocumentId[] {
    return Object.values(this.#repo.handles).flatMap((handle) => (handle.isReady() ? handle.documentId : []))
  }

  // ------------------------------------------------------------------------------------------ what is heard

  #listen(): void {
    const later = setTimeout(() => void this.#evict().catch(() => undefined), EVICT_AFTER_MS)
    const { adapter } = this.#link
    const repoMessage = ({ type, documentId }: Message) => {
      if (documentId) this.#each(documentId, (store) => store.serverSaid(type))
    }
    adapter.on('message', repoMessage)
    this.#endings.push(
      () => clearTimeout(later),
      () => void adapter.off('message', repoMessage),
      this.#link.onMessage((message) => this.#hear(message)),
      this.#link.subscribe(() => this.#linked()),
      this.session.subscribe(() => this.#following.look()),
      this.#environment.onHide(() => this.#flush()),
      this.#environment.onClockBack(() => this.#clockBack()),
      this.storage.subscribe(() => {
        for (const store of this.#open.values()) store.storageChanged()
      }),
      this.#tabs.on('acked', ({ documentId, heads }) =>
        this.#each(documentId, (store) => store.heardHeads(heads, 'tab')),
      ),
      this.#tabs.on('forgotten', ({ documentId }) => {
        // What cannot be written is said by the storage.
        void this.#heardForgotten(documentId).catch(() => undefined)
      }),
      this.#tabs.on('permission', (told) =>
        this.#each(told.documentId, (store) => store.heardRight(told, told.whose)),
      ),
      this.#tabs.on('conflicts', (told) =>
        this.#each(told.documentId, (store) => store.hear({ ...told, type: 'dovetail-conflicts' })),
      ),
    )
  }

  #hear(message: OwnMessage): void {
    this.#each(message.documentId, (store) => store.hear(message))
    if (message.type === 'dovetail-reject') this.#refusals.reject(message)
    if (message.type === 'dovetail-permission') {
      this.#tabs.send({ ...message, type: 'permission', paths: message.paths, whose: this.#whose() })
    }
    if (message.type === 'dovetail-conflicts') this.#tabs.send({ ...message, type: 'conflicts' })
  }

  #each(id: DocumentId, tell: (store: OpenStore) => void): void {
    for (const store of this.#of(id)) tell(store)
  }

  #linked(): void {
    if (this.#link.getState().status !== 'live') return
    this.#leftovers.send()
    for (const store of this.#open.values()) if (store.getState().status === 'missing') void store.lookAgain()
  }

  /**
   * The repo counts its pauses by the device's clock, and waits for as long as that was set back. What it sends is begun anew with a
   * count of its own; what it writes is written for it from now on.
   */
  #clockBack(): void {
    for (const id of this.#ready()) {
      const handle = this.#repo.handles[id]
      if (handle) new SyncAnew(handle).begin(this.#repo)
    }
    if (this.#writing !== undefined) return
    this.#writing = setInterval(() => void this.#repo.flush(this.#ready()), WRITE_EVERY_MS)
    this.#endings.push(() => clearInterval(this.#writing))
  }

  /** The page is hidden, or about to go: what waits becomes changes, and changes go to the disk. */
  #flush(): void {
    for (const store of this.#open.values()) store.writeAll()
    void this.#repo.flush(this.#ready())
  }

  async #evict(): Promise<void> {
    const old = toEvict(await this.#device.all(), this.#config.limits, this.#environment.now())
    await evict(old, this.#config.storage.name, this.#environment, (id) => this.#forget(id))
  }
}

/** The repo keeps a document only once it changed: one that is made as it begins needs a change that says nothing. */
function sayMade(handle: DocHandle<Draft>, before: readonly string[]): void {
  if (!sameHeads(handle.heads(), before)) return
  handle.update((doc) => Automerge.emptyChange(doc, { message: 'Made it' }))
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

/**
 * Nothing where tabs cannot speak to each other. Tabs that came by a link get documents of those alone that came by the same: what
 * somebody who may do more edits would be offered to the server by them too, and refused.
 */
function tabAdapter(config: ResolvedConfig, hears: Hears): TabAdapter | undefined {
  if (typeof BroadcastChannel === 'undefined' || config.storage.kind === 'memory') return undefined
  const { link } = whose(config, undefined)
  return new TabAdapter([config.storage.name, ...(link === null ? [] : [link])].join('-'), hears)
}
