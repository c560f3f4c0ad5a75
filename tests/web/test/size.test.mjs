// Much of everything: documents on one connection, bytes in one text, changes in one document.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VERSIONS, packagesOf, until, world } from '../harness.mjs'

const DOCUMENTS = 200
const VALUE_BYTES = 5_000_000
/** Each an operation of its own. For five million see `large_text.test.mjs`. */
const TEXT_CHARACTERS = 200_000
const CHANGES = 20_000

for (const version of VERSIONS) {
  test(`IN27 ${version}: ${DOCUMENTS} documents on one client`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(version)
    const reader = await here.peer(version)

    const ours = Array.from({ length: DOCUMENTS }, (_, n) => writer.create({ n }))
    await until('all are saved', () => ours.every((handle) => writer.isSaved(handle)))
    const theirs = await Promise.all(ours.map((handle) => reader.open(handle.url)))
    theirs.forEach((handle) => handle.change((doc) => (doc.n += 1000)))

    await until('all edits are back', () => ours.every((handle, n) => writer.json(handle).n === n + 1000))
  })

  test(`IN27 ${version}: ${DOCUMENTS} open documents come back on a new connection`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(version, { storage: true })
    const ours = Array.from({ length: DOCUMENTS }, (_, n) => writer.create({ n }))
    await until('all are saved', () => ours.every((handle) => writer.isSaved(handle)))

    writer.goOffline()
    ours.forEach((handle) => handle.change((doc) => (doc.n += 1000)))
    await writer.goOnline()

    await until('all are saved again', () => ours.every((handle) => writer.isSaved(handle)))
  })

  test(`IN28 ${version}: ${VALUE_BYTES / 1e6} MB in one value`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(version)
    const reader = await here.peer(version)
    const value = filling(VALUE_BYTES)

    const ours = writer.create({ value: new writer.lib.Automerge.RawString(value) })
    await writer.saved(ours)
    const theirs = await reader.open(ours.url)

    assert.ok(String(reader.doc(theirs).value) === value)
  })

  test(`IN28 ${version}: a text of ${TEXT_CHARACTERS / 1e3},000 characters`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(version)
    const reader = await here.peer(version)
    const text = filling(TEXT_CHARACTERS)

    const ours = writer.create({ text })
    await writer.saved(ours)
    const theirs = await reader.open(ours.url)
    theirs.change((doc) => reader.lib.splice(doc, ['text'], TEXT_CHARACTERS / 2, 5, 'edited'))

    await until('the edit arrives', () => writer.doc(ours).text.includes('edited'))
    assert.equal(writer.doc(ours).text, `${text.slice(0, 100_000)}edited${text.slice(100_005)}`)
  })

  test(`IN29 ${version}: ${CHANGES} changes in one document`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(version)
    const reader = await here.peer(version)

    const ours = writer.import(await longHistory())
    await writer.saved(ours)
    const theirs = await reader.open(ours.url)
    theirs.change((doc) => (doc.n = -1))

    await until('the edit on top arrives', () => writer.json(ours).n === -1)
    assert.equal(writer.lib.Automerge.getAllChanges(writer.doc(ours)).length, CHANGES + 1)
  })
}

/** Made once, by the quickest of the versions: 1.2 takes half a minute for it. */
const longHistory = once(async () => {
  const { Automerge } = await packagesOf('2.6.0-alpha.3')
  let doc = Automerge.from({ n: 0 })
  for (let n = 1; n < CHANGES; n++) doc = Automerge.change(doc, { time: 0 }, (draft) => void (draft.n = n))
  return Automerge.save(doc)
})

function once(make) {
  let made
  return () => (made ??= make())
}

/** So many characters, not all alike, so that they are really there on the wire. */
function filling(length) {
  return Array.from({ length: length / 50 }, (_, n) => `${n} `.padEnd(50, (n * n).toString(36))).join('')
}
