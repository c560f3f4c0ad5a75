// What a client uploads depends on what the server announces. The server here is the stock one of each version;
// the relay in front of it leaves the flags section of its sync messages out, or leaves it in.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VERSIONS } from '../peer.mjs'
import { StockServer } from '../stock-server.mjs'
import { Peer, until, world } from '../harness.mjs'
import { Relay } from '../relay.mjs'
import { V1, V2, chunkTypes, decode, encode, parseSync, withoutFlags } from '../wire.mjs'

const SINGLE_CHANGES = [1, 2]
const WHOLE_DOCUMENT = 0
const ANNOUNCES_V2 = 0x02

for (const version of VERSIONS) {
  test(`IN12 ${version} uploads single changes only to a server that announces nothing`, async (t) => {
    const { relay, uploads } = await conversation(t, version, withoutAnnouncement)

    assert.deepEqual([...new Set(uploads.map(({ type }) => type))], [V1])
    const types = [...new Set(uploads.flatMap(({ chunks }) => chunks))]
    assert.ok(types.length > 0 && types.every((type) => SINGLE_CHANGES.includes(type)), types.join())
    assert.ok(
      relay.frames.some((frame) => frame.direction === 'from_server' && syncOf(frame.bytes)?.type === V2),
      'even after it was itself sent a V2 message',
    )
  })

  test(`IN12 ${version} would upload V2 to a server that announces it`, async (t) => {
    const { uploads } = await conversation(t, version, (frame) => frame)

    assert.ok(uploads[0].flags.includes(ANNOUNCES_V2), 'the client announces V2 in its first message')
    assert.ok(uploads.some(({ type }) => type === V2))
    // Automerge 2.2 puts changes into its V2 messages, 3.x the whole document.
    const sendsDocuments = !['1.2.1', '2.0.8'].includes(version)
    assert.equal(
      uploads.some(({ chunks }) => chunks.includes(WHOLE_DOCUMENT)),
      sendsDocuments,
    )
  })

  test(`IN12 ${version} uploads single changes only to Dovetail`, async (t) => {
    const here = await world(t)
    const { relay, uploads } = await talk(t, version, await here.relay())

    assert.ok(uploads.every(({ type, chunks }) => type === V1 && !chunks.includes(WHOLE_DOCUMENT)))
    assert.ok(relay.fromServer().every((frame) => (syncOf(frame)?.flags ?? null) === null))
  })
}

/**
 * All occasions on which a client uploads: a document made offline, edits on one that it downloaded, edits
 * made while disconnected, and a document of which the server has only a part.
 */
async function talk(t, version, relay) {
  const writer = await Peer.create(version, relay.url, { online: false, storage: true })
  const reader = await Peer.create(version, relay.url)
  t.after(async () => {
    for (const each of [writer, reader]) await each.close()
  })

  const ours = writer.create({ text: '', n: 0 })
  for (let n = 1; n <= 30; n++) ours.change((doc) => (doc.n = n))
  ours.change((doc) => writer.lib.splice(doc, ['text'], 0, 0, 'long enough to be compressed '.repeat(50)))
  await writer.connect()
  await writer.saved(ours)

  const theirs = await reader.open(ours.url)
  for (let n = 31; n <= 60; n++) theirs.change((doc) => (doc.n = n))
  await reader.saved(theirs)
  await until('the writer has it', () => writer.json(ours).n === 60)

  writer.goOffline()
  for (let n = 61; n <= 200; n++) ours.change((doc) => (doc.n = n))
  await writer.goOnline()
  await writer.saved(ours)

  const uploads = relay.fromClient().map(syncOf).filter(Boolean)
  return { relay, uploads }
}

/** The same with a stock server, of whose frames `rewrite` makes what the clients see. */
async function conversation(t, version, rewrite) {
  const server = await StockServer.start(version)
  const relay = await Relay.to(server.url, rewrite)
  t.after(async () => {
    for (const each of [relay, server]) await each.close()
  })
  return talk(t, version, relay)
}

function syncOf(frame) {
  const message = decode(frame)
  if (message.type !== 'sync' && message.type !== 'request') return undefined
  return { ...parseSync(message.data), chunks: chunkTypes(message.data) }
}

function withoutAnnouncement(frame) {
  const message = decode(frame)
  return message.type === 'sync' ? encode({ ...message, data: withoutFlags(message.data) }) : frame
}
