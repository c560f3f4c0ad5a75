// What the history says of decisions and names, whoever made them and with whichever version.

import { expect, test } from 'vitest'
import { Automerge, type Doc } from '../src/automerge'
import { Deeds } from '../src/deeds'
import { inWords } from '../src/rules/said'
import {
  defaultDashboardRules,
  compileRules,
  judge,
  settle,
  unwaive,
  waive,
  type Decided,
} from '../src/rules'
import { entryChange } from '../src/rules/reserved'
import { until } from '../src/watch'
import { offline } from './live/tabs'

const rules = compileRules(defaultDashboardRules)
const DOCUMENT = 'doc'

test.each([
  ['settled: push_down', 'Settled: pushed the later one down'],
  ['settled: keep_later', 'Settled: kept the later value'],
  ['settled: something_newer', 'Settled a conflict'],
  ['Undid: settled: clamp', 'Undid: Settled: took the nearest allowed value'],
  ['Did again: Undid: settled: clamp', 'Did again: Undid: Settled: took the nearest allowed value'],
  ['restored an earlier state', 'Went back to an earlier state'],
  ['restored the version settled: x', 'Went back to the version “settled: x”'],
  ['accepted for ana', 'Accepted what ana had made'],
  ['accepted for link:0123', 'Accepted what somebody with a link had made'],
  ['settled: nothing of ours', 'settled: nothing of ours'],
  ['Moved “CPU”', 'Moved “CPU”'],
  ['', ''],
])('CL316 what a change says of itself is said in words: %s', (message, words) => {
  expect(inWords(message)).toBe(words)
})

const place = { x: 0, y: 0, w: 4, h: 3 }

/** A dashboard in which two widgets share a place. */
function overlapping(title = 'RAM'): Doc<unknown> {
  const widget = (called: string) => ({ kind: 'stat', title: called, order: 'V', layout: place, options: {} })
  const began = { kind: 'dashboard', schemaVersion: 1, widgets: { a: widget('CPU') } }
  return Automerge.change(Automerge.from<{ widgets: Record<string, unknown> }>(began), (draft) => {
    draft.widgets['b'] = widget(title)
  })
}

const apart = (doc: Doc<unknown>) => idOf(doc, /share a place/)

function idOf(doc: Doc<unknown>, wanted: RegExp): string {
  const found = judge(doc, DOCUMENT, rules, 0).conflicts.find(({ message }) => wanted.test(message))
  if (!found) throw new Error('there is no such conflict')
  return found.id
}

/** What the history says of what was decided. */
function said(decided: Decided): string[] {
  if (!decided.decided) throw new Error(decided.message)
  return deeds(
    decided.doc,
    decided.changes.map((change) => Automerge.decodeChange(change).hash),
  )
}

function deeds(doc: Doc<unknown>, hashes: readonly string[]): string[] {
  const known = Automerge.getChangesMetaSince(doc, []).filter(({ hash }) => hashes.includes(hash))
  const messages = known.flatMap(({ message }) => message ?? [])
  return new Deeds(doc).of([...new Set(messages)], hashes)
}

test.each([
  ['push_down', 'RAM', 'Settled: pushed “RAM” down'],
  ['first_free', 'RAM', 'Settled: moved “RAM” to the first free place'],
  ['push_down', '', 'Settled: pushed the later one down'],
])('CL316 a settled conflict is told with the widget that it changed: %s of %j', (proposal, title, words) => {
  const doc = overlapping(title)
  expect(said(settle(doc, DOCUMENT, rules, apart(doc), proposal, undefined, 0))).toEqual([words])
})

test('CL316 a widget that was numbered is told by both of its titles', () => {
  const doc = overlapping('CPU')
  const decided = settle(doc, DOCUMENT, rules, idOf(doc, /side by side/), 'number_title', 'ana', 0)
  expect(said(decided)).toEqual(['Settled: renamed “CPU” to “CPU (2)”'])
})

test('CL316 what two settled is told of each, and what of it is not here as far as it says so itself', () => {
  const doc = overlapping()
  const one = settle(doc, DOCUMENT, rules, apart(doc), 'push_down', undefined, 0)
  if (!one.decided) throw new Error(one.message)
  const moved = Automerge.change(one.doc as Doc<{ widgets: Record<string, object> }>, (draft) => {
    Object.assign(draft.widgets, { c: { kind: 'stat', title: 'Disk', order: 'V', layout: { ...place } } })
  })
  const other = settle(moved, DOCUMENT, rules, apart(moved), 'push_down', undefined, 0)
  if (!other.decided) throw new Error(other.message)
  const hashes = [...one.changes, ...other.changes].map((change) => Automerge.decodeChange(change).hash)
  expect(deeds(other.doc, hashes)).toEqual(['Settled: pushed “RAM” down', 'Settled: pushed “Disk” down'])
  expect(new Deeds(other.doc).of(['settled: push_down', 'Moved “CPU”'], ['ab'.repeat(32)])).toEqual([
    'Settled: pushed the later one down',
    'Moved “CPU”',
  ])
})

test('CL316 a waiver and the end of one say which conflict they are about', () => {
  const doc = overlapping()
  const waived = waive(doc, DOCUMENT, rules, apart(doc), { reason: 'wanted' }, 0)
  expect(said(waived)).toEqual(['Allowed to stay: "CPU" and "RAM" share a place'])
  if (!waived.decided) throw new Error(waived.message)
  expect(said(unwaive(waived.doc, DOCUMENT, rules, apart(doc), 0))).toEqual([
    'Brought up again: "CPU" and "RAM" share a place',
  ])
})

test('CL316 what the server and older versions decided and named without a word is told from what it wrote', () => {
  type Reserved = Record<'waived' | 'versions', Record<string, unknown>>
  const began = Automerge.applyChanges(overlapping(), [entryChange().bytes])[0]
  let doc = began as Doc<{ _dovetail?: Reserved }>
  const writing = (write: (reserved: Reserved) => void) => {
    const before = Automerge.getHeads(doc)
    doc = Automerge.change(doc, (draft) => {
      if (draft._dovetail) write(draft._dovetail)
    })
    return deeds(
      doc,
      Automerge.getChangesMetaSince(doc, before).map(({ hash }) => hash),
    )
  }
  expect(writing(({ waived }) => (waived['c'] = { reason: 'wanted' }))).toEqual([
    'Allowed a conflict to stay: wanted',
  ])
  expect(writing(({ waived }) => delete waived['c'])).toEqual(['Brought a conflict up again'])
  expect(writing(({ versions }) => (versions['v1'] = { at: 1 }))).toEqual(['Named a version “v1”'])
  expect(writing(({ versions }) => delete versions['v1'])).toEqual(['Took the name “v1” away'])
  expect(deeds(doc, [entryChange().hash])).toEqual([])
})

test('CL319 a decision that says nothing of itself stands among what was done before and after it', () => {
  type Shape = { title?: string; _dovetail?: { versions: Record<string, unknown> } }
  const began = Automerge.applyChanges(Automerge.from<Shape>({}), [entryChange().bytes])[0]
  let doc: Doc<Shape> = began
  const before = Automerge.getHeads(doc)
  const write = (message: string | undefined, by: (draft: Shape) => void) => {
    doc = Automerge.change(doc, message === undefined ? {} : { message }, by)
  }
  write('Called it', (draft) => (draft.title = 'one'))
  write(undefined, (draft) => (draft._dovetail!.versions['v1'] = { at: 1 }))
  write('Moved it', (draft) => (draft.title = 'two'))
  const changes = Automerge.getChangesMetaSince(doc, before)
  const hashes = changes.map(({ hash }) => hash)
  expect(new Deeds(doc).of(['Called it', 'Moved it'], hashes)).toEqual([
    'Called it',
    'Named a version “v1”',
    'Moved it',
  ])
  expect(new Deeds(doc).of(['Something older', 'Called it', 'Moved it'], hashes.slice(1))).toEqual([
    'Something older',
    'Called it',
    'Named a version “v1”',
    'Moved it',
  ])
})

test('CL316 who settles is told as the one who did, and nobody as the one who made room for it', async () => {
  const store = offline().createDashboard({ title: 'one' })
  const widget = (title: string) => ({ kind: 'stat', title, layout: place })
  store.edit({ edit: 'createWidget', id: 'a', widget: widget('CPU') })
  store.edit({ edit: 'createWidget', id: 'b', widget: widget('RAM') })
  const conflicts = await until(store.conflicts, ({ open }) => open === 1)
  await store.conflicts.settle(conflicts.conflicts[0]?.id ?? '', 'push_down')
  const { groups } = await store.history.page()
  expect(groups.map(({ mine, messages }) => [mine, messages.at(-1)])).toEqual([
    [true, 'Settled: pushed “RAM” down'],
    [true, 'Added “RAM”'],
  ])
  expect(store.undoing.getState().undo).toBe('Settled: pushed “RAM” down')
  store.undoing.undo()
  expect((await store.history.page()).groups[0]?.messages).toEqual(['Undid: Settled: pushed “RAM” down'])
})
