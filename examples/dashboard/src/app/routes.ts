// Which screen an address means, and the way from one to another without loading the page anew.
//
// Always true: an address that means nothing is the route `unknown`, which has a screen of its own. `format(parse(path))` is the
// path for every route but that one.

import { useSyncExternalStore } from 'react'

export type Route =
  /** The list of dashboards. */
  | { readonly screen: 'list' }
  /** A dashboard. */
  | { readonly screen: 'editor'; readonly id: string }
  /** Any document, as it is. */
  | { readonly screen: 'json'; readonly id: string }
  /** Each component in each state. */
  | { readonly screen: 'stories' }
  | { readonly screen: 'unknown'; readonly path: string }

/** Reads the path of an address. */
export function parse(path: string): Route {
  const [first, second, ...rest] = path.split('/').filter((part) => part !== '')
  if (first === undefined) return { screen: 'list' }
  if (first === 'stories' && second === undefined) return { screen: 'stories' }
  const id = rest.length === 0 && second !== undefined ? decoded(second) : undefined
  if (id !== undefined && first === 'd') return { screen: 'editor', id }
  if (id !== undefined && first === 'json') return { screen: 'json', id }
  return { screen: 'unknown', path }
}

/** The path of a route. */
export function format(route: Route): string {
  switch (route.screen) {
    case 'list':
      return '/'
    case 'stories':
      return '/stories'
    case 'editor':
      return `/d/${encodeURIComponent(route.id)}`
    case 'json':
      return `/json/${encodeURIComponent(route.id)}`
    case 'unknown':
      return route.path
  }
}

/** The document that a route is about. */
export function documentOf(route: Route): string | undefined {
  if (route.screen !== 'editor' && route.screen !== 'json') return undefined
  return route.id.replace(/^automerge:/, '')
}

/** Goes to a screen. `replace` leaves no way back to this one. */
export function navigate(to: Route, options: { readonly replace?: boolean } = {}): void {
  const path = format(to)
  if (path === location.pathname) return
  if (options.replace) history.replaceState(null, '', path)
  else history.pushState(null, '', path)
  dispatchEvent(new Event(MOVED))
}

/** The screen that the address means now. */
export function useRoute(): Route {
  const path = useSyncExternalStore(onMove, () => location.pathname)
  return parse(path)
}

/** Told to ourselves, because the browser tells of `popstate` only what people do. */
const MOVED = 'dovetail:moved'

function onMove(listener: () => void): () => void {
  addEventListener('popstate', listener)
  addEventListener(MOVED, listener)
  return () => {
    removeEventListener('popstate', listener)
    removeEventListener(MOVED, listener)
  }
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}
