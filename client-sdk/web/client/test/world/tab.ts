// A tab with one document open: the repo, the disk, the other tabs, the server, and what happens to refused changes.

import { BroadcastChannelNetworkAdapter } from '@automerge/automerge-repo-network-broadcastchannel'
import {
  Automerge,
  decodeHeads,
  Repo,
  type Doc,
  type DocHandle,
  type DocumentId,
  type PeerId,
  type StorageId,
} from '../../src/automerge'
import { createRefusals, type Refusals } from '../../src/refusal/refusals'
import { DocumentStorage } from '../../src/storage/documents'
import { openNotes } from '../../src/storage/notes'
import { createTabs } from '../../src/tabs/tabs'
import { PlainLine } from './line'
import type { Origin, TabPlace } from './origin'
import { FakeServer } from './server'

const NAME = 'world'
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
  constructor(origin: Origin, documentId: DocumentId) {
    this.documentId = documentId
    const place = origin.place()
    this.place = place
    const { environment } = place
    this.refusals = place.inside(() =>
      createRefusals({
        name: NAME,
        notes: openNotes(environment, NAME),
        tabs: createTabs(environment, NAME),
        documents: new DocumentStorage(environment, 'indexeddb', NAME),
        environment,
      }),
    )
    const line = new PlainLine(place, (message) => {
      if (message.type !== 'dovetail-reject') return
      this.rejects += 1
      this.refusals.reject(message)
    })
    this.repo = place.inside(
      () =>
        new Repo({
          peerId: this.name as PeerId,
          ...(this.refusals.storage ? { storage: this.refusals.storage } : {}),
          network: [
            line,
            new BroadcastChannelNetworkAdapter({ channelName: `${NAME}-sync`, peerWaitMs: 100 }),
          ],
          saveDebounceRate: 10,
        }),
    )
    this.refusals.attach(this.repo, (handle) => {
      const known = handle.getSyncInfo(FakeServer.storageId as StorageId)
      return known && decodeHeads(known.lastHeads)
    })
    void this.#open()
  }

  async #open(): Promise<void> {
    try {
      const handle = await this.repo.find<unknown>(this.documentId)
      await this.refusals.guard(handle)
      this.#handle = handle
      this.onShown(handle.doc())
      handle.on('heads-changed', ({ doc }) => this.onShown(doc))
    } catch (error) {
      // A tab that is gone finds nothing any more.
      if (!this.place.isGone) throw error
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
