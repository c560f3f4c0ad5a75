// What the server does with peers that do not behave. Every refusal ends the session of its sender and no other.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { Encoder } from 'cbor-x'
import { until, world } from '../harness.mjs'
import { RawReplica, newDocumentId } from '../raw-peer.mjs'
import { complaintsAboutFrame, decode, encode, parseSync } from '../wire.mjs'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

test('SE1 a join is answered with who the server is and which version it speaks', async (t) => {
  const here = await world(t)
  const peer = await here.raw()
  const answer = await peer.join()

  assert.equal(answer.targetId, peer.peerId)
  assert.equal(answer.selectedProtocolVersion, '1')
  assert.match(answer.peerMetadata.storageId, UUID)
  assert.equal(answer.peerMetadata.isEphemeral, false)
})

test('SE1 a join is understood however little it says', async (t) => {
  const here = await world(t)
  for (const fields of [
    { supportedProtocolVersions: undefined },
    { supportedProtocolVersions: ['0', '1', '2'] },
    { peerMetadata: {} },
    { peerMetadata: undefined },
    { peerMetadata: { storageId: null, isEphemeral: undefined } },
    { somethingNew: { nested: [1, { deeply: new Uint8Array(3) }] } },
  ])
    await (await here.raw()).join(fields)
})

test('SE1 a join in shortest CBOR is understood', async (t) => {
  const here = await world(t)
  const peer = await here.raw()
  const shortest = new Encoder({ tagUint8Array: false, useRecords: false, variableMapSize: true })
  const join = { type: 'join', senderId: 'short', peerMetadata: {}, supportedProtocolVersions: ['1'] }
  const bytes = shortest.encode(join)
  assert.equal(bytes[0], 0xa4)

  peer.sendBytes(bytes)

  assert.equal((await peer.next('peer')).targetId, 'short')
})

test('SE2 who does not join in time is told so and closed', async (t) => {
  const here = await world(t, { env: { DOVETAIL_JOIN_TIMEOUT: '1s' } })
  const silent = await here.raw()
  const joined = await here.raw()
  await joined.join()

  assert.match((await silent.next('error')).message, /join/)
  assert.equal(await silent.closed(), 1002)
  assert.ok(joined.isOpen)
})

test('SE3 whatever comes before a join is refused, and nothing is done about it', async (t) => {
  const here = await world(t)
  const early = await here.raw()
  const replica = new RawReplica(early)
  replica.edit((doc) => (doc.n = 1))
  replica.offer()

  assert.match((await early.next('error')).message, /join/)
  assert.equal(await early.closed(), 1002)
  const seeker = await joinedPeer(here)
  seeker.say({ type: 'request', ...emptySync(replica.documentId) })
  await seeker.next('doc-unavailable')
})

test('SE4 who speaks no version of ours is told so and closed', async (t) => {
  const here = await world(t)
  for (const versions of [['2'], ['99', 'one'], []]) {
    const peer = await here.raw()
    peer.send({
      type: 'join',
      senderId: peer.peerId,
      peerMetadata: {},
      supportedProtocolVersions: versions,
    })
    assert.equal((await peer.next('error')).message, 'unsupported protocol version')
    assert.equal(await peer.closed(), 1002)
  }
})

test('SE5 a second join ends the session', async (t) => {
  const here = await world(t)
  const bystander = await watching(here)
  const peer = await joinedPeer(here)

  peer.send({ type: 'join', senderId: peer.peerId, peerMetadata: {}, supportedProtocolVersions: ['1'] })

  await peer.next('error')
  assert.equal(await peer.closed(), 1002)
  await bystander.stillSyncs()
})

test('SE6 a peer that comes again replaces its older connection', async (t) => {
  const here = await world(t)
  const writer = await joinedPeer(here)
  const ours = new RawReplica(writer)
  ours.edit((doc) => (doc.n = 1))
  await ours.saved()
  const older = await joinedPeer(here, { peerId: 'twice' })
  await new RawReplica(older, ours).until((doc) => doc.n === 1)

  const newer = await joinedPeer(here, { peerId: 'twice' })
  const theirs = new RawReplica(newer, { documentId: ours.documentId })
  await theirs.until((doc) => doc.n === 1)
  await older.closed()
  older.close()

  // The late end of the older one takes nothing away from the newer.
  for (let n = 2; n < 6; n++) {
    ours.edit((doc) => (doc.n = n))
    await ours.saved()
    await theirs.until((doc) => doc.n === n)
  }
  assert.ok(newer.isOpen)
})

test('SE7 a leave ends the session of its sender and no other', async (t) => {
  const here = await world(t)
  const bystander = await watching(here)
  const leaver = await joinedPeer(here)
  const impostor = await joinedPeer(here)

  leaver.send({ type: 'leave', senderId: leaver.peerId })
  impostor.send({ type: 'leave', senderId: bystander.peer.peerId })

  assert.equal(await leaver.closed(), 1000)
  await impostor.next('error')
  await impostor.closed()
  await bystander.stillSyncs()
})

test('IN5 who speaks in the name of another is told so and closed', async (t) => {
  const here = await world(t)
  const bystander = await watching(here)
  const documentId = newDocumentId()
  for (const message of [
    { type: 'sync', ...emptySync(documentId) },
    { type: 'request', ...emptySync(documentId) },
    { type: 'remote-subscription-change', add: ['a'], remove: undefined },
    { type: 'doc-unavailable', documentId },
  ]) {
    const peer = await joinedPeer(here)
    peer.say({ ...message, senderId: bystander.peer.peerId })
    await peer.next('error')
    assert.equal(await peer.closed(), 1008, message.type)
  }
  await bystander.stillSyncs()
})

test('IN6 an ephemeral message in the name of another is dropped, and the session goes on', async (t) => {
  const here = await world(t)
  const reader = await watching(here)
  const sender = await joinedPeer(here)
  const replica = new RawReplica(sender, { documentId: reader.replica.documentId })
  await replica.until((doc) => doc.n === 0)

  const said = { type: 'ephemeral', documentId: replica.documentId, sessionId: 's', data: encode('hi') }
  sender.say({ ...said, count: 1, senderId: 'somebody-else' })
  sender.say({ ...said, count: 2 })

  const heard = await reader.peer.next('ephemeral')
  assert.deepEqual([heard.senderId, heard.count], [sender.peerId, 2])
  assert.ok(sender.isOpen)
})

test('IN7 a message to anybody is taken as one to the server', async (t) => {
  const here = await world(t)
  const peer = await joinedPeer(here)
  for (const targetId of ['nobody', peer.peerId, undefined]) {
    peer.say({ type: 'request', ...emptySync(newDocumentId()), targetId })
    await peer.next('doc-unavailable')
  }
})

test('IN4 a message of unknown type is ignored', async (t) => {
  const here = await world(t)
  const peer = await joinedPeer(here)
  for (const type of ['', 'subduction', 'dovetail-unknown', '__proto__', 'x'.repeat(5_000)])
    peer.say({ type, documentId: 7, data: { any: ['thing', new Uint8Array(20)] } })

  peer.say({ type: 'request', ...emptySync(newDocumentId()) })
  await peer.next('doc-unavailable')
  assert.ok(peer.isOpen)
})

const JOINED = { senderId: 'peer', targetId: 'server' }
const MALFORMED = {
  'a text message': (peer) => peer.sendText('{"type":"join"}'),
  'an empty message': (peer) => peer.sendBytes(new Uint8Array()),
  'random bytes': (peer) => peer.sendBytes(Uint8Array.of(0xff, ...randomBytes(500))),
  'a truncated message': (peer) =>
    peer.sendBytes(encode({ ...JOINED, type: 'request', ...emptySync(newDocumentId()) }).subarray(0, -9)),
  null: (peer) => peer.sendBytes(Uint8Array.of(0xf6)),
  'a list': (peer) => peer.sendBytes(encode([1, 2, 3])),
  'a map without a type': (peer) => peer.say({ documentId: newDocumentId() }),
  'a type that is no text': (peer) => peer.say({ type: 7 }),
  'a map that promises four billion entries': (peer) =>
    peer.sendBytes(Uint8Array.of(0xba, 0xff, 0xff, 0xff, 0xff)),
  'bytes that promise more than there is': (peer) =>
    peer.sendBytes(Uint8Array.of(0xa1, 0x61, 0x61, 0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)),
  'lists in lists, 100,000 deep': (peer) =>
    peer.sendBytes(Uint8Array.of(0xa1, 0x61, 0x61, ...new Uint8Array(100_000).fill(0x81), 0x01)),
  'a sync without data': (peer) => peer.say({ type: 'sync', documentId: newDocumentId() }),
  'a sync with text for data': (peer) =>
    peer.say({ type: 'sync', documentId: newDocumentId(), data: 'text' }),
  'a sync with no bytes': (peer) =>
    peer.say({ type: 'sync', documentId: newDocumentId(), data: new Uint8Array() }),
  'a sync message that is none': (peer) =>
    peer.say({ type: 'sync', documentId: newDocumentId(), data: Uint8Array.of(0x42, 0x07, 1, 2, 3) }),
  'a sync without a document': (peer) => peer.say({ type: 'sync', data: emptySync('').data }),
  'a document id with a wrong checksum': (peer) =>
    peer.say({ type: 'request', ...emptySync('4NMNnkMhL8jXrdJ9jamS58PAVdXv') }),
  'a document id of 100,000 characters': (peer) =>
    peer.say({ type: 'request', ...emptySync('2'.repeat(100_000)) }),
  'an ephemeral without a count': (peer) =>
    peer.say({ type: 'ephemeral', documentId: newDocumentId(), sessionId: 's', data: encode(1) }),
}

for (const [what, send] of Object.entries(MALFORMED))
  test(`IN3 ${what} ends that session and no other`, async (t) => {
    const here = await world(t)
    const bystander = await watching(here)
    const fresh = await here.raw()
    const joined = await joinedPeer(here)

    for (const peer of [fresh, joined]) {
      send(peer)
      await peer.next('error')
      await peer.closed()
    }
    await bystander.stillSyncs()
  })

test('IN8 a request for an unknown document is answered with doc-unavailable, later with the document', async (t) => {
  const here = await world(t)
  const seekers = []
  const documentId = newDocumentId()
  for (const type of ['request', 'sync']) {
    const peer = await joinedPeer(here)
    peer.say({ type, ...emptySync(documentId) })
    assert.equal((await peer.next('doc-unavailable')).documentId, documentId, type)
    seekers.push(new RawReplica(peer, { documentId }))
  }

  const writer = new RawReplica(await joinedPeer(here), { documentId })
  writer.edit((doc) => (doc.here = true))
  await writer.saved()

  for (const seeker of seekers) await seeker.until((doc) => doc.here === true)
})

test('IN9 ephemeral data is passed on as it is, to those who read the document', async (t) => {
  const here = await world(t)
  const reader = await watching(here)
  const elsewhere = await watching(here)
  const sender = await joinedPeer(here)
  const { documentId } = reader.replica
  await new RawReplica(sender, { documentId }).until((doc) => doc.n === 0)

  const data = Uint8Array.of(0xff, 0x00, 0xd8, 0x40) // no CBOR at all
  const counts = [1, 5, 2 ** 32, 2 ** 40]
  for (const count of counts) sender.say({ type: 'ephemeral', documentId, count, sessionId: 'session', data })

  for (const count of counts) {
    const heard = await reader.peer.next('ephemeral')
    assert.deepEqual([heard.count, heard.sessionId, heard.senderId], [count, 'session', sender.peerId])
    assert.equal(heard.targetId, reader.peer.peerId)
    assert.deepEqual([...heard.data], [...data])
  }
  await elsewhere.stillSyncs()
  assert.ok(!elsewhere.peer.messages.some(({ type }) => type === 'ephemeral'))
  assert.ok(!sender.messages.some(({ type }) => type === 'ephemeral'))
})

test('IN2 every frame of the server can be read by the strictest reader', async (t) => {
  const here = await world(t)
  const relay = await here.relay()
  const writer = await here.peerThrough(relay, '2.5.6', { storage: true, gossip: true })
  const reader = await here.peerThrough(relay, '1.2.1', { gossip: true })
  const storage = await writer.repo.storageId()
  const ours = writer.create({ n: 0 })
  await writer.saved(ours)
  const theirs = await reader.open(ours.url)
  await reader.open(`automerge:${newDocumentId()}`).catch(() => {})
  reader.repo.subscribeToRemotes([storage])
  ours.change((doc) => (doc.n = 1))
  await until('the heads of the writer are told', () => reader.headsAt(theirs, storage))
  const heard = new Promise((resolve) => theirs.once('ephemeral-message', resolve))
  ours.broadcast('hello')
  await heard
  const refused = await joinedPeer(here)
  refused.sendBytes(Uint8Array.of(0xf6))
  await refused.closed()

  const frames = [...relay.fromServer(), ...refused.frames]
  for (const frame of frames) assert.deepEqual(complaintsAboutFrame(frame), [])
  const sent = new Set(relay.fromServer().map((frame) => decode(frame).type))
  const expected = ['doc-unavailable', 'ephemeral', 'peer', 'remote-heads-changed', 'sync']
  assert.deepEqual([...sent].sort(), expected)
})

test('IN12 the server announces nothing in its sync messages', async (t) => {
  const here = await world(t)
  const peer = await joinedPeer(here)
  const replica = new RawReplica(peer)
  replica.edit((doc) => (doc.n = 1))
  replica.offer()
  assert.equal(parseSync((await peer.next('sync')).data).flags, null)
})

async function joinedPeer(here, options) {
  const peer = await here.raw(options)
  await peer.join()
  return peer
}

/** A peer that keeps a document open while others misbehave, and can prove that it still may edit it. */
async function watching(here) {
  const peer = await joinedPeer(here)
  const replica = new RawReplica(peer)
  replica.edit((doc) => (doc.n = 0))
  await replica.saved()
  return {
    peer,
    replica,
    async stillSyncs() {
      replica.edit((doc) => (doc.n += 1))
      await replica.saved()
      assert.ok(peer.isOpen)
    },
  }
}

/** The sync message of somebody who has nothing of a document. */
function emptySync(documentId) {
  const EMPTY_SYNC = Uint8Array.of(0x42, 0, 0, 1, 0, 0, 0)
  return { documentId, data: EMPTY_SYNC }
}
