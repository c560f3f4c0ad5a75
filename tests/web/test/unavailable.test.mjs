// A document that nobody has brought yet is said to be unavailable, and comes by itself once somebody does.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLIENTS, WAYS, agree, until, world } from '../harness.mjs'

for (const [one, other] of WAYS)
  test(`IN8 ${other} hears that it is unavailable, and gets it once ${one} brings it`, async (t) => {
    const here = await world(t)
    const seeker = await here.peer(other)
    const second = await here.peer(other)
    const writer = await here.peer(one, { online: false })
    const ours = writer.create({ title: 'late' })

    await assert.rejects(seeker.open(ours.url), /unavailable/)
    await assert.rejects(second.open(ours.url), /unavailable/)
    await writer.connect()

    await writer.saved(ours)
    for (const peer of [seeker, second])
      await until(
        'it arrives unasked',
        () => peer.handle(ours.url).isReady() && peer.doc(peer.handle(ours.url)).title,
      )
    seeker.handle(ours.url).change((doc) => (doc.title = 'changed'))

    await agree(...[writer, seeker, second].map((peer) => [peer, peer.handle(ours.url)]))
    assert.equal(writer.json(ours).title, 'changed')
  })

for (const version of CLIENTS)
  test(`IN8 ${version}: a document on disk is never called unavailable`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(version)
    const made = Array.from({ length: 20 }, (_, n) => writer.create({ n }))
    for (const handle of made) await writer.saved(handle)
    writer.goOffline()
    await here.server.restart('SIGTERM')

    const reader = await here.peer(version)
    const found = await Promise.all(made.map((handle) => reader.open(handle.url)))

    assert.deepEqual(
      found.map((handle) => reader.json(handle).n),
      made.map((_, n) => n),
    )
  })
