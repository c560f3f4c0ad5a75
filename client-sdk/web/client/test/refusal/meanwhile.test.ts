// What is edited in the very moment in which something refused is taken out of a document.

import { expect, test } from 'vitest'
import { Automerge, Repo } from '../../src/automerge'
import { createRefusals } from '../../src/refusal/refusals'
import { memoryNotes } from '../../src/storage/notes'
import { createTabs } from '../../src/tabs/tabs'
import { messagesOf } from '../world/tab'

interface Board {
  list: string[]
  forbidden?: boolean
}

/** A tab with a refused edit; `meanwhile` is called each time that it was written down what becomes of changes. */
async function undone(meanwhile: (edit: (label: string) => void) => void) {
  const repo = new Repo({})
  const handle = repo.create<Board>({ list: [] })
  const edit = (label: string) => handle.change((draft) => draft.list.push(label), { message: label })
  const notes = memoryNotes('nothing is kept here')
  const set = notes.set.bind(notes)
  notes.set = async (key, value) => {
    await set(key, value)
    meanwhile(edit)
  }
  const ours = new Set<string>()
  const refusals = createRefusals({
    name: 'meanwhile',
    notes: Promise.resolve(notes),
    tabs: createTabs({ channel: () => undefined }, 'meanwhile'),
    documents: undefined,
    ours: (_, actor) => ours.add(actor),
    environment: { now: () => 1, withLock: (_, __, work) => work(true) },
  })
  refusals.attach(repo, () => undefined)
  await refusals.guard(handle)
  handle.change((draft) => (draft.forbidden = true), { message: 'bad' })
  const [hash = ''] = Automerge.getHeads(handle.doc())
  const message = { code: 'path_forbidden', reason: 'no', setAside: false, changes: [hash] }
  refusals.reject({ type: 'dovetail-reject', documentId: handle.documentId, ...message })
  await refusals.settled()
  refusals.close()
  return { doc: handle.doc(), ours, told: refusals.refused(handle.documentId).getState() }
}

test('CL193 an edit between what was decided and what is put in its place is not lost', async () => {
  let edits = 0
  const { doc, ours, told } = await undone((edit) => {
    if (edits++ === 0) edit('meanwhile')
  })
  expect(messagesOf(doc)).toEqual(['meanwhile'])
  expect(doc).toEqual({ list: ['meanwhile'] })
  expect(
    Automerge.getChangesMetaSince(doc, [])
      .slice(1)
      .every(({ actor }) => ours.has(actor)),
  ).toBe(true)
  expect(told).toMatchObject([{ labels: ['bad'], remade: 1, lost: 0 }])
})

test('CL193 neither is any of many, each in such a moment, and in the end all that is refused is gone', async () => {
  let edits = 0
  const { doc } = await undone((edit) => {
    if (edits < 12) edit(`${edits++}`)
  })
  expect(edits).toBe(12)
  expect([...doc.list].sort()).toEqual(Array.from({ length: 12 }, (_, n) => `${n}`).sort())
  expect(doc.forbidden).toBeUndefined()
})
