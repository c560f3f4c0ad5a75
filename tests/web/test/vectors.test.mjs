// The recorded messages are what each version still makes of them: its own CBOR reader gives the noted fields,
// and our own encoder for hand-made peers gives the same bytes back.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { VERSIONS, packagesOf } from '../peer.mjs'
import { complaintsAboutFrame, encode, fromHex, parseSync, toHex, toJson } from '../wire.mjs'

for (const version of VERSIONS) {
  const vectors = JSON.parse(readFileSync(new URL(`../../vectors/wire/${version}.json`, import.meta.url)))

  test(`IN1 ${version} reads its recorded messages as noted`, async () => {
    const { cbor } = await packagesOf(version)
    for (const vector of vectors)
      assert.deepEqual(toJson(cbor.decode(fromHex(vector.hex))), vector.decoded, vector.name)
  })

  test(`IN1 ${version} writes what our hand-made peers write`, async () => {
    const { cbor } = await packagesOf(version)
    for (const vector of vectors) {
      const message = cbor.decode(fromHex(vector.hex))
      assert.equal(toHex(encode(message)), vector.hex, vector.name)
    }
  })

  test(`IN1 ${version} writes untagged bytes, definite lengths and no null`, () => {
    for (const vector of vectors) assert.deepEqual(complaintsAboutFrame(fromHex(vector.hex)), [], vector.name)
  })

  test(`IN12 ${version} announces V2 in the first sync message of a connection`, async () => {
    const first = vectors.find(({ direction, sync }) => direction === 'from_client' && sync)
    assert.equal(first.sync.messageType, 0x42)
    assert.ok(first.sync.flags.includes('02'), first.sync.flags)
  })

  test(`IN1 ${version} reads in a sync message what the layout says`, async () => {
    const { Automerge, cbor } = await packagesOf(version)
    for (const { name, hex } of vectors.filter((vector) => vector.sync)) {
      const { data } = cbor.decode(fromHex(hex))
      const message = Automerge.decodeSyncMessage(data)
      const { heads, need, have } = parseSync(data)
      assert.deepEqual([message.heads, message.need], [heads, need], name)
      assert.equal(message.have.length, have.length, name)
    }
  })
}
