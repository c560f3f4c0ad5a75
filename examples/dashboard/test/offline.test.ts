import { describe, expect, it, vi } from 'vitest'
import {
  answering,
  cacheOf,
  isOfBuild,
  isPage,
  outdated,
  readToWorker,
  type Build,
  type ToWorker,
} from '../src/offline/plan'
import type { WorkerEvent, WorkerFetchEvent, WorkerMessageEvent, WorkerScope } from '../src/offline/scope'
import {
  followUpdates,
  type PageRegistration,
  type PageWorker,
  type UpdatedPage,
} from '../src/offline/updates'
import { follow } from '../src/offline/worker'

const ORIGIN = 'https://d.example'
const BUILD: Build = {
  version: 'two',
  files: [
    { path: '/', revision: 'p2' },
    { path: '/assets/main-aaaaaaaa.js', revision: undefined },
  ],
}
const PATHS = new Set(BUILD.files.map((file) => file.path))

describe('which requests the worker answers', () => {
  const asked = (path: string, more: { method?: string; mode?: string; range?: boolean } = {}) =>
    answering(
      { method: 'GET', mode: 'no-cors', range: false, url: new URL(path, ORIGIN).href, ...more },
      ORIGIN,
      PATHS,
    )

  it.each(['/', '/d/4NMN', '/stories', '/d/4NMN?x=1'])('the page at %s', (path) => {
    expect(asked(path, { mode: 'navigate' })).toBe('page')
  })

  it.each(['/api/docs', '/api', '/sync', '/health', '/ready', '/metrics', '/openapi.json'])(
    'never %s',
    (path) => {
      expect(asked(path)).toBe('pass')
      expect(asked(path, { mode: 'navigate' })).toBe('pass')
    },
  )

  it('files of the build, and no others', () => {
    expect(asked('/assets/main-aaaaaaaa.js')).toBe('file')
    expect(asked('/assets/main-bbbbbbbb.js')).toBe('pass')
    expect(asked('/assets/main-aaaaaaaa.js?raw')).toBe('pass')
    expect(asked('/assets/main-aaaaaaaa.js', { range: true })).toBe('pass')
  })

  it('nothing that writes, and nothing of others', () => {
    expect(asked('/', { method: 'POST', mode: 'navigate' })).toBe('pass')
    expect(asked('https://other.example/assets/main-aaaaaaaa.js')).toBe('pass')
  })

  it('takes a proxy without a server for a network that failed', () => {
    expect([200, 302, 304, 401, 404, 500].every(isPage)).toBe(true)
    expect([502, 503, 504].some(isPage)).toBe(false)
  })

  it('throws away only its own old caches', () => {
    expect(outdated(['dovetail-app-one', 'dovetail-app-two', 'others'], BUILD)).toEqual(['dovetail-app-one'])
  })

  it('understands what pages say, and nothing else', () => {
    expect(readToWorker({ dovetail: 'take_over' })).toEqual({ dovetail: 'take_over' })
    for (const odd of [null, 'take_over', { dovetail: 'burn' }, { type: 'take_over' }]) {
      expect(readToWorker(odd)).toBeUndefined()
    }
  })

  it('knows a page of its build', () => {
    expect(isOfBuild(['/a.js'], ['/', '/a.js'])).toBe(true)
    expect(isOfBuild(['/a.js', '/b.js'], ['/a.js'])).toBe(false)
    expect(isOfBuild([], ['/a.js'])).toBe(false)
  })
})

/** A worker's world in memory. */
function world(network: (path: string) => Promise<Response>) {
  const stored = new Map<string, Map<string, Response>>()
  const listeners = new Map<string, (event: never) => void>()
  const pathOf = (key: RequestInfo | URL) =>
    new URL(key instanceof Request ? key.url : String(key), ORIGIN).pathname
  const cache = (name: string) => {
    const entries = stored.get(name) ?? new Map<string, Response>()
    stored.set(name, entries)
    return {
      put: (key: RequestInfo | URL, answer: Response) => {
        entries.set(pathOf(key), answer)
        return Promise.resolve()
      },
      match: (key: RequestInfo | URL) => Promise.resolve(entries.get(pathOf(key))?.clone()),
    }
  }
  const caches = {
    open: (name: string) => Promise.resolve(cache(name)),
    keys: () => Promise.resolve([...stored.keys()]),
    delete: (name: string) => Promise.resolve(stored.delete(name)),
    match: (key: RequestInfo | URL) =>
      Promise.resolve(
        [...stored.values()]
          .find((entries) => entries.has(pathOf(key)))
          ?.get(pathOf(key))
          ?.clone(),
      ),
  }
  const pages: unknown[] = []
  const claim = vi.fn(() => Promise.resolve())
  const skipWaiting = vi.fn(() => Promise.resolve())
  const fetched: string[] = []
  const scope = {
    location: { origin: ORIGIN },
    caches: caches as unknown as CacheStorage,
    clients: { claim, matchAll: () => Promise.resolve(pages) },
    skipWaiting,
    fetch: (request: Request) => {
      fetched.push(pathOf(request))
      return network(pathOf(request))
    },
    addEventListener: (name: string, listener: (event: never) => void) => void listeners.set(name, listener),
  } as unknown as WorkerScope
  const fire = async <E extends WorkerEvent>(name: string, event: Omit<E, 'waitUntil'>): Promise<void> => {
    const work: Promise<unknown>[] = []
    listeners.get(name)?.({ ...event, waitUntil: (one: Promise<unknown>) => work.push(one) } as never)
    await Promise.all(work)
  }
  const get = async (path: string, mode = 'no-cors'): Promise<Response | 'pass'> => {
    let answer: Promise<Response> | undefined
    const request = { method: 'GET', url: ORIGIN + path, mode, headers: new Headers() }
    await fire<WorkerFetchEvent>('fetch', {
      request: request as unknown as Request,
      respondWith: (given) => {
        answer = given
      },
    })
    return answer ?? 'pass'
  }
  return { scope, stored, fire, get, pages, claim, skipWaiting, fetched }
}

const online = (path: string) => Promise.resolve(new Response(`new ${path}`))
const offline = () => Promise.reject(new TypeError('no network'))

async function text(answer: Promise<Response | 'pass'>): Promise<string> {
  const given = await answer
  return given === 'pass' ? given : given.text()
}

describe('the worker', () => {
  it('keeps a build whole, and takes what did not change from the one before', async () => {
    const { scope, stored, fire, fetched } = world(online)
    stored.set('dovetail-app-one', new Map([['/assets/main-aaaaaaaa.js', new Response('same')]]))
    follow(scope, BUILD)
    await fire('install', {})
    expect(fetched).toEqual(['/'])
    expect(await stored.get(cacheOf(BUILD))?.get('/assets/main-aaaaaaaa.js')?.text()).toBe('same')
  })

  it('is not installed when a file is missing', async () => {
    const { scope, fire } = world(() => Promise.resolve(new Response('', { status: 404 })))
    follow(scope, BUILD)
    await expect(fire('install', {})).rejects.toThrow('404')
  })

  it('shows the page from the network, and as it was kept without one', async () => {
    let network: (path: string) => Promise<Response> = online
    const { scope, fire, get } = world((path) => network(path))
    follow(scope, BUILD)
    await fire('install', {})
    network = () => Promise.resolve(new Response('newer'))
    expect(await text(get('/d/x', 'navigate'))).toBe('newer')
    network = offline
    expect(await text(get('/d/x', 'navigate'))).toBe('new /')
    network = () => Promise.resolve(new Response('no server', { status: 502 }))
    expect(await text(get('/d/x', 'navigate'))).toBe('new /')
    expect(await text(get('/assets/main-aaaaaaaa.js'))).toBe('new /assets/main-aaaaaaaa.js')
    expect(await text(get('/api/docs'))).toBe('pass')
  })

  it('does not wait for ever for a network that says nothing', async () => {
    vi.useFakeTimers()
    try {
      let network: (path: string) => Promise<Response> = online
      const { scope, fire, get } = world((path) => network(path))
      follow(scope, BUILD)
      await fire('install', {})
      network = () => new Promise(() => undefined)
      const answer = text(get('/', 'navigate'))
      await vi.advanceTimersByTimeAsync(3_000)
      expect(await answer).toBe('new /')
    } finally {
      vi.useRealTimers()
    }
  })

  it('throws the old build away when it takes over', async () => {
    const { scope, stored, fire, claim } = world(online)
    stored.set('dovetail-app-one', new Map())
    stored.set('others', new Map())
    follow(scope, BUILD)
    await fire('install', {})
    await fire('activate', {})
    expect([...stored.keys()].sort()).toEqual(['dovetail-app-two', 'others'])
    expect(claim).toHaveBeenCalledOnce()
  })

  it('waits until somebody wants it, or nobody else is there', async () => {
    const { scope, fire, pages, skipWaiting } = world(online)
    follow(scope, BUILD)
    const say = (data: unknown) => fire<WorkerMessageEvent>('message', { data, ports: [] })
    pages.push('one', 'two')
    await say({ dovetail: 'take_over_if_alone' })
    await say('hello')
    expect(skipWaiting).not.toHaveBeenCalled()
    pages.pop()
    await say({ dovetail: 'take_over_if_alone' })
    await say({ dovetail: 'take_over' })
    expect(skipWaiting).toHaveBeenCalledTimes(2)
  })
})

/** A page with a worker that can be made to do things. */
function updatedPage(options: {
  controlled: boolean
  scripts?: readonly string[]
  files?: readonly string[]
}) {
  const said: string[] = []
  const listeners: Record<string, () => void> = {}
  let isControlled = options.controlled
  const worker = (state: string, files = options.files ?? []) => {
    const made: { state: string; changed: () => void } = { state, changed: () => undefined }
    return {
      made,
      worker: {
        get state() {
          return made.state
        },
        postMessage: (message: ToWorker, transfer?: Transferable[]) => {
          said.push(message.dovetail)
          if (message.dovetail === 'files') (transfer?.[0] as MessagePort).postMessage(files)
        },
        addEventListener: (_: string, listener: () => void) => (made.changed = listener),
      } as PageWorker,
    }
  }
  const registration = {
    waiting: null as PageWorker | null,
    installing: null as PageWorker | null,
    update: vi.fn(() => Promise.resolve()),
    addEventListener: (_: string, listener: () => void) => (listeners['found'] = listener),
  }
  const reload = vi.fn()
  const page: UpdatedPage = {
    register: () => Promise.resolve(registration as PageRegistration),
    controlled: () => isControlled,
    onController: (listener) => (listeners['controller'] = listener),
    scripts: () => options.scripts ?? ['/assets/old.js'],
    reload,
    onLook: (listener) => (listeners['look'] = listener),
    onMissingPart: (listener) => (listeners['missing'] = listener),
  }
  const installs = async (files?: readonly string[]) => {
    await vi.waitFor(() => expect(listeners['found']).toBeDefined())
    const { made, worker: found } = worker('installing', files)
    registration.installing = found
    listeners['found']?.()
    made.state = 'installed'
    made.changed()
  }
  const fire = (name: string) => {
    if (name === 'controller') isControlled = true
    listeners[name]?.()
  }
  const isDeleted = () => {
    isControlled = false
    listeners['controller']?.()
  }
  return { page, registration, reload, said, installs, worker, fire, isDeleted }
}

describe('updates', () => {
  it('waits with a new version until somebody takes it, and then every page is loaded anew', async () => {
    const { page, installs, said, reload, fire } = updatedPage({
      controlled: true,
      files: ['/assets/new.js'],
    })
    const updates = followUpdates(page)
    await installs()
    await vi.waitFor(() => expect(updates.getState().status).toBe('waiting'))
    expect(reload).not.toHaveBeenCalled()
    const state = updates.getState()
    if (state.status === 'waiting') state.apply()
    expect(said).toEqual(['files', 'take_over'])
    expect(updates.getState().status).toBe('applying')
    fire('controller')
    expect(reload).toHaveBeenCalledOnce()
  })

  // CL297
  it('keeps a page whose worker was deleted, with what it has not sent yet', () => {
    const { page, reload, fire, isDeleted } = updatedPage({ controlled: true })
    followUpdates(page)
    isDeleted()
    // The next worker is the first of a page that has none.
    fire('controller')
    expect(reload).not.toHaveBeenCalled()
  })

  it('finds a version that waited before this page came', async () => {
    const { page, registration, worker } = updatedPage({ controlled: true, files: ['/assets/new.js'] })
    registration.waiting = worker('installed').worker
    const updates = followUpdates(page)
    await vi.waitFor(() => expect(updates.getState().status).toBe('waiting'))
  })

  it('says nothing of the first worker, and is not loaded anew for it', async () => {
    const { page, installs, said, reload, fire } = updatedPage({ controlled: false })
    const updates = followUpdates(page)
    await installs()
    fire('controller')
    expect([updates.getState().status, said, reload.mock.calls]).toEqual(['current', [], []])
  })

  it('says nothing when this page has the new version already', async () => {
    const files = ['/', '/assets/new.js']
    const { page, installs, said, reload, fire } = updatedPage({
      controlled: true,
      files,
      scripts: ['/assets/new.js'],
    })
    const updates = followUpdates(page)
    await installs()
    await vi.waitFor(() => expect(said).toEqual(['files', 'take_over_if_alone']))
    fire('controller')
    expect([updates.getState().status, reload.mock.calls]).toEqual(['current', []])
  })

  it('takes the next version too on a page that had the one before by itself', async () => {
    const { page, installs, said, reload, fire } = updatedPage({
      controlled: true,
      scripts: ['/assets/two.js'],
    })
    const updates = followUpdates(page)
    await installs(['/assets/two.js'])
    await vi.waitFor(() => expect(said).toContain('take_over_if_alone'))
    fire('controller')
    expect(reload).not.toHaveBeenCalled()
    await installs(['/assets/three.js'])
    await vi.waitFor(() => expect(updates.getState().status).toBe('waiting'))
    const state = updates.getState()
    if (state.status === 'waiting') state.apply()
    fire('controller')
    expect(reload).toHaveBeenCalledOnce()
  })

  it('offers to load anew when a part of the app is gone from the server', () => {
    const { page, reload, fire } = updatedPage({ controlled: true })
    const updates = followUpdates(page)
    fire('missing')
    const state = updates.getState()
    if (state.status === 'waiting') state.apply()
    expect(reload).toHaveBeenCalledOnce()
  })

  it('looks for an update now and then', async () => {
    const { page, registration, fire } = updatedPage({ controlled: true })
    followUpdates(page)
    await vi.waitFor(() => {
      fire('look')
      expect(registration.update).toHaveBeenCalled()
    })
  })

  it('goes on without a worker where none is allowed', async () => {
    const { page } = updatedPage({ controlled: false })
    const updates = followUpdates({ ...page, register: () => Promise.reject(new Error('denied')) })
    await Promise.resolve()
    expect(updates.getState().status).toBe('current')
  })
})
