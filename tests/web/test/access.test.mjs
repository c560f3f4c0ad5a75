// Who may do what, as stock clients see it, and as clients see it that understand Dovetail's own messages.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Automerge } from 'peer-2.5.6'
import { WebSocket } from 'ws'
import { VERSIONS, until, world } from '../harness.mjs'
import { RawReplica, newDocumentId } from '../raw-peer.mjs'
import { ASKING, tokenOf } from '../token.mjs'
import { decode } from '../wire.mjs'

const asking = (t) => world(t, { env: ASKING })

const give = (here, handle, grants) =>
  here.ask('ana', 'PUT', `/api/docs/${handle.documentId}/access`, { owner: 'ana', grants })

for (const version of VERSIONS) {
  test(`IN40 ${version}: who has no right hears that there is nothing, and gets it once they have one`, async (t) => {
    const here = await asking(t)
    const ana = await here.peerOf('ana', version)
    const bo = await here.peerOf('bo', version)
    const ours = ana.create({ title: 'secret' })
    await ana.saved(ours)
    await assert.rejects(bo.open(ours.url), /unavailable/)

    assert.equal((await give(here, ours, [{ user: 'bo', role: 'write' }])).status, 200)
    await until(
      'it comes by itself',
      () => bo.handle(ours.url).isReady() && bo.doc(bo.handle(ours.url)).title,
    )
    bo.handle(ours.url).change((doc) => (doc.title = 'of both'))
    await bo.saved(bo.handle(ours.url))
    await until('Ana has it', () => ana.json(ours).title === 'of both')
  })

  test(`IN41 ${version}: who may only read follows; an edit is refused, and its session ends`, async (t) => {
    const here = await asking(t)
    const ana = await here.peerOf('ana', version)
    const ours = ana.create({ title: 'one' })
    await ana.saved(ours)
    await give(here, ours, [{ user: 'bo', role: 'read' }])
    const bo = await here.peerOf('bo', version)
    const theirs = await bo.open(ours.url)
    ours.change((doc) => (doc.title = 'two'))
    await until('Bo follows', () => bo.json(theirs).title === 'two')

    const closed = new Promise((resolve) => bo.adapter.socket.addEventListener('close', resolve))
    theirs.change((doc) => (doc.title = 'from Bo'))
    const { code, reason } = await closed
    assert.equal(code, 4403)
    assert.match(String(reason), /^read_only: /)
    bo.close()
    assert.equal((await here.ask('ana', 'GET', `/api/docs/${ours.documentId}`)).body.title, 'two')
  })

  test(`IN42 ${version}: a stock client is never sent one of our own messages`, async (t) => {
    const here = await asking(t)
    const ana = await here.peerOf('ana', version)
    const ours = ana.create({ kind: 'dashboard', title: 'one' })
    await ana.saved(ours)
    const relay = await here.relay(undefined, here.urlOf('bo'))
    await give(here, ours, [{ user: 'bo', role: 'write' }])
    const bo = await here.peerThrough(relay, version)
    const theirs = await bo.open(ours.url)
    theirs.change((doc) => (doc.title = 'two'))
    await bo.saved(theirs)
    await give(here, ours, [{ user: 'bo', role: 'read' }])
    theirs.change((doc) => (doc.title = 'three'))
    await until('it is told why', () => types(relay).has('error'))
    assert.deepEqual(
      [...types(relay)].filter((type) => type.startsWith('dovetail')),
      [],
    )
  })
}

const types = (relay) => new Set(relay.fromServer().map((bytes) => decode(bytes).type))

for (const [what, url] of [
  ['no token', (here) => here.server.syncUrl],
  ['a token that is none', (here) => `${here.server.syncUrl}?token=nonsense`],
  ['a token that is over', (here) => `${here.server.syncUrl}?token=${tokenOf('ana', { holdsFor: -3600 })}`],
  [
    'a token for another service',
    (here) => `${here.server.syncUrl}?token=${tokenOf('ana', { aud: 'other' })}`,
  ],
])
  test(`SE17 ${what}: the socket opens, says why, and closes with 4401`, async (t) => {
    const here = await asking(t)
    const peer = await here.raw({ url: url(here) })
    const told = await peer.next('error')
    assert.match(told.message, /^token_[a-z_]+: /)
    assert.equal(await peer.closed(), 4401)
    assert.ok(!here.server.log.includes('nonsense'), 'no token is in the log')
  })

const headsOf = (replica) => Automerge.getHeads(replica.doc)

test('HT31 a foreign page opens no WebSocket and changes nothing, also where nobody is asked', async (t) => {
  const here = await world(t)
  const at = `http://${here.server.address}`
  const headers = { 'content-type': 'application/json', origin: 'https://evil.example' }
  const posted = await fetch(`${at}/api/docs`, { method: 'POST', headers, body: '{}' })
  assert.deepEqual([posted.status, (await posted.json()).code], [403, 'origin_not_allowed'])
  const socket = new WebSocket(here.server.syncUrl, { origin: 'https://evil.example' })
  const [, answer] = await once(socket, 'unexpected-response')
  assert.equal(answer.statusCode, 403)
  socket.on('error', () => {}).terminate()
  const own = await fetch(`${at}/api/docs`, {
    method: 'POST',
    headers: { ...headers, origin: at },
    body: '{}',
  })
  assert.equal(own.status, 201)
})

/** A peer that understands our own messages. */
async function own(here, subject, claims) {
  const peer = await here.raw({ url: `${here.server.syncUrl}?token=${tokenOf(subject, claims)}` })
  await peer.join({ peerMetadata: { dovetail: { v: 1 } } })
  return peer
}

test('SE18 a client of ours is told who it is, what it may do, what is durable and what was refused', async (t) => {
  const here = await asking(t)
  const ana = await own(here, 'ana', { name: 'Ana' })
  const welcome = await ana.next('dovetail-welcome')
  assert.deepEqual(welcome.user, { id: 'ana', name: 'Ana' })
  assert.ok(welcome.until > Date.now() && welcome.limits.changeBytesMax > 0)
  assert.equal(typeof welcome.rules.dashboard, 'number')

  const documentId = newDocumentId()
  const mine = new RawReplica(ana, { documentId })
  mine.edit((doc) => (doc.title = 'one'))
  await mine.saved()
  const ack = await ana.next('dovetail-ack')
  assert.deepEqual([ack.documentId, ack.heads], [documentId, headsOf(mine)])
  assert.equal((await ana.next('dovetail-permission')).role, 'admin')

  await give(here, { documentId }, [{ user: 'bo', role: 'read' }])
  const bo = await own(here, 'bo')
  const theirs = new RawReplica(bo, { documentId })
  await theirs.until((doc) => doc.title === 'one')
  assert.equal((await bo.next('dovetail-permission')).role, 'read')
  theirs.edit((doc) => (doc.title = 'refused'))
  theirs.offer()
  const reject = await bo.next('dovetail-reject')
  assert.deepEqual([reject.code, reject.changes], ['read_only', headsOf(theirs)])
  assert.ok(reject.setAside && bo.isOpen)

  const kept = (await here.ask('boss', 'GET', '/api/admin/quarantine')).body.items
  assert.deepEqual(
    kept.map(({ document, subject, code }) => [document, subject, code]),
    [[documentId, 'bo', 'read_only']],
  )
  const shown = (await here.ask('boss', 'GET', `/api/admin/quarantine/${kept[0].id}`)).body
  assert.deepEqual(shown.patch, [{ op: 'replace', path: '/title', value: 'refused' }])
  assert.equal((await here.ask('ana', 'GET', `/api/admin/quarantine/${kept[0].id}`)).status, 403)
  const accepted = await here.ask('boss', 'POST', `/api/admin/quarantine/${kept[0].id}/accept`)
  assert.equal(accepted.status, 200, JSON.stringify(accepted.body))
  assert.equal((await here.ask('ana', 'GET', `/api/docs/${documentId}`)).body.title, 'refused')
  const history = (await here.ask('ana', 'GET', `/api/docs/${documentId}/history`)).body.groups
  assert.deepEqual([history[0].author, history[0].messages], ['boss', ['accepted for bo']])
  assert.deepEqual((await here.ask('boss', 'GET', '/api/admin/quarantine')).body.items, [])
  const audit = (await here.ask('boss', 'GET', '/api/admin/audit')).body.entries
  assert.ok(audit.some((entry) => entry.action === 'quarantine_accepted' && entry.subject === 'boss'))

  await give(here, { documentId }, [])
  assert.equal((await bo.next('dovetail-permission')).role, 'none')
  assert.equal((await bo.next('doc-unavailable')).documentId, documentId)
})

test('AU14 of our own clients a refused change costs itself only: what is made without it gets through on the same session', async (t) => {
  const here = await asking(t)
  const ana = await own(here, 'ana')
  const ours = new RawReplica(ana)
  ours.edit((doc) => Object.assign(doc, { title: 'Ana’s', notes: [] }))
  await ours.saved()
  await give(here, ours, [{ user: 'bo', role: 'write', paths: ['/notes'] }])
  const bo = await own(here, 'bo')
  const theirs = new RawReplica(bo, { documentId: ours.documentId })
  await theirs.until((doc) => doc.title === 'Ana’s')
  const before = theirs.doc
  theirs.edit((doc) => (doc.title = 'Bo’s'))
  theirs.edit((doc) => doc.notes.push('lost in between'))
  theirs.offer()
  const refused = [await bo.next('dovetail-reject'), await bo.next('dovetail-reject')]
  assert.deepEqual(refused.map(({ code }) => code).sort(), ['depends_on_refused', 'path_forbidden'])

  // What a client of ours does: it goes back to what was taken, and makes what is lawful anew, as another actor.
  theirs.doc = Automerge.clone(before)
  theirs.edit((doc) => doc.notes.push('kept'))
  await theirs.saved()
  await bo.next('dovetail-ack', ({ heads }) => String(heads) === String(headsOf(theirs)))
  await ours.until((doc) => doc.notes.length === 1)
  assert.deepEqual(JSON.parse(JSON.stringify(ours.doc)), { title: 'Ana’s', notes: ['kept'] })
  const kept = (await here.ask('boss', 'GET', '/api/admin/quarantine')).body.items
  assert.equal(
    kept.reduce((changes, item) => changes + item.changes, 0),
    2,
    'what was refused can be rescued',
  )
})

test('SE19 a token that ends soon is asked for; another of the same person goes on, and without one it is over', async (t) => {
  const here = await world(t, { env: { ...ASKING, DOVETAIL_JWT_LEEWAY: '1ms' } })
  const ana = await own(here, 'ana', { holdsFor: 3 })
  assert.ok((await ana.next('dovetail-token')).until < Date.now() + 5000)
  ana.say({ type: 'dovetail-token', token: tokenOf('ana', { holdsFor: 4 }) })
  assert.ok((await ana.next('dovetail-token')).until > Date.now())
  const told = await ana.next('error')
  assert.match(told.message, /^token_expired: /)
  assert.equal(await ana.closed(), 4401)

  const bo = await own(here, 'bo')
  bo.say({ type: 'dovetail-token', token: tokenOf('ana') })
  assert.match((await bo.next('error')).message, /^token_of_another: /)
  assert.equal(await bo.closed(), 4401)
})
