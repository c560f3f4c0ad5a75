// Tokens as an identity provider would make them, for a server that is started with `ASKING`.

import { createHmac } from 'node:crypto'

const SECRET = 'a secret for tests that nobody else has'

/** Settings of a server that asks who is calling. */
export const ASKING = {
  DOVETAIL_JWT_SECRET: SECRET,
  DOVETAIL_JWT_AUDIENCE: 'dovetail',
  DOVETAIL_JWT_ISSUER: 'tests',
  DOVETAIL_ADMIN_GROUPS: 'bosses',
}

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** `holdsFor` is in seconds. The subject `boss` administers the server. */
export function tokenOf(subject, { holdsFor = 3600, ...claims } = {}) {
  const now = Math.floor(Date.now() / 1000)
  const groups = subject === 'boss' ? ['bosses'] : []
  const said = { sub: subject, aud: 'dovetail', iss: 'tests', exp: now + holdsFor, groups, ...claims }
  const signed = `${base64url({ alg: 'HS256', typ: 'JWT' })}.${base64url(said)}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}
