import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readCredentials } from '../src/app/credentials'

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
  history.replaceState(null, '', '/d/abc')
})
afterEach(() => vi.restoreAllMocks())

test('a token in the address is taken, and out of the address', () => {
  history.replaceState(null, '', '/d/abc?x=1#token=secret&part=2')
  expect(readCredentials('abc').token()).toBe('secret')
  expect(location.pathname + location.search + location.hash).toBe('/d/abc?x=1#part=2')
  // It holds for this tab alone.
  expect(localStorage.length).toBe(0)
  expect(readCredentials('abc').token()).toBe('secret')
})

test('the secret of a link is kept with the document that it opens', () => {
  history.replaceState(null, '', '/d/abc#link=dvl_one')
  const credentials = readCredentials('abc')
  expect(location.hash).toBe('')
  expect(credentials.linkInUse).toBe('dvl_one')
  expect(credentials.linkFor('other')).toBeUndefined()
  expect(readCredentials('abc').linkFor('abc')).toBe('dvl_one')
})

test('what is no secret of a link is not kept', () => {
  history.replaceState(null, '', '/d/abc#link=%3Cscript%3E')
  expect(readCredentials('abc').linkInUse).toBeUndefined()
  localStorage.setItem('dovetail.links', 'not json')
  expect(readCredentials('abc').linkInUse).toBeUndefined()
})

test('who stays signed in is so in other tabs, until they sign out', () => {
  const credentials = readCredentials(undefined)
  credentials.signIn('secret', true)
  sessionStorage.clear()
  expect(readCredentials(undefined).token()).toBe('secret')
  credentials.signOut()
  expect(readCredentials(undefined).token()).toBeUndefined()
})

test('where storage is denied, a token holds until the page is left', () => {
  vi.spyOn(Storage.prototype, 'getItem').mockImplementation(() => {
    throw new Error('denied')
  })
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new Error('denied')
  })
  const credentials = readCredentials(undefined)
  credentials.signIn('secret', true)
  expect(credentials.token()).toBe('secret')
})

test.each(['__proto__', 'constructor', 'toString'])('the address /d/%s has no link', (name) => {
  expect(readCredentials(name)).toMatchObject({ linkInUse: undefined })
  expect(readCredentials(undefined).linkFor(name)).toBeUndefined()
})
