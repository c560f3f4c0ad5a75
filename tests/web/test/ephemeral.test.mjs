// Ephemeral messages reach every other reader of the document once, and nobody else.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PAIRS, VERSIONS, until, world } from '../harness.mjs'

for (const [one, other] of PAIRS)
  test(`IN9 what ${one} broadcasts reaches each ${other} once and does not come back`, async (t) => {
    const here = await world(t)
    const sender = await here.peer(one)
    const ours = sender.create({ n: 0 })
    await sender.saved(ours)
    const heard = [hearing(ours)]
    for (let n = 0; n < 2; n++) {
      const reader = await here.peer(other)
      const theirs = await reader.open(ours.url)
      await until('the reader is known', () => reader.isSaved(theirs))
      heard.push(hearing(theirs))
    }

    ours.broadcast({ cursor: [1, 2] })
    ours.broadcast({ selected: 'Errors', at: 1.5, nothing: null })
    ours.broadcast('last')

    // Messages of one sender arrive in order: with the last one here, the others had their time to come twice.
    await until('both hear the last', () => heard.slice(1).every((log) => log.at(-1)?.message === 'last'))
    const expected = [{ cursor: [1, 2] }, { selected: 'Errors', at: 1.5, nothing: null }, 'last'].map(
      (message) => ({ message, senderId: sender.repo.networkSubsystem.peerId }),
    )
    assert.deepEqual(heard, [[], expected, expected])
  })

for (const version of VERSIONS)
  test(`IN9 ${version}: readers who hear each other stay connected and can answer`, async (t) => {
    const here = await world(t)
    const peers = [await here.peer(version), await here.peer(version)]
    const first = peers[0].create({ n: 0 })
    await peers[0].saved(first)
    const second = await peers[1].open(first.url)
    const heard = [hearing(first), hearing(second)]

    // A stock client passes what it hears on to the server, in the first sender's name.
    for (let n = 0; n < 5; n++) {
      first.broadcast(n)
      second.broadcast(n)
      await until('both heard', () => heard.every((log) => log.at(-1)?.message === n))
    }
    first.change((doc) => (doc.still = 'here'))

    await until('the edit arrives', () => peers[1].json(second).still === 'here')
    assert.deepEqual(
      heard.map((log) => log.length),
      [5, 5],
    )
    assert.ok(peers.every((peer) => peer.online))
  })

function hearing(handle) {
  const log = []
  handle.on('ephemeral-message', ({ message, senderId }) => log.push({ message, senderId }))
  return log
}
