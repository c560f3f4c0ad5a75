// Somebody who would like to be somebody else. Whatever is presented, at whatever door, is refused with its code, is
// on record, and is told to nobody: not in the log, not in the figures.

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { WebSocket } from 'ws'
import { answering, claimsOf, eddsa, es256, forge, hs256, newKeys, rs256 } from '../attacker.mjs'
import { until, world } from '../harness.mjs'
import { newDocumentId } from '../raw-peer.mjs'
import { ASKING, tokenOf } from '../token.mjs'

const SECRET = ASKING.DOVETAIL_JWT_SECRET
const HS = { alg: 'HS256', typ: 'JWT' }
const keys = newKeys()
const stranger = newKeys()

/** A folder of files that is gone when the test has ended. */
function files(t, contents) {
  const folder = mkdtempSync(join(tmpdir(), 'dovetail-keys-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return Object.fromEntries(
    Object.entries(contents).map(([name, text]) => {
      writeFileSync(join(folder, name), text)
      return [name, join(folder, name)]
    }),
  )
}

/** A server that takes HS256 by a secret, and RS256, ES256 and EdDSA by public keys; it logs all it can. */
function besieged(t, env = {}) {
  const { pem } = files(t, { pem: keys.rsa.pem + keys.ec.pem + keys.ed.pem })
  const more = { DOVETAIL_JWT_PUBLIC_KEY_FILE: pem, DOVETAIL_LOG_FILTER: 'trace' }
  return world(t, { env: { ...ASKING, ...more, DOVETAIL_FAILED_LOGINS_PER_MINUTE_MAX: 'off', ...env } })
}

const honest = claimsOf('ana')
const ours = (header, claims = honest) => forge(header, claims, hs256(SECRET))
const good = ours(HS)
const [head, body, signature] = good.split('.')
const text = JSON.stringify(honest)

/** What is tried, and what it is called. */
const TOKENS = {
  'a token that is over': [ours(HS, claimsOf('ana', { holdsFor: -3600 })), 'token_expired'],
  'a token that begins tomorrow': [ours(HS, { ...honest, nbf: honest.exp + 86400 }), 'token_not_yet_valid'],
  'a token for another service': [ours(HS, { ...honest, aud: 'other' }), 'token_wrong_audience'],
  'a token for no service': [ours(HS, { ...honest, aud: undefined }), 'token_bad_claims'],
  'a token of another issuer': [ours(HS, { ...honest, iss: 'elsewhere' }), 'token_wrong_issuer'],
  'no algorithm': [forge({ alg: 'none' }, honest), 'token_bad_signature'],
  'no algorithm, written otherwise': [forge({ alg: 'nOnE' }, honest), 'token_bad_signature'],
  'no algorithm, with a signature': [ours({ alg: 'none' }), 'token_bad_signature'],
  'no signature': [`${head}.${body}.`, 'token_bad_signature'],
  'another secret': [forge(HS, honest, hs256('x'.repeat(40))), 'token_bad_signature'],
  'an empty secret': [forge(HS, honest, hs256('')), 'token_bad_signature'],
  'a public key as the secret': [forge(HS, honest, hs256(keys.rsa.pem)), 'token_bad_signature'],
  'a public key in DER as the secret': [
    forge(HS, honest, hs256(keys.rsa.publicKey.export({ type: 'spki', format: 'der' }))),
    'token_bad_signature',
  ],
  'the modulus as the secret': [
    forge(HS, honest, hs256(Buffer.from(keys.rsa.jwk.n, 'base64url'))),
    'token_bad_signature',
  ],
  'the secret as an RSA signature': [ours({ alg: 'RS256' }), 'token_bad_signature'],
  'an algorithm that is not on the list': [ours({ alg: 'HS512' }), 'token_bad_signature'],
  'an RSA key of somebody else': [
    forge({ alg: 'RS256' }, honest, rs256(stranger.rsa.privateKey)),
    'token_bad_signature',
  ],
  'an elliptic key of somebody else': [
    forge({ alg: 'ES256' }, honest, es256(stranger.ec.privateKey)),
    'token_bad_signature',
  ],
  'an elliptic signature of zeros': [
    forge({ alg: 'ES256' }, honest, () => Buffer.alloc(64)),
    'token_bad_signature',
  ],
  'an Edwards key of somebody else': [
    forge({ alg: 'EdDSA' }, honest, eddsa(stranger.ed.privateKey)),
    'token_bad_signature',
  ],
  'a key that comes along': [
    forge({ alg: 'RS256', jwk: stranger.rsa.jwk }, honest, rs256(stranger.rsa.privateKey)),
    'token_bad_signature',
  ],
  'an address of keys that comes along': [
    forge({ alg: 'RS256', kid: 'x', jku: 'http://127.0.0.1:1/keys' }, honest, rs256(stranger.rsa.privateKey)),
    'token_bad_signature',
  ],
  'the name of a key that is a path': [
    forge({ ...HS, kid: '../../../../dev/null' }, honest, hs256('')),
    'token_bad_signature',
  ],
  'another subject under the same signature': [
    `${head}.${Buffer.from(text.replace('"ana"', '"bob"')).toString('base64url')}.${signature}`,
    'token_bad_signature',
  ],
  'a part too many': [`${good}.${signature}`, 'token_malformed'],
  'a header that has to be understood': [ours({ ...HS, crit: ['exp'] }), 'token_malformed'],
  'a subject that is there twice': [ours(HS, text.replace('{', '{"sub":"boss",')), 'token_malformed'],
  'an algorithm that is there twice': [ours('{"alg":"none","alg":"HS256"}'), 'token_malformed'],
  'more than 8 KiB': [ours(HS, { ...honest, groups: ['x'.repeat(7000)] }), 'token_too_large'],
  'lists in lists in lists': [
    ours(HS, text.replace('{', `{"deep":${'['.repeat(2500)}${']'.repeat(2500)},`)),
    'token_malformed',
  ],
  'no end': [ours(HS, { ...honest, exp: undefined }), 'token_bad_claims'],
  'an end beyond all numbers': [ours(HS, text.replace(/"exp":\d+/, '"exp":1e999')), 'token_malformed'],
  'an end in words': [ours(HS, { ...honest, exp: 'never' }), 'token_bad_claims'],
  'no subject': [ours(HS, { ...honest, sub: undefined }), 'token_bad_claims'],
  'the name of nobody in particular': [ours(HS, { ...honest, sub: 'local' }), 'token_bad_claims'],
  'the name of the server': [ours(HS, { ...honest, sub: 'dovetail' }), 'token_bad_claims'],
  'the name of a link': [ours(HS, { ...honest, sub: 'link:abc' }), 'token_bad_claims'],
  'a subject of two lines': [ours(HS, { ...honest, sub: 'ana\nINFO signed in: boss' }), 'token_bad_claims'],
  'a scope that cannot be read': [ours(HS, { ...honest, dovetail_scope: 'everything' }), 'token_bad_claims'],
  'a link that nobody gave out, which is no person': [`dvl_${'x'.repeat(300)}`, 'token_too_large'],
}

/** Every kind of door: what it answers to a token, as `[status or close code, code]`. */
const DOORS = {
  'a request': (here, token) => asked(here, '/api/docs', { headers: { authorization: `Bearer ${token}` } }),
  'the query': (here, token) => asked(here, `/api/docs?token=${token}`),
  'a cookie': (here, token) => asked(here, '/api/docs', { headers: { cookie: `session=${token}` } }),
  'the events of a document': (here, token) =>
    asked(here, `/api/docs/${newDocumentId()}/events?token=${token}`),
  points: (here, token) =>
    asked(here, `/api/docs/${newDocumentId()}/points?token=${token}`, {
      method: 'POST',
      body: '{"t":1,"v":1}',
    }),
  'sync over HTTP': (here, token) => asked(here, `/api/realtime/sync?token=${token}`, { method: 'POST' }),
  'the audit log': (here, token) => asked(here, `/api/admin/audit?token=${token}`),
  '/sync': (here, token) => turnedAway(here, `/sync?token=${token}`),
  '/sync by sub-protocol': (here, token) =>
    turnedAway(here, '/sync', ['automerge-repo.v1', `dovetail.token.${token}`]),
  '/api/realtime': (here, token) => turnedAway(here, `/api/realtime?token=${token}`),
}

async function asked(here, path, options = {}) {
  const headers = { 'content-type': 'application/json', ...options.headers }
  const answer = await fetch(`http://${here.server.address}${path}`, { ...options, headers })
  return [answer.status, (await answer.json()).code]
}

/** How a WebSocket ends: as `4401` for what is no person, and the code in the reason. */
function turnedAway(here, path, protocols = []) {
  const socket = new WebSocket(`ws://${here.server.address}${path}`, protocols)
  return new Promise((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', (code, reason) => resolve([code, String(reason).split(':')[0]]))
  })
}

test('AU22 what nobody trustworthy signed opens no door; it is on record, and told to nobody', async (t) => {
  const here = await besieged(t, { DOVETAIL_COOKIE_NAME: 'session' })
  const tried = new Map()
  const missed = []
  for (const [door, answerTo] of Object.entries(DOORS)) {
    for (const [what, [token, code]] of Object.entries(TOKENS)) {
      const [status, said] = await answerTo(here, token)
      if (`${status % 4000} ${said}` !== `401 ${code}`) missed.push(`${what} at ${door}: ${status} ${said}`)
      tried.set(code, (tried.get(code) ?? 0) + 1)
    }
    const [status, said] = await answerTo(here, '')
    assert.deepEqual([status % 4000, said], [401, 'token_missing'], `nothing at ${door}`)
  }
  assert.deepEqual(missed, [])
  assert.deepEqual(
    await asked(here, `/api/docs?token=${good}`),
    [200, undefined],
    'and the honest one is let in',
  )

  const recorded = new Map()
  for (const entry of await audit(here, 'sign_in_refused')) {
    recorded.set(entry.code, (recorded.get(entry.code) ?? 0) + (entry.count ?? 1))
    assert.equal(entry.address, '127.0.0.1')
  }
  for (const [code, times] of tried) assert.equal(recorded.get(code), times, `${code} on record`)
  await nothingIsTold(
    here,
    Object.values(TOKENS).map(([token]) => token),
  )
})

/** All entries of the audit log about one action. */
async function audit(here, action) {
  const entries = []
  let page = `/api/admin/audit?action=${action}&limit=100`
  while (page) {
    const { status, body } = await here.ask('boss', 'GET', page)
    assert.equal(status, 200, JSON.stringify(body))
    entries.push(...body.entries)
    page = body.next
  }
  return entries
}

/** No part of a token is in the log, though all is logged, nor in the figures, nor in the audit log. */
async function nothingIsTold(here, tokens) {
  assert.match(here.server.log, / TRACE /)
  const figures = await fetchText(here, '/metrics')
  const recorded = JSON.stringify(await audit(here, 'sign_in_refused'))
  for (const token of [...tokens, good]) {
    for (const part of token.split('.').filter((part) => part.length > 24)) {
      if (part === head) continue // every token has it
      for (const [where, told] of Object.entries({ log: here.server.log, figures, recorded }))
        assert.ok(!told.includes(part.slice(0, 4000)), `${part.slice(0, 60)}… is in ${where}`)
    }
  }
  for (const secret of [SECRET, 'signed in: boss'])
    assert.ok(!here.server.log.includes(secret) && !recorded.includes(secret), secret)
}

async function fetchText(here, path) {
  const answer = await fetch(`http://${here.server.address}${path}`, {
    headers: { authorization: `Bearer ${tokenOf('boss')}` },
  })
  assert.equal(answer.status, 200)
  return answer.text()
}

const asOpener = (token) => (here) =>
  asked(here, '/api/docs', { headers: { authorization: `Bearer ${token}` } })
const signedBy = (pair, kid, claims = honest) => forge({ alg: 'RS256', kid }, claims, rs256(pair.privateKey))
const setOf = (pair, kid) => JSON.stringify({ keys: [{ ...pair.jwk, kid, use: 'sig', alg: 'RS256' }] })

/** A server whose keys come from an address. */
const asking = (t, url, env = {}) =>
  world(t, { env: { ...ASKING, DOVETAIL_JWT_SECRET: '', DOVETAIL_JWKS_URL: url, ...env } })

test('AU33 keys come over TLS, from whom this machine trusts and from nobody else', async (t) => {
  const pem = (name) => new URL(`../tls/${name}.pem`, import.meta.url)
  const tls = { cert: readFileSync(pem('server')), key: readFileSync(pem('server.private')) }
  const port = await answering(t, (_, answer) => answer.end(setOf(keys.rsa, 'one')), tls)
  const open = asOpener(signedBy(keys.rsa, 'one'))

  const trusting = { SSL_CERT_FILE: pem('authority').pathname }
  assert.deepEqual(await open(await asking(t, `https://localhost:${port}/keys`, trusting)), [200, undefined])
  const distrusting = await asking(t, `https://localhost:${port}/keys`)
  assert.deepEqual(await open(distrusting), [503, 'keys_unavailable'])
  assert.match(distrusting.server.log, /keys of tokens cannot be fetched/)
})

test('AU34 an unknown key is asked for once in ten seconds, however many tokens name one', async (t) => {
  let fetches = 0
  const port = await answering(t, (_, answer) => {
    fetches += 1
    answer.end(setOf(keys.rsa, 'one'))
  })
  const here = await asking(t, `http://127.0.0.1:${port}/keys`)
  assert.deepEqual(await asOpener(signedBy(keys.rsa, 'one'))(here), [200, undefined])
  const began = Date.now()
  const names = Array.from({ length: 25 }, (_, n) => `made-up-${n}`)
  const answers = await Promise.all(names.map((kid) => asOpener(signedBy(stranger.rsa, kid))(here)))
  for (const answer of answers) assert.deepEqual(answer, [401, 'token_bad_signature'])
  const most = 2 + Math.floor((Date.now() - began) / 10_000)
  assert.ok(fetches <= most, `${fetches} fetches where ${most} are lawful`)
})

const JUNK = {
  'no JSON': (answer) => answer.end('<html>keys</html>'),
  nothing: (answer) => answer.end(),
  'JSON of another kind': (answer) => answer.end('{"keys": {"a": 1}}'),
  'ten megabytes': (answer) => answer.end('x'.repeat(10 << 20)),
  'more than it announced': (answer) => answer.writeHead(200, { 'content-length': '4' }).end('{"keys": []}'),
  'another address': (answer) => answer.writeHead(302, { location: '/keys-elsewhere' }).end(),
  'an error': (answer) => answer.writeHead(500).end(setOf(keys.rsa, 'one')),
  'a secret as a key': (answer) =>
    answer.end(JSON.stringify({ keys: [{ kty: 'oct', kid: 'one', alg: 'HS256', k: base64urlOfSecret }] })),
  'a key of 512 bits': (answer) =>
    answer.end(JSON.stringify({ keys: [{ kty: 'RSA', kid: 'one', n: 'AQ'.repeat(43), e: 'AQAB' }] })),
  'a connection that is cut': (answer) => answer.destroy(),
}
const base64urlOfSecret = Buffer.from(SECRET).toString('base64url')

for (const [what, give] of Object.entries(JUNK))
  test(`AU35 where keys should be there is ${what}: nobody is let in, and nobody is harmed`, async (t) => {
    const paths = []
    const port = await answering(t, (request, answer) => {
      paths.push(request.url)
      give(answer)
    })
    const here = await asking(t, `http://127.0.0.1:${port}/keys`)
    const refused = [401, 503]
    for (const token of [signedBy(keys.rsa, 'one'), forge({ ...HS, kid: 'one' }, honest, hs256(SECRET))]) {
      const [status, code] = await asOpener(token)(here)
      assert.ok(refused.includes(status), `${status} ${code}`)
      assert.equal(code, status === 503 ? 'keys_unavailable' : 'token_bad_signature')
    }
    assert.deepEqual([...new Set(paths)], ['/keys'], 'no other address is asked')
    assert.equal((await fetch(`http://${here.server.address}/health`)).status, 200)
  })

test('AU35 an address of keys that never answers holds up those who need it, for seconds, and nobody else', async (t) => {
  const asked = []
  const port = await answering(t, (request) => asked.push(request.url))
  const here = await asking(t, `http://127.0.0.1:${port}/keys`, { DOVETAIL_JWT_SECRET: SECRET })
  const waiting = Array.from({ length: 10 }, () => asOpener(signedBy(keys.rsa, 'one'))(here))
  await until('keys are asked for', () => asked.length > 0)
  let over = false
  const answers = Promise.all(waiting).finally(() => (over = true))

  assert.deepEqual(await asOpener(good)(here), [200, undefined], 'whose key is at hand is let in meanwhile')
  assert.equal((await fetch(`http://${here.server.address}/ready`)).status, 200)
  assert.ok(!over, 'while the others wait')
  for (const answer of await answers) assert.deepEqual(answer, [503, 'keys_unavailable'])
  assert.equal(asked.length, 1)
})

test('AU37 a foreign page gets nothing by a cookie; our own does', async (t) => {
  const here = await world(t, { env: { ...ASKING, DOVETAIL_COOKIE_NAME: 'session' } })
  const cookie = `theme=dark; session=${tokenOf('ana')}`
  const own = `http://${here.server.address}`
  const make = (headers) =>
    asked(here, '/api/docs', { method: 'POST', body: '{}', headers: { cookie, ...headers } })
  for (const origin of ['https://evil.example', 'null', `${own}.evil.example`])
    assert.deepEqual(await make({ origin }), [403, 'origin_not_allowed'], origin)
  assert.deepEqual(await make({}), [403, 'cookie_without_origin'])
  assert.deepEqual(await make({ origin: own }), [201, undefined])
  assert.deepEqual(await make({ origin: own, authorization: `Bearer ${tokenOf('bo')}` }), [
    400,
    'token_ambiguous',
  ])

  const handshake = async (headers) => {
    const socket = new WebSocket(`ws://${here.server.address}/sync`, { headers: { cookie, ...headers } })
    socket.on('error', () => {})
    const status = await new Promise((resolve) => {
      socket.on('unexpected-response', (_, answer) => resolve(answer.statusCode))
      socket.on('close', (code) => resolve(code))
      socket.on('open', () => setImmediate(() => socket.readyState === 1 && resolve(101)))
    })
    socket.terminate()
    return status
  }
  assert.equal(await handshake({ origin: 'https://evil.example' }), 403)
  assert.equal(await handshake({ origin: own }), 101)
})
