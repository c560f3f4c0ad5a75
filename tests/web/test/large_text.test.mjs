// The largest text we promise to take, in a file of its own because the clients need half a minute for it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { world } from '../harness.mjs'

const TEXT_BYTES = 5_000_000
/** Three bytes each in UTF-8, one operation each; the change that holds them all is one message. */
const CHARACTERS = TEXT_BYTES / 3
const PATIENCE_MS = 300_000

// Only the newest: Automerge 2.2 in WebAssembly runs out of memory at this size, whatever the server does.
test('IN28 2.6.0-alpha.3: a text of 5 MB', { timeout: 2 * PATIENCE_MS }, async (t) => {
  const here = await world(t)
  const writer = await here.peer('2.6.0-alpha.3')
  const text = Array.from({ length: CHARACTERS }, (_, n) =>
    String.fromCharCode(0x4e00 + ((n * n) % 20_000)),
  ).join('')
  assert.ok(Buffer.byteLength(text) > 0.99 * TEXT_BYTES)

  const ours = writer.create({ text })
  await writer.saved(ours, PATIENCE_MS)
  writer.goOffline()
  const reader = await here.peer('2.6.0-alpha.3')
  const theirs = await reader.open(ours.url)

  assert.ok(reader.doc(theirs).text === text)
})
