// What the service worker does when something happens to it. The decisions are in plan.ts.
//
// Always true: the cache of a build is whole or the build is not installed; nothing is put into it after that.

import {
  answering,
  cacheOf,
  isPage,
  outdated,
  PAGE,
  PAGE_MS_MAX,
  readToWorker,
  type Build,
  type Kept,
} from './plan'
import type { WorkerMessageEvent, WorkerScope } from './scope'

/** Listens to everything that a worker hears. */
export function follow(scope: WorkerScope, build: Build): void {
  const paths = new Set(build.files.map((file) => file.path))
  scope.addEventListener('install', (event) => event.waitUntil(keepAll(scope, build)))
  scope.addEventListener('activate', (event) => event.waitUntil(takeOver(scope, build)))
  scope.addEventListener('message', (event) => event.waitUntil(hear(scope, build, event)))
  scope.addEventListener('fetch', (event) => {
    const { method, url, mode, headers } = event.request
    const how = answering({ method, url, mode, range: headers.has('range') }, scope.location.origin, paths)
    if (how === 'page') event.respondWith(page(scope, build, event.request))
    if (how === 'file') event.respondWith(file(scope, build, event.request))
  })
}

/** Fills the cache of this build. What an earlier build has of the same name and content is taken from there. */
async function keepAll(scope: WorkerScope, build: Build): Promise<void> {
  const cache = await scope.caches.open(cacheOf(build))
  await Promise.all(
    build.files.map(async (kept) => {
      const earlier = kept.revision === undefined ? await scope.caches.match(kept.path, ANY_FORM) : undefined
      await cache.put(kept.path, earlier ?? (await fetched(scope, kept)))
    }),
  )
}

async function fetched(scope: WorkerScope, kept: Kept): Promise<Response> {
  // A file whose name stays the same may lie in the browser's own cache as it was before.
  const cache = kept.revision === undefined ? 'default' : 'reload'
  const answer = await scope.fetch(
    new Request(new URL(kept.path, scope.location.origin), { cache, credentials: 'same-origin' }),
  )
  if (!answer.ok) throw new Error(`${kept.path} was answered with ${answer.status}`)
  if (!answer.redirected) return answer
  // Browsers refuse a redirected answer for a page.
  return new Response(await answer.blob(), { status: answer.status, headers: answer.headers })
}

async function takeOver(scope: WorkerScope, build: Build): Promise<void> {
  const names = outdated(await scope.caches.keys(), build)
  await Promise.all(names.map((name) => scope.caches.delete(name)))
  await scope.clients.claim()
}

async function hear(scope: WorkerScope, build: Build, event: WorkerMessageEvent): Promise<void> {
  switch (readToWorker(event.data)?.dovetail) {
    case 'files':
      event.ports[0]?.postMessage(build.files.map((kept) => kept.path))
      return
    case 'take_over':
      return scope.skipWaiting()
    case 'take_over_if_alone': {
      const pages = await scope.clients.matchAll({ type: 'window', includeUncontrolled: true })
      if (pages.length <= 1) await scope.skipWaiting()
      return
    }
    case undefined:
      return
  }
}

/** The page from the network; where that fails, or takes too long, as it was kept. */
async function page(scope: WorkerScope, build: Build, request: Request): Promise<Response> {
  const fromNetwork = scope.fetch(request).then((answer) => (isPage(answer.status) ? answer : undefined))
  const first = await Promise.race([fromNetwork.catch(() => undefined), pass(PAGE_MS_MAX)])
  if (first) return first
  const cache = await scope.caches.open(cacheOf(build))
  // Without a kept page, whatever comes of the network is the answer.
  return (await cache.match(PAGE, ANY_FORM)) ?? (await fromNetwork) ?? Response.error()
}

async function file(scope: WorkerScope, build: Build, request: Request): Promise<Response> {
  const cache = await scope.caches.open(cacheOf(build))
  // By its path: what browsers send along for modules and for styles differs, and the file is the same.
  return (await cache.match(new URL(request.url).pathname, ANY_FORM)) ?? scope.fetch(request)
}

/** Servers say that a file is sent in several forms, compressed in one way or another. What is kept is unpacked. */
const ANY_FORM = { ignoreVary: true } as const

function pass(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms))
}
