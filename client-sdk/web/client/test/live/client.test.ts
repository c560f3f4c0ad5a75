// The client and the real server: what is made in one place is seen in the other, whatever happens between them.

import { createHmac } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { WebSocket as NodeSocket } from 'ws'
import type { PeerId } from '../../src/automerge'
import type { DovetailConfig } from '../../src/config'
import { joinFrame } from '../../src/link/messages'
import type { DashboardStore } from '../../src/types'
import { until } from '../../src/watch'
import { codeOf, offline, server, shown, shows, tab } from './tabs'
import { Device } from './tab'

const SECRET = 'a secret for tests that nobody else has'
const ASKING = {
  DOVETAIL_JWT_SECRET: SECRET,
  DOVETAIL_JWT_AUDIENCE: 'dovetail',
  DOVETAIL_JWT_ISSUER: 'tests',
}

/** Comes back soon after a server was away. */
const SOON: Partial<DovetailConfig> = { retry: { firstMs: 20, mostMs: 100, webSocketFailuresMax: 0 } }

function as(subject: string): Partial<DovetailConfig> {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 3_600
  const signed = `${part({ alg: 'HS256' })}.${part({ sub: subject, aud: 'dovetail', iss: 'tests', exp })}`
  const token = `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
  return { token: () => token, ...SOON }
}

const gone = (store: DashboardStore) => {
  const state = store.getState()
  return state.status === 'ready' ? state.gone : state.status
}
const becomes = (store: DashboardStore, wanted: 'deleted' | 'hidden' | undefined) =>
  until(store, (state) => state.status === 'ready' && state.gone === wanted)
const rename = (title: string) => ({ edit: 'setTitle', title }) as const

test('CL94 an edit is saved on the server, and others see it; what they see waits nowhere', async () => {
  const { url } = await server()
  const [ana, bo] = [tab(new Device(), url), tab(new Device(), url)]
  const made = ana.createDashboard({ title: 'Hosts', widgets: { cpu: { kind: 'stat', title: 'CPU' } } })
  await made.saved()
  expect(made.saving.getState()).toMatchObject({ status: 'saved', pending: 0, changes: [] })
  const opened = bo.openDashboard(made.id)
  await shows(opened, ({ title }) => title === 'Hosts')
  const waited: number[] = []
  made.saving.subscribe(() => waited.push(made.saving.getState().pending))
  const heard = new Promise((resolve) => made.updates.listen(resolve))
  opened.edit({ edit: 'renameWidget', id: 'cpu', title: 'Load' })
  expect(opened.saving.getState()).toMatchObject({ status: 'kept', pending: 1 })
  await opened.saved()
  expect(opened.saving.getState()).toMatchObject({ status: 'saved', pending: 0 })
  await shows(made, ({ widgets }) => widgets['cpu']?.title === 'Load')
  expect(await heard).toMatchObject({ places: [['widgets', 'cpu', 'title']] })
  expect(waited.filter((pending) => pending > 0)).toEqual([])
  const { groups, from } = await made.history.page()
  expect(from).toBe('server')
  expect(groups.map(({ mine }) => mine)).toEqual([false, true])
})

test('CL215 what an earlier visit left waiting is sent, though nobody opens it', async () => {
  const host = await server()
  await host.kill()
  const device = new Device()
  const first = device.tab(host.url, SOON)
  const made = first.createDashboard({ title: 'Made offline' })
  const other = first.createDashboard({ title: 'Made offline too' })
  await Promise.all([made.settled(), other.settled()])
  await first.close()
  const later = tab(device, host.url, SOON)
  expect((await later.kept()).map(({ pending }) => pending > 0)).toEqual([true, true])
  await host.start()
  const isSent = async () => expect((await later.kept()).map(({ pending }) => pending)).toEqual([0, 0])
  await vi.waitFor(isSent, { timeout: 10_000 })
  const bo = tab(new Device(), host.url)
  await shows(bo.openDashboard(made.id), ({ title }) => title === 'Made offline')
  await shows(bo.openDashboard(other.id), ({ title }) => title === 'Made offline too')
})

test('CL94 what was made without a server is saved when there is one, also after a reload', async () => {
  const host = await server()
  await host.kill()
  const device = new Device()
  const first = device.tab(host.url, SOON)
  const made = first.createDashboard({ title: 'Made offline' })
  made.edit(rename('Edited offline'), { typing: true })
  await first.close()
  const ana = tab(device, host.url, SOON)
  const store = ana.openDashboard(made.id)
  await shows(store, ({ title }) => title === 'Edited offline')
  expect(store.saving.getState().status).toBe('kept')
  const saved = store.saved()
  await host.start()
  await saved
  expect(store.saving.getState().status).toBe('saved')
  await shows(tab(new Device(), host.url).openDashboard(made.id), ({ title }) => title === 'Edited offline')
})

test('CL94 what two devices do while the server is away merges when it is back', async () => {
  const host = await server()
  const [ana, bo] = [tab(new Device(), host.url, SOON), tab(new Device(), host.url, SOON)]
  const here = ana.createDashboard({ title: 'a', widgets: { cpu: { kind: 'stat', title: 'CPU' } } })
  await here.saved()
  const there = bo.openDashboard(here.id)
  await shows(there, ({ title }) => title === 'a')
  await host.kill()
  here.edit(rename('b'))
  here.count('cpu', ['n'], 1)
  there.edit({ edit: 'moveWidget', id: 'cpu', x: 5, y: 0 })
  await host.start()
  await Promise.all([here.saved(), there.saved()])
  for (const store of [here, there]) {
    const { title, widgets } = await shows(
      store,
      ({ title, widgets }) => title === 'b' && widgets['cpu']?.layout.x === 5,
    )
    expect([title, widgets['cpu']?.options]).toEqual(['b', { n: 1 }])
  }
  here.undoing.undo()
  here.undoing.undo()
  await shows(there, ({ title, widgets }) => title === 'a' && widgets['cpu']?.layout.x === 5)
})

test('CL95 a server that is killed while one edits loses nothing that was said to be saved', async () => {
  const host = await server()
  const ana = tab(new Device(), host.url, SOON)
  const store = ana.createDashboard({ title: 'a' })
  await store.saved()
  const saved = new Set<string>()
  const all: string[] = []
  for (let round = 0; round < 3; round++) {
    const waiting = Array.from({ length: 20 }, async (_, n) => {
      const id = `w${round}-${n}`
      all.push(id)
      store.edit({ edit: 'createWidget', id, widget: { kind: 'note', title: id } })
      await store.saved()
      saved.add(id)
    })
    // In the middle of it, some of these may be saved.
    await Promise.race(waiting)
    await host.kill()
    const before = [...saved]
    const page = tab(new Device(), (await host.start()).url).openDashboard(store.id)
    const { widgets } = await shows(page, () => true)
    expect(before.filter((id) => !widgets[id])).toEqual([])
    page.release()
    await Promise.all(waiting)
  }
  const other = tab(new Device(), host.url).openDashboard(store.id)
  await shows(other, ({ widgets }) => all.every((id) => widgets[id]))
  expect(store.saving.getState()).toMatchObject({ status: 'saved', pending: 0 })
})

test('CL95 several tabs save through one connection, and each knows it', async () => {
  const { url } = await server()
  const device = new Device()
  const one = tab(device, url)
  // This one has no connection of its own.
  const other = tab(device, 'http://127.0.0.1:1', {}, { isOnline: () => false })
  const here = one.createDashboard({ title: 'a' })
  await here.saved()
  const there = other.openDashboard(here.id)
  await shows(there, ({ title }) => title === 'a')
  there.edit(rename('b'))
  expect(there.saving.getState().status).toBe('kept')
  await there.saved()
  expect(there.saving.getState()).toMatchObject({ status: 'saved', pending: 0 })
  await shows(tab(new Device(), url).openDashboard(here.id), ({ title }) => title === 'b')
})

test('CL188 who has one’s peer id taken by somebody else goes on under another, and loses nothing', async () => {
  const { url } = await server()
  const [ana, bo] = [tab(new Device(), url, SOON), tab(new Device(), url, SOON)]
  const made = ana.createDashboard({ title: 'Hosts' })
  made.presence.set({})
  await made.saved()
  const opened = bo.openDashboard(made.id)
  await shows(opened, ({ title }) => title === 'Hosts')
  const [peer] = await until(opened.presence, (peers) => peers.length === 1)
  const thief = new NodeSocket(`${url.replace('http', 'ws')}/sync`, ['automerge-repo.v1'])
  await new Promise((resolve) => thief.once('open', resolve))
  const waits = until(ana.link, ({ status }) => status === 'waiting')
  thief.send(joinFrame(peer?.key as PeerId, {}))
  await waits
  made.edit(rename('Made meanwhile'))
  await made.saved()
  await shows(opened, ({ title }) => title === 'Made meanwhile')
  opened.edit(rename('Answered'))
  await shows(made, ({ title }) => title === 'Answered')
  expect(ana.link.getState().status).toBe('live')
  thief.close()
})

test('CL96 who may only read is told so, and a right that is taken away hides the document until it is given back', async () => {
  const { url } = await server(ASKING)
  const [ana, bo] = [tab(new Device(), url, as('ana')), tab(new Device(), url, as('bo'))]
  const store = ana.createDashboard({ title: 'a' })
  await store.saved()
  await until(store.permission, ({ role }) => role === 'admin')
  const hidden = bo.openDashboard(store.id)
  expect(await hidden.settled()).toEqual({ status: 'missing', reason: 'not_found' })
  const give = (role: 'read' | 'write' | undefined) =>
    ana.api.setAccess(store.id, { owner: 'ana', grants: role ? [{ user: 'bo', role }] : [] })
  await give('read')
  await shows(hidden, ({ title }) => title === 'a')
  await until(hidden.permission, ({ role }) => role === 'read')
  expect(await codeOf(() => hidden.edit(rename('b')))).toBe('read_only')
  expect(await codeOf(() => hidden.edit(rename('b'), { typing: true }))).toBe('read_only')
  expect(await codeOf(() => hidden.gesture('b').show([rename('b')]))).toBe('read_only')
  await give(undefined)
  await becomes(hidden, 'hidden')
  expect(shown(hidden).title).toBe('a')
  expect(await codeOf(() => hidden.edit(rename('b')))).toBe('document_gone')
  await hidden.saved()
  await give('write')
  await becomes(hidden, undefined)
  hidden.edit(rename('by bo'))
  await hidden.saved()
  await shows(store, ({ title }) => title === 'by bo')
})

test('CL96 who opens a document and may not, or not any more, is told after a reload, too', async () => {
  const { url } = await server(ASKING)
  const [ana, device] = [tab(new Device(), url, as('ana')), new Device()]
  const store = ana.createDashboard({ title: 'a' })
  await store.saved()
  await ana.api.setAccess(store.id, { owner: 'ana', grants: [{ user: 'bo', role: 'write' }] })
  const bo = device.tab(url, as('bo'))
  await bo.openDashboard(store.id).saved()
  await shows(bo.openDashboard(store.id), ({ title }) => title === 'a')
  await bo.close()
  await ana.api.setAccess(store.id, { owner: 'ana', grants: [] })
  const again = tab(device, url, as('bo')).openDashboard(store.id)
  await becomes(again, 'hidden')
  expect(shown(again).title).toBe('a')
})

test('CL96 a document that is deleted is a copy from then on, for all who have it open, until that is taken back', async () => {
  const { url } = await server()
  const [ana, bo] = [tab(new Device(), url, SOON), tab(new Device(), url, SOON)]
  const here = ana.createDashboard({ title: 'a' })
  await here.saved()
  const there = bo.openDashboard(here.id)
  await shows(there, ({ title }) => title === 'a')
  await ana.api.remove(here.id)
  await Promise.all([becomes(here, 'deleted'), becomes(there, 'deleted')])
  expect(await codeOf(() => there.edit(rename('b')))).toBe('document_gone')
  expect(await tab(new Device(), url).openDashboard(here.id).settled()).toEqual({
    status: 'missing',
    reason: 'deleted',
  })
  await ana.api.undelete(here.id)
  await Promise.all([becomes(here, undefined), becomes(there, undefined)])
  there.edit(rename('back'))
  await there.saved()
  await shows(here, ({ title }) => title === 'back')
})

test('CL96 a document that was deleted while one was away is a copy when one comes back', async () => {
  const { url } = await server()
  const device = new Device()
  const first = device.tab(url)
  const made = first.createDashboard({ title: 'a' })
  await made.saved()
  await first.close()
  const ana = tab(new Device(), url)
  await ana.api.remove(made.id)
  const store = tab(device, url).openDashboard(made.id)
  await becomes(store, 'deleted')
  expect([shown(store).title, gone(store)]).toEqual(['a', 'deleted'])
})

test('CL97 a conflict that the rules of the server find is settled, and another is waived', async () => {
  const { url } = await server()
  const rules = {
    rule: [
      {
        id: 'titles',
        predicate: 'unique',
        over: 'widgets.*.title',
        message: 'Two are called {a.title}',
        severity: 'warning',
        mode: 'surface',
        proposals: ['number_title'],
      },
    ],
  }
  const put = await fetch(`${url}/api/rules/dashboard`, {
    method: 'PUT',
    headers: { 'if-match': '*', 'content-type': 'application/json' },
    body: JSON.stringify({ kind: 'dashboard', ...rules }),
  })
  expect([put.status, put.ok ? '' : await put.text()]).toEqual([200, ''])
  const [ana, bo] = [tab(new Device(), url), tab(new Device(), url)]
  const here = ana.createDashboard({
    widgets: { a: { kind: 'stat', title: 'CPU' }, b: { kind: 'stat', title: 'CPU' } },
  })
  const there = bo.openDashboard(here.id)
  const { conflicts } = await until(there.conflicts, ({ open }) => open === 1)
  await until(here.conflicts, ({ open }) => open === 1)
  await there.conflicts.settle(conflicts[0]?.id ?? '', 'number_title')
  await until(here.conflicts, ({ open, judged }) => open === 0 && judged !== 'not_yet')
  await shows(here, ({ widgets }) => widgets['a']?.title !== widgets['b']?.title)
  here.edit({ edit: 'createWidget', id: 'c', widget: { kind: 'stat', title: 'CPU' } })
  const again = await until(here.conflicts, ({ open }) => open === 1)
  await here.conflicts.waive(again.conflicts[0]?.id ?? '', { reason: 'They are two' })
  const waived = await until(there.conflicts, ({ conflicts, open }) => open === 0 && conflicts.length === 1)
  expect(waived.conflicts[0]).toMatchObject({ state: 'waived', waiver: { reason: 'They are two' } })
})

test('CL98 two who have a document open see each other, and no more when one leaves', async () => {
  const { url } = await server()
  const [ana, bo] = ['Ana', 'Bo'].map((name) => tab(new Device(), url, { presence: { name } })) as [
    ReturnType<typeof tab>,
    ReturnType<typeof tab>,
  ]
  const here = ana.createDashboard({ title: 'a' })
  await here.saved()
  here.presence.set({ widget: 'cpu', editing: true })
  const there = bo.openDashboard(here.id)
  await there.settled()
  there.presence.set({})
  const [seen] = await until(there.presence, (peers) => peers.length === 1)
  expect(seen).toMatchObject({ user: { name: 'Ana' }, state: { widget: 'cpu', editing: true } })
  await until(here.presence, (peers) => peers[0]?.user.name === 'Bo')
  there.release()
  await until(here.presence, (peers) => peers.length === 0)
})

test('CL98 points that a feed posts arrive in the widget', async () => {
  const { url } = await server()
  const ana = tab(new Device(), url)
  const data = ana.createWidgetData('points')
  await data.saved()
  await ana.api.addPoints(data.id, [
    { t: 2, v: 20 },
    { t: 1, v: 10.5 },
  ])
  const state = await until(data, (now) => now.status === 'ready' && now.value.points.length === 2)
  expect(state).toMatchObject({
    value: {
      points: [
        { t: 1, v: 10.5 },
        { t: 2, v: 20 },
      ],
    },
  })
  data.addPoints([{ t: 3, v: null }])
  await data.saved()
  const opened = tab(new Device(), url).openWidgetData(data.id)
  await until(opened, (now) => now.status === 'ready' && now.value.points.length === 3)
})

test('CL98 a state gets a name on the server, and is found by it', async () => {
  const { url } = await server()
  const [ana, bo] = [tab(new Device(), url), tab(new Device(), url)]
  const store = ana.createDashboard({ title: 'a' })
  const named = await store.history.name('First', { note: 'as it was' })
  store.edit(rename('b'))
  await store.saved()
  const opened = bo.openDashboard(store.id)
  await shows(opened, ({ title }) => title === 'b')
  const [version] = await opened.history.versions()
  expect(version).toMatchObject({ name: 'First', note: 'as it was', heads: named.heads })
  expect(opened.history.at(version?.heads ?? []).title).toBe('a')
  await opened.history.restore(version?.heads ?? [])
  await shows(store, ({ title }) => title === 'a')
})

test('CL267 a name is listed when it was given, and not any more when it was taken away', async () => {
  const { url } = await server()
  const { history } = tab(new Device(), url).createDashboard({ title: 'a' })
  const names = async () => (await history.versions()).map(({ name }) => name)
  await history.name('First')
  expect(await names()).toEqual(['First'])
  await history.name('Second')
  expect((await names()).sort()).toEqual(['First', 'Second'])
  await history.removeName('First')
  expect(await names()).toEqual(['Second'])
})

test('CL322 who gives a state a name is told as the one who did, also after a reload, and others are not', async () => {
  const { url } = await server()
  const [device, other] = [new Device(), new Device()]
  const store = device.tab(url).createDashboard({ title: 'a' })
  await store.history.name('First')
  await store.history.removeName('First')
  const told = async (history: typeof store.history) =>
    (await history.page()).groups.map(({ mine, messages }) => [mine, ...messages])
  const all = (mine: boolean) => [
    [mine, 'Took the name “First” away'],
    [mine, 'Named a version “First”'],
    [mine, 'Made it'],
  ]
  expect(await told(store.history)).toEqual(all(true))
  const again = tab(device, url).openDashboard(store.id)
  await shows(again, ({ title }) => title === 'a')
  expect(await told(again.history)).toEqual(all(true))
  const theirs = tab(other, url).openDashboard(store.id)
  await shows(theirs, ({ title }) => title === 'a')
  expect(await told(theirs.history)).toEqual(all(false))
})

test('CL99 a document that was taken off the device comes back from the server as a whole', async () => {
  const { url } = await server()
  const device = new Device()
  const ana = device.tab(url)
  const store = ana.createDashboard({ title: 'a', widgets: { cpu: { kind: 'stat', title: 'CPU' } } })
  await store.saved()
  await ana.forget(store.id)
  expect(await ana.kept()).toEqual([])
  const back = ana.openDashboard(store.id)
  await shows(back, ({ title }) => title === 'a')
  back.edit(rename('b'))
  await back.saved()
  await ana.close()
  const offline = tab(device, 'http://127.0.0.1:1', {}, { isOnline: () => false }).openDashboard(store.id)
  await shows(offline, ({ title, widgets }) => title === 'b' && widgets['cpu']?.title === 'CPU')
})

test('CL230 tabs of one device that are different people have rights of their own, also on the next visit', async () => {
  const { url } = await server(ASKING)
  const device = new Device()
  const owner = device.tab(url, as('ana'))
  const mine = owner.createDashboard({ title: 'a' })
  await mine.saved()
  await until(mine.permission, ({ role }) => role === 'admin')
  const give = (grants: readonly { link: 'new'; role: 'read' }[]) =>
    owner.api.setAccess(mine.id, { owner: 'ana', grants })
  const { links } = await give([{ link: 'new', role: 'read' }])
  const guest = device.tab(url, { link: Object.values(links)[0]!, ...SOON })
  const theirs = guest.openDashboard(mine.id)
  await until(theirs.permission, ({ role }) => role === 'read')
  await give([])
  await until(theirs.permission, ({ role }) => role === 'none')
  mine.edit(rename('mine still'))
  await mine.saved()
  expect([mine.permission.getState().role, theirs.permission.getState().role]).toEqual(['admin', 'none'])
  await guest.close()
  await owner.close()
  const again = tab(device, url, as('ana')).openDashboard(mine.id)
  await again.settled()
  expect(await codeOf(() => again.edit(rename('mine again')))).toBeUndefined()
  await again.saved()
})

test('CL235 what only the server can decide is not decided later, when it cannot be asked', async () => {
  const made = offline().createDashboard({ title: 'a' })
  expect(made.saving.getState().pending).toBeGreaterThan(0)
  for (const decide of [
    () => made.conflicts.settle('unknown here', 'keep_earlier'),
    () => made.conflicts.waive('unknown here', { reason: 'because' }),
    () => made.conflicts.unwaive('unknown here'),
  ])
    expect(await codeOf(decide)).toBe('unreachable')
})
