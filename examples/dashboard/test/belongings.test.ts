import { DovetailError, type Access, type Api, type DocumentId, type Dovetail } from '@dovetail/client'
import { staticDashboard } from '@dovetail/react'
import { describe, expect, it, vi } from 'vitest'
import { bringBack, dataOf, removeBelongings, restoreBelongings } from '../src/app/belongings'
import { watched } from '../src/app/watched'
import { sourceOf } from '../src/widgets/WidgetBody'
import { dashboard, widget } from './dashboards'

const id = (text: string) => text as DocumentId
const HERE = id('4NMNnkMhL8jXrdJ9jamS58PAVdXu')
const TABLE = id('3jmsLGgVFi5DVamYHxvq4NvX75d3')

interface Made {
  readonly follows: DocumentId | null
  readonly mine?: boolean
  readonly shape?: string
}

function server(made: Readonly<Record<string, Made>>) {
  const calls: string[] = []
  const api: Pick<Api, 'access' | 'remove' | 'undelete'> = {
    access: (of) => {
      const found = made[of]
      if (!found) return Promise.reject(new DovetailError('document_not_found', 'It is not there.'))
      const access = { role: 'admin', owner: 'me', etag: undefined, follows: found.follows }
      return Promise.resolve<Access>({ ...access, role: 'admin', grants: (found.mine ?? true) ? [] : null })
    },
    remove: (of) => {
      calls.push(`remove ${of}`)
      return Promise.resolve()
    },
    undelete: (of) => {
      calls.push(`undelete ${of}`)
      return of === id('stubborn') ? Promise.reject(new Error('no')) : Promise.resolve()
    },
  }
  const release = vi.fn()
  const openWidgetData = (of: string) =>
    ({
      settled: () => Promise.resolve({ status: 'ready', value: { shape: made[of]?.shape ?? 'table' } }),
      release,
    }) as unknown as ReturnType<Dovetail['openWidgetData']>
  return { calls, release, dovetail: { api: api as Api, openWidgetData } }
}

describe('what was made for a dashboard', () => {
  it('CL171 goes with it, and nothing else does', async () => {
    const { dovetail, calls, release } = server({
      table: { follows: HERE },
      text: { follows: HERE, shape: 'text' },
      feed: { follows: HERE, shape: 'points' },
      elsewhere: { follows: TABLE },
      alone: { follows: null },
      theirs: { follows: HERE, mine: false },
    })
    const listed = ['table', 'alone', 'feed', 'unknown', 'elsewhere', 'theirs', 'text'].map(id)
    expect(await removeBelongings(dovetail, HERE, listed)).toEqual(['table', 'text'])
    expect(calls).toEqual(['remove table', 'remove text'])
    expect(release).toHaveBeenCalledTimes(3)
  })

  it('CL171 comes back with it, as far as it can', async () => {
    const { dovetail, calls } = server({})
    await restoreBelongings(dovetail.api, ['a', 'stubborn', 'b'].map(id))
    expect(calls).toEqual(['undelete a', 'undelete stubborn', 'undelete b'])
  })

  it('CL171 comes back with a dashboard that is brought back from its own page', async () => {
    const { dovetail, calls } = server({})
    const value = dashboard({ a: widget({ data: `automerge:${TABLE}` }), b: widget() })
    const state = watched<ReturnType<ReturnType<typeof staticDashboard>['getState']>>({
      status: 'missing',
      reason: 'deleted',
    })
    const store = { ...staticDashboard(), ...state, release: vi.fn() }
    const reconnect = vi.fn(() => state.set({ status: 'ready', value, heads: [], gone: undefined }))
    await bringBack({ api: dovetail.api, openDashboard: () => store, reconnect }, HERE)
    expect(calls).toEqual([`undelete ${HERE}`, `undelete ${TABLE}`])
    expect(store.release).toHaveBeenCalledOnce()
  })

  it('is what the widgets name, each once', () => {
    const data = `automerge:${TABLE}`
    const widgets = { a: widget({ data }), b: widget({ data }), c: widget({ data: 'nonsense' }), d: widget() }
    expect(dataOf({ widgets })).toEqual([TABLE])
  })

  it('CL171 is named by a tile that finds it deleted, so that it can be brought back', () => {
    const store = { id: TABLE } as unknown as Parameters<typeof sourceOf>[1]
    expect(sourceOf({ status: 'missing', reason: 'deleted' }, store)).toMatchObject({ deleted: TABLE })
    expect(sourceOf({ status: 'missing', reason: 'not_found' }, store)).not.toHaveProperty('deleted')
    const value = {} as never
    expect(sourceOf({ status: 'ready', value, heads: [], gone: 'deleted' }, store)).toMatchObject({
      status: 'missing',
      deleted: TABLE,
    })
  })
})
