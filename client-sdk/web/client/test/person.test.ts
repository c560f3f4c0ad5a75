// Each person of a device has a store of their own.

import { expect, test } from 'vitest'
import { resolveConfig } from '../src/config'
import { storageNameOf } from '../src/person'

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
const tokenOf = (claims: object) => `${part({ alg: 'HS256' })}.${part(claims)}.signature`

test('CL231 a person keeps their store when a token is renewed, and shares it with nobody', () => {
  const ana = storageNameOf({ token: tokenOf({ sub: 'ana', exp: 1 }) })
  expect(storageNameOf({ token: tokenOf({ sub: 'ana', exp: 2 }) })).toBe(ana)
  const others = [
    storageNameOf({}),
    storageNameOf({ token: tokenOf({ sub: 'bo' }) }),
    storageNameOf({ token: tokenOf({ sub: 'Änne 中' }) }),
    storageNameOf({ link: 'ana' }),
    storageNameOf({ link: 'dvl_one' }),
    storageNameOf({ link: 'dvl_other' }),
  ]
  expect(new Set([ana, ...others]).size).toBe(7)
  for (const name of [ana, ...others]) {
    expect(resolveConfig({ url: 'http://h', storage: { name } }).storage.name).toBe(name)
  }
  expect(others.join(' ')).not.toContain('dvl_')
})

test('CL231 who comes with a token and a link is the person of the token', () => {
  const token = tokenOf({ sub: 'ana' })
  expect(storageNameOf({ token, link: 'dvl_one' })).toBe(storageNameOf({ token }))
})

test('CL231 nobody in particular has the store that holds by itself, and so has a token that says nothing', () => {
  expect(storageNameOf({})).toBe(resolveConfig({ url: 'http://h' }).storage.name)
  for (const token of [
    '',
    'odd',
    'a.b.c',
    `a.${part(5)}.c`,
    tokenOf({}),
    tokenOf({ sub: 7 }),
    tokenOf({ sub: '' }),
  ])
    expect(storageNameOf({ token })).toBe('dovetail')
})
