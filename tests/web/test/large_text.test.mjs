// The largest text we promise to take, in a file of its own because the clients need a minute for it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { world } from '../harness.mjs'

/** Each an operation of its own; the change that holds them is one message. */
const CHARACTERS = 5_000_000
const PATIENCE_MS = 300_000

// Only the newest: Automerge 2.2 in WebAssembly runs out of memory at this size, whatever the server does.
test('IN28 2.6.0-alpha.3: a text of 5 MB', { timeout: 2 * PATIENCE_MS }, async (t) => {
  const here = await world(t)
  const writer = await here.peer('2.6.0-alpha.3')
  const text = Array.from({ length: CHARACTERS / 50 }, (_, n) =>
    `${n} `.padEnd(50, (n * n).toString(36)),
  ).join('')

  const ours = writer.create({ text })
  await writer.saved(ours, PATIENCE_MS)
  writer.goOffline()
  const reader = await here.peer('2.6.0-alpha.3')
  const theirs = await reader.open(ours.url)

  assert.ok(reader.doc(theirs).text === text)
})
