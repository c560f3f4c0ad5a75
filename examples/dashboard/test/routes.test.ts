import { afterEach, expect, test } from 'vitest'
import { documentOf, format, navigate, parse, type Route } from '../src/app/routes'

afterEach(() => history.replaceState(null, '', '/'))

const ROUTES: readonly (readonly [path: string, route: Route])[] = [
  ['/', { screen: 'list' }],
  ['/d/4NMN', { screen: 'editor', id: '4NMN' }],
  ['/json/4NMN', { screen: 'json', id: '4NMN' }],
  ['/stories', { screen: 'stories' }],
  ['/d', { screen: 'unknown', path: '/d' }],
  ['/d/a/b', { screen: 'unknown', path: '/d/a/b' }],
  ['/nowhere', { screen: 'unknown', path: '/nowhere' }],
]

test.each(ROUTES)('%s is a route, and back', (path, route) => {
  expect(parse(path)).toEqual(route)
  expect(format(route)).toBe(path)
})

test('an id in the address may be an address itself', () => {
  const route = parse('/d/automerge%3A4NMN')
  expect(route).toEqual({ screen: 'editor', id: 'automerge:4NMN' })
  expect(documentOf(route)).toBe('4NMN')
  expect(parse('/d/%E0%A4%A')).toEqual({ screen: 'unknown', path: '/d/%E0%A4%A' })
})

test('going to a screen leaves a way back, going to the same one does nothing', () => {
  const before = history.length
  navigate({ screen: 'editor', id: 'a' })
  expect(location.pathname).toBe('/d/a')
  expect(history.length).toBe(before + 1)
  navigate({ screen: 'editor', id: 'a' })
  expect(history.length).toBe(before + 1)
  navigate({ screen: 'list' }, { replace: true })
  expect(location.pathname).toBe('/')
  expect(history.length).toBe(before + 1)
})
