// Somebody who is signed in and has no right to a document, and knows its id. No door tells it from one that does not
// exist, and nobody who reads it notices that somebody knocks.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Automerge } from 'peer-2.5.6'
import { WebSocket } from 'ws'
import { until, world } from '../harness.mjs'
import { RawReplica, newDocumentId } from '../raw-peer.mjs'
import { ASKING, tokenOf } from '../token.mjs'
import { V1, V2, decodeSequence, encode } from '../wire.mjs'

const CONTENT = 'the figures of the third quarter'

/** A server that asks, and a dashboard of Ana's that nobody else has a right to. */
async function vault(t, env) {
  const here = await world(t, { env: { ...ASKING, DOVETAIL_LOG_FILTER: 'trace', ...env } })
  const dashboard = {
    kind: 'dashboard',
    schemaVersion: 1,
    title: CONTENT,
    description: '',
    grid: { columns: 24, rowHeight: 30 },
  }
  const layout = { x: 0, y: 0, w: 6, h: 6 }
  const widget = (order) => ({ kind: 'stat', title: 'W', order, layout, options: {} }) // two in one place: a conflict
  const made = await here.ask('ana', 'POST', '/api/docs', {
    ...dashboard,
    widgets: { a: widget('V'), b: widget('W') },
  })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  return Object.assign(here, { id: made.body.id, path: `/api/docs/${made.body.id}` })
}

const give = (here, grants) => here.ask('ana', 'PUT', `${here.path}/access`, { owner: 'ana', grants })

/** A peer that understands our own messages, or a stock one, under a name of its own. */
async function joined(here, subject, { own = true, peerId } = {}) {
  const url = `${here.server.syncUrl}?token=${tokenOf(subject)}`
  const peer = await here.raw({ url, peerId })
  await peer.join(own ? { peerMetadata: { dovetail: { v: 1 } } } : {})
  return peer
}

/** A client of the JSON WebSocket. */
async function talking(t, here, subject, query = '') {
  const url = `ws://${here.server.address}/api/realtime?token=${tokenOf(subject)}${query}`
  const socket = new WebSocket(url)
  t.after(() => socket.terminate())
  const heard = []
  socket.on('message', (text) => heard.push(JSON.parse(text)))
  const next = (type) =>
    until(`${subject} hears ${type}, has ${JSON.stringify(heard)}`, () => {
      const at = heard.findIndex((message) => message.type === type)
      return at >= 0 && heard.splice(at, 1)[0]
    })
  await next('hello')
  return { heard, next, say: (message) => socket.send(JSON.stringify(message)), socket }
}

/** An answer without what is different each time anyway. */
async function answerOf(here, subject, method, path, body, id) {
  const answer = await fetch(`http://${here.server.address}${path.replace('{id}', id)}`, {
    method,
    headers: {
      authorization: `Bearer ${tokenOf(subject)}`,
      'content-type': 'application/json',
      'if-match': '*',
      'idempotency-key': `the same for ${method} ${path}`,
    },
    body,
  })
  // An id has 27 or 28 letters, and is sent back: so the length may differ.
  const headers = [...answer.headers].filter(([name]) => !['date', 'content-length'].includes(name))
  return JSON.stringify([answer.status, headers, await answer.text()]).replaceAll(id, 'ID')
}

test('AU6 by whatever request, a hidden document answers like one that does not exist', async (t) => {
  const here = await vault(t)
  const { id: conflict } = (await here.ask('ana', 'GET', `${here.path}/conflicts`)).body.conflicts[0]
  await here.ask('ana', 'PUT', `${here.path}/versions/first`, {})
  const described = await (await fetch(`http://${here.server.address}/openapi.json`)).json()
  const tried = []
  for (const [path, item] of Object.entries(described.paths).filter(([path]) => path.includes('{id}'))) {
    for (const method of ['get', 'put', 'post', 'patch', 'delete'].filter((method) => item[method])) {
      const filled = path.replace('{name}', 'first').replace('{conflict}', conflict)
      const body = item[method].requestBody && JSON.stringify(method === 'patch' ? [] : {})
      // What is wrong with a request is told to those who may, and to nobody else.
      for (const sent of [body, 'junk']) {
        if (method === 'get' && sent) continue
        const of = (id) => answerOf(here, 'dee', method.toUpperCase(), filled, sent, id)
        assert.equal(await of(here.id), await of(newDocumentId()), `${method} ${filled} ${sent}`)
        tried.push(method)
      }
    }
  }
  assert.ok(tried.length > 20, String(tried.length))
  for (const page of ['/api/docs', '/api/conflicts', '/api/docs?kind=dashboard']) {
    const listed = JSON.stringify((await here.ask('dee', 'GET', page)).body)
    assert.ok(!listed.includes(here.id) && !listed.includes(conflict), listed)
  }
  assert.equal((await here.ask('ana', 'GET', here.path)).body.title, CONTENT)
})

test('AU10 by sync, whoever asks gets nothing, says nothing, and nobody notices', async (t) => {
  const here = await vault(t)
  const ana = await joined(here, 'ana')
  const ours = new RawReplica(ana, { documentId: here.id })
  await ours.until((doc) => String(doc.title) === CONTENT)
  for (const own of [true, false]) {
    const dee = await joined(here, 'dee', { own })
    const unknown = newDocumentId()
    for (const documentId of [here.id, unknown]) {
      new RawReplica(dee, { documentId }).request()
      await dee.next('doc-unavailable', (message) => message.documentId === documentId)
    }
    dee.say({
      type: 'ephemeral',
      documentId: here.id,
      sessionId: 's',
      count: 1,
      data: encode({ hello: CONTENT }),
    })
    dee.say({
      type: 'remote-heads-changed',
      documentId: here.id,
      newHeads: { x: { heads: [], timestamp: 1 } },
    })
    const knows = new RawReplica(dee, { documentId: here.id, doc: Automerge.clone(ours.doc) })
    knows.edit((doc) => (doc.title = 'broken in'))
    knows.bring(Automerge.getChanges(ours.doc, knows.doc))
    if (own) assert.equal((await dee.next('dovetail-reject')).code, 'document_not_found')
    else assert.match((await dee.next('error')).message, /^document_not_found: /)
    if (!own) assert.equal(await dee.closed(), 4403)
    const told = dee.messages.filter((message) => message.documentId === here.id)
    assert.deepEqual(
      told.filter(({ type }) => !['doc-unavailable', 'sync'].includes(type)),
      [],
    )
    assert.ok(
      told.filter(({ type }) => type === 'sync').every(({ data }) => !Buffer.from(data).includes(CONTENT)),
    )
  }
  ours.edit((doc) => (doc.description = 'still alone'))
  await ours.saved()
  assert.equal(String(ours.doc.title), CONTENT)
  assert.deepEqual(
    ana.messages.filter(({ type }) => type === 'ephemeral'),
    [],
  )
})

test('AU10 by sync over HTTP, a session belongs to who opened it, and shows nobody what is hidden', async (t) => {
  const here = await vault(t)
  const at = `http://${here.server.address}/api/realtime/sync`
  const as = (subject) => ({
    authorization: `Bearer ${tokenOf(subject)}`,
    'content-type': 'application/cbor-seq',
  })
  const opened = await fetch(at, { method: 'POST', headers: as('dee') })
  const { session } = await opened.json()
  const message = (fields) => Buffer.from(encode({ senderId: 'dee-1', ...fields }))
  const [, data] = Automerge.generateSyncMessage(Automerge.init(), Automerge.initSyncState())
  const body = Buffer.concat([
    message({ type: 'join', peerMetadata: {}, supportedProtocolVersions: ['1'] }),
    message({ type: 'request', targetId: 'x', documentId: here.id, data }),
  ])
  // An answer leaves as soon as it has one frame, so the second may come with the next.
  const heard = []
  let ask = { method: 'POST', headers: { ...as('dee'), 'dovetail-seq': '1' }, body }
  while (!heard.includes('doc-unavailable')) {
    const answer = await fetch(`${at}/${session}?after=${heard.length}&wait=5s`, ask)
    const frames = decodeSequence(new Uint8Array(await answer.arrayBuffer()))
    assert.ok(frames.length > 0, `only ${heard.join(', ') || 'nothing'} came within the wait`)
    heard.push(...frames.map(({ type }) => type))
    ask = { headers: as('dee') }
  }
  assert.deepEqual(heard, ['peer', 'doc-unavailable'])
})

test('AU10 by the JSON WebSocket, what is hidden is not there: to follow, to edit, to be present at, to speak at', async (t) => {
  const here = await vault(t)
  const ana = await talking(t, here, 'ana')
  ana.say({ type: 'subscribe', documentId: here.id })
  await ana.next('snapshot')
  const dee = await talking(t, here, 'dee', '&userId=ana')
  for (const documentId of [here.id, newDocumentId()]) {
    const correlationId = documentId
    for (const message of [
      { type: 'subscribe' },
      { type: 'edit', base: [], patch: [] },
      { type: 'presence', state: { at: 'a' } },
      { type: 'broadcast', scope: 'document', data: CONTENT },
      { type: 'unsubscribe' },
    ]) {
      dee.say({ ...message, documentId, correlationId })
      const { code, detail } = await dee.next('error')
      dee.answers ??= {}
      const said = `${code} ${detail.replaceAll(documentId, 'ID')}`
      assert.equal(
        (dee.answers[message.type + (message.scope ?? '')] ??= said),
        said,
        JSON.stringify(message),
      )
    }
  }
  dee.say({ type: 'broadcast', scope: 'all', data: 'hello' })
  assert.equal((await dee.next('error')).code, 'forbidden')
  ana.say({ type: 'presence', documentId: here.id, state: { at: 'b' }, correlationId: 'x' })
  await ana.next('ok')
  const told = JSON.stringify(ana.heard)
  assert.ok(!told.includes('"dee"') && !told.includes('"dee-'), told)
})

/** What becomes of every message about a document, by the right of whoever says it. */
const BY_RIGHT = {
  none: {
    request: 'doc-unavailable',
    change: 'document_not_found',
    ephemeral: 'unheard',
    subscribe: 'document_not_found',
    edit: 'document_not_found',
    presence: 'not_subscribed',
    'broadcast to the document': 'document_not_found',
    'broadcast to all': 'forbidden',
  },
  read: {
    request: 'sync',
    change: 'read_only',
    ephemeral: 'heard',
    subscribe: 'snapshot',
    edit: 'forbidden',
    presence: 'ok',
    'broadcast to the document': 'ok',
    'broadcast to all': 'forbidden',
  },
  write: {
    request: 'sync',
    change: 'dovetail-ack',
    ephemeral: 'heard',
    subscribe: 'snapshot',
    edit: 'ack',
    presence: 'ok',
    'broadcast to the document': 'ok',
    'broadcast to all': 'forbidden',
  },
}

for (const [role, expected] of Object.entries({ ...BY_RIGHT, admin: BY_RIGHT.write }))
  test(`AU10 every message of somebody whose role is ${role}`, async (t) => {
    const here = await vault(t)
    const grants = role === 'none' ? [] : [{ user: 'bo', role }]
    assert.equal((await give(here, grants)).status, 200)
    const ana = await joined(here, 'ana')
    const ours = new RawReplica(ana, { documentId: here.id })
    await ours.until((doc) => String(doc.title) === CONTENT)
    const found = {}

    const bo = await joined(here, 'bo')
    const mine = ({ documentId }) => documentId === here.id
    const theirs = new RawReplica(bo, { documentId: here.id, doc: Automerge.clone(ours.doc) })
    new RawReplica(bo, { documentId: here.id }).request()
    const answers = ['doc-unavailable', 'sync']
    found.request = await until('it is answered', () =>
      answers.find((type) => bo.messages.some((message) => message.type === type && mine(message))),
    )
    theirs.edit((doc) => (doc.description = 'by Bo'))
    theirs.bring(Automerge.getChanges(ours.doc, theirs.doc))
    const [head] = Automerge.getHeads(theirs.doc)
    found.change = await until('it is answered', () => {
      const told = bo.messages.find(
        ({ type, changes, heads }) =>
          (type === 'dovetail-reject' && changes.includes(head)) ||
          (type === 'dovetail-ack' && heads.includes(head)),
      )
      return told && (told.code ?? told.type)
    })
    bo.say({ type: 'ephemeral', documentId: here.id, sessionId: 's', count: 1, data: encode('hello') })

    const json = await talking(t, here, 'bo')
    const outcome = async (message) => {
      const correlationId = String(Math.random())
      json.say({ ...message, correlationId })
      const told = await until('it is answered', () =>
        json.heard.find((heard) => heard.correlationId === correlationId),
      )
      return told.code ?? told.type
    }
    const about = (message) => outcome({ ...message, documentId: here.id })
    found.subscribe = await about({ type: 'subscribe' })
    const base = Automerge.getHeads(ours.doc)
    found.edit = await about({ type: 'edit', base, patch: [{ op: 'add', path: '/description', value: 'x' }] })
    found.presence = await about({ type: 'presence', state: { at: 'a' } })
    found['broadcast to the document'] = await about({ type: 'broadcast', scope: 'document', data: 1 })
    found['broadcast to all'] = await outcome({ type: 'broadcast', scope: 'all', data: 1 })
    // What was said before is heard before what is said now.
    const watcher = await joined(here, 'ana')
    new RawReplica(watcher, { documentId: here.id }).request()
    await watcher.next('sync')
    watcher.say({ type: 'ephemeral', documentId: here.id, sessionId: 'w', count: 1, data: encode('last') })
    await ana.next('ephemeral', ({ sessionId }) => sessionId === 'w')
    const heard = ana.messages.some(({ type, sessionId }) => type === 'ephemeral' && sessionId === 's')
    found.ephemeral = heard ? 'heard' : 'unheard'
    assert.deepEqual(found, expected)
  })

test('AU12 what is taken away ends at once: a link, a role, on every kind of connection', async (t) => {
  const here = await vault(t)
  const shared = await give(here, [
    { link: 'new', role: 'write' },
    { user: 'bo', role: 'write' },
  ])
  const [[name, secret]] = Object.entries(shared.body.links)
  const byLink = (path, options) =>
    fetch(`http://${here.server.address}${path}`, {
      ...options,
      headers: { authorization: `Bearer ${secret}`, ...options?.headers },
    })
  assert.equal((await byLink(here.path)).status, 200)

  const feed = await byLink(`${here.path}/events`)
  const events = feed.body.getReader()
  const holder = await here.raw({ url: `${here.server.syncUrl}?token=${secret}` })
  await holder.join({ peerMetadata: { dovetail: { v: 1 } } })
  const theirs = new RawReplica(holder, { documentId: here.id })
  await theirs.until((doc) => String(doc.title) === CONTENT)
  const bo = await talking(t, here, 'bo')
  bo.say({ type: 'subscribe', documentId: here.id })
  await bo.next('snapshot')

  assert.equal((await give(here, [])).status, 200)
  const later = 'said after that'
  const changed = { ...(await here.ask('ana', 'GET', here.path)).body, title: later }
  assert.equal((await here.ask('ana', 'PUT', here.path, changed, { 'if-match': '*' })).status, 200)
  assert.equal((await holder.next('dovetail-permission', ({ role }) => role === 'none')).documentId, here.id)
  assert.equal((await bo.next('error')).code, 'document_not_found')
  let told = ''
  for (let chunk; !(chunk = await events.read()).done;) told += Buffer.from(chunk.value)
  assert.ok(told.includes(CONTENT) && !told.includes(later), told)
  theirs.edit((doc) => (doc.title = 'from outside'))
  theirs.offer()
  assert.equal((await holder.next('dovetail-reject')).code, 'document_not_found')
  bo.say({
    type: 'edit',
    documentId: here.id,
    base: [],
    patch: [{ op: 'replace', path: '/title', value: 'x' }],
  })
  assert.equal((await bo.next('error')).code, 'document_not_found')
  assert.equal((await byLink(here.path)).status, 404)
  assert.equal((await here.ask('ana', 'GET', here.path)).body.title, later)
  for (const said of [...holder.messages, ...bo.heard]) assert.ok(!JSON.stringify(said).includes(later))
  assert.ok(
    !here.server.log.includes(secret) && !here.server.log.includes(name + ' '),
    'no secret is in the log',
  )
})

test('AU75 whoever is blocked is cut off at once, everywhere, until they are blocked no longer', async (t) => {
  const here = await vault(t)
  await give(here, [{ user: 'bo', role: 'write' }])
  const sync = await joined(here, 'bo')
  const theirs = new RawReplica(sync, { documentId: here.id })
  await theirs.until((doc) => String(doc.title) === CONTENT)
  const json = await talking(t, here, 'bo')
  json.say({ type: 'subscribe', documentId: here.id })
  await json.next('snapshot')
  const jsonClosed = new Promise((resolve) => json.socket.once('close', resolve))
  const headers = { authorization: `Bearer ${tokenOf('bo')}` }
  const feed = await fetch(`http://${here.server.address}${here.path}/events`, { headers })
  const events = feed.body.getReader()

  const block = (blocked) => here.ask('boss', 'PUT', '/api/access', { blocked })
  assert.equal((await here.ask('bo', 'PUT', '/api/access', { blocked: ['boss'] })).status, 403)
  assert.equal((await block(['boss'])).status, 422, 'nobody blocks themselves')
  assert.deepEqual((await block(['bo', 'mallory'])).body, { kinds: {}, blocked: ['bo', 'mallory'] })
  assert.match((await sync.next('error')).message, /^token_revoked: /)
  assert.deepEqual([await sync.closed(), await jsonClosed], [4401, 4401])
  while (!(await events.read()).done);
  const refused = async () => (await here.ask('bo', 'GET', here.path)).body.code
  assert.equal(await refused(), 'token_revoked')
  await here.server.restart('SIGKILL')
  assert.equal(await refused(), 'token_revoked')
  assert.equal((await here.ask('boss', 'PUT', '/api/access', { kinds: {} })).body.blocked.length, 2)
  await block([])
  assert.equal((await here.ask('bo', 'GET', here.path)).status, 200)
})

test('AU13 whoever takes the actor of somebody else is refused, and named', async (t) => {
  const here = await vault(t)
  await give(here, [{ user: 'bo', role: 'write' }])
  const ana = new RawReplica(await joined(here, 'ana'), { documentId: here.id })
  await ana.until((doc) => String(doc.title) === CONTENT)
  ana.edit((doc) => (doc.description = 'by Ana'))
  await ana.saved()
  const bo = await joined(here, 'bo')
  const theirs = new RawReplica(bo, { documentId: here.id })
  await theirs.until((doc) => doc.description === 'by Ana')
  theirs.doc = Automerge.clone(theirs.doc, { actor: Automerge.getActorId(ana.doc) })
  theirs.edit((doc) => (doc.title = 'in the name of Ana'))
  theirs.offer()
  const reject = await bo.next('dovetail-reject')
  assert.deepEqual([reject.code, reject.changes], ['actor_mismatch', Automerge.getHeads(theirs.doc)])
  assert.equal((await here.ask('ana', 'GET', here.path)).body.title, CONTENT)
  const { items } = (await here.ask('boss', 'GET', '/api/admin/quarantine')).body
  assert.deepEqual(
    items.map(({ subject, code }) => [subject, code]),
    [['bo', 'actor_mismatch']],
  )
})

test('SE20 whoever speaks in the name of another connection is closed; whoever takes its name does not end it', async (t) => {
  const here = await vault(t)
  await give(here, [{ user: 'bo', role: 'write' }])
  const ana = await joined(here, 'ana', { peerId: 'peer-of-ana' })
  const ours = new RawReplica(ana, { documentId: here.id })
  await ours.until((doc) => String(doc.title) === CONTENT)
  const bo = await joined(here, 'bo')
  bo.say({
    type: 'ephemeral',
    senderId: 'peer-of-ana',
    documentId: here.id,
    sessionId: 's',
    count: 1,
    data: encode(1),
  })
  bo.say({ type: 'leave', senderId: 'peer-of-ana' })
  assert.match((await bo.next('error')).message, /^sender_mismatch: /)
  assert.equal(await bo.closed(), 1008)

  const taker = await here.raw({
    url: `${here.server.syncUrl}?token=${tokenOf('bo')}`,
    peerId: 'peer-of-ana',
  })
  taker.send({ type: 'join', senderId: 'peer-of-ana', peerMetadata: {}, supportedProtocolVersions: ['1'] })
  assert.match((await taker.next('error')).message, /^peer_id_taken: /)
  assert.equal(await taker.closed(), 4001)
  ours.edit((doc) => (doc.description = 'undisturbed'))
  await ours.saved()
  assert.ok(ana.isOpen)
  assert.deepEqual(
    ana.messages.filter(({ type }) => type === 'ephemeral'),
    [],
  )

  const again = await joined(here, 'ana', { peerId: 'peer-of-ana' })
  assert.equal(await ana.closed(), 4001, 'their own older connection gives way')
  assert.ok(again.isOpen)
})

const PLACES = [{ path: '/points', may: 'append' }]

test('AU16 a right to add points is no right to anything else, however it is tried', async (t) => {
  const here = await vault(t)
  const data = { kind: 'widget-data', schemaVersion: 1, shape: 'points', points: [], columns: [], rows: [] }
  const { id } = (await here.ask('ana', 'POST', '/api/docs', data)).body
  const grants = [{ user: 'feeder', role: 'write', paths: PLACES }]
  const given = await here.ask('ana', 'PUT', `/api/docs/${id}/access`, { owner: 'ana', grants })
  assert.equal(given.status, 200, JSON.stringify(given.body))
  const before = (await here.ask('ana', 'GET', `/api/docs/${id}`)).body

  const attempts = {
    'another place': (doc) => (doc.title = 'mine'),
    'the list anew': (doc) => (doc.points = [{ t: 1, v: 1 }]),
    'the list taken away': (doc) => delete doc.points,
    'the kind': (doc) => (doc.kind = 'dashboard'),
    'the place of a point and another': (doc) => {
      doc.points.push({ t: 1, v: 1 })
      doc.columns.push('x')
    },
    'a point under a reserved name': (doc) => (doc._dovetail = { rules: [] }),
    'a detour': (doc) => {
      doc.aside = { points: [] }
      doc.aside.points.push({ t: 1, v: 1 })
      delete doc.aside
    },
  }
  for (const [what, attempt] of Object.entries(attempts)) {
    const feeder = await joined(here, 'feeder')
    const theirs = new RawReplica(feeder, { documentId: id })
    await theirs.until((doc) => String(doc.kind) === 'widget-data')
    theirs.edit(attempt)
    theirs.offer()
    const reject = await feeder.next('dovetail-reject')
    assert.deepEqual([reject.code, reject.changes], ['path_forbidden', Automerge.getHeads(theirs.doc)], what)
    feeder.close()
  }

  // A whole document in one chunk is none of the single changes that could be judged, whatever the message calls itself.
  for (const type of [V1, V2]) {
    const feeder = await joined(here, 'feeder')
    const whole = new RawReplica(feeder, { documentId: id })
    await whole.until((doc) => String(doc.kind) === 'widget-data')
    whole.edit((doc) => doc.points.push({ t: 1, v: 1 }))
    whole.edit((doc) => (doc.title = 'along with a point'))
    whole.bring([Automerge.save(whole.doc)], type)
    assert.match((await feeder.next('error')).message, /^(invalid_change|bad_sync): /)
    await feeder.closed()
  }
  const after = (await here.ask('ana', 'GET', `/api/docs/${id}`)).body
  assert.deepEqual({ ...after, points: [] }, before)
})

test('AU50 the audit log shows who tried what, and never what is in a document', async (t) => {
  const here = await vault(t)
  await give(here, [{ user: 'cleo', role: 'read' }])
  const cleo = await joined(here, 'cleo')
  const theirs = new RawReplica(cleo, { documentId: here.id })
  await theirs.until((doc) => String(doc.title) === CONTENT)
  const secret = 'what Cleo wrote'
  theirs.edit((doc) => (doc.title = secret))
  theirs.offer()
  await cleo.next('dovetail-reject')
  assert.equal((await here.ask('cleo', 'DELETE', here.path)).status, 403)
  assert.equal((await here.ask('dee', 'GET', here.path)).status, 404)
  assert.equal((await here.ask('dee', 'GET', '/api/admin/audit')).status, 403)

  const { entries } = (await here.ask('boss', 'GET', '/api/admin/audit?limit=100')).body
  const of = (subject) =>
    entries
      .filter((entry) => entry.subject === subject)
      .map(({ action, code, document }) => [action, code, document === here.id])
  assert.deepEqual(
    of('cleo').filter(([action]) => action === 'refused'),
    [
      ['refused', 'forbidden', true],
      ['refused', 'read_only', true],
    ],
  )
  assert.deepEqual(
    of('dee').filter(([action]) => action === 'refused'),
    [
      ['refused', 'forbidden', false],
      ['refused', 'document_not_found', true],
    ],
  )
  assert.ok(of('ana').some(([action, , here]) => action === 'access_changed' && here))
  const figures = JSON.stringify((await here.ask('boss', 'GET', '/api/realtime')).body)
  for (const told of [JSON.stringify(entries), here.server.log, figures])
    for (const content of [CONTENT, secret]) assert.ok(!told.includes(content))
})
