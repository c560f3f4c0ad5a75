import type { Dovetail } from '@dovetail/client'
import { staticDashboard, staticWatchable } from '@dovetail/react'
import { describe, expect, it, vi } from 'vitest'
import { exports, importFile } from '../src/files'
import { fileName } from '../src/files/exports'
import { BYTES_MAX } from '../src/files/recognise'
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
