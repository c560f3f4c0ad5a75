// What somebody has who means harm: tokens of every make, and bytes that no HTTP client would send.

import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { createServer as createSecureServer } from 'node:https'
import { createServer } from 'node:http'
import { connect } from 'node:net'

const base64url = (value) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')

/** What an honest token of this server says, in seconds since 1970. */
export function claimsOf(subject, { holdsFor = 3600, ...claims } = {}) {
  const exp = Math.floor(Date.now() / 1000) + holdsFor
  return { sub: subject, aud: 'dovetail', iss: 'tests', exp, ...claims }
}

/** A token as one likes: header and claims are objects or JSON as it stands, `signer` makes of a text its signature. */
export function forge(header, claims, signer = () => '') {
  const signed = `${base64url(header)}.${base64url(claims)}`
  return `${signed}.${Buffer.from(signer(signed)).toString('base64url')}`
}

export const hs256 = (secret) => (text) => createHmac('sha256', secret).update(text).digest()
export const rs256 = (key) => (text) => sign('sha256', Buffer.from(text), key)
export const es256 = (key) => (text) => sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' })
export const eddsa = (key) => (text) => sign(null, Buffer.from(text), key)

/** Keys as an identity provider has them, and each as PEM and as JWK. */
export function newKeys() {
  const pair = (kind, options) => {
    const { publicKey, privateKey } = generateKeyPairSync(kind, options)
    const pem = publicKey.export({ type: 'spki', format: 'pem' })
    return { publicKey, privateKey, pem, jwk: publicKey.export({ format: 'jwk' }) }
  }
  return {
    rsa: pair('rsa', { modulusLength: 2048 }),
    ec: pair('ec', { namedCurve: 'P-256' }),
    ed: pair('ed25519'),
  }
}

/** Something on a free port of this machine that answers as it likes; `tls` is `{cert, key}`. It ends with the test. */
export async function answering(t, handler, tls) {
  const server = tls ? createSecureServer(tls, handler) : createServer(handler)
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return server.address().port
}

/** Sends bytes as they stand and resolves with all that comes back until the other end closes. */
export function exchange(address, bytes, { patienceMs = 30_000 } = {}) {
  const [host, port] = address.split(':')
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) })
    let answer = ''
    const late = setTimeout(() => {
      socket.destroy()
      reject(new Error(`still open after ${patienceMs} ms, it said: ${answer}`))
    }, patienceMs)
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    socket.on('error', () => {}) // it was cut: what came before counts
    socket.on('close', () => {
      clearTimeout(late)
      resolve(answer)
    })
    socket.write(bytes)
  })
}

/** The status of every answer in what came back over one connection. */
export const statusesIn = (answer) =>
  [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))
