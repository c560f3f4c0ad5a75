// A tab with one document open: the repo, the disk, the other tabs, the server, and what happens to refused changes.

import {
  Automerge,
  decodeHeads,
  Repo,
  type Doc,
  type DocHandle,
  type DocumentId,
  type PeerId,
  type StorageAdapterInterface,
  type StorageId,
} from '../../src/automerge'
import { createRefusals, type Refusals } from '../../src/refusal/refusals'
import { DocumentStorage } from '../../src/storage/documents'
import { memoryNotes, openNotes } from '../../src/storage/notes'
import { TabAdapter } from '../../src/tabs/adapter'
import { createTabs } from '../../src/tabs/tabs'
import { PlainLine } from './line'
import type { Origin, TabPlace } from './origin'
import { FakeServer } from './server'

/** `old`: an app that knows nothing of refused changes. `private`: the browser gives it nothing to keep things in. */
export type TabKind = 'usual' | 'old' | 'private'

export const NAME = 'world'
/** A document that was not found is looked for again after this long. */
const AGAIN_MS = 500

let tabs = 0

export class Tab {
  readonly name = `tab-${++tabs}`
  readonly place: TabPlace
  readonly repo: Repo
  readonly refusals: Refusals
  readonly documentId: DocumentId
  /** How many messages came that said that changes are not taken. */
  rejects = 0
  /** Every state of the document in which it was shown. */
  onShown: (doc: Doc<unknown>) => void = () => undefined
  #handle: DocHandle<unknown> | undefined

  /** Opens the document in a new tab of the origin. */
  constructor(origin: Origin, documentId: DocumentId, kind: TabKind = 'usual') {
    this.documentId = documentId
    const place = origin.place()
    this.place = place
    const { environment } = place
    const documents = mortal(
      place.inside(() => new DocumentStorage(environment, kind === 'private' ? 'memory' : 'indexeddb', NAME)),
      place,
    )
    const notes = kind === 'private' ? Promise.resolve(memoryNotes('private')) : openNotes(environment, NAME)
    this.refusals = place.inside(() =>
      createRefusals({
        name: NAME,
        notes,
        tabs: createTabs(environment, NAME),
        documents,
        environment,
        ours: () => undefined,
      }),
    )
    void notes.then((opened) => opened.onEmptied(() => void this.refusals.noteAgain()))
    const line = new PlainLine(place, (message) => {
      if (message.type !== 'dovetail-reject') return
      this.rejects += 1
      if (kind === 'old') return
      this.refusals.reject(message)
    })
    this.repo = place.inside(
      () =>
        new Repo({
          peerId: this.name as PeerId,
          storage: (kind === 'old' ? documents : this.refusals.storage) ?? documents,
          network: [
            line,
            new TabAdapter(environment.channel(`${NAME}-sync`)!, {
              isHere: () => true,
              mayHear: (message) => kind === 'old' || this.refusals.mayHear(message),
            }),
          ],
          saveDebounceRate: 10,
        }),
    )
    this.refusals.attach(this.repo, (handle) => {
      const known = handle.getSyncInfo(FakeServer.storageId as StorageId)
      return known && decodeHeads(known.lastHeads)
    })
    void this.#open(kind)
  }

  async #open(kind: TabKind): Promise<void> {
    try {
      const handle = await this.repo.find<unknown>(this.documentId)
      if (kind !== 'old') await this.refusals.guard(handle)
      this.#handle = handle
      this.onShown(handle.doc())
      handle.on('heads-changed', ({ doc }) => this.onShown(doc))
    } catch (error) {
      // A tab that is gone finds nothing any more, and one that keeps nothing finds nothing without a server.
      if (!this.place.isGone && kind !== 'private') throw error
      if (!this.place.isGone) setTimeout(() => void this.#open(kind), AGAIN_MS)
    }
  }

  /** Whether the document is here and shown. */
  get isOpen(): boolean {
    return this.#handle !== undefined && !this.place.isGone
  }

  get handle(): DocHandle<unknown> {
    if (!this.#handle) throw new Error(`${this.name} has no document yet`)
    return this.#handle
  }

  get doc(): Doc<unknown> {
    return this.handle.doc()
  }

  edit(label: string, edit: (draft: never) => void): void {
    this.handle.change(edit as (draft: unknown) => void, { message: label })
  }

  get messages(): string[] {
    return messagesOf(this.doc)
  }

  /** The tab is gone between two instructions. */
  crash(): void {
    this.place.crash()
  }
}

/** What a tab that is gone asked of its disk is never answered. */
function mortal(documents: StorageAdapterInterface, place: TabPlace): StorageAdapterInterface {
  const answered = async <R>(asked: Promise<R>): Promise<R> => {
    try {
      const answer = await asked
      if (!place.isGone) return answer
    } catch (error) {
      if (!place.isGone) throw error
    }
    return new Promise<never>(() => undefined)
  }
  return {
    load: (key) => answered(documents.load(key)),
    save: (key, data) => answered(documents.save(key, data)),
    remove: (key) => answered(documents.remove(key)),
    loadRange: (prefix) => answered(documents.loadRange(prefix)),
    removeRange: (prefix) => answered(documents.removeRange(prefix)),
  }
}

/** What people called the changes of a document. */
export function messagesOf(doc: Doc<unknown>): string[] {
  return Automerge.getChangesMetaSince(doc, []).flatMap(({ message }) => message ?? [])
}

/** What the disk of an origin has of a document, as it is. */
export async function storedDoc(origin: Origin, documentId: DocumentId): Promise<Doc<unknown>> {
  const place = origin.place()
  const documents = place.inside(() => new DocumentStorage(place.environment, 'indexeddb', NAME))
  const chunks = [
    ...(await documents.loadRange([documentId, 'snapshot'])),
    ...(await documents.loadRange([documentId, 'incremental'])),
  ]
  let doc = Automerge.init<unknown>()
  for (const { data } of chunks) if (data) doc = Automerge.loadIncremental(doc, data)
  await documents.close()
  return doc
}
