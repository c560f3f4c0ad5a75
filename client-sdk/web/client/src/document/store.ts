// One document of this tab: what a `DocumentStore` is made of.
//
// Edit path: ← a person's edit; → the repo's handle, which keeps it on this device and offers it to the server and to other tabs;
// ← what others made, through the same handle; → `getState`, which screens follow.
//
// ```text
//            ┌──────────── not here, server without it ──────────────┐
//  loading ──┤                                                       ▼
//            └── here, or from the server ──▶ ready ◀── comes ── missing
//
//  find.ts     where it is                              standing.ts    what we may do with it, and whether it is there still
//  copy.ts     its states, and changes that are made    ongoing.ts     what is shown and no change yet
//  undo.ts     taking edits back                        remembered.ts  what the device notes beside it
// ```
//
// Always true: what is shown is the document of the handle with the edits of a gesture or of typing that go on; each of them
// becomes a change before anything else is made, in this document or another of this tab, and before the page goes.

import { Automerge, decodeHeads, type Doc, type DocHandle, type StorageId, type UrlHeads } from '../automerge'
import { DocumentConflicts } from '../conflicts'
import { Deeds } from '../deeds'
import { DovetailError } from '../errors'
import { ENTRY_ACTOR, RESERVED_KEY } from '../generated/constants'
import { createHistory, open, type Past } from '../history'
import { documentUrl, type DocumentId, type DocumentUrl } from '../ids'
import type { OwnMessage } from '../link/link'
import type { Noted } from '../outbox/device'
import { Pending } from '../outbox/pending'
import { DocumentPresence } from '../presence'
import { mayBe, rightOf, withRight, withRights, type Right, type Whose } from '../rights'
import type {
  Conflicts,
  DashboardPresence,
  DocumentState,
  DocumentStore,
  Heads,
  History,
  PermissionState,
  Presence,
  RefusedEdits,
  SavingState,
  Undoing,
  Updates,
  Watchable,
} from '../types'
import { DocumentUpdates } from '../updates'
import { joined, until, untilAny, Watched } from '../watch'
import { assignRoot, type Draft } from './assign'
import { Copy, tooLarge, type Made } from './copy'
import { find, type WhyMissing } from './find'
import { Ongoing, type Going } from './ongoing'
import { latest, type Undoable, type Way } from './order'
import { plain, type PlainObject } from './plain'
import { Remembered } from './remembered'
import { Standing } from './standing'
import type { Surroundings } from './surroundings'
import { Undo, type TypedTime } from './undo'

/** What the server said that somebody may do. */
type Told = Extract<OwnMessage, { readonly type: 'dovetail-permission' }>

const UNKNOWN: PermissionState = { role: 'unknown', paths: undefined }

/** Something that is being typed, what it is in words, and what writes it. */
interface Unwritten {
  readonly label: string
  readonly write: () => void
}

/** What was typed: when, and into which state. */
export interface Typed extends TypedTime {
  readonly into: Heads
}

/** A store of any document, seen as `T`. */
export class LiveDocument<T> implements DocumentStore<T> {
  readonly id: DocumentId
  readonly url: DocumentUrl
  readonly saving: Watchable<SavingState>
  readonly permission: Watchable<PermissionState>
  readonly conflicts: Conflicts
  readonly refused: RefusedEdits
  readonly presence: Presence<DashboardPresence>
  readonly updates: Updates
  readonly history: History<T>
  readonly subscribe: (listener: () => void) => () => void
  readonly getState: () => DocumentState<T>
  protected readonly surroundings: Surroundings
  readonly #state = new Watched<DocumentState<T>>({ status: 'loading' })
  readonly #view: (root: PlainObject) => T
  readonly #copy: Copy
  readonly #ongoing: Ongoing
  readonly #standing: Standing
  readonly #remembered: Remembered
  readonly #pending: Pending
  readonly #undo: Undo
  readonly #undoing: Undoing
  readonly #presence: DocumentPresence
  readonly #conflicts: DocumentConflicts
  readonly #updates: DocumentUpdates
  readonly #endings: (() => void)[] = []
  /** What is being typed and is no edit yet. */
  readonly #unwritten = new Set<Unwritten>()
  #onCame: (before: Heads) => void = () => undefined
  #isGoingOn = false
  #uses = 1
  /** What all who share this device's store may do, as far as it is known. */
  #rights: readonly Right[] = []
  /** The state that was told last. */
  #shown: Heads = []

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
    this.#copy = new Copy((change) => this.#made(change), surroundings.changeBytesMax)
    this.#ongoing = new Ongoing((goesOn) => {
      this.#isGoingOn = goesOn
      this.#countGoingOn()
      this.#tell()
    })
    this.#standing = new Standing(
      () => surroundings.whyMissing(id),
      () => this.#tell(),
    )
    this.permission = this.#standing.permission
    this.#remembered = new Remembered(id, surroundings.note, () => this.#named())
    this.#presence = new DocumentPresence(config.presence, environment, surroundings.me, surroundings.ways)
    this.presence = this.#presence
    this.#conflicts = new DocumentConflicts(
      {
        id,
        now: environment.now,
        doc: () => this.doc(),
        heads: () => this.#copy.heads,
        decide: (become) => this.#decide(become),
        isMine: (actor) => this.#remembered.actors.has(actor),
        me: surroundings.user,
        isLive: surroundings.isLive,
        saved: () => this.saved(),
      },
      ask,
    )
    this.conflicts = this.#conflicts
    this.#updates = new DocumentUpdates(environment.now, async () => {
      this.#remembered.know((await surroundings.noted(id)).actors)
      return this.#remembered.actors
    })
    this.updates = this.#updates
    this.refused = {
      ...joined(surroundings.refused(id), this.#ongoing.lost),
      dismiss: (which) => {
        if (!this.#ongoing.dismiss(which)) surroundings.dismiss(id, which)
      },
      makeAgain: async (which, make) => {
        if (!this.#ongoing.lost.getState().some((edit) => edit.id === which)) {
          return surroundings.makeAgain(id, which, make)
        }
        make()
        return this.#ongoing.dismiss(which)
      },
    }
    this.#undo = new Undo(surroundings.order)
    this.#undoing = {
      subscribe: this.#undo.state.subscribe,
      getState: this.#undo.state.getState,
      undo: () => this.#step('undo'),
      redo: () => this.#step('redo'),
      latest: () => latest(this.undoable),
      forget: () => this.undoable.forget(),
    }
    this.history = createHistory(this.#past(), ask)
    if (made) this.#startMade(made)
    else void this.#find()
  }

  /** What can be taken back here. */
  get undoing(): Undoing {
    return this.#undoing
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

  unwritten(label: string, write: () => void): () => void {
    const one = { label, write }
    this.#unwritten.add(one)
    this.#countGoingOn()
    return () => {
      this.#unwritten.delete(one)
      this.#countGoingOn()
    }
  }

  async saved(): Promise<void> {
    const refused = this.refused.getState()
    this.flush()
    const { status } = await this.settled()
    if (this.#uses > 0 && status === 'missing') {
      throw new DovetailError('not_ready', 'The document is not here, so nothing of it is saved.', {
        passing: true,
      })
    }
    this.#pending.count()
    const wanted = this.#copy.heads
    const isRefused = () => this.refused.getState().some((each) => !refused.includes(each))
    const isOver = () => isRefused() || this.#standing.gone !== undefined || this.#uses === 0
    await untilAny(
      [this.saving, this.refused, this.#state],
      () => isOver() || !this.#pending.waitsFor(wanted),
    )
    // What was refused waits no more either, and is gone from the document.
    const isUndone = this.#copy.isHere && !this.#copy.has(wanted)
    const isSaved = !this.#pending.waitsFor(wanted) && !isRefused() && !isUndone
    if (!isSaved) throw this.#notSaved(isRefused() || isUndone)
  }

  exportAutomerge(): Uint8Array {
    this.flush()
    return Automerge.save(this.doc())
  }

  exportJson(): unknown {
    return open(this.root())
  }

  release(): void {
    if (this.#uses === 0) return
    if (this.#uses === 1) this.#finish()
    this.#uses -= 1
    if (this.#uses > 0) return
    for (const end of this.#endings.splice(0)) end()
    this.#pending.stop()
    this.#presence.stop()
    this.#conflicts.stop()
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
    return this.#copy.doc
  }

  /** This document among others whose edits are taken back with it. */
  protected readonly undoable: Undoable = {
    next: (way) => this.#undo.next(way),
    step: (way) => this.#step(way),
    takeBack: (at) => this.#takeBack(at),
    forget: () => {
      this.flush()
      this.#undo.forget()
    },
    flush: () => this.flush(),
    hold: () => {
      this.take()
      return () => this.release()
    },
    madeAt: () => this.#undo.madeAt,
    mayStep: () => this.#copy.isHere && this.#standing.forbids === undefined,
  }

  /** Calls when nobody uses the store any more. */
  protected onEnd(end: () => void): void {
    this.#endings.push(end)
  }

  /** The plain values, with what goes on. */
  protected root(): PlainObject {
    return this.#ongoing.over(this.rootAsStored())
  }

  /** The plain values, without it. */
  protected rootAsStored(): PlainObject {
    return plain(this.doc()) as PlainObject
  }

  /**
   * Makes one change. `bytes`: how large it will be, about, and no less, where that is known: then it need not be made to know
   * whether it is too large.
   */
  protected write(label: string, edit: (draft: Draft) => void, bytes?: number): void {
    this.#begin(bytes)
    const made = this.#copy.change(label, edit, bytes === undefined ? 'unknown' : 'small')
    if (made) this.#undo.made(made)
  }

  /**
   * Makes one change, which is not large, of what was typed, beside what others did meanwhile. What is typed without a pause is taken
   * back at once, in however many changes it was made. Gives the state that was typed into, with it.
   */
  protected writeTyped(
    label: string,
    edit: (draft: Draft) => void,
    { into, beganAtMs, lastAtMs }: Typed,
  ): Heads {
    this.#begin()
    const made = this.#copy.changeAt(into, label, edit)
    if (made) this.#undo.made(made, { ...this.surroundings.config.batching, beganAtMs, lastAtMs })
    return made?.after ?? into
  }

  /** Throws when no edit of this size may be made now. */
  protected mayWrite(bytes = 0): void {
    this.doc()
    const { forbids } = this.#standing
    if (forbids) throw forbids
    if (!this.#pending.hasRoom) {
      throw new DovetailError('pending_full', 'Too much waits for the server; it has to take some first.', {
        passing: true,
      })
    }
    if (bytes > this.surroundings.changeBytesMax()) throw tooLarge()
  }

  /** Shows what goes on, or how it goes on. Something else that was going on becomes a change first. */
  protected show(going: Going): void {
    this.mayWrite()
    this.surroundings.order.turnTo(this.undoable)
    this.#ongoing.show(going)
  }

  /** What it did is a change by now, and it goes on. */
  protected showOn(going: Going): void {
    this.#ongoing.show(going)
  }

  /** It is over, without a change. */
  protected drop(going: Going): void {
    this.#ongoing.drop(going)
  }

  /** It is over, and becomes a change. */
  protected end(going: Going): void {
    this.#ongoing.end(going)
  }

  /** It is over, and became a change, as far as it could: what could not be made is said where refused edits are. */
  protected lost(label: string, fault: DovetailError): void {
    this.#ongoing.lose(label, fault, this.surroundings.environment.now())
  }

  /** Whether a change of this actor was made on this device, as far as it is known. */
  protected isMine(actor: string): boolean {
    return this.#remembered.actors.has(actor)
  }

  /** Calls with the state before, when changes came from elsewhere and are not shown yet. */
  protected onCame(call: (before: Heads) => void): void {
    this.#onCame = call
  }

  /** What goes on becomes a change now. */
  flush(): void {
    this.#ongoing.flush()
  }

  /** The page goes, or the last use of the store ends: what is being typed is written, too. */
  writeAll(): void {
    for (const { label, write } of [...this.#unwritten]) this.finishing(label, write)
    this.flush()
  }

  /** Nobody is there any more to hear of an error: what cannot be made is said where refused edits are. */
  protected finishing(label: string, make: () => void): void {
    try {
      make()
    } catch (error) {
      if (!(error instanceof DovetailError)) throw error
      this.lost(label, error)
    }
  }

  /** Whether the document has been in the state of these heads. */
  protected has(heads: Heads): boolean {
    return this.#copy.has(heads)
  }

  /** Its state, without what goes on. */
  protected get heads(): Heads {
    return this.#copy.heads
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
        const right = { whose: this.surroundings.whose(), ...permissionOf(message) }
        this.#rights = withRight(this.#rights, right)
        this.#standing.told(permissionOf(message))
        this.surroundings.note(this.id, { rights: [right] })
        return
      }
      case 'dovetail-reject':
        return
    }
  }

  /** Another tab was told what `whose` may do, who may be somebody else than we are. */
  heardRight(message: Pick<Told, 'role' | 'paths'>, whose: Whose): void {
    this.#rights = withRight(this.#rights, { whose, ...permissionOf(message) })
    const me = this.surroundings.whose()
    if (mayBe(me, whose)) this.#standing.told(rightOf(this.#rights, me) ?? UNKNOWN)
  }

  /** This device makes changes under this actor, too: what has to be made anew gets one of its own. */
  isOurs(actor: string): void {
    this.#remembered.made(actor)
  }

  /** The device keeps more, or less, than before. */
  storageChanged(): void {
    this.#pending.look()
  }

  /** Other rules are in force for documents of its kind, or are known by now. */
  setJudge(): void {
    if (this.#copy.isHere) this.#conflicts.setJudge(this.surroundings.judgeOf(this.kind, this.id))
  }

  /** What the server is known to have of what is here. */
  get serverHeads(): Heads | undefined {
    return this.#pending.server
  }

  /** A sync message of this type came from the server. */
  serverSaid(type: string): void {
    // It is told no more of a document that it deleted, and of one that came back it is told again.
    const isBack = type === 'sync' && this.#standing.gone !== undefined
    if (type === 'doc-unavailable' || isBack) void this.lookAgain()
  }

  /**
   * The server says that it has no such document for us, or is there again: it is asked why. One that is here and that the server
   * had is a copy from then on.
   */
  async lookAgain(): Promise<void> {
    const { status } = this.#state.getState()
    if (status !== 'missing' && status !== 'ready') return
    const reason = await this.#standing.ask()
    if (reason === undefined) return
    if (this.#state.getState().status === 'missing') this.#missing(reason)
    else this.#standing.answered(reason, this.#pending.server !== undefined)
  }

  get kind(): string | undefined {
    const kind = this.#copy.isHere ? this.root()['kind'] : undefined
    return typeof kind === 'string' ? kind : undefined
  }

  // ------------------------------------------------------------------------------------------ inside

  async #find(): Promise<void> {
    const { repo, guard, noted, whyMissing } = this.surroundings
    try {
      const known = await noted(this.id)
      const handle = await find(repo, this.url, async () => {
        if (this.#uses > 0) this.#missing(await whyMissing(this.id))
      })
      if (this.#uses === 0) return
      await guard(handle)
      if (this.#uses > 0) this.#start(handle, known)
    } catch (error) {
      const failed = new DovetailError('open_failed', 'The document cannot be opened.', { cause: error })
      if (this.#uses > 0) this.#state.set({ status: 'failed', error: failed })
    }
  }

  #missing(reason: WhyMissing): void {
    // The server has it, and sends it now.
    this.#state.set({ status: 'missing', reason: reason === 'there' ? 'unreachable' : reason })
  }

  /** One that was just made is here at once: nothing is known of it, and nothing of it can have been refused. */
  #startMade(handle: DocHandle<Draft>): void {
    this.#start(handle, undefined)
    this.#remembered.made(Automerge.getActorId(handle.doc()))
    void this.surroundings.guard(handle)
  }

  #start(handle: DocHandle<Draft>, known: Noted | undefined): void {
    this.#copy.start(handle)
    this.#remembered.start(known)
    handle.on('heads-changed', this.#changed)
    handle.on('remote-heads', this.#heardRemote)
    const counted = () => {
      const saving = this.saving.getState()
      this.surroundings.counted(this, saving)
      this.#remembered.saving(saving, this.#pending.server)
    }
    this.#endings.push(
      () => void handle.off('heads-changed', this.#changed),
      () => void handle.off('remote-heads', this.#heardRemote),
      this.#pending.state.subscribe(counted),
    )
    this.#pending.start(handle.doc(), this.#serverHeads(handle) ?? known?.saved?.heads, known?.saved?.atMs)
    counted()
    this.#rights = withRights(known?.rights ?? [], this.#rights)
    this.#standing.start(rightOf(this.#rights, this.surroundings.whose()))
    this.#presence.start(handle)
    this.setJudge()
    this.#tell()
    this.#remembered.opened(this.surroundings.environment.now())
  }

  /** A change was made here: it is one of ours, and waits. */
  #made({ doc, before, after, label, bytes }: Made): void {
    const madeAtMs = this.surroundings.environment.now()
    for (const hash of after.filter((head) => !before.includes(head))) {
      this.#pending.made(doc, { hash, label, madeAtMs }, bytes)
    }
    this.#remembered.made(Automerge.getActorId(doc))
    this.#isOther()
  }

  readonly #changed = (): void => {
    // What is made here is entered by itself, one by one: counting all that waits anew would cost more with each. It is told when it
    // is entered, so that nobody sees an edit of theirs and reads that all is saved.
    if (!this.#copy.isHere || this.#copy.isMaking) return
    this.#ongoing.met()
    this.#came(this.doc())
    this.#isOther()
  }

  #isOther(): void {
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
    if (this.#copy.has(before)) {
      this.#pending.came(doc)
      this.#onCame(before)
      this.#updates.came(doc, before, this.#copy.heads)
      return
    }
    this.#pending.rebuilt(doc)
    this.#undo.rebuilt(doc)
  }

  /** The server has these heads on its disk: it says so with every sync message. */
  readonly #heardRemote = ({ storageId, heads }: { storageId: string; heads: UrlHeads }): void => {
    if (storageId === this.surroundings.serverStorageId()) this.heardHeads(decodeHeads(heads), 'server')
  }

  #named(): Partial<Noted> {
    const title = this.root()['title']
    return { kind: this.kind, title: typeof title === 'string' ? title : undefined }
  }

  #tell(): void {
    if (!this.#copy.isHere) return
    this.#shown = this.#copy.heads
    this.#state.set({
      status: 'ready',
      value: this.#view(this.root()),
      heads: this.#shown,
      gone: this.#standing.gone,
    })
  }

  #notSaved(isRefused: boolean): DovetailError {
    if (this.#uses === 0) return closed()
    if (!isRefused && this.#standing.gone !== undefined) {
      return new DovetailError(
        'document_gone',
        'The document is gone; what waited is in the copy on this device only.',
      )
    }
    return new DovetailError('refused', 'The server did not take an edit; it is undone here.')
  }

  /** What is being typed is written, and all that came is counted: what waits from then on is what the document has. */
  #finish(): void {
    this.writeAll()
    this.#unwritten.clear()
    this.#countGoingOn()
    this.#pending.count()
  }

  #countGoingOn(): void {
    this.#pending.goesOn((this.#isGoingOn ? 1 : 0) + this.#unwritten.size)
  }

  /** An edit of this size is made now, after all that goes on. Throws when it may not be made. */
  #begin(bytes = 0): void {
    this.surroundings.order.turnTo(this.undoable)
    this.flush()
    this.mayWrite(bytes)
  }

  #step(way: Way): void {
    this.#begin()
    this.#undo[way](this.#copy)
  }

  #takeBack(at: number): boolean {
    this.#begin()
    return this.#undo.takeBack(this.#copy, at)
  }

  #decide(become: (doc: Doc<Draft>) => Doc<Draft>): void {
    this.#begin()
    const made = this.#copy.become('Decided about a conflict', become)
    if (!made) return
    const changes = Automerge.getChangesMetaSince(made.doc, [...made.before])
    const [label = made.label] = new Deeds(made.doc).of(
      changes.flatMap(({ message }) => message ?? []),
      changes.map(({ hash }) => hash),
    )
    this.#undo.made({ ...made, label })
    // A decision has an actor of its own, by which nobody else would know whose it is.
    for (const { actor } of changes) if (actor !== ENTRY_ACTOR) this.#remembered.made(actor)
  }

  #past(): Past<T> {
    return {
      id: this.id,
      doc: () => this.doc(),
      view: this.#view,
      isMine: (actor) => this.#remembered.actors.has(actor),
      madeFor: (actor) => this.#remembered.made(actor),
      me: this.surroundings.user,
      become: (state, label) => this.write(label, (draft) => assignRoot(draft, state, [RESERVED_KEY])),
      saved: () => this.saved(),
      until: (test, msMax) => untilAny([this.#state, this.saving], () => this.#uses === 0 || test(), msMax),
    }
  }
}

function permissionOf({ role, paths }: Pick<Told, 'role' | 'paths'>): PermissionState {
  const places = paths?.map((place) =>
    typeof place === 'string' ? { path: place, append: false } : { path: place.path, append: true },
  )
  return { role, paths: places }
}

function closed(): DovetailError {
  return new DovetailError('closed', 'The document was closed before that.')
}
