import type { DashboardStore, Dovetail, WidgetDataStore } from '@dovetail/client'
import { staticDashboard, staticWatchable } from '@dovetail/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { exports, importFile } from '../src/files'
import { fileName } from '../src/files/exports'
import { BYTES_MAX } from '../src/files/recognise'
import { aloneClient, AWAY, madeDashboard } from './alone'
import { dashboard } from './dashboards'

const OURS = { kind: 'dashboard', title: 'Hosts', widgets: {} }

const file = (content: unknown, name = 'x.json') => new File([JSON.stringify(content)], name)

const error = (code: string, message = code) => Object.assign(new Error(message), { code })

/** A client that does what a test says; `create` is that of the server. */
function dovetail({ create, ...rest }: Partial<Omit<Dovetail, 'create'>> & { create?: unknown }): Dovetail {
  return { api: { create }, ...rest } as unknown as Dovetail
}

describe('a file that is brought in', () => {
  it('is made by the server when it is JSON, with what the server remarks', async () => {
    const create = vi.fn(() => Promise.resolve({ id: 'new' as never, notes: ['a panel without a place'] }))
    const made = await importFile(dovetail({ create }), file({ title: 'Node', panels: [] }))
    expect(made).toEqual({ id: 'new', title: 'Node', notes: ['a panel without a place'] })
    expect(create).toHaveBeenCalledWith({ title: 'Node', panels: [] }, { import: 'grafana' })
    await importFile(dovetail({ create }), file(OURS))
    expect(create).toHaveBeenLastCalledWith(OURS, {})
  })

  it('is made here without a connection when it is ours, and has to wait when it is Grafana’s', async () => {
    const create = () => Promise.reject(error('unreachable'))
    const store = staticDashboard({ id: 'here' })
    const here = { api: { create }, create: () => store } as unknown as Dovetail
    await expect(importFile(here, file(OURS))).resolves.toMatchObject({ id: 'here', title: 'Hosts' })
    await expect(importFile(here, file({ panels: [] }))).rejects.toThrow(/read by the server/)
  })

  it('is made here when it is an Automerge document, and says when it is no dashboard', async () => {
    const bytes = new Uint8Array([0x85, 0x6f, 0x4a, 0x83, 0])
    const state = { status: 'ready', value: dashboard(), heads: [], gone: undefined } as const
    const here = (kind: string) =>
      dovetail({
        importAutomerge: () => ({ id: 'new' as never, kind }),
        openDashboard: () => staticDashboard({ state }),
      })
    const given = new File([bytes], 'a.automerge')
    await expect(importFile(here('dashboard'), given)).resolves.toEqual({
      id: 'new',
      title: 'Hosts',
      notes: [],
    })
    const other = await importFile(here('list'), given)
    expect(other.notes).toEqual([expect.stringContaining('no dashboard')])
    const damaged = dovetail({
      importAutomerge: () => {
        throw error('bad_file')
      },
    })
    await expect(importFile(damaged, given)).rejects.toThrow(/damaged/)
  })

  it('makes nothing of anything else, and is told why', async () => {
    const create = vi.fn()
    await expect(importFile(dovetail({ create }), new File([], 'x'))).rejects.toThrow('empty')
    await expect(importFile(dovetail({ create }), new File(['Dear Ana'], 'x.txt'))).rejects.toThrow('no JSON')
    const arrayBuffer = vi.fn()
    const large = { name: 'x', size: BYTES_MAX + 1, arrayBuffer } as unknown as File
    await expect(importFile(dovetail({ create }), large)).rejects.toThrow('at most')
    const folder = {
      name: 'x',
      size: 4096,
      arrayBuffer: () => Promise.reject(new Error('NotFound')),
    } as unknown as File
    await expect(importFile(dovetail({ create }), folder)).rejects.toThrow('folder')
    expect(create).not.toHaveBeenCalled()
    expect(arrayBuffer).not.toHaveBeenCalled()
  })

  it('says in words of files what the server has against it', async () => {
    const refused = (code: string) =>
      importFile(dovetail({ create: () => Promise.reject(error(code, 'as said')) }), file(OURS))
    await expect(refused('body_too_large')).rejects.toThrow('larger than this server takes')
    await expect(refused('quota_exceeded')).rejects.toThrow('as said')
  })
})

describe('CL246 what the widgets show', () => {
  let dovetail: Dovetail

  beforeEach(() => {
    dovetail = aloneClient()
  })

  afterEach(async () => {
    vi.restoreAllMocks()
    await dovetail.close()
  })

  async function source() {
    const [table, note, feed] = (['table', 'text', 'points'] as const).map((shape) =>
      dovetail.createWidgetData(shape),
    ) as [WidgetDataStore, WidgetDataStore, WidgetDataStore]
    await Promise.all([table.settled(), note.settled(), feed.settled()])
    table.setColumns(['Host'])
    table.addRow(['web'])
    note.setText('Call Bo')
    feed.addPoints([{ t: 1, v: 2 }])
    const store = dovetail.createDashboard({
      title: 'Hosts',
      widgets: {
        t: { kind: 'table', title: 'Hosts', data: table.url },
        n: { kind: 'note', title: 'Notes', data: note.url },
        f: { kind: 'stat', title: 'CPU', data: feed.url },
      },
    })
    await store.settled()
    return { store, table, feed }
  }

  const exported = async (way: string, store: DashboardStore) => {
    let made: Blob | undefined
    vi.spyOn(URL, 'createObjectURL').mockImplementation((blob) => {
      made = blob as Blob
      return 'blob:x'
    })
    const notes = await exports.find(({ id }) => id === way)?.run({ store, dovetail, grid: () => null })
    return { notes, file: new File([made!], 'Hosts') }
  }

  it('comes along as JSON, as documents of its own', async () => {
    const { store, table } = await source()
    const { file, notes } = await exported('json', store)
    expect(notes).toEqual([])
    table.addRow(['later'])
    const { id, notes: told } = await importFile(dovetail, file)
    const { widgets, read } = await madeDashboard(dovetail, id)
    expect((await read('t')).rows).toEqual([['web']])
    expect((await read('n')).text).toBe('Call Bo')
    expect((await read('f')).points).toEqual([{ t: 1, v: 2 }])
    expect(widgets['t']?.data).not.toBe(table.url)
    expect(told).toEqual([])
  })

  it('CL321 is nothing that can be taken back, from JSON and from Automerge', async () => {
    const { store, feed } = await source()
    // Its points stay the same document.
    feed.undoing.forget()
    for (const way of ['json', 'automerge']) {
      const { file } = await exported(way, store)
      const { id } = await importFile(dovetail, file)
      const { read } = await madeDashboard(dovetail, id)
      const made = dovetail.openDashboard(id)
      for (const widget of ['t', 'n', 'f']) await read(widget)
      expect(made.undoing.getState()).toEqual({ undo: undefined, redo: undefined })
      made.undoing.undo()
      expect((await read('t')).rows).toEqual([['web']])
      made.edit({ edit: 'setTitle', title: 'Mine' })
      expect(made.undoing.getState().undo).toBe('Called the dashboard “Mine”')
    }
  })

  it('is copied where the file has none, shared where it is points, and told where it cannot be had', async () => {
    const { store, table, feed } = await source()
    const { file } = await exported('automerge', store)
    const { id, notes } = await importFile(dovetail, file)
    const { widgets, read } = await madeDashboard(dovetail, id)
    expect((await read('t')).rows).toEqual([['web']])
    expect(widgets['t']?.data).not.toBe(table.url)
    expect(widgets['f']?.data).toBe(feed.url)
    expect(notes.join(' ')).toContain('same points: “CPU”')
    const away = { ...OURS, widgets: { a: { kind: 'table', title: 'Away', data: AWAY } } }
    const made = await importFile(dovetail, new File([JSON.stringify(away)], 'x.json'))
    expect((await madeDashboard(dovetail, made.id)).widgets['a']?.data).toBeUndefined()
    expect(made.notes.join(' ')).toContain('not on this device: “Away”')
  })
})

describe('a file that is taken out', () => {
  it.each([
    ['Service health', 'Service health.json'],
    [' .hidden/../x: "y" ', 'hidden .. x y.json'],
    ['', 'Dashboard.json'],
    ['???', 'Dashboard.json'],
    ['x'.repeat(99), `${'x'.repeat(60)}.json`],
  ])('is called after the title %j', (title, name) => {
    const state = { status: 'ready', value: dashboard({}, { title }), heads: [], gone: undefined } as const
    expect(fileName(staticDashboard({ state }), 'json')).toBe(name)
  })

  it('waits for the server where the server makes it, and says when it is not there', async () => {
    const grafana = exports.find(({ id }) => id === 'grafana')
    const offline = { link: staticWatchable({ status: 'offline' }) } as unknown as Dovetail
    const going = grafana?.run({ store: staticDashboard(), dovetail: offline, grid: () => null })
    await expect(going).rejects.toThrow('no connection')
  })
})
