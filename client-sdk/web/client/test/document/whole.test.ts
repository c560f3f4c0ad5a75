// What a document has stays in it, whatever the repo puts in its place.

import { expect, test, vi } from 'vitest'
import {
  Automerge,
  NetworkAdapter,
  Repo,
  type DocHandle,
  type Message,
  type PeerId,
  type StorageAdapterInterface,
  type StorageKey,
} from '../../src/automerge'
import { keepsAll, replaceBy } from '../../src/document/whole'

interface Board {
  a?: number
  b?: number
}

/** A document, as the disk has it, and as it is since. */
function edited(): { readonly handle: DocHandle<Board>; readonly onDisk: Automerge.Doc<Board> } {
  const handle = new Repo({ network: [] }).create<Board>({ a: 1 })
  const onDisk = Automerge.load<Board>(Automerge.save(handle.doc()))
  handle.change((draft) => void (draft.b = 2))
  return { handle, onDisk }
}

test('CL295 an older state that comes late takes nothing away', () => {
  const { handle, onDisk } = edited()
  keepsAll(handle)
  keepsAll(handle)
  const heads = handle.heads()
  handle.update(() => onDisk)
  expect([handle.doc(), handle.heads()]).toEqual([{ a: 1, b: 2 }, heads])
  handle.change((draft) => void (draft.a = 3))
  expect(handle.doc()).toEqual({ a: 3, b: 2 })
})

test('CL295 what the late state has besides comes in', () => {
  const { handle, onDisk } = edited()
  keepsAll(handle)
  const more = Automerge.change(onDisk, (draft) => void (draft.a = 5))
  handle.update(() => more)
  expect(handle.doc()).toEqual({ a: 5, b: 2 })
})

test('CL295 what is taken out on purpose goes', () => {
  const { handle, onDisk } = edited()
  keepsAll(handle)
  replaceBy(handle, onDisk)
  expect(handle.doc()).toEqual({ a: 1 })
})

/** One end of a wire to another repo. What is said waits until the wire is let through. */
class Wire extends NetworkAdapter {
  other: Wire | undefined
  readonly #through: Promise<void>

  constructor(through: Promise<void>) {
    super()
    this.#through = through
  }

  isReady(): boolean {
    return true
  }

  whenReady(): Promise<void> {
    return Promise.resolve()
  }

  connect(peerId: PeerId): void {
    this.peerId = peerId
    if (!this.other?.peerId) return
    for (const [end, far] of [
      [this, this.other],
      [this.other, this],
    ] as const)
      end.emit('peer-candidate', { peerId: far.peerId as PeerId, peerMetadata: {} })
  }

  send(message: Message): void {
    void this.#through.then(() => this.other?.emit('message', message))
  }

  disconnect(): void {
    this.other = undefined
  }
}

/** A promise, and what resolves it. */
function gate(): { readonly open: () => void; readonly opened: Promise<void> } {
  let open: () => void = () => undefined
  return { opened: new Promise((resolve) => (open = resolve)), open: () => open() }
}

/** A disk that answers the second time late, with the document as another tab had written it. */
function lateDisk(
  bytes: Uint8Array,
  late: Promise<void>,
): StorageAdapterInterface & { readonly asked: () => number } {
  let asked = 0
  return {
    asked: () => asked,
    load: () => Promise.resolve(undefined),
    save: () => Promise.resolve(),
    remove: () => Promise.resolve(),
    removeRange: () => Promise.resolve(),
    loadRange: async ([id, kind]) => {
      if (kind !== 'snapshot') return []
      asked += 1
      if (asked !== 2) return []
      await late
      return [{ key: [id, kind, 'x'] as StorageKey, data: bytes }]
    },
  }
}

test.each([
  ['is lost by the repo alone', false],
  ['stays', true],
])('CL295 what is edited while a second look at the disk is under way %s', async (_, isGuarded) => {
  const [through, disk] = [gate(), gate()]
  const [near, far] = [new Wire(through.opened), new Wire(through.opened)]
  ;[near.other, far.other] = [far, near]
  const theirs = new Repo({ network: [far], peerId: 'theirs' as PeerId }).create<Board>({ a: 1 })
  const storage = lateDisk(Automerge.save(theirs.doc()), disk.opened)
  const repo = new Repo({ network: [near], storage, peerId: 'ours' as PeerId })
  const first = repo.find<Board>(theirs.url)
  const begun = repo.handles[theirs.documentId] as DocHandle<Board>
  if (isGuarded) keepsAll(begun)
  await vi.waitFor(() => expect(begun.inState(['requesting'])).toBe(true))
  // The repo asks the disk once more for each message that comes while a document is on its way, as for whoever looks for it then.
  void repo.find<Board>(theirs.url)
  await vi.waitFor(() => expect(storage.asked()).toBe(2))
  through.open()
  const handle = await first
  handle.change((draft) => void (draft.b = 2))
  disk.open()
  await vi.waitFor(() => expect(handle.doc()).toEqual(isGuarded ? { a: 1, b: 2 } : { a: 1 }))
  if (isGuarded) await vi.waitFor(() => expect(theirs.doc()).toEqual({ a: 1, b: 2 }))
})
