// Documents leave the memory of a tab when nobody has them open there, and nothing is lost by that, whenever they are opened again.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DovetailConfig } from '../../src/config'
import { LOOK_AFTER_MS } from '../../src/outbox/loaded'
import type { DashboardStore } from '../../src/types'
import { until } from '../../src/watch'
import { codeOf, server, shown, shows, tab } from './tabs'
import { Device } from './tab'

/** In place of two seconds, and still longer than the repo gathers what it sends. */
const LOOK_MS = 150

const SOON: Partial<DovetailConfig> = { retry: { firstMs: 20, mostMs: 100, webSocketFailuresMax: 0 } }

/** How often a tab has looked. */
let looks = 0

beforeEach(() => {
  looks = 0
  const later = setTimeout
  vi.spyOn(globalThis, 'setTimeout').mockImplementation(((call: () => void, ms?: number) => {
    if (ms !== LOOK_AFTER_MS) return later(call, ms)
    return later(() => {
      call()
      looks += 1
    }, LOOK_MS)
  }) as typeof setTimeout)
})
afterEach(() => {
  vi.restoreAllMocks()
})

const rename = (title: string) => ({ edit: 'setTitle', title }) as const
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The documents in memory of the tab that a store is in. */
function handlesOf(store: DashboardStore): object {
  return (store as unknown as { surroundings: { repo: { handles: object } } }).surroundings.repo.handles
}

const isEmpty = (handles: object) =>
  vi.waitFor(() => expect(Object.keys(handles)).toEqual([]), { timeout: 20_000 })

test('CL265 of 300 documents that were opened and released none stays in memory, and all are on the device', async () => {
  const { url } = await server()
  const device = new Device()
  const bo = tab(new Device(), url)
  const ids = Array.from({ length: 300 }, (_, n) => {
    const made = bo.createDashboard({ title: `${n}` })
    return [made.id, made.saved()] as const
  })
  await Promise.all(ids.map(([, saved]) => saved))
  const ana = device.tab(url)
  const handles = handlesOf(ana.openDashboard(ids[0]![0]))
  for (const [n, [id]] of ids.entries()) {
    const opened = ana.openDashboard(id)
    await shows(opened, ({ title }) => title === `${n}`)
    opened.release()
    if (n === 0) opened.release()
  }
  await isEmpty(handles)
  await ana.close()
  const away = tab(device, 'http://127.0.0.1:1', {}, { isOnline: () => false })
  for (const n of [0, 150, 299]) await shows(away.openDashboard(ids[n]![0]), ({ title }) => title === `${n}`)
}, 300_000)

test('CL265 what waits stays in memory until the server has it, and reaches it though nobody has it open', async () => {
  const host = await server()
  const device = new Device()
  const ana = tab(device, host.url, SOON)
  const made = ana.createDashboard({ title: 'a' })
  await made.saved()
  await host.kill()
  const handles = handlesOf(made)
  made.edit(rename('b'))
  const before = looks
  made.release()
  // It is written after the first, and would leave at the second.
  await vi.waitFor(() => expect(looks).toBeGreaterThanOrEqual(before + 2), { timeout: 20_000 })
  expect(Object.keys(handles)).toEqual([made.id])
  expect(await ana.kept()).toMatchObject([{ pending: 1 }])
  await host.start()
  await isEmpty(handles)
  await vi.waitFor(async () => expect(await ana.kept()).toMatchObject([{ pending: 0 }]))
  await shows(tab(new Device(), host.url).openDashboard(made.id), ({ title }) => title === 'b')
})

test('CL301 what was released before the server had it counts as waiting until it does', async () => {
  const host = await server()
  const ana = tab(new Device(), host.url, SOON)
  const made = ana.createDashboard({ title: 'a' })
  await made.saved()
  await host.kill()
  made.edit(rename('b'))
  made.release()
  expect(ana.saving.getState()).toMatchObject({ status: 'kept', documents: [{ id: made.id, pending: 1 }] })
  await host.start()
  await until(ana.saving, ({ status }) => status === 'saved')
  await shows(tab(new Device(), host.url).openDashboard(made.id), ({ title }) => title === 'b')
})

test('CL265 what others edit later is on the device, and in memory no longer than it takes', async () => {
  const { url } = await server()
  const device = new Device()
  const ana = device.tab(url)
  const made = ana.createDashboard({ title: 'a' })
  await made.saved()
  const handles = handlesOf(made)
  made.release()
  await isEmpty(handles)
  // Whoever kept the store is told that it is over.
  expect(await codeOf(() => made.edit(rename('x')))).toBe('closed')
  const theirs = tab(new Device(), url).openDashboard(made.id)
  await shows(theirs, ({ title }) => title === 'a')
  for (const title of ['b', 'c', 'd']) {
    theirs.edit(rename(title))
    await theirs.saved()
    await vi.waitFor(() => expect(Object.keys(handles)).toEqual([made.id]))
    await isEmpty(handles)
  }
  await ana.close()
  const away = tab(device, 'http://127.0.0.1:1', {}, { isOnline: () => false })
  await shows(away.openDashboard(made.id), ({ title }) => title === 'd')
})

test('CL265 opened again at whatever moment, here and in another tab, it is as all have it', async () => {
  const { url } = await server()
  const device = new Device()
  const [one, other] = [tab(device, url), tab(device, url)]
  const theirs = tab(new Device(), url).createDashboard({ title: 'a' })
  await theirs.saved()
  const { id } = theirs
  const add = (store: DashboardStore, widget: string) =>
    store.edit({ edit: 'createWidget', id: widget, widget: { kind: 'note', title: widget } })
  const all: string[] = []
  const has = (store: DashboardStore) =>
    shows(store, ({ widgets }) => all.every((widget) => widget in widgets))
  for (let n = 0; n < 24; n++) {
    const [here, there] = [one.openDashboard(id), other.openDashboard(id)]
    await Promise.all([has(here), n % 3 === 0 ? has(there) : undefined])
    if (n % 3 !== 0) there.release()
    for (const [store, name] of [
      [theirs, 'theirs'],
      [here, 'here'],
    ] as const) {
      add(store, `${name}-${n}`)
      all.push(`${name}-${n}`)
    }
    if (n % 2 === 0) await here.saved()
    here.release()
    await pause((n * 37) % (3 * LOOK_MS))
    if (n % 3 === 0) {
      add(there, `there-${n}`)
      all.push(`there-${n}`)
      there.release()
    }
    await pause((n * 53) % (2 * LOOK_MS))
  }
  const [here, there] = [one.openDashboard(id), other.openDashboard(id)]
  for (const store of [here, there, theirs]) {
    await has(store)
    await until(store.saving, ({ pending }) => pending === 0)
  }
  expect(shown(here)).toEqual(shown(theirs))
  const handles = [handlesOf(here), handlesOf(there)]
  here.release()
  there.release()
  for (const each of handles) await isEmpty(each)
}, 300_000)
