// What the server has acknowledged is there after it was ended, gently or not, and it is still the same server.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLIENTS, WAYS, agree, until, world } from '../harness.mjs'

for (const signal of ['SIGTERM', 'SIGKILL']) {
  for (const [one, other] of WAYS)
    test(`IN30 ${signal} under ${one}: ${other} finds everything that was acknowledged`, async (t) => {
      const here = await world(t)
      const writer = await here.peer(one)
      const { serverStorageId } = writer
      const made = Array.from({ length: 5 }, () => writer.create({ n: 0 }))
      for (const handle of made) await writer.saved(handle)

      // End it in the middle of an unbroken run of edits, some of them acknowledged, some on their way.
      let edits = 0
      const writing = setInterval(() => made[edits % 5].change((doc) => (doc.n = ++edits)), 3)
      t.after(() => clearInterval(writing))
      await until('some of it is acknowledged', () => edits > 150 && made.some((h) => writer.isSaved(h)))
      const ended = await here.server.stop(signal)
      clearInterval(writing)
      writer.close()
      const acknowledged = made.map((handle) => writer.headsAt(handle, serverStorageId))
      await here.server.restart()

      assert.equal(ended, signal === 'SIGTERM' ? 0 : 'SIGKILL')
      const reader = await here.peer(other)
      assert.equal(reader.serverStorageId, serverStorageId, 'IN31: the same storage id')
      for (const [n, handle] of made.entries()) {
        const theirs = await reader.open(handle.url)
        await until('all that was acknowledged is here', () => reader.hasChanges(theirs, acknowledged[n]))
      }
    })

  for (const version of CLIENTS)
    test(`IN31 ${signal}: a connected ${version} comes back to the same server and goes on`, async (t) => {
      const here = await world(t)
      const ana = await here.peer(version, { storage: true })
      const bo = await here.peer(version)
      const before = { storage: ana.serverStorageId }
      const anas = ana.create({ edits: {} })
      await ana.saved(anas)
      const bos = await bo.open(anas.url)

      anas.change((doc) => (doc.edits.before = true))
      await here.server.restart(signal)
      anas.change((doc) => (doc.edits.ana = true))
      bos.change((doc) => (doc.edits.bo = true))
      await ana.connected()
      await bo.connected()

      await agree([ana, anas], [bo, bos])
      assert.deepEqual(bo.json(bos), { edits: { before: true, ana: true, bo: true } })
      assert.equal(ana.serverStorageId, before.storage)
    })
}
