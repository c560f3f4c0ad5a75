// Bytes that no HTTP client would send: requests that two readers would take for different ones, requests that never end, and
// texts that would like to be lines of the log.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { exchange, statusesIn } from '../attacker.mjs'
import { until, world } from '../harness.mjs'
import { newDocumentId } from '../raw-peer.mjs'
import { ASKING, tokenOf } from '../token.mjs'

const JSON_TYPE = 'Content-Type: application/json\r\n'

/** A request of Ana's that makes a document, with this head and this body. */
function making(here, head, body) {
  const start = `POST /api/docs HTTP/1.1\r\nHost: ${here.server.address}\r\nAuthorization: Bearer ${tokenOf('ana')}\r\n`
  return `${start}${JSON_TYPE}${head}\r\n\r\n${body}`
}

/** What would be a second request if somebody took the first one to end early. */
const smuggled = (here) => making(here, 'Content-Length: 17', '{"smuggled":true}')

const AMBIGUOUS = {
  'two lengths': ['Content-Length: 2\r\nContent-Length: 5', '{}'],
  'a list of lengths': ['Content-Length: 2, 5', '{}'],
  'a length with a sign': ['Content-Length: +2', '{}'],
  'a negative length': ['Content-Length: -2', '{}'],
  'a length in hexadecimal': ['Content-Length: 0x2', '{}'],
  'no known encoding': ['Transfer-Encoding: identity', '{}'],
  'an encoding behind chunks': ['Transfer-Encoding: chunked, identity', '2\r\n{}\r\n0\r\n\r\n'],
  'nearly chunks': ['Transfer-Encoding: xchunked', '2\r\n{}\r\n0\r\n\r\n'],
  'a space before the colon': ['Transfer-Encoding : chunked', '2\r\n{}\r\n0\r\n\r\n'],
  'a folded header': ['X-Folded: a\r\n Content-Length: 2', '{}'],
  'a bare carriage return': ['X-Header: a\rContent-Length: 2', '{}'],
  'a null byte': ['X-Header: a\0\r\nContent-Length: 2', '{}'],
  'a chunk beyond all numbers': ['Transfer-Encoding: chunked', '10000000000000002\r\n{}\r\n0\r\n\r\n'],
  'a chunk of negative length': ['Transfer-Encoding: chunked', '-2\r\n{}\r\n0\r\n\r\n'],
  'a line feed in a chunk extension': ['Transfer-Encoding: chunked', '2;a=b\nxx\r\n{}\r\n0\r\n\r\n'],
}

test('HT16 what two readers could take for different requests is none, and nothing behind it is one', async (t) => {
  const here = await world(t, { env: ASKING })
  for (const [what, [head, body]] of Object.entries(AMBIGUOUS)) {
    const answer = await exchange(here.server.address, making(here, head, body) + smuggled(here))
    assert.deepEqual(statusesIn(answer), [400], what)
  }
  // Both lengths: that of the chunks counts, and the connection ends behind it.
  const both = 'Content-Length: 4\r\nTransfer-Encoding: chunked'
  const answer = await exchange(
    here.server.address,
    making(here, both, '2\r\n{}\r\n0\r\n\r\n') + smuggled(here),
  )
  assert.deepEqual(statusesIn(answer), [201])
  const { documents } = (await here.ask('ana', 'GET', '/api/docs')).body
  assert.equal(documents.length, 1)
  assert.deepEqual((await here.ask('ana', 'GET', `/api/docs/${documents[0].id}`)).body, {})
})

test('AU1 of requests behind each other each shows its own token, and one Host', async (t) => {
  const here = await world(t, { env: ASKING })
  const { address } = here.server
  const get = (headers, path = '/api/docs') => `GET ${path} HTTP/1.1\r\nHost: ${address}\r\n${headers}\r\n`
  const ana = `Authorization: Bearer ${tokenOf('ana')}\r\n`
  const last = get('Connection: close\r\n')
  assert.deepEqual(statusesIn(await exchange(address, get(ana) + last)), [200, 401])
  assert.deepEqual(
    statusesIn(await exchange(address, get(ana) + get(ana, '/api/admin/audit') + last)),
    [200, 403, 401],
  )
  const trailer = making(here, 'Transfer-Encoding: chunked\r\nTrailer: Authorization', '2\r\n{}\r\n0\r\n')
  const boss = `Authorization: Bearer ${tokenOf('boss')}\r\n\r\n`
  assert.deepEqual(statusesIn(await exchange(address, trailer + boss + last)), [201, 401])
  const twice = `GET /health HTTP/1.1\r\nHost: ${address}\r\nHost: evil.example\r\nConnection: close\r\n\r\n`
  assert.deepEqual(statusesIn(await exchange(address, twice)), [421])
})

test('HT34 whoever sends slowly holds up nobody: not without a token, and not with one', async (t) => {
  const limits = { DOVETAIL_BODIES_MAX: '8', DOVETAIL_BODY_TIMEOUT: '4s', DOVETAIL_HEADER_TIMEOUT: '2s' }
  const here = await world(t, { env: { ...ASKING, ...limits } })
  const { address } = here.server
  const slow = (authorization) =>
    exchange(
      address,
      `POST /api/docs HTTP/1.1\r\nHost: ${address}\r\n${authorization}${JSON_TYPE}Content-Length: 100\r\n\r\n{`,
    )
  const heads = Array.from({ length: 50 }, () => exchange(address, 'POST /api/docs HTTP/1.1\r\nX-Slow: '))
  const strangers = Array.from({ length: 50 }, () => slow(''))
  const mallory = Array.from({ length: 20 }, () => slow(`Authorization: Bearer ${tokenOf('mallory')}\r\n`))
  let over = false
  const all = Promise.all([...heads, ...mallory]).finally(() => (over = true))

  for (const answer of await Promise.all(strangers)) assert.deepEqual(statusesIn(answer), [401])
  const made = await Promise.all(Array.from({ length: 4 }, () => here.ask('ana', 'POST', '/api/docs', {})))
  assert.deepEqual(
    made.map(({ status }) => status),
    [201, 201, 201, 201],
  )
  assert.ok(!over, 'while all others still send')
  const answers = await all
  for (const answer of answers.slice(heads.length)) assert.deepEqual(statusesIn(answer), [408])
  assert.equal((await here.ask('mallory', 'POST', '/api/docs', {})).status, 201, 'and then she may')
})

const FORGED = '2026-01-01T00:00:00Z  INFO dovetail: signed in subject=boss'

for (const format of ['text', 'json'])
  test(`AU30 nobody writes lines of their own into the log (${format})`, async (t) => {
    const env = { ...ASKING, DOVETAIL_LOG_FORMAT: format, DOVETAIL_LOG_FILTER: 'trace' }
    const here = await world(t, { env })
    const lines = `x\n${FORGED}\r\n${FORGED}\u2028${FORGED}\u001b[2K`
    const escaped = encodeURIComponent(lines)
    await here.ask('ana', 'GET', `/api/docs/${escaped}?${escaped}=${escaped}`)
    await here.ask('ana', 'GET', `/api/rules/${escaped}`)
    const { id } = (await here.ask('ana', 'POST', '/api/docs', { kind: lines, title: lines })).body
    await here.ask('ana', 'PUT', `/api/docs/${id}/versions/${escaped}`, { by: lines, note: lines })
    await here.ask('ana', 'PUT', `/api/docs/${id}/access`, {
      owner: 'ana',
      grants: [{ user: lines, role: 'read' }],
    })
    await fetch(`http://${here.server.address}/api/docs`, { headers: { 'user-agent': 'x\t' + FORGED } })
    const named = await here.raw({
      url: `${here.server.syncUrl}?token=${tokenOf('ana', { name: lines, groups: [lines] })}`,
      peerId: lines,
    })
    named.send({ type: 'join', senderId: lines, peerMetadata: {}, supportedProtocolVersions: ['1'] })
    named.say({ type: lines, documentId: newDocumentId() })
    await until('it is answered or closed', () => named.messages.length > 0 || !named.isOpen)
    await here.ask('ana', 'GET', '/api/docs')

    const written = here.server.log.split('\n').filter(Boolean)
    assert.ok(written.length > 50)
    for (const line of written) {
      if (format === 'json') assert.doesNotThrow(() => JSON.parse(line), line)
      else
        assert.match(
          line,
          /^(\u001b\[\d+m)*\d{4}-\d\d-\d\dT[\d:.]+Z(\u001b\[\d+m)* /,
          'a line of the log begins with its time',
        )
      assert.ok(!line.startsWith(FORGED) && !line.includes('\u001b[2K') && !line.includes('\u2028'), line)
    }
  })

for (const path of ['/sync', '/api/realtime'])
  test(`LI2 pings are messages: whoever sends too many is slowed (${path})`, async (t) => {
    const here = await world(t, { env: { ...ASKING, DOVETAIL_MESSAGES_PER_SECOND_MAX: '20' } })
    const socket = new WebSocket(`ws://${here.server.address}${path}?token=${tokenOf('ana')}`)
    t.after(() => socket.terminate())
    await once(socket, 'open')
    for (let n = 0; n < 200; n++) socket.ping()
    const slowed = /^dovetail_throttled_total\{[^}]*too_many_messages[^}]*slow[^}]*\} [1-9]/m
    const figures = () =>
      fetch(`http://${here.server.address}/metrics`, {
        headers: { authorization: `Bearer ${tokenOf('boss')}` },
      })
    await until('it is slowed', async () => slowed.test(await (await figures()).text()))
  })
