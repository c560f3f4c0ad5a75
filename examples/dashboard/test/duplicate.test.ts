// A dashboard once more, on a real client without a server.

import type { Dashboard, Dovetail } from '@dovetail/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { duplicate, type UndoneData } from '../src/app/duplicate'
import { patchedDashboard } from '../src/app/patched'
import { aloneClient, AWAY, madeDashboard } from './alone'
import { dashboard, widget } from './dashboards'

let dovetail: Dovetail

beforeEach(() => {
  dovetail = aloneClient()
})

afterEach(async () => {
  vi.restoreAllMocks()
  await dovetail.close()
})

async function made(source: Dashboard, ...undone: [UndoneData?]) {
  const { id, notes } = await duplicate(dovetail, source, 'Copy', ...undone)
  return { notes, ...(await madeDashboard(dovetail, id)) }
}

test('what was undone is put onto what is here, and what does not fit any more is counted', () => {
  const now = dashboard({ cpu: widget(), ram: widget({ title: 'RAM' }) })
  const { value, left } = patchedDashboard(now, [
    { op: 'replace', path: '/widgets/cpu/title', value: 'Load' },
    { op: 'replace', path: '/widgets/cpu/layout/x', value: 'left' },
    { op: 'add', path: '/widgets/cpu/options/a~1b', value: { '~': 1 } },
    { op: 'add', path: '/widgets/new', value: { kind: 'text', title: 'New', options: { content: 'x' } } },
    { op: 'remove', path: '/widgets/ram' },
    { op: 'replace', path: '/widgets/gone/title', value: 'x' },
  ])
  expect(left).toBe(1)
  expect(Object.keys(value.widgets)).toEqual(['cpu', 'new'])
  expect(value.widgets['cpu']).toMatchObject({
    title: 'Load',
    layout: { x: 0 },
    options: { 'a/b': { '~': 1 } },
  })
  expect(value.widgets['new']).toMatchObject({ kind: 'text', layout: { x: 0, y: 0, w: 6, h: 6 } })
  expect(now.widgets['cpu']?.title).toBe('CPU')
})

test('CL321 nothing of a copy can be taken back', async () => {
  const table = dovetail.createWidgetData('table')
  await table.settled()
  table.addRow(['web'])
  const source = dashboard({ a: widget({ data: table.url }) }, { description: 'All of them' })
  const { id } = await duplicate(dovetail, source, 'Copy')
  await (await madeDashboard(dovetail, id)).read('a')
  expect(dovetail.openDashboard(id).undoing.getState().undo).toBeUndefined()
})

test('CL240 what was undone of a table is in the copy of the table', async () => {
  const table = dovetail.createWidgetData('table')
  await table.settled()
  table.setColumns(['Name'])
  table.addRow(['web'])
  const source = dashboard({ a: widget({ data: table.url }), b: widget({ data: table.url }) })
  const patch = [
    { op: 'replace', path: '/rows/0/0', value: 'db' },
    { op: 'add', path: '/rows/1', value: ['mail'] },
  ] as const
  const { widgets, notes, read } = await made(source, { url: table.url, patch })
  expect(widgets['a']?.data).not.toBe(table.url)
  expect(widgets['b']?.data).toBe(widgets['a']?.data)
  expect((await read('a')).rows).toEqual([['db'], ['mail']])
  expect(notes).toEqual([])
})

test('CL241 a copy shares points alone, says which, and writes into nothing that is not here', async () => {
  const feed = dovetail.createWidgetData('points')
  await feed.settled()
  const source = dashboard({ a: widget({ data: feed.url }), b: widget({ title: 'Hosts', data: AWAY }) })
  const { widgets, notes } = await made(source)
  expect(widgets['a']?.data).toBe(feed.url)
  expect(widgets['b']?.data).toBeUndefined()
  expect(notes.join(' ')).toMatch(/same points: “CPU”.*not on this device: “Hosts”/)
})
