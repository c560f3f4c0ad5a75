// Clients that lose the connection, edit on, and come back.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLIENTS, VERSIONS, WAYS, agree, until, world } from '../harness.mjs'

const OFFLINE_CHANGES = 2_000
const FLAPS = 15

for (const [one, other] of WAYS)
  test(`IN24 ${one} and ${other}: edits made offline on both sides merge`, async (t) => {
    const here = await world(t)
    const ana = await here.peer(one, { storage: true })
    const bo = await here.peer(other)
    const anas = ana.create({ notes: {}, text: 'start' })
    await ana.saved(anas)
    const bos = await bo.open(anas.url)

    ana.goOffline()
    bo.goOffline()
    for (let n = 0; n < 20; n++) {
      anas.change((doc) => (doc.notes[`ana ${n}`] = n))
      bos.change((doc) => (doc.notes[`bo ${n}`] = n))
    }
    anas.change((doc) => ana.lib.splice(doc, ['text'], 0, 0, 'A'))
    bos.change((doc) => bo.lib.splice(doc, ['text'], 5, 0, 'B'))
    await bo.goOnline()
    await ana.goOnline()

    await agree([ana, anas], [bo, bos])
    assert.equal(Object.keys(ana.json(anas).notes).length, 40)
    assert.equal(bo.json(bos).text, 'AstartB')
  })

for (const version of CLIENTS) {
  test(`IN25 ${version}: ${OFFLINE_CHANGES} changes made offline arrive`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(version, { storage: true })
    const reader = await here.peer(version)
    const ours = writer.create({ n: 0, log: [] })
    await writer.saved(ours)
    const theirs = await reader.open(ours.url)

    writer.goOffline()
    for (let n = 1; n <= OFFLINE_CHANGES; n++) ours.change((doc) => (doc.n = n))
    theirs.change((doc) => doc.log.push('meanwhile'))
    await reader.saved(theirs)
    await writer.goOnline()

    await agree([writer, ours], [reader, theirs])
    assert.deepEqual(reader.json(theirs), { n: OFFLINE_CHANGES, log: ['meanwhile'] })
  })

  test(`IN26 ${version}: a connection that comes and goes misses nothing another writes`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(version)
    const flapper = await here.peer(version, { storage: true })
    const ours = writer.create({ edits: {} })
    await writer.saved(ours)
    const theirs = await flapper.open(ours.url)

    let edits = 0
    const writing = setInterval(() => ours.change((doc) => (doc.edits[edits++] = true)), 7)
    t.after(() => clearInterval(writing))
    for (let flap = 0; flap < FLAPS; flap++) {
      const before = edits
      flapper.goOffline()
      await until('something is written meanwhile', () => edits > before + 1)
      await flapper.goOnline()
    }
    clearInterval(writing)
    theirs.change((doc) => (doc.flapped = true))

    await agree([writer, ours], [flapper, theirs])
    assert.equal(Object.keys(flapper.json(theirs).edits).length, edits)
    assert.equal(writer.json(ours).flapped, true)
  })
}

for (const version of VERSIONS)
  test(`IN26 ${version}: dials again by itself after the connection was cut`, async (t) => {
    const here = await world(t)
    const relay = await here.relay()
    const cut = await here.peerThrough(relay, version)
    const steady = await here.peer(version)
    const ours = cut.create({ n: 0 })
    await cut.saved(ours)
    const theirs = await steady.open(ours.url)

    relay.cut()
    await until('it notices', () => !cut.online)
    ours.change((doc) => (doc.n = 1))
    theirs.change((doc) => (doc.m = 2))

    await cut.connected()
    await agree([cut, ours], [steady, theirs])
    assert.deepEqual(steady.json(theirs), { n: 1, m: 2 })
  })
