// One document of this tab: what a `DocumentStore` is made of.
//
// Edit path: ← a person's edit; → the repo's handle, which keeps it on this device and offers it to the server and to other tabs;
// ← what others made, through the same handle; → `getState`, which screens follow.
//
// ```text
//            ┌──────────── not here, server without it ──────────────┐
//  loading ──┤                                                       ▼
//            └── here, or from the server ──▶ ready ◀── comes ── missing
// ```
//
// Always true: what is shown is the document of the handle with the edits of a gesture or of typing that go on; each of them
// becomes a change before anything else is made, and before the page goes.

import type { Ask } from '../api'
import {
  Automerge,
  decodeHeads,
  type Doc,
  type DocHandle,
  type Repo,
  type StorageId,
  type UrlHeads,
} from '../automerge'
import type { ResolvedConfig } from '../config'
import { DocumentConflicts, type Judge } from '../conflicts'
import type { Environment } from '../environment'
import { DovetailError } from '../errors'
import { RESERVED_KEY } from '../generated/constants'
import { createHistory, open, type Past } from '../history'
import { documentUrl, sameHeads, unique, type DocumentId, type DocumentUrl } from '../ids'
import type { OwnMessage } from '../link/link'
import { Pending } from '../outbox/pending'
import { DocumentPresence, type Me } from '../presence'
import type {
  Conflicts,
  DocumentState,
  DocumentStore,
  Heads,
  History,
  PermissionState,
  Presence,
  DashboardPresence,
  RefusedEdit,
  SavingState,
  UndoState,
  Updates,
  Watchable,
} from '../types'
import { DocumentUpdates } from '../updates'
import { joined, until, untilAny, Watched } from '../watch'
import { assignRoot, type Draft } from './assign'
import { plain, type PlainObject } from './plain'
import { Undo } from './undo'
import { writeToPlain, type Write } from './writes'

/** What a store needs of the client that it belongs to. */
export interface Surroundings {
  readonly repo: Repo
  readonly ask: Ask
  readonly config: ResolvedConfig
  readonly environment: Environment
  readonly me: () => Me
  /** Whom the server takes us for. */
  readonly user: () => string | undefined
  /** Whether everything that was made here is on this device's disk. */
  readonly keepsAll: () => boolean
  /** The largest change that the server takes. */
  readonly changeBytesMax: () => number
  /** Purges what was refused before anybody sees it. */
  readonly guard: (handle: DocHandle<unknown>) => Promise<void>
  readonly refused: (id: DocumentId) => Watchable<readonly RefusedEdit[]>
  readonly dismiss: (id: DocumentId, refused: string) => void
  /** What judges documents of this kind on this device. */
  readonly judgeOf: (kind: string | undefined, id: DocumentId) => Judge | undefined
  /** What this device noted about the document when it was last open. */
  readonly noted: (id: DocumentId) => Promise<Noted>
  readonly note: (id: DocumentId, noted: Partial<Noted>) => void
  /** Under which the server's heads come with its sync messages. */
  readonly serverStorageId: () => string | undefined
  /** Other tabs are told what the server has. */
  readonly tellTabs: (id: DocumentId, heads: Heads) => void
  /** Nobody uses the store any more. */
  readonly released: (store: LiveDocument<unknown>) => void
  /** Why there is no such document, as far as the server says; `there`: it has one, and we may see it. */
  readonly whyMissing: (id: DocumentId) => Promise<'unreachable' | 'not_found' | 'deleted' | 'there'>
}

/** What a device remembers about a document beside its content. */
export interface Noted {
  readonly saved: { readonly heads: Heads; readonly atMs: number } | undefined
  readonly role: PermissionState['role'] | undefined
  readonly paths: PermissionState['paths']
  readonly actors: readonly string[]
  readonly kind: string | undefined
  readonly title: string | undefined
  readonly openedAtMs: number | undefined
  /** How many changes waited for the server when that was last noted: exactly, whether there were any. */
  readonly pending: number
}

/** What a person does that goes on: a gesture, or typing. */
export interface Going {
  /** What it does to the document as it is by now; others may have changed it meanwhile. */
  readonly writes: (root: PlainObject) => readonly Write[]
  /** Makes a change of it. */
  readonly commit: () => void
}

/** How many edits that could not be made are told of. */
const LOST_MAX = 20

/** The most letters of a label. The server takes 4 KiB, and a person reads one line. */
const LABEL_LETTERS_MAX = 500

/** A store of any document, seen as `T`. */
export class LiveDocument<T> implements DocumentStore<T> {
  readonly id: DocumentId
  readonly url: DocumentUrl
  readonly saving: Watchable<SavingState>
  readonly permission: Watchable<PermissionState>
  readonly conflicts: Conflicts
  readonly refused: Watchable<readonly RefusedEdit[]> & { dismiss(id: string): void }
  readonly undoing: Watchable<UndoState> & { undo(): void; redo(): void }
  readonly presence: Presence<DashboardPresence>
  readonly updates: Updates
  readonly history: History<T>
  readonly subscribe: (listener: () => void) => () => void
  readonly getState: () => DocumentState<T>
  protected readonly surroundings: Surroundings
  readonly #state = new Watched<DocumentState<T>>({ status: 'loading' })
  readonly #view: (root: PlainObject) => T
  readonly #pending: Pending
  readonly #permission = new Watched<PermissionState>({ role: 'unknown', paths: undefined })
  readonly #undo = new Undo()
  readonly #presence: DocumentPresence
  readonly #conflicts: DocumentConflicts
  readonly #updates: DocumentUpdates
  readonly #actors = new Set<string>()
  #handle: DocHandle<Draft> | undefined
  #going: Going | undefined
  /** Edits that went on and could not be made in the end. */
  readonly #lost = new Watched<readonly RefusedEdit[]>([])
  #gone: 'deleted' | 'hidden' | undefined
  /** How often the server was asked, or said by itself, whether we may see the document. */
  #questions = 0
  #savedNoted: Heads | undefined
  #pendingNoted = 0
  #uses = 1
  /** The state that was told last. */
  #shown: Heads = []
  /** A change is being made here. */
  #making = false

  constructor(
    surroundings: Surroundings,
    id: DocumentId,
    view: (root: PlainObject) => T,
    made?: DocHandle<Draft>,
  ) {
    const { config, environment, ask } = surroundings
    this.surroundings = surroundings
    this.id = id
    this.url = documentUrl(id)
    this.#view = view
    this.subscribe = this.#state.subscribe
    this.getState = this.#state.getState
    this.#pending = new Pending(config.limits, environment.now, surroundings.keepsAll)
    this.saving = this.#pending.state
    this.permission = this.#permission
    this.#presence = new DocumentPresence(config.presence, environment, surroundings.me)
    this.presence = this.#presence
    this.#conflicts = new DocumentConflicts(
      {
        id,
        doc: () => this.doc(),
        heads: () => this.#heads(),
        decide: (become) => this.#decide(become),
        me: surroundings.user,
        saved: () => this.saved(),
      },
      ask,
    )
    this.conflicts = this.#conflicts
    this.#updates = new DocumentUpdates(environment.now, async () => {
      for (const actor of (await surroundings.noted(id)).actors) this.#actors.add(actor)
      return this.#actors
    })
    this.updates = this.#updates
    this.refused = {
      ...joined(surroundings.refused(id), this.#lost),
      dismiss: (which) => this.#dismiss(which),
    }
    this.undoing = {
      subscribe: this.#undo.state.subscribe,
      getState: this.#undo.state.getState,
      undo: () => this.#step('undo'),
      redo: () => this.#step('redo'),
    }
    this.history = createHistory(this.#past(), ask)
    if (made) this.#startMade(made)
    else void this.#find()
  }

  settled(): Promise<Exclude<DocumentState<T>, { readonly status: 'loading' }>> {
    return until(
      this.#state,
      (state): state is Exclude<DocumentState<T>, { status: 'loading' }> => state.status !== 'loading',
    )
  }

  change(label: string, edit: (draft: T) => void): void {
    this.write(label, (draft) => edit(draft as T))
  }

  async saved(): Promise<void> {
    const refused = this.refused.getState()
    this.flush()
    await this.settled()
    this.#pending.count()
    const wanted = this.#heads()
    const isRefused = () => this.refused.getState().some((each) => !refused.includes(each))
    const isOver = () => isRefused() || this.#gone !== undefined || this.#uses === 0
    await untilAny(
      [this.saving, this.refused, this.#state],
      () => isOver() || !this.#pending.waitsFor(wanted),
    )
    // What was refused waits no more either, and is gone from the document.
    const isSaved = !this.#pending.waitsFor(wanted) && !isRefused() && !this.#isUndone(wanted)
    if (!isSaved) throw this.#notSaved()
  }

  exportAutomerge(): Uint8Array {
    this.flush()
    return Automerge.save(this.doc())
  }

  exportJson(): unknown {
    return open(this.#root())
  }

  release(): void {
    if (this.#uses === 0) return
    this.#uses -= 1
    if (this.#uses > 0) return
    this.flush()
    this.#pending.stop()
    this.#presence.stop()
    this.#conflicts.stop()
    this.#handle?.off('heads-changed', this.#changed)
    this.#handle?.off('remote-heads', this.#heardRemote)
    this.surroundings.released(this)
    // Whoever waits for `saved` or `settled` is told that it is over.
    this.#pending.state.set({ ...this.#pending.state.getState() })
    if (this.#state.getState().status === 'loading') this.#state.set({ status: 'failed', error: closed() })
  }

  /** Everybody who uses the store is done with it. */
  close(): void {
    this.#uses = Math.min(this.#uses, 1)
    this.release()
  }

  /** One more uses the store. */
  take(): this {
    this.#uses += 1
    return this
  }

  // ------------------------------------------------------------------------------------------ for those who make edits

  /** The document of the handle. Throws `not_ready`. */
  doc(): Doc<Draft> {
    if (!this.#handle)
      throw new DovetailError('not_ready', 'The document is not here yet.', { passing: true })
    return this.#handle.doc()
  }

  /** The plain values, with what goes on. */
  protected root(): PlainObject {
    return this.#root()
  }

  /** The plain values, without it. */
  protected rootAsStored(): PlainObject {
    return plain(this.doc()) as PlainObject
  }

  /** Makes one change. `bytes`: how large it will be, about, and no less. */
  protected write(label: string, edit: (draft: Draft) => void, bytes = 0): void {
    this.flush()
    const handle = this.#writable(bytes)
    const message = shortened(label)
    const made = this.#make(handle, message, () => handle.change(edit, { message }))
    if (made) this.#undo.made({ label: message, ...made })
  }

  /** Shows what goes on, or how it goes on. Something else that was going on becomes a change first. */
  protected show(going: Going): void {
    this.#writable(0)
    if (this.#going !== going) this.flush()
    this.#go(going)
    this.#tell()
  }

  /** It is over, without a change. */
  protected drop(going: Going): void {
    if (this.#going !== going) return
    this.#go(undefined)
    this.#tell()
  }

  /** It is over, and becomes a change. */
  protected end(going: Going): void {
    if (this.#going === going) this.flush()
    else going.commit()
  }

  /** It is over, and became a change, as far as it could: what could not be made is said where refused edits are. */
  protected lost(label: string, { code, message }: DovetailError): void {
    const edit: RefusedEdit = {
      id: unique(),
      atMs: this.surroundings.environment.now(),
      code,
      reason: message,
      labels: [label],
      remade: 0,
      lost: 0,
      patch: [],
      setAside: false,
    }
    this.#lost.set([...this.#lost.getState(), edit].slice(-LOST_MAX))
  }

  /** What goes on becomes a change now. */
  flush(): void {
    const going = this.#going
    if (!going) return
    this.#go(undefined)
    going.commit()
    this.#tell()
  }

  /** Begins what goes on, or ends it. What is shown and no change yet is saved nowhere, so it counts as waiting. */
  #go(going: Going | undefined): void {
    this.#going = going
    this.#pending.goesOn(going !== undefined)
  }

  // ------------------------------------------------------------------------------------------ for the client

  /** The server, or another tab on its behalf, says how far the server has come. */
  heardHeads(heads: Heads, from: 'server' | 'tab'): void {
    if (!this.#pending.heard(heads, from)) return
    if (from === 'server') this.surroundings.tellTabs(this.id, heads)
  }

  hear(message: OwnMessage): void {
    switch (message.type) {
      case 'dovetail-ack': {
        this.heardHeads(message.heads, 'server')
        return
      }
      case 'dovetail-conflicts': {
        this.#conflicts.hear(message)
        return
      }
      case 'dovetail-permission': {
        this.setPermission({
          role: message.role,
          paths: message.paths?.map((place) =>
            typeof place === 'string' ? { path: place, append: false } : { path: place.path, append: true },
          ),
        })
        return
      }
      case 'dovetail-reject':
        return
    }
  }

  setPermission(permission: PermissionState): void {
    this.#questions += 1
    this.#permission.set(permission)
    this.surroundings.note(this.id, permission)
    this.setGone(permission.role === 'none' ? 'hidden' : this.#gone === 'hidden' ? undefined : this.#gone)
  }

  setGone(gone: 'deleted' | 'hidden' | undefined): void {
    if (this.#gone === gone) return
    this.#gone = gone
    this.#tell()
  }

  /** The device keeps more, or less, than before. */
  storageChanged(): void {
    this.#pending.look()
  }

  /** Other rules are in force for documents of its kind, or are known by now. */
  setJudge(): void {
    if (this.#handle) this.#conflicts.setJudge(this.surroundings.judgeOf(this.kind, this.id))
  }

  /** What the server is known to have of what is here. */
  get serverHeads(): Heads | undefined {
    return this.#pending.server
  }

  /** A sync message of this type came from the server. */
  serverSaid(type: string): void {
    // It is told no more of a document that it deleted, and of one that came back it is told again.
    if (type === 'doc-unavailable' || (type === 'sync' && this.#gone !== undefined)) void this.lookAgain()
  }

  /**
   * The server says that it has no such document for us, or is there again: it is asked why. One that is here and that the server
   * had is a copy from then on.
   */
  async lookAgain(): Promise<void> {
    const { status } = this.#state.getState()
    if (status !== 'missing' && status !== 'ready') return
    const question = ++this.#questions
    const reason = await this.surroundings.whyMissing(this.id)
    // An answer that is older than what the server said meanwhile is none.
    if (question !== this.#questions) return
    if (this.#state.getState().status === 'missing') this.#missing(reason)
    else if (reason === 'deleted') this.setGone('deleted')
    else if (reason === 'not_found' && this.#pending.server) this.setGone('hidden')
    else if (reason === 'there') this.setGone(undefined)
  }

  get kind(): string | undefined {
    const kind = this.#handle ? this.#root()['kind'] : undefined
    return typeof kind === 'string' ? kind : undefined
  }

  // ------------------------------------------------------------------------------------------ inside

  async #find(): Promise<void> {
    const { repo, guard, noted, whyMissing } = this.surroundings
    try {
      const known = await noted(this.id)
      const handle = await repo.find<Draft>(this.url, { allowableStates: ['ready', 'unavailable'] })
      if (this.#uses === 0) return
      if (!handle.isReady()) {
        this.#missing(await whyMissing(this.id))
        // It may still come, from the server or from another tab.
        await comes(handle)
        if (this.#uses === 0) return
      }
      await guard(handle)
      if (this.#uses > 0) this.#start(handle, known)
    } catch (error) {
      const failed = new DovetailError('open_failed', 'The document cannot be opened.', { cause: error })
      if (this.#uses > 0) this.#state.set({ status: 'failed', error: failed })
    }
  }

  #missing(reason: 'unreachable' | 'not_found' | 'deleted' | 'there'): void {
    // The server has it, and sends it now.
    this.#state.set({ status: 'missing', reason: reason === 'there' ? 'unreachable' : reason })
  }

  /** One that was just made is here at once: nothing is known of it, and nothing of it can have been refused. */
  #startMade(handle: DocHandle<Draft>): void {
    this.#start(handle, undefined)
    this.#noteActor(handle)
    void this.surroundings.guard(handle)
  }

  #start(handle: DocHandle<Draft>, known: Noted | undefined): void {
    this.#handle = handle
    for (const actor of known?.actors ?? []) this.#actors.add(actor)
    this.#pendingNoted = known?.pending ?? 0
    handle.on('heads-changed', this.#changed)
    handle.on('remote-heads', this.#heardRemote)
    this.#pending.state.subscribe(() => this.#noteSaved())
    this.#pending.start(handle.doc(), this.#serverHeads(handle) ?? known?.saved?.heads, known?.saved?.atMs)
    this.#noteSaved()
    if (this.permission.getState().role === 'unknown' && known?.role) {
      this.#permission.set({ role: known.role, paths: known.paths })
    }
    if (this.permission.getState().role === 'none') this.#gone = 'hidden'
    this.#presence.start(handle)
    this.setJudge()
    this.#tell()
    this.surroundings.note(this.id, { openedAtMs: this.surroundings.environment.now(), ...this.#named() })
  }

  /** Makes a change by `make`, and enters it as one of ours. Whether there was anything to change. */
  #make(
    handle: DocHandle<Draft>,
    label: string,
    make: () => void,
  ): { readonly before: Heads; readonly after: Heads } | undefined {
    const before = this.#heads()
    this.#making = true
    try {
      make()
    } finally {
      this.#making = false
    }
    const [after, doc] = [this.#heads(), handle.doc()]
    if (sameHeads(before, after)) return undefined
    const bytes = Automerge.getLastLocalChange(doc)?.byteLength ?? 0
    for (const hash of after.filter((head) => !before.includes(head))) {
      this.#pending.made(doc, { hash, label, madeAtMs: this.surroundings.environment.now() }, bytes)
    }
    this.#noteActor(handle)
    return { before, after }
  }

  #noteActor(handle: DocHandle<Draft>): void {
    const actor = Automerge.getActorId(handle.doc())
    if (this.#actors.has(actor)) return
    this.#actors.add(actor)
    this.surroundings.note(this.id, { actors: [actor] })
  }

  readonly #changed = (): void => {
    if (!this.#handle) return
    // What is made here is entered by `#make`, one by one: counting all that waits anew would cost more with each.
    if (!this.#making) this.#came(this.#handle.doc())
    this.#conflicts.changed()
    this.#tell()
  }

  /** What the server said before anybody listened. */
  #serverHeads(handle: DocHandle<Draft>): Heads | undefined {
    const storageId = this.surroundings.serverStorageId()
    const info = storageId === undefined ? undefined : handle.getSyncInfo(storageId as StorageId)
    return info && decodeHeads(info.lastHeads)
  }

  /** Changes came, or some went: what the server refused is in no document any more. */
  #came(doc: Doc<Draft>): void {
    const before = this.#shown
    if (Automerge.hasHeads(doc, [...before])) {
      this.#pending.came(doc)
      this.#updates.came(doc, before, this.#heads())
      return
    }
    this.#pending.rebuilt(doc)
    this.#undo.rebuilt(doc)
  }

  /** The server has these heads on its disk: it says so with every sync message. */
  readonly #heardRemote = ({ storageId, heads }: { storageId: string; heads: UrlHeads }): void => {
    if (storageId === this.surroundings.serverStorageId()) this.heardHeads(decodeHeads(heads), 'server')
  }

  #noteSaved(): void {
    const { savedAtMs, pending } = this.saving.getState()
    if (pending > 0 !== this.#pendingNoted > 0) {
      this.#pendingNoted = pending
      this.surroundings.note(this.id, { pending })
    }
    const heads = this.#pending.server
    if (!heads || savedAtMs === undefined || heads === this.#savedNoted) return
    this.#savedNoted = heads
    this.surroundings.note(this.id, { saved: { heads, atMs: savedAtMs }, ...this.#named() })
  }

  #named(): Partial<Noted> {
    const title = this.#root()['title']
    return { kind: this.kind, title: typeof title === 'string' ? title : undefined }
  }

  #tell(): void {
    if (!this.#handle) return
    this.#shown = this.#heads()
    this.#state.set({
      status: 'ready',
      value: this.#view(this.#root()),
      heads: this.#shown,
      gone: this.#gone,
    })
  }

  #root(): PlainObject {
    const root = this.rootAsStored()
    return this.#going ? writeToPlain(root, this.#going.writes(root)) : root
  }

  #heads(): Heads {
    return this.#handle ? Automerge.getHeads(this.#handle.doc()).sort() : []
  }

  /** Whether what was here is here no more. */
  #isUndone(hashes: Heads): boolean {
    return this.#handle !== undefined && !Automerge.hasHeads(this.#handle.doc(), [...hashes])
  }

  #notSaved(): DovetailError {
    if (this.#uses === 0) return closed()
    return new DovetailError('refused', 'The server did not take an edit; it is undone here.')
  }

  #dismiss(which: string): void {
    const lost = this.#lost.getState()
    if (lost.some(({ id }) => id === which)) this.#lost.set(lost.filter(({ id }) => id !== which))
    else this.surroundings.dismiss(this.id, which)
  }

  #writable(bytes: number): DocHandle<Draft> {
    this.doc()
    const handle = this.#handle as DocHandle<Draft>
    if (this.#gone) throw new DovetailError('document_gone', 'The document is gone; what is here is a copy.')
    const { role } = this.permission.getState()
    if (role === 'read' || role === 'none')
      throw new DovetailError('read_only', 'You may look at this document only.')
    if (!this.#pending.hasRoom) {
      throw new DovetailError('pending_full', 'Too much waits for the server; it has to take some first.', {
        passing: true,
      })
    }
    if (bytes > this.surroundings.changeBytesMax()) {
      throw new DovetailError('change_too_large', 'This is more than the server takes at once.')
    }
    return handle
  }

  #step(way: 'undo' | 'redo'): void {
    this.flush()
    const handle = this.#writable(0)
    const label = this.#undo.state.getState()[way]
    if (label === undefined) return
    const message = shortened(way === 'undo' ? `Undid: ${label}` : `Did again: ${label}`)
    this.#make(handle, message, () => this.#undo[way](handle, message))
  }

  #decide(become: (doc: Doc<Draft>) => Doc<Draft>): void {
    this.flush()
    const handle = this.#writable(0)
    const label = 'Decided about a conflict'
    const made = this.#make(handle, label, () => handle.update(become))
    if (made) this.#undo.made({ label, ...made })
  }

  #past(): Past<T> {
    return {
      id: this.id,
      doc: () => this.doc(),
      view: this.#view,
      isMine: (actor) => this.#actors.has(actor),
      me: this.surroundings.user,
      become: (target, label) =>
        this.write(label, (draft) => assignRoot(draft, open(target), [RESERVED_KEY])),
      saved: () => this.saved(),
    }
  }
}

function closed(): DovetailError {
  return new DovetailError('closed', 'The document was closed before that.')
}

function shortened(label: string): string {
  return label.length <= LABEL_LETTERS_MAX
    ? label
    : `${Array.from(label)
        .slice(0, LABEL_LETTERS_MAX - 1)
        .join('')}…`
}

/** Waits until a document that nobody had is here after all. */
function comes(handle: DocHandle<Draft>): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (!handle.isReady()) return
      handle.off('heads-changed', later)
      resolve()
    }
    // The handle says that something came before it says that it is ready.
    const later = () => queueMicrotask(look)
    handle.on('heads-changed', later)
    look()
  })
}
