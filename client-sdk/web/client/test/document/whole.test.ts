// What a document has stays in it, whatever the repo puts in its place.

import { expect, test } from 'vitest'
import { Automerge, Repo, type DocHandle } from '../../src/automerge'
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
