// Clients that ask for it are told how far another client's store is.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAIRS, agree, until, world } from '../harness.mjs'

for (const [one, other] of PAIRS)
  test(`IN10 ${other} is told the heads that ${one} has in its store`, async (t) => {
    const here = await world(t)
    const writer = await here.peer(one, { storage: true, gossip: true })
    const watcher = await here.peer(other, { gossip: true })
    const storage = await writer.repo.storageId()
    const ours = writer.create({ n: 0 })
    await writer.saved(ours)
    const theirs = await watcher.open(ours.url)

    watcher.repo.subscribeToRemotes([storage])
    for (let n = 1; n <= 3; n++) {
      ours.change((doc) => (doc.n = n))
      await until(
        'the heads of the writer are told',
        () => watcher.json(theirs).n === n && watcher.isSaved(theirs, storage),
      )
    }

    // Told again after a new connection, for which nobody subscribes anew by hand.
    watcher.goOffline()
    ours.change((doc) => (doc.n = 4))
    await writer.saved(ours)
    await watcher.goOnline()
    await agree([writer, ours], [watcher, theirs])
    ours.change((doc) => (doc.n = 5))
    await until('they are told again', () => watcher.json(theirs).n === 5 && watcher.isSaved(theirs, storage))
    assert.notEqual(storage, watcher.serverStorageId)
  })
