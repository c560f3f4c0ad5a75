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
import { DeviceNotes, type Noted } from './outbox/device'
import { Eviction } from './outbox/evict'
import { hearing } from './outbox/hearing'
import { Holds } from './outbox/holds'
import { Leftovers } from './outbox/leftovers'
import { LoadedDocuments } from './outbox/loaded'
import { Waiting } from './outbox/waiting'
import type { Me } from './presence'
import { createRefusals, type Refusals } from './refusal/refusals'
import { SyncAnew } from './refusal/sync'
import { whose, type Whose } from './rights'
import { RuleBook } from './rulebook'
import { DocumentStorage } from './storage/documents'
import { memoryNotes, openNotes, type Notes } from './storage/notes'
import { channelOf, TabAdapter, type Hears } from './tabs/adapter'
import { createTabs, type Tabs } from './tabs/tabs'
import type {
  Api,
  DashboardStore,
  DeviceSaving,
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

/** How often is written what waits, where the repo itself would wait until the clock is where it was. */
const WRITE_EVERY_MS = 1_000

/** What a server takes that said nothing yet. */
const CHANGE_BYTES_MAX = 1 << 20

/** Starts everything. Throws `DovetailError` `bad_config`, and `no_wasm` before Automerge's WebAssembly is loaded. */
export function createDovetail(
  config: DovetailConfig,
  environment: Environment = browserEnvironment(),
): Dovetail {
  if (!Automerge.isWasmInitialized()) throw withoutWasm()
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
  readonly saving: Watchable<DeviceSaving>
  readonly api: Api
  readonly #config: ResolvedConfig
  readonly #environment: Environment
  readonly #ask: Ask
  readonly #link: Link
  readonly #documents: DocumentStorage
  readonly #notes: Promise<Notes>
  readonly #device: DeviceNotes
  readonly #waiting: Waiting
  readonly #tabs: Tabs
  readonly #tabAdapter: TabAdapter | undefined
  readonly #refusals: Refusals
  readonly #rules: RuleBook
  readonly #following: Following
  readonly #leftovers: Leftovers
  readonly #eviction: Eviction
  readonly #repo: Repo
  readonly #loaded: LoadedDocuments
  readonly #peerId = `tab-${unique()}` as PeerId
  /** One document may be open as a dashboard and as whatever it is. */
  readonly #open = new Map<string, OpenStore>()
  readonly #holds: Holds
  readonly #order = new TabOrder()
  readonly #endings: (() => void)[] = []
  /** What this tab knows is being noted again. */
  #noting: Promise<unknown> | undefined
  #writing: ReturnType<typeof setInterval> | undefined
  #closing: Promise<void> | undefined

  constructor(config: ResolvedConfig, environment: Environment) {
    const { kind, name } = config.storage
    this.#config = config
    this.#environment = environment
    this.#ask = createAsk(config, environment)
    this.api = createApi(this.#ask)
    this.#documents = new DocumentStorage(environment, kind, name, () => this.#loaded.keepAll())
    this.#notes =
      kind === 'memory'
        ? Promise.resolve(memoryNotes('the app keeps nothing here'))
        : openNotes(environment, name)
    this.#holds = new Holds(name, environment)
    this.#device = new DeviceNotes(this.#notes, environment, name, this.#peerId)
    this.#waiting = new Waiting({
      noted: () => this.#device.all(),
      keepsAll: () => this.#documents.keepsAll,
    })
    this.saving = this.#waiting.state
    this.#tabs = createTabs(environment, name)
    this.#tabAdapter = tabAdapter(config, environment, {
      isHere: (id) => this.#loaded.isHere(id),
      mayHear: (message) => {
        if (!this.#loaded.hears(message)) return false
        if (message.documentId) this.#loaded.heard(message.documentId, 'tab')
        return this.#refusals.mayHear(message)
      },
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
      network: [
        hearing(this.#link.adapter, (message) => this.#loaded.hears(message)),
        ...(this.#tabAdapter ? [this.#tabAdapter] : []),
      ],
      saveDebounceRate: SAVE_AFTER_MS,
    })
    this.#refusals.attach(this.#repo, ({ documentId }) => this.#of(documentId)[0]?.serverHeads)
    this.#loaded = new LoadedDocuments({
      repo: this.#repo,
      documents: this.#documents,
      saved: (id, saved) => {
        this.#waiting.saved(id)
        this.#note(id, { pending: 0, saved })
      },
      refusals: this.#refusals,
      now: environment.now,
      isOpen: (id) => this.#holds.has(id),
      serverStorageId: () => this.#link.server.getState().storageId,
    })
    this.#rules = new RuleBook(this.#ask, this.#notes, this.#link.session, environment.now, (kind) => {
      for (const store of this.#open.values()) if (store.kind === kind) store.setJudge()
    })
    this.link = this.#link
    this.session = this.#link.session
    this.storage = this.#documents.state
    this.#leftovers = new Leftovers({
      device: this.#device,
      isOpen: (id) => this.#of(id).length > 0,
      isLive: () => this.#link.getState().status === 'live',
      open: (id) => this.open(id),
    })
    this.#eviction = new Eviction({
      device: this.#device,
      limits: config.limits,
      now: environment.now,
      alone: (id, work) => this.#holds.alone(id, work),
      forget: (id) => this.#forget(id),
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
      .map(([id, { kind, title, openedAtMs, pending, shows }]) => ({
        id,
        kind,
        title,
        openedAtMs: openedAtMs ?? 0,
        pending: this.#waiting.pendingOf(id) ?? pending,
        shows,
      }))
      .sort((one, other) => other.openedAtMs - one.openedAtMs)
  }

  async forget(id: string, options: { evenUnsaved?: boolean } = {}): Promise<void> {
    const known = parsed(id)
    const { pending } = await this.#device.read(known)
    const waiting = this.#waiting.pendingOf(known) ?? pending
    if (waiting > 0 && !options.evenUnsaved) {
      throw new DovetailError('not_saved', `${waiting} changes of this document are on this device only.`)
    }
    const isFree = this.#holds.isFree(known)
    for (const store of this.#of(known)) store.close()
    await isFree
    if (!(await this.#holds.alone(known, () => this.#forget(known))))
      throw new DovetailError('still_open', 'Another tab has this document open.', { passing: true })
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
    await this.#write()
    this.#loaded.close()
    this.#eviction.close()
    await this.#refusals.noted()
    this.#refusals.close()
    this.#rules.close()
    this.#following.close()
    this.#leftovers.close()
    this.#tabs.close()
    this.#link.close()
    this.#tabAdapter?.disconnect()
    await this.#device.close()
    await this.#noting
    ;(await this.#notes).close()
    await this.#documents.close()
  }

  // ------------------------------------------------------------------------------------------ stores

  #store<S extends OpenStore & { take(): S }>(view: View, id: DocumentId, make: (id: DocumentId) => S): S {
    const key = `${view} ${id}`
    // What is open in the same way was made by the same function.
    const open = this.#open.get(key) as S | undefined
    if (open) return open.take()
    this.#holds.take(id)
    const store = make(id)
    this.#open.set(key, store)
    return store
  }

  /** The stores of a document. */
  #of(id: DocumentId): OpenStore[] {
    return [...this.#open.values()].filter((store) => store.id === id)
  }

  #released(store: Released): void {
    const { id, serverHeads } = store
    for (const [key, open] of this.#open) if (open === store) this.#open.delete(key)
    this.#waiting.released(store)
    if (this.#of(id).length > 0) return
    this.#holds.letGo(id)
    this.#loaded.released(id, serverHeads)
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

  #surroundings(): Surroundings {
    return {
      repo: this.#repo,
      ask: this.#ask,
      config: this.#config,
      environment: this.#environment,
      me: () => this.#me(),
      user: () => this.session.getState()?.user?.id,
      ways: { link: this.link, isTab: (senderId) => this.#tabAdapter?.isTab(senderId) ?? false },
      isLive: () => this.#link.getState().status === 'live',
      whose: () => this.#whose(),
      keepsAll: () => this.#documents.keepsAll,
      changeBytesMax: () => {
        const session = this.session.getState()
        return session ? changeFits(session.limits) : CHANGE_BYTES_MAX
      },
      guard: async (handle) => {
        await this.#refusals.guard(handle)
        await this.#loaded.keepWhole(handle)
      },
      refused: (id) => this.#refusals.refused(id),
      dismiss: (id, refused) => this.#refusals.dismiss(id, refused),
      makeAgain: (id, refused, make) => this.#refusals.makeAgain(id, refused, make),
      tellUndone: (id, edit) => this.#refusals.tell(id, edit),
      judgeOf: (kind, id) => this.#rules.judgeOf(kind, id),
      noted: (id) => this.#device.read(id),
      note: (id, noted) => this.#note(id, noted),
      counted: (store, saving) => this.#waiting.counted(store, saving),
      serverStorageId: () => this.#link.server.getState().storageId,
      tellTabs: (documentId, heads) => {
        this.#tabs.send({ type: 'acked', documentId, heads, atMs: this.#environment.now() })
      },
      order: this.#order,
      released: (store) => this.#released(store),
      whyMissing: (id) => this.#whyMissing(id),
    }
  }

  /** Notes it, and tells whoever waits for that; what waits is told to the other tabs. */
  #note(id: DocumentId, noted: Partial<Noted>): void {
    this.#device.note(id, noted)
    const { pending, saved } = noted
    if (saved) this.#following.saved(id)
    if (pending !== undefined) this.#tabs.send({ type: 'waits', documentId: id, pending })
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
    await this.#loaded.forget(id)
    await this.#refusals.forget(id)
    await this.#documents.removeRange([id])
    await this.#device.forget(id)
    this.#waiting.forgotten(id)
    // This tab may have opened it meanwhile, as others may.
    await this.#loaded.heardForgotten(id)
    this.#tabs.send({ type: 'forgotten', documentId: id })
  }

  /** Writes what the repo has and did not write yet. */
  async #write(): Promise<void> {
    await this.#repo.flush(this.#loaded.ready.map(({ documentId }) => documentId))
  }

  /** Somebody deleted the notes under the open tab. What cannot be noted is not known later, and that is all. */
  #noteAgain(): void {
    this.#waiting.emptied()
    this.#noting = Promise.allSettled([
      this.#refusals.noteAgain(),
      this.#device.noteAgain((id) => id in this.#repo.handles),
      this.#rules.noteAgain(),
    ])
  }

  // ------------------------------------------------------------------------------------------ what is heard

  #listen(): void {
    const { adapter } = this.#link
    const repoMessage = ({ type, documentId }: Message) => {
      if (!documentId) return
      this.#each(documentId, (store) => store.serverSaid(type))
      this.#loaded.heard(documentId, 'server')
    }
    void this.#notes.then((notes) => this.#endings.push(notes.onEmptied(() => this.#noteAgain())))
    adapter.on('message', repoMessage)
    this.#endings.push(
      () => void adapter.off('message', repoMessage),
      this.#link.onMessage((message) => this.#hear(message)),
      this.#link.subscribe(() => this.#linked()),
      this.session.subscribe(() => this.#following.look()),
      this.#environment.onHide(() => this.#flush()),
      this.#environment.onClockBack(() => this.#clockBack()),
      this.storage.subscribe(() => {
        for (const store of this.#open.values()) store.storageChanged()
        this.#waiting.storageChanged()
      }),
      this.#tabs.on('acked', ({ documentId, heads }) =>
        this.#each(documentId, (store) => store.heardHeads(heads, 'tab')),
      ),
      this.#tabs.on('waits', ({ documentId, pending }) => {
        this.#waiting.heard(documentId, pending)
        this.#leftovers.heard(documentId, pending)
      }),
      this.#tabs.on('forgotten', ({ documentId }) => {
        this.#waiting.forgotten(documentId)
        // What cannot be written is said by the storage.
        void this.#loaded.heardForgotten(documentId).catch(() => undefined)
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
    if (message.type === 'dovetail-ack') this.#loaded.acked(message.documentId, message.heads)
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
    for (const handle of this.#loaded.ready) new SyncAnew(handle).begin(this.#repo)
    if (this.#writing !== undefined) return
    this.#writing = setInterval(() => void this.#write(), WRITE_EVERY_MS)
    this.#endings.push(() => clearInterval(this.#writing))
  }

  /** The page is hidden, or about to go: what waits becomes changes, and changes go to the disk. */
  #flush(): void {
    for (const store of this.#open.values()) store.writeAll()
    void this.#write()
  }
}

function withoutWasm(): DovetailError {
  return new DovetailError(
    'no_wasm',
    'The WebAssembly of Automerge is not loaded. Wait for `initializeWasm` of @automerge/automerge/slim before the first call of createDovetail; in node import @automerge/automerge before.',
  )
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
function tabAdapter(config: ResolvedConfig, environment: Environment, hears: Hears): TabAdapter | undefined {
  if (config.storage.kind === 'memory') return undefined
  const { link } = whose(config, undefined)
  const name = [config.storage.name, ...(link === null ? [] : [link])].join('-')
  const channel = environment.channel(channelOf(name))
  return channel && new TabAdapter(channel, hears)
}
