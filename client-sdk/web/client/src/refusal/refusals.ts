// What happens when the server does not take changes: they are undone in all tabs and in what is stored, what was made after
// them is kept where it can be, and people are told once.
//
// Edit path: ← the server's `dovetail-reject`, another tab's word of it, or a document in which something refused turns up;
// → the document of this tab, what is stored of it, the notes, and the other tabs.
//
// ```text
//   reject ──┐
//   tabs ────┼──▶ lock ──▶ plan ──▶ notes ──▶ document ──▶ sync anew
//   guard ───┘             ▲          │           └──▶ stored chunks
//                          └── tabs ◀─┘
// ```
//
// Always true:
// - A refused change that is known here is in a document only until the lock is had, and in no document that was just loaded.
// - What becomes of a change is in the notes before the change leaves the document or the store. So a tab may close at any
//   moment, and a change that is made anew is made anew once: whoever holds the lock next finds it written down.
// - Nothing here connects anew. A refused change can come back only from another tab or an old chunk, and each time that it does
//   we wait longer before we look again.

import {
  Automerge,
  type Doc,
  type DocHandle,
  type DocumentId,
  type Repo,
  type StorageAdapterInterface,
  type StorageKey,
} from '../automerge'
import { keepsAll, replaceBy } from '../document/whole'
import type { Environment } from '../environment'
import { sameHeads, unique } from '../ids'
import type { OwnMessage } from '../link/link'
import type { Notes } from '../storage/notes'
import type { Tabs } from '../tabs/tabs'
import type { Heads, RefusedEdit, Watchable } from '../types'
import { Watched } from '../watch'
import { readStored, singleChanges } from './chunks'
import { bounded, editsOf, emptyLedger, merged, readLedger, shownEdit, type Ledger } from './ledger'
import { openChange } from './operations'
import { isRefusedIn, newlyRefused, plan, type Plan, type Rejected } from './plan'
import { SyncAnew } from './sync'

export type RejectMessage = Extract<OwnMessage, { readonly type: 'dovetail-reject' }>

/** What this needs of the rest. */
export interface RefusalsNeed {
  /** Tabs with the same name share documents, notes and channel. */
  readonly name: string
  readonly notes: Promise<Notes>
  readonly tabs: Tabs
  /** Where documents are kept; nothing where they are not. */
  readonly documents: StorageAdapterInterface | undefined
  readonly environment: Pick<Environment, 'now' | 'withLock'>
  /** Changes are made anew under this actor. */
  readonly ours: (id: DocumentId, actor: string) => void
}

/** A message between repos, as far as it is looked at. */
export interface Heard {
  readonly type: string
  readonly documentId?: DocumentId
  readonly data?: Uint8Array
}

/** Everything about refused changes in this tab. */
export interface Refusals {
  /** What the repo is given to keep documents in: what it loads there has nothing refused in it. */
  readonly storage: StorageAdapterInterface | undefined
  /** `held`: the heads that the server is known to have of a document. */
  attach(repo: Repo, held: (handle: DocHandle<unknown>) => Heads | undefined): void
  /**
   * Whether a message of another tab is for the repo. One from a state that has refused changes is not: the two would ask each
   * other without end for what the one has and the other must not have. What is lawful in it is taken here. Once that tab has
   * cleaned its own document, it begins anew.
   */
  mayHear(message: Heard): boolean
  /** Watches over a document that is ready. Resolves when it can be shown. */
  guard(handle: DocHandle<unknown>): Promise<void>
  /** The server does not take changes. */
  reject(message: RejectMessage): void
  /** What was undone, the oldest first; the same in all tabs, and after a reload. */
  refused(id: DocumentId): Watchable<readonly RefusedEdit[]>
  /** Something was undone for another reason. Tabs that tell of it under the same id tell of it once. */
  tell(id: DocumentId, edit: RefusedEdit): void
  /** Somebody has read it: it is gone in all tabs. */
  dismiss(id: DocumentId, edit: string): void
  /** See `RefusedEdits`. */
  makeAgain(id: DocumentId, edit: string, make: () => void): Promise<boolean>
  /** Whether nothing is being undone in the document, or waits for it. */
  isSettled(id: DocumentId): boolean
  /** The document leaves the memory of this tab. What is known of it stays. */
  letGo(id: DocumentId): void
  /** The document leaves this device, and all that is known of it here. */
  forget(id: DocumentId): Promise<void>
  /** All notes are gone: what this tab knows is noted again, beside what others do. */
  noteAgain(): Promise<void>
  /** Resolves when what was told and dismissed here is noted. */
  noted(): Promise<void>
  /** Resolves when nothing is being undone. */
  settled(): Promise<void>
  close(): void
}

/** Watches from now on; what the notes know is waited for where it matters. */
export function createRefusals(need: RefusalsNeed): Refusals {
  return new LiveRefusals(need)
}

/** A tab that holds a lock for longer hangs. Then this one goes on alone, and makes anew only what is its own. */
const LOCK_MS_MAX = 10_000

/** How often a document is looked at again because somebody typed meanwhile, before that is left to the next time. */
const PASSES_MAX = 5

/**
 * After something went, the sync of the document begins anew, this much later: other tabs have to hear first what is refused.
 * Each time that a refused change comes back all the same, it goes at once, and the sync waits twice as long.
 */
export const SYNC_ANEW_MS = 50
export const SYNC_ANEW_MS_MAX = 30_000
/** Nothing came back for so long: the next time is the first again. Longer than the longest wait. */
const FORGOTTEN_MS = 60_000

/** Other tabs have heard by then what this one said. */
const HEARD_MS = 100

/** What may be made anew: with the lock everything, without it what this tab made, and in passing nothing. */
type Remakes = 'all' | 'own' | 'nothing'

const NOTE = 'refused/'

/** What is known of one document. */
interface File {
  readonly id: DocumentId
  ledger: Ledger
  /** What the notes have. */
  noted: Ledger
  readonly edits: Watched<readonly RefusedEdit[]>
  guarded: Guarded | undefined
  /** What the server said that was not looked at yet. */
  rejected: Rejected[]
  /** What other tabs made on top of what is refused, by hash. */
  readonly waiting: Map<string, Uint8Array>
  /** Being put right. */
  running: Promise<void> | undefined
  again: boolean
  /** How often the sync began anew since something was refused, and when it will again. */
  readonly syncing: { times: number; atMs: number; timer: ReturnType<typeof setTimeout> | undefined }
}

interface Guarded {
  readonly handle: DocHandle<unknown>
  /** The last state in which nothing refused was. */
  clean: Heads
  /** The actors under which this tab made changes. */
  readonly actors: Set<string>
  readonly sync: SyncAnew
  readonly end: () => void
}

class LiveRefusals implements Refusals {
  readonly storage: StorageAdapterInterface | undefined
  readonly #need: RefusalsNeed
  readonly #files = new Map<DocumentId, File>()
  readonly #endings: (() => void)[]
  /** Everything that was noted on earlier visits, and by other tabs, is known. */
  readonly #known: Promise<Notes>
  /** What is noted survives, and other tabs find it. */
  #isKept = false
  /** What is being written down. */
  readonly #noting = new Set<Promise<void>>()
  #repo: Repo | undefined
  #held: (handle: DocHandle<unknown>) => Heads | undefined = () => undefined
  #isClosed = false

  constructor(need: RefusalsNeed) {
    this.#need = need
    this.storage =
      need.documents &&
      cleaning(need.documents, {
        beforeLoad: (id) => this.#cleanBeforeLoad(id),
        forgetsSync: (id) => isKnowing(this.#file(id).ledger),
      })
    // Listening begins before the notes are read: what is told meanwhile is not missed, as it is noted before it is told.
    this.#endings = [
      need.tabs.on('refused', ({ documentId, ledger }) => this.#hear(documentId, readLedger(ledger))),
      need.tabs.on('dismissed', ({ documentId, id }) => this.#hear(documentId, this.#dismissing(id))),
    ]
    this.#known = this.#readNotes()
  }

  attach(repo: Repo, held: (handle: DocHandle<unknown>) => Heads | undefined): void {
    this.#repo = repo
    this.#held = held
  }

  mayHear({ type, documentId, data }: Heard): boolean {
    const file = documentId && this.#files.get(documentId)
    if (!file || !isKnowing(file.ledger) || type !== 'sync' || !data) return true
    const { heads, changes } = Automerge.decodeSyncMessage(data)
    const brought = changes
      .flatMap((chunk) => singleChanges(chunk))
      .map((bytes) => [openChange(bytes), bytes] as const)
    const went = (hash: string) => file.ledger.refused.has(hash) || file.ledger.remade.has(hash)
    const goes = (hash: string) => went(hash) || file.waiting.has(hash)
    if (!heads.some(goes) && !brought.some(([open]) => open?.deps.some(goes))) return true
    for (const [open, bytes] of brought) if (open && !went(open.hash)) file.waiting.set(open.hash, bytes)
    if (file.waiting.size > 0) void this.#settle(file)
    return false
  }

  async guard(handle: DocHandle<unknown>): Promise<void> {
    await this.#known
    const file = this.#file(handle.documentId)
    this.#watch(file, handle)
    if (hasNews(file)) await this.#settle(file)
  }

  reject({ documentId, changes, code, reason, setAside }: RejectMessage): void {
    const rejected = { changes, code, reason, setAside, atMs: this.#need.environment.now() }
    void this.#known.then(() => this.#refuse(this.#file(documentId), rejected))
  }

  refused(id: DocumentId): Watchable<readonly RefusedEdit[]> {
    return this.#file(id).edits
  }

  tell(id: DocumentId, edit: RefusedEdit): void {
    this.#hear(id, { ...emptyLedger, edits: new Map([[edit.id, shownEdit(edit)]]) })
    void this.#note(this.#file(id))
  }

  dismiss(id: DocumentId, edit: string): void {
    this.#dismiss(id, edit)
    void this.#note(this.#file(id))
  }

  async makeAgain(id: DocumentId, edit: string, make: () => void): Promise<boolean> {
    const file = this.#file(id)
    let isOurs = false
    await this.#locked(id, async () => {
      this.#learn(file, await this.#latest(file))
      if (file.ledger.dismissed.has(edit)) return
      make()
      isOurs = true
      this.#dismiss(id, edit)
      await this.#keep(file, file.ledger)
      // Whoever waits for the lock has no notes to read then, and has to hear of it first.
      if (!this.#isKept) await new Promise((resolve) => setTimeout(resolve, HEARD_MS))
    })
    return isOurs
  }

  isSettled(id: DocumentId): boolean {
    const file = this.#files.get(id)
    if (!file) return true
    const { running, rejected, waiting, syncing } = file
    return !running && rejected.length === 0 && waiting.size === 0 && syncing.timer === undefined
  }

  letGo(id: DocumentId): void {
    const file = this.#files.get(id)
    if (!file) return
    file.guarded?.end()
    file.guarded = undefined
    clearTimeout(file.syncing.timer)
    file.syncing.timer = undefined
  }

  async forget(id: DocumentId): Promise<void> {
    this.letGo(id)
    this.#files.get(id)?.edits.set([])
    this.#files.delete(id)
    await (await this.#known).delete(NOTE + id)
  }

  async noteAgain(): Promise<void> {
    await this.#known
    for (const file of this.#files.values()) {
      if (file.ledger === emptyLedger) continue
      await this.#note(file)
    }
  }

  async noted(): Promise<void> {
    await Promise.all(this.#noting)
  }

  async settled(): Promise<void> {
    await this.#known
    await Promise.all([...this.#files.values()].flatMap(({ running }) => running ?? []))
  }

  close(): void {
    this.#isClosed = true
    for (const end of this.#endings) end()
    for (const { guarded, syncing } of this.#files.values()) {
      guarded?.end()
      clearTimeout(syncing.timer)
    }
  }

  // ---------------------------------------------------------------------------------------- what is heard

  #refuse(file: File, rejected: Rejected): void {
    if (this.#isClosed) return
    const handle = this.#repo?.handles[file.id]
    if (handle?.isReady()) this.#watch(file, handle)
    if (newlyRefused(rejected, file.ledger).length > 0) {
      file.rejected.push(rejected)
      file.syncing.times = 0
      void this.#settle(file)
    } else if (hasRefused(file)) {
      void this.#settle(file)
    }
  }

  /** Another tab, or this one, knows more. */
  #hear(id: DocumentId, ledger: Ledger): void {
    const file = this.#file(id)
    this.#learn(file, merged(file.ledger, ledger))
    if (hasRefused(file)) void this.#settle(file)
  }

  #dismiss(id: DocumentId, edit: string): void {
    this.#hear(id, this.#dismissing(edit))
    this.#need.tabs.send({ type: 'dismissed', documentId: id, id: edit })
  }

  #dismissing(edit: string): Ledger {
    return { ...emptyLedger, dismissed: new Map([[edit, this.#need.environment.now()]]) }
  }

  #watch(file: File, handle: DocHandle<unknown>): void {
    if (file.guarded?.handle === handle) return
    file.guarded?.end()
    keepsAll(handle)
    const changed = () => this.#changed(file)
    handle.on('heads-changed', changed)
    file.guarded = {
      handle,
      clean: [],
      actors: new Set([Automerge.getActorId(handle.doc())]),
      sync: new SyncAnew(handle),
      end: () => void handle.off('heads-changed', changed),
    }
  }

  /** The document changed: whatever is refused of it has to go. */
  #changed(file: File): void {
    const { guarded, ledger } = file
    if (!guarded?.handle.isReady() || ledger.refused.size === 0) return
    if (!hasRefused(file)) guarded.clean = headsOf(guarded.handle.doc())
    else this.#cameBack(file, guarded)
  }

  /** Mostly nothing of it is new, and it goes at once. Where something is, the lock is needed to decide what becomes of it. */
  #cameBack(file: File, guarded: Guarded): void {
    const planned = this.#plan(file, guarded.handle.doc(), [], 'nothing')
    if (planned.doc && planned.left === 0) {
      this.#learn(file, planned.ledger)
      this.#replace(file, guarded, planned.doc)
    } else {
      void this.#settle(file)
    }
  }

  // ---------------------------------------------------------------------------------------- putting it right

  /** One after the other for each document; what comes meanwhile is looked at right after. */
  #settle(file: File): Promise<void> {
    file.again = true
    file.running ??= this.#settleAll(file).finally(() => (file.running = undefined))
    return file.running
  }

  async #settleAll(file: File): Promise<void> {
    while (file.again && !this.#isClosed) {
      file.again = false
      await this.#locked(file.id, async (remakes) => {
        this.#learn(file, await this.#latest(file))
        do await this.#cleanTab(file, remakes)
        while (file.rejected.length > 0)
        await this.#cleanStored(file, remakes)
      })
    }
  }

  async #cleanTab(file: File, remakes: Remakes): Promise<void> {
    let rejected = alike(file)
    const { guarded } = file
    for (let pass = 1; pass <= PASSES_MAX; pass++) {
      const doc = docOf(file)
      const waiting = [...file.waiting]
      const planned = this.#plan(
        file,
        doc,
        waiting.map(([, bytes]) => bytes),
        remakes,
        rejected,
      )
      rejected = undefined
      await this.#keep(file, planned.ledger)
      if (!planned.doc || !guarded?.handle.isReady()) {
        for (const [hash] of waiting) file.waiting.delete(hash)
        return
      }
      // What was made in the meantime is looked at as well, and written down, before anything goes.
      if (!sameHeads(headsOf(guarded.handle.doc()), headsOf(doc))) continue
      for (const [hash] of waiting) file.waiting.delete(hash)
      this.#replace(file, guarded, planned.doc)
      return
    }
    file.again = true
  }

  async #cleanStored(file: File, remakes: Remakes): Promise<void> {
    const { documents } = this.#need
    if (!documents || !isKnowing(file.ledger)) return
    const stored = await readStored(documents, file.id)
    if (!stored) return
    const planned = this.#plan(file, stored.doc, stored.waiting, remakes)
    await this.#keep(file, planned.ledger)
    if (planned.doc) await stored.replace(planned.doc, `without-${unique()}`)
  }

  /** Before the repo gets to see what is stored of a document. */
  async #cleanBeforeLoad(id: DocumentId): Promise<void> {
    await this.#known
    const file = this.#file(id)
    if (!isKnowing(file.ledger)) return
    await this.#locked(id, async (remakes) => {
      this.#learn(file, await this.#latest(file))
      await this.#cleanStored(file, remakes)
    })
  }

  #plan(
    file: File,
    doc: Doc<unknown>,
    waiting: readonly Uint8Array[],
    remakes: Remakes,
    rejected?: Rejected,
  ): Plan {
    const { guarded } = file
    return plan({
      doc,
      waiting,
      ledger: file.ledger,
      rejected,
      held: guarded && this.#held(guarded.handle),
      nowMs: this.#need.environment.now(),
      // What this tab makes anew is its own, and may have to be made anew once more.
      newActor: (use) => {
        const actor = unique()
        guarded?.actors.add(actor)
        if (use === 'remade') this.#need.ours(file.id, actor)
        return actor
      },
      // Where others would not find it written down, they might make it anew as well: so everybody keeps to their own.
      mayRemake: (actor) =>
        (remakes === 'all' && this.#isKept) || (remakes !== 'nothing' && guarded?.actors.has(actor) === true),
    })
  }

  #replace(file: File, guarded: Guarded, doc: Doc<unknown>): void {
    guarded.actors.add(Automerge.getActorId(guarded.handle.doc())).add(Automerge.getActorId(doc))
    guarded.clean = headsOf(doc)
    replaceBy(guarded.handle, doc)
    this.#syncAnew(file, guarded)
  }

  #syncAnew({ syncing }: File, { sync }: Guarded): void {
    if (syncing.timer !== undefined) return
    const nowMs = this.#need.environment.now()
    if (nowMs - syncing.atMs > FORGOTTEN_MS) syncing.times = 0
    syncing.timer = setTimeout(
      () => {
        syncing.timer = undefined
        syncing.atMs = this.#need.environment.now()
        syncing.times += 1
        if (this.#repo && !this.#isClosed) sync.begin(this.#repo)
      },
      Math.min(SYNC_ANEW_MS_MAX, SYNC_ANEW_MS * 2 ** syncing.times),
    )
  }

  // ---------------------------------------------------------------------------------------- what is known

  async #readNotes(): Promise<Notes> {
    const notes = await this.#need.notes
    for (const [key, value] of await notes.entries(NOTE)) {
      const file = this.#file(key.slice(NOTE.length) as DocumentId)
      const ledger = bounded(readLedger(value), this.#need.environment.now())
      this.#learn(file, merged(file.ledger, ledger))
      if (isEmpty(ledger)) await notes.delete(key)
    }
    return notes
  }

  /** What this tab knows is written down, beside what others know. */
  #note(file: File): Promise<void> {
    const noting = this.#locked(file.id, async () => this.#keep(file, await this.#latest(file)))
    this.#noting.add(noting)
    return noting.finally(() => this.#noting.delete(noting))
  }

  /** What this tab and all others know. */
  async #latest(file: File): Promise<Ledger> {
    const notes = await this.#known
    file.noted = readLedger(await notes.get(NOTE + file.id))
    this.#isKept = notes.state.getState().status === 'kept'
    return merged(file.ledger, file.noted)
  }

  /** Writes it down, unless that was done, and tells the other tabs. */
  async #keep(file: File, ledger: Ledger): Promise<void> {
    this.#learn(file, merged(ledger, file.ledger))
    const all = merged(file.noted, file.ledger)
    if (all === file.noted) return
    const notes = await this.#known
    file.noted = bounded(all, this.#need.environment.now())
    await notes.set(NOTE + file.id, file.noted)
    this.#isKept = notes.state.getState().status === 'kept'
    this.#need.tabs.send({ type: 'refused', documentId: file.id, ledger: file.noted })
  }

  #learn(file: File, ledger: Ledger): void {
    const isNews = ledger.edits !== file.ledger.edits
    // A state that was clean has to be looked at again.
    if (ledger.refused !== file.ledger.refused && file.guarded) file.guarded.clean = []
    file.ledger = ledger
    if (isNews) file.edits.set(editsOf(ledger))
  }

  #file(id: DocumentId): File {
    const known = this.#files.get(id)
    if (known) return known
    const file: File = {
      id,
      ledger: emptyLedger,
      noted: emptyLedger,
      edits: new Watched<readonly RefusedEdit[]>([]),
      guarded: undefined,
      rejected: [],
      waiting: new Map(),
      running: undefined,
      again: false,
      syncing: { times: 0, atMs: -Infinity, timer: undefined },
    }
    this.#files.set(id, file)
    return file
  }

  async #locked(id: DocumentId, work: (remakes: Remakes) => Promise<void>): Promise<void> {
    const waiting = new AbortController()
    const giveUp = setTimeout(() => waiting.abort(), LOCK_MS_MAX)
    const lock = { isHeld: false }
    try {
      await this.#need.environment.withLock(
        `${this.#need.name}:refused:${id}`,
        { signal: waiting.signal },
        async () => {
          lock.isHeld = true
          clearTimeout(giveUp)
          await work('all')
        },
      )
    } catch (error) {
      if (lock.isHeld) throw error
      await work('own')
    } finally {
      clearTimeout(giveUp)
    }
  }
}

/** The same store, of which nothing refused is loaded. */
function cleaning(
  documents: StorageAdapterInterface,
  care: {
    readonly beforeLoad: (id: DocumentId) => Promise<void>
    /** Whether what other replicas are known to have may be a state with refused changes. */
    readonly forgetsSync: (id: DocumentId) => boolean
  },
): StorageAdapterInterface {
  return {
    load: async (key: StorageKey) => {
      const [id, kind] = key
      const isForgotten = kind === 'sync-state' && care.forgetsSync(id as DocumentId)
      return isForgotten ? undefined : documents.load(key)
    },
    save: (key, data) => documents.save(key, data),
    remove: (key) => documents.remove(key),
    removeRange: (prefix) => documents.removeRange(prefix),
    loadRange: async (prefix: StorageKey) => {
      // The repo asks for a document's snapshots first, and then for what was added to them.
      const [id, kind, ...more] = prefix
      if (id !== undefined && kind === 'snapshot' && more.length === 0)
        await care.beforeLoad(id as DocumentId)
      return documents.loadRange(prefix)
    },
  }
}

/** Takes what the server said, together with what it said in the same words: a burst becomes one. */
function alike(file: File): Rejected | undefined {
  const [first] = file.rejected
  if (!first) return undefined
  const isAlike = ({ code, reason, setAside }: Rejected) =>
    code === first.code && reason === first.reason && setAside === first.setAside
  const changes = file.rejected.filter(isAlike).flatMap((it) => it.changes)
  file.rejected = file.rejected.filter((it) => !isAlike(it))
  return { ...first, changes: [...new Set(changes)] }
}

function docOf({ guarded }: File): Doc<unknown> {
  return guarded?.handle.isReady() ? guarded.handle.doc() : Automerge.init()
}

function headsOf(doc: Doc<unknown>): Heads {
  return Automerge.getHeads(doc).sort()
}

function hasRefused({ guarded, ledger }: File): boolean {
  return guarded?.handle.isReady() === true && isRefusedIn(guarded.handle.doc(), guarded.clean, ledger)
}

/** Whether a document that was just opened may differ from what has to be of it. */
function hasNews({ ledger }: File): boolean {
  return isKnowing(ledger)
}

function isKnowing({ refused, remade }: Ledger): boolean {
  return refused.size > 0 || remade.size > 0
}

function isEmpty(ledger: Ledger): boolean {
  return !isKnowing(ledger) && ledger.edits.size === 0 && ledger.lifted.size === 0
}
