// Stores, tabs and visits: what is kept on a device, and who finds it again. Without a server.

import { IDBFactory } from 'fake-indexeddb'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Automerge } from '../src/automerge'
import type { Environment } from '../src/environment'
import { documentId } from '../src/ids'
import { Eviction, toEvict } from '../src/outbox/evict'
import { openLock } from '../src/outbox/holds'
import { resolveConfig } from '../src/config'
import { DocumentStorage } from '../src/storage/documents'
import type { DashboardStore, DocumentStore } from '../src/types'
import { until } from '../src/watch'
import { codeOf, offline, shown, shows } from './live/tabs'
import { Device } from './live/tab'

const A_DOCUMENT = '4NMNnkMhL8jXrdJ9jamS58PAVdXu'

/** An answer of the server to whether there is such a document. */
function answering(status: number, code: string): Partial<Environment> {
  return { fetch: () => Promise.resolve(Response.json({ code, title: code }, { status })) }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('stores', () => {
  test('CL76 the same id gives the same store until the last use of it ends', () => {
    const dovetail = offline()
    const made = dovetail.createDashboard({ title: 'a' })
    expect(dovetail.openDashboard(made.id)).toBe(made)
    expect(dovetail.openDashboard(made.url)).toBe(made)
    made.release()
    made.release()
    expect(dovetail.openDashboard(made.id)).toBe(made)
    made.release()
    made.release()
    const again = dovetail.openDashboard(made.id)
    expect(again).not.toBe(made)
    // Whoever released it too often takes it away from nobody.
    made.release()
    expect(dovetail.openDashboard(made.id)).toBe(again)
  })

  test('CL76 a document may be open as a dashboard and as what it is', async () => {
    const dovetail = offline()
    const made = dovetail.createDashboard({ title: 'a' })
    const plain = dovetail.open<{ title: string }>(made.id)
    await plain.settled()
    made.edit({ edit: 'setTitle', title: 'b' })
    await until(plain, (state) => state.status === 'ready' && state.value.title === 'b')
    await until(plain.saving, ({ pending }) => pending === made.saving.getState().pending)
    made.release()
    plain.change('Renamed', (draft) => (draft.title = 'c'))
    expect(await dovetail.kept()).toMatchObject([{ id: made.id, pending: 4 }])
  })

  test('CL76 what is no id is refused, and a file that is none', async () => {
    const dovetail = offline()
    expect(await codeOf(() => dovetail.open('nothing'))).toBe('bad_document_id')
    expect(await codeOf(() => dovetail.importAutomerge(new Uint8Array([1, 2, 3])))).toBe('bad_file')
  })

  test('CL76 a file comes in as a new document with its history', async () => {
    const dovetail = offline()
    const made = dovetail.createDashboard({ title: 'a' })
    const { id, kind } = dovetail.importAutomerge(made.exportAutomerge())
    expect([id === made.id, kind]).toEqual([false, 'dashboard'])
    const copy = dovetail.openDashboard(id)
    await copy.settled()
    expect(copy.exportJson()).toEqual(made.exportJson())
    expect((await copy.history.page()).groups).toHaveLength(1)
  })

  test('CL76 a store that is released while it loads is over, and says so', async () => {
    const device = new Device()
    const made = offline(device).createDashboard({ title: 'a' })
    const dovetail = offline(device)
    const loading = dovetail.openDashboard(made.id)
    loading.release()
    expect(await loading.settled()).toMatchObject({ status: 'failed', error: { code: 'closed' } })
    expect(await codeOf(() => loading.edit({ edit: 'setTitle', title: 'x' }))).toBe('not_ready')
    await shows(dovetail.openDashboard(made.id), ({ title }) => title === 'a')
    expect(loading.getState().status).toBe('failed')
  })

  test('CL76 an edit that throws changes nothing, and the store goes on', async () => {
    const store = offline().create<{ n: number }>({ n: 1 })
    const fails = () =>
      store.change('fails', (draft) => {
        draft.n = 2
        throw new TypeError('my own')
      })
    expect(fails).toThrow('my own')
    store.change('works', (draft) => (draft.n = 3))
    expect(store.exportJson()).toEqual({ n: 3 })
    await Promise.resolve()
  })
})

describe('what is missing', () => {
  test.each([
    ['the server cannot be asked', {}, 'unreachable'],
    ['it knows none', answering(404, 'document_not_found'), 'not_found'],
    ['it was deleted', answering(410, 'document_deleted'), 'deleted'],
  ] as const)('CL77 a document that is not here is missing: %s', async (_, environment, reason) => {
    const store = offline(new Device(), {}, environment).openDashboard(A_DOCUMENT)
    expect(await store.settled()).toEqual({ status: 'missing', reason })
    expect(await codeOf(() => store.edit({ edit: 'setTitle', title: 'x' }))).toBe('not_ready')
  })

  test('CL220 nothing is saved of a document that is not here, and what waits of a gone one is not called refused', async () => {
    const missing = offline().openDashboard(A_DOCUMENT)
    expect(await codeOf(() => missing.saved())).toBe('not_ready')
    const made = offline(new Device(), {}, answering(410, 'document_deleted')).createDashboard({ title: 'a' })
    const waiting = codeOf(() => made.saved())
    await (made as unknown as { lookAgain(): Promise<void> }).lookAgain()
    expect(await waiting).toBe('document_gone')
    expect(await codeOf(() => made.saved())).toBe('document_gone')
  })

  test('CL77 a document that was missing comes as soon as another tab has it', async () => {
    const device = new Device()
    const [one, other] = [offline(device), offline(device)]
    const made = one.create<{ n: number }>({ n: 1 })
    const copy = one.importAutomerge(made.exportAutomerge())
    const store = other.open<{ n: number }>(copy.id)
    await store.settled()
    const opened = one.open<{ n: number }>(copy.id)
    await opened.settled()
    await until(store, (state) => state.status === 'ready' && state.value.n === 1)
  })
})

describe('visits', () => {
  async function visited(device: Device): Promise<DashboardStore['id']> {
    const dovetail = device.offline()
    const store = dovetail.createDashboard({
      title: 'Hosts',
      widgets: { cpu: { kind: 'stat', title: 'CPU' } },
    })
    store.edit({ edit: 'renameWidget', id: 'cpu', title: 'Load' })
    store.edit({ edit: 'setTitle', title: 'All hosts' }, { typing: true })
    await dovetail.close()
    return store.id
  }

  test('CL323 what a dashboard shows is noted on the device, also when it was added later and is gone again', async () => {
    const device = new Device()
    const dovetail = offline(device)
    const [table, note] = [dovetail.createWidgetData('table'), dovetail.createWidgetData('text')]
    const store = dovetail.createDashboard({ widgets: { a: { kind: 'table', data: table.url } } })
    store.edit({ edit: 'createWidget', id: 'b', widget: { kind: 'note', data: note.url } })
    store.edit({ edit: 'removeWidget', id: 'a' })
    const shows = async (of: typeof dovetail) =>
      (await of.kept()).find(({ id }) => id === store.id)?.shows.toSorted()
    const both = [table.id, note.id].toSorted()
    expect(await shows(dovetail)).toEqual(both)
    await dovetail.close()
    expect(await shows(offline(device))).toEqual(both)
  })

  test('CL78 what was made without a server is there on the next visit, with what waits and its labels', async () => {
    const device = new Device()
    const id = await visited(device)
    const dovetail = offline(device)
    const [kept] = await dovetail.kept()
    expect(kept).toMatchObject({ id, kind: 'dashboard' })
    expect(kept?.pending).toBeGreaterThan(0)
    const store = dovetail.openDashboard(id)
    await store.settled()
    expect(shown(store)).toMatchObject({ title: 'All hosts', widgets: { cpu: { title: 'Load' } } })
    expect(store.saving.getState()).toMatchObject({ status: 'kept', pending: 4, savedAtMs: undefined })
    expect(store.saving.getState().changes.map(({ label }) => label)).toEqual([
      '',
      'Made it',
      'Renamed “CPU” to “Load”',
      'Called the dashboard “All hosts”',
    ])
    const { groups, from } = await store.history.page()
    expect([from, groups.every(({ mine }) => mine)]).toEqual(['here', true])
  })

  test('CL78 a document that was taken off the device is gone, and can come back as a whole', async () => {
    const device = new Device()
    const id = await visited(device)
    const dovetail = offline(device)
    expect(await codeOf(() => dovetail.forget(id))).toBe('not_saved')
    const store = dovetail.openDashboard(id)
    await store.settled()
    const file = store.exportAutomerge()
    expect(await codeOf(() => dovetail.forget(id))).toBe('not_saved')
    await dovetail.forget(id, { evenUnsaved: true })
    expect(await dovetail.kept()).toEqual([])
    expect(await dovetail.openDashboard(id).settled()).toEqual({ status: 'missing', reason: 'unreachable' })
    // Somebody who keeps it elsewhere brings it.
    const elsewhere = offline(device, {}, { indexedDb: new IDBFactory() })
    repoOf(elsewhere.openDashboard(A_DOCUMENT)).import(file, { docId: id })
    await shows(dovetail.openDashboard(id), ({ title }) => title === 'All hosts')
    await dovetail.close()
    const next = offline(device).openDashboard(id)
    await shows(next, ({ title }) => title === 'All hosts')
  })

  test('CL221 a document that one tab took off the device is written whole by another that had it before', async () => {
    const device = new Device()
    const [one, other] = [offline(device), offline(device)]
    const widget = (n: number) => [`w${n}`, { kind: 'stat', title: `${n} ${Math.random()}` }] as const
    const widgets = Object.fromEntries(Array.from({ length: 200 }, (_, n) => widget(n)))
    const made = other.createDashboard({ title: 'a', widgets })
    const { id } = made
    const file = made.exportAutomerge()
    const inOne = one.openDashboard(id)
    await shows(inOne, ({ title }) => title === 'a')
    inOne.release()
    const repo = repoOf(made)
    made.release()
    await vi.waitFor(() => one.forget(id, { evenUnsaved: true }))
    await vi.waitFor(() => expect(Object.keys(repo.handles)).toEqual([]))
    repo.import(file, { docId: id })
    const again = other.openDashboard(id)
    await shows(again, ({ title }) => title === 'a')
    again.edit({ edit: 'setTitle', title: 'b' })
    await Promise.all([one.close(), other.close()])
    await shows(offline(device).openDashboard(id), ({ title, widgets }) => title === 'b' && 'w7' in widgets)
  })

  test('CL221 a stored edit without what it builds on is no document, and is there once that comes', async () => {
    const device = new Device()
    const made = offline(new Device()).create<{ n: number }>({ n: 1 })
    const base = made.exportAutomerge()
    made.change('two', (draft) => (draft.n = 2))
    const edit = Automerge.getLastLocalChange(Automerge.load(made.exportAutomerge()))
    const bytes = edit ?? Automerge.getAllChanges(Automerge.load(made.exportAutomerge())).at(-1)!
    const storage = new DocumentStorage(device.environment(), 'indexeddb', device.name)
    await storage.save([made.id, 'incremental', 'x'], bytes)
    await storage.close()
    const store = offline(device).open<{ n: number }>(made.id)
    expect(await store.settled()).toEqual({ status: 'missing', reason: 'unreachable' })
    expect(await codeOf(() => store.change('x', (draft) => (draft.n = 3)))).toBe('not_ready')
    repoOf(store as DocumentStore<never>).import(base, { docId: made.id })
    await until(store, (state) => state.status === 'ready' && state.value.n === 2)
  })

  test('CL78 a document that another tab has open stays', async () => {
    const device = new Device()
    const id = await visited(device)
    const [one, other] = [offline(device), offline(device)]
    const store = one.openDashboard(id)
    await store.settled()
    expect(await codeOf(() => other.forget(id, { evenUnsaved: true }))).toBe('still_open')
    store.release()
    await vi.waitFor(() => other.forget(id, { evenUnsaved: true }))
  })

  test('CL78 after close nothing is left: no timer, no channel, no lock', async () => {
    const before = process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate')
    const device = new Device()
    const dovetail = device.offline()
    const store = dovetail.createDashboard({ title: 'a' })
    store.presence.set({ widget: 'a' })
    store.edit({ edit: 'setTitle', title: 'b' }, { typing: true })
    const waiting = codeOf(() => store.saved())
    const loading = dovetail.openDashboard(A_DOCUMENT)
    await Promise.all([dovetail.close(), dovetail.close()])
    expect(await waiting).toBe('closed')
    expect((await loading.settled()).status).not.toBe('ready')
    expect(dovetail.link.getState().status).toBe('closed')
    await vi.waitFor(
      () => {
        const after = process.getActiveResourcesInfo().filter((kind) => kind !== 'Immediate')
        expect(after.length).toBeLessThanOrEqual(before.length)
      },
      { timeout: 5_000 },
    )
  })
})

describe('tabs of one device', () => {
  test('CL79 edits cross tabs without a server, and wait in both', async () => {
    const device = new Device()
    const [one, other] = [offline(device), offline(device)]
    const here = one.createDashboard({ title: 'a' })
    const there = other.openDashboard(here.id)
    await shows(there, ({ title }) => title === 'a')
    there.edit({ edit: 'setTitle', title: 'b' })
    await shows(here, ({ title }) => title === 'b')
    here.edit({ edit: 'setDescription', description: 'c' })
    await shows(there, ({ description }) => description === 'c')
    for (const store of [here, there]) {
      const saving = await until(store.saving, ({ pending }) => pending === 4)
      expect(saving.changes.at(-1)?.label).toBe('Described the dashboard')
    }
  })

  test('CL79 one tab that closes right after an edit loses nothing', async () => {
    const device = new Device()
    const one = device.offline()
    const here = one.createDashboard({ title: 'a' })
    const there = offline(device).openDashboard(here.id)
    await shows(there, ({ title }) => title === 'a')
    here.edit({ edit: 'setTitle', title: 'b' }, { typing: true })
    await one.close()
    const next = offline(device).openDashboard(here.id)
    await shows(next, ({ title }) => title === 'b')
    await shows(there, ({ title }) => title === 'b')
  })

  test('CL79 what another tab of this device does is none of the updates', async () => {
    const device = new Device()
    const here = offline(device).createDashboard({ title: 'a' })
    const there = offline(device).openDashboard(here.id)
    await shows(there, ({ title }) => title === 'a')
    const heard: unknown[] = []
    there.updates.listen((update) => heard.push(update))
    here.edit({ edit: 'setTitle', title: 'b' })
    here.undoing.undo()
    await shows(there, ({ title }) => title === 'a')
    await until(there.saving, ({ pending }) => pending === 4)
    expect(heard).toEqual([])
  })

  test('CL79 a document that was open before is up to date when it is opened again', async () => {
    const device = new Device()
    const [one, other] = [offline(device), offline(device)]
    const here = one.createDashboard({ title: 'a' })
    const there = other.openDashboard(here.id)
    await shows(there, ({ title }) => title === 'a')
    there.release()
    for (let n = 0; n < 5; n++) here.edit({ edit: 'setTitle', title: `${n}` })
    await shows(other.openDashboard(here.id), ({ title }) => title === '4')
  })

  test('CL79 tabs with another name share nothing', async () => {
    const device = new Device()
    const made = offline(device).createDashboard({ title: 'a' })
    const other = offline(device, { storage: { name: `${device.name}-other` } })
    expect(await other.openDashboard(made.id).settled()).toEqual({ status: 'missing', reason: 'unreachable' })
    expect(await other.kept()).toEqual([])
  })

  test('CL79 a tab hears of those documents only that it has open', async () => {
    const device = new Device()
    const [one, other] = [offline(device), offline(device)]
    const here = one.createDashboard({ title: 'a' })
    const open = other.createDashboard({ title: 'mine' })
    await shows(one.openDashboard(open.id), ({ title }) => title === 'mine')
    expect(Object.keys(repoOf(open).handles)).toEqual([open.id])
    for (let n = 0; n < 20; n++) here.edit({ edit: 'setTitle', title: `${n}` })
    // What was not heard while it was not open is there once it is.
    await shows(other.openDashboard(here.id), ({ title }) => title === '19')
  })
})

describe('eviction', () => {
  const limits = resolveConfig({
    url: 'http://h',
    limits: { documentsKeptMax: 3, unopenedDaysMax: 10 },
  }).limits
  const day = 24 * 60 * 60 * 1000
  const noted = (openedAtMs: number, pending = 0, isSaved = true) => ({
    saved: isSaved ? { heads: [], atMs: 0 } : undefined,
    rights: [],
    actors: [],
    kind: undefined,
    title: undefined,
    openedAtMs,
    shows: [],
    follows: undefined,
    pending,
  })
  const id = (n: number) => `doc-${n}` as DashboardStore['id']

  test('CL80 those leave that were not opened for long, and the longest unopened of too many; never what waits', () => {
    const now = 100 * day
    const old = [id(1), noted(now - 11 * day)] as const
    expect(toEvict([old], limits, now)).toEqual([id(1)])
    expect(toEvict([[id(1), noted(now - 9 * day)]], limits, now)).toEqual([])
    expect(toEvict([[id(1), noted(now - 11 * day, 2)]], limits, now)).toEqual([])
    expect(toEvict([[id(1), noted(now - 11 * day, 0, false)]], limits, now)).toEqual([])
    const many = [1, 2, 3, 4, 5].map((n) => [id(n), noted(now - n * 1000, n === 4 ? 1 : 0)] as const)
    expect(toEvict(many, limits, now)).toEqual([id(5)])
  })

  test('CL266 they are looked for as long as the page is there, and when one look fails', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
    let looks = 0
    const gone: string[] = []
    const eviction = new Eviction({
      device: {
        all: () => {
          if (++looks === 2) return Promise.reject(new Error('the disk is busy'))
          return Promise.resolve([[id(looks), noted(0)] as const])
        },
        // The fifth was opened, and the sixth edited, since the look.
        read: (which) => Promise.resolve(noted(which === id(5) ? 1 : 0, which === id(6) ? 1 : 0)),
      },
      limits,
      now: () => 100 * day,
      alone: async (which, work) => {
        if (which !== id(4)) await work()
        return which !== id(4)
      },
      forget: (which) => Promise.resolve(void gone.push(which)),
    })
    await vi.advanceTimersByTimeAsync(day / 24)
    expect(gone).toEqual([id(1)])
    await vi.advanceTimersByTimeAsync((day / 24) * 5)
    // The fourth is open somewhere.
    expect([looks, gone]).toEqual([7, [id(1), id(3), id(7)]])
    eviction.close()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('CL80 a lock tells which documents are open', () => {
    expect(openLock('a', documentId(A_DOCUMENT)!)).toBe(`dovetail/a/open/${A_DOCUMENT}`)
  })
})

interface Handles {
  readonly handles: Readonly<Record<string, unknown>>
  import(file: Uint8Array, as: { readonly docId: string }): void
}

function repoOf(store: DocumentStore<never> | DashboardStore): Handles {
  return (store as unknown as { surroundings: { repo: Handles } }).surroundings.repo
}
