// Stock clients edit the same documents, connected all the time. Each version with itself, and old with new.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLIENTS, VERSIONS, WAYS, agree, world } from '../harness.mjs'

for (const [one, other] of WAYS) {
  const pair = `${one} and ${other}`

  test(`IN20 ${pair}: what one creates the other finds`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(one)
    const reader = await here.peer(other)

    const ours = writer.create({ title: 'Errors by region', grid: { columns: 24 }, tags: ['a', 'b'] })
    const empty = writer.create()
    await writer.saved(ours)
    await writer.saved(empty)
    const theirs = await reader.open(ours.url)

    assert.deepEqual(reader.json(theirs), {
      title: 'Errors by region',
      grid: { columns: 24 },
      tags: ['a', 'b'],
    })
    assert.deepEqual(reader.heads(theirs), writer.heads(ours))
    assert.deepEqual(reader.json(await reader.open(empty.url)), {})
  })

  test(`IN21 ${pair}: edits made at the same time are all in both documents`, async (t) => {
    const { writer, reader, ours, theirs } = await sharedDocument(t, one, other, { from: {}, to: {} })

    for (let n = 0; n < 25; n++) {
      ours.change((doc) => (doc.from[`k${n}`] = n))
      theirs.change((doc) => (doc.to[`k${n}`] = n))
    }

    await agree([writer, ours], [reader, theirs])
    const { from, to } = writer.json(ours)
    assert.equal(Object.keys(from).length, 25)
    assert.equal(Object.keys(to).length, 25)
  })

  test(`IN23 ${pair}: text, counters and lists merge`, async (t) => {
    const start = { text: 'middle', list: [2, 3] }
    const { writer, reader, ours, theirs } = await sharedDocument(t, one, other, start)
    ours.change((doc) => (doc.count = new writer.lib.Counter(10)))
    await agree([writer, ours], [reader, theirs])

    ours.change((doc) => {
      writer.lib.splice(doc, ['text'], 0, 0, 'front ')
      doc.count.increment(5)
      doc.list.unshift(1)
    })
    theirs.change((doc) => {
      reader.lib.splice(doc, ['text'], 6, 0, ' back')
      doc.count.increment(7)
      doc.list.push(4)
    })

    await agree([writer, ours], [reader, theirs])
    assert.deepEqual(writer.json(ours), { text: 'front middle back', list: [1, 2, 3, 4], count: 22 })
    assert.deepEqual(reader.json(theirs), writer.json(ours))
  })
}

test(`IN22 four clients of four versions end with the same document`, async (t) => {
  const here = await world(t)
  const peers = []
  for (const version of VERSIONS) peers.push(await here.peer(version))
  const first = peers[0].create({ seen: {} })
  await peers[0].saved(first)
  const handles = [first]
  for (const peer of peers.slice(1)) handles.push(await peer.open(first.url))

  for (let n = 0; n < 10; n++)
    handles.forEach((handle, who) => handle.change((doc) => (doc.seen[`${who}-${n}`] = n)))

  await agree(...peers.map((peer, who) => [peer, handles[who]]))
  assert.equal(Object.keys(peers[3].json(handles[3]).seen).length, 40)
})

for (const version of CLIENTS)
  test(`IN22 three clients of ${version} end with the same document`, async (t) => {
    const here = await world(t)
    const peers = [await here.peer(version), await here.peer(version), await here.peer(version)]
    const first = peers[0].create({ words: [] })
    await peers[0].saved(first)
    const handles = [first, await peers[1].open(first.url), await peers[2].open(first.url)]

    for (let n = 0; n < 10; n++)
      handles.forEach((handle, who) => handle.change((doc) => doc.words.push(`${who}-${n}`)))

    await agree(...peers.map((peer, who) => [peer, handles[who]]))
    assert.equal(peers[0].json(first).words.length, 30)
  })

async function sharedDocument(t, one, other, value) {
  const here = await world(t)
  const writer = await here.peer(one)
  const reader = await here.peer(other)
  const ours = writer.create(value)
  await writer.saved(ours)
  const theirs = await reader.open(ours.url)
  return { writer, reader, ours, theirs }
}
