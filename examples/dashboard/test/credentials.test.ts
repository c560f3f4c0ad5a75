import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { readCredentials } from '../src/app/credentials'

beforeEach(() => {
  localStorage.clear()
  sessionStorage.clear()
  history.replaceState(null, '', '/d/abc')
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

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

const tokenOf = (sub: string, exp = 1) => `h.${btoa(JSON.stringify({ sub, exp }))}.s`

test('CL231 each person has a store of their own, and nobody in particular the one that was always there', () => {
  const nobody = readCredentials('abc')
  expect(nobody.storageName).toBe('dovetail')
  nobody.signIn(tokenOf('ana'), false)
  expect([nobody.isSomebodyElse(), nobody.storageName]).toEqual([true, 'dovetail'])
  const ana = readCredentials('abc')
  expect(ana.storageName).not.toBe('dovetail')
  ana.signIn(tokenOf('ana', 2), true)
  expect(ana.isSomebodyElse()).toBe(false)
  expect(readCredentials(undefined).storageName).toBe(ana.storageName)
  ana.signIn(tokenOf('bo'), true)
  expect(ana.isSomebodyElse()).toBe(true)
  ana.signOut()
  expect(ana.isSomebodyElse()).toBe(true)
})

test('CL231 who came by a link has a store of that link, also for what they made there, until it is forgotten', () => {
  history.replaceState(null, '', '/d/abc#link=dvl_one')
  const guest = readCredentials('abc')
  expect(guest.storageName).not.toBe('dovetail')
  guest.opened('copy')
  expect(readCredentials('copy').storageName).toBe(guest.storageName)
  // The link of another tab is not this one's.
  history.replaceState(null, '', '/d/abc#link=dvl_two')
  expect(readCredentials('abc').storageName).not.toBe(guest.storageName)
  expect(guest.isSomebodyElse()).toBe(false)
  guest.forgetLinks()
  expect(readCredentials('abc').linkInUse).toBeUndefined()
})

test('CL231 where storage is denied, who signs in is who has been here all along, and somebody else is not', () => {
  const denied = () => {
    throw new Error('denied')
  }
  vi.stubGlobal('sessionStorage', { getItem: denied, setItem: denied, removeItem: denied })
  vi.stubGlobal('localStorage', { getItem: denied, setItem: denied, removeItem: denied })
  const credentials = readCredentials(undefined)
  credentials.signIn(tokenOf('ana'), false)
  expect(credentials.isSomebodyElse()).toBe(false)
  credentials.signIn(tokenOf('bo'), false)
  expect(credentials.isSomebodyElse()).toBe(true)
})

test.each(['__proto__', 'constructor', 'toString'])('the address /d/%s has no link', (name) => {
  expect(readCredentials(name)).toMatchObject({ linkInUse: undefined })
  expect(readCredentials(undefined).linkFor(name)).toBeUndefined()
})
