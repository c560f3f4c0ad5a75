// What the service worker does, as decisions: which requests it answers, what it keeps, what it throws away.
//
// Always true: only `GET` of the page's own files is ever answered from here; what the server computes (`/api`, `/sync`, …) is
// passed over untouched, so that no document is ever in a cache of ours.

/** A file of the app. */
export interface Kept {
  /** From the root: `/assets/main-3f2a.js`. The page itself is `/`. */
  readonly path: string
  /** Changes when the file does. Nothing where the name says so already. */
  readonly revision: string | undefined
}

/** All files of one build. */
export interface Build {
  readonly version: string
  readonly files: readonly Kept[]
}

/** What is done about a request. */
export type Answering =
  /** The browser does what it would do without us. */
  | 'pass'
  /** The page: from the network, and where that fails, as it was kept. */
  | 'page'
  /** A file of this build: as it was kept. */
  | 'file'

/** As much of a request as the decision takes. */
export interface Asked {
  readonly method: string
  readonly url: string
  readonly mode: string
  /** The header `Range`: part of a file. */
  readonly range: boolean
}

/** Where the server computes its answers. */
const COMPUTED = ['/api', '/sync', '/health', '/ready', '/metrics', '/openapi.json'] as const

/** Decides about one request. `paths` are those of the build. */
export function answering(asked: Asked, origin: string, paths: ReadonlySet<string>): Answering {
  const url = new URL(asked.url)
  if (asked.method !== 'GET' || url.origin !== origin || asked.range) return 'pass'
  if (COMPUTED.some((path) => url.pathname === path || url.pathname.startsWith(`${path}/`))) return 'pass'
  if (asked.mode === 'navigate') return 'page'
  return paths.has(url.pathname) && url.search === '' ? 'file' : 'pass'
}

/** The page, under whatever address it was asked for. */
export const PAGE = '/'

/** What all caches of the app are called, so that those of others on this origin are left alone. */
const PREFIX = 'dovetail-app-'

/** The cache of one build. */
export function cacheOf(build: Build): string {
  return `${PREFIX}${build.version}`
}

/** The caches of other builds among all that there are. */
export function outdated(names: readonly string[], build: Build): readonly string[] {
  return names.filter((name) => name.startsWith(PREFIX) && name !== cacheOf(build))
}

/**
 * How long the network may take for the page before the kept one is shown, in milliseconds. A good network answers in a tenth of
 * that; on a bad one people would look at nothing meanwhile.
 */
export const PAGE_MS_MAX = 3_000

/** Whether an answer for the page is shown: a proxy that says it cannot reach the server is a network that failed. */
export function isPage(status: number): boolean {
  return status !== 502 && status !== 503 && status !== 504
}

/** What a page says to a service worker. */
export type ToWorker =
  /** Which files do you have? Answered over the port with their paths. */
  | { readonly dovetail: 'files' }
  /** Take over now: somebody wants the new version. */
  | { readonly dovetail: 'take_over' }
  /** Take over if no other page of the app is open: this one has the new version already. */
  | { readonly dovetail: 'take_over_if_alone' }

/** Reads a message. Anything may be posted, by anything on this origin. */
export function readToWorker(message: unknown): ToWorker | undefined {
  if (typeof message !== 'object' || message === null || !('dovetail' in message)) return undefined
  const said = message.dovetail
  return said === 'files' || said === 'take_over' || said === 'take_over_if_alone'
    ? { dovetail: said }
    : undefined
}

/**
 * Whether a page with these scripts is of the build that has these files: the page comes from the network where there is one, so it
 * may be newer than the worker that stands behind it.
 */
export function isOfBuild(scripts: readonly string[], files: readonly string[]): boolean {
  const known = new Set(files)
  return scripts.length > 0 && scripts.every((script) => known.has(script))
}
