import type { Conflict } from '@dovetail/client'
import { staticDashboard } from '@dovetail/react'
import { describe, expect, it } from 'vitest'
import { withPreview } from '../src/editor/shown'
import { dashboard, widget } from './dashboards'

const conflict = (id: string) => ({ id, state: 'open', subjects: ['cpu'] }) as unknown as Conflict

describe('the store as tiles see it', () => {
  const store = staticDashboard({
    state: { status: 'ready', value: dashboard({ cpu: widget() }), heads: ['now'], gone: undefined },
    conflicts: [conflict('one'), conflict('other')],
  })
  const past = dashboard({ cpu: widget({ title: 'Load' }) })

  it('is the store itself without a preview', () => {
    expect(withPreview(store, undefined)).toBe(store)
  })

  it('CL170 has nothing of today in a past state: neither its widgets nor what does not fit now', () => {
    const shown = withPreview(store, { dashboard: past, words: 'As it was' })
    expect(shown.getState()).toMatchObject({ status: 'ready', value: past })
    expect(shown.conflicts.getState()).toMatchObject({ conflicts: [], open: 0 })
    expect(store.conflicts.getState().conflicts).toHaveLength(2)
  })

  it('CL170 has what would still not fit in a state that is proposed', () => {
    const preview = { dashboard: past, words: 'As it would be', conflicts: [conflict('other')] }
    expect(withPreview(store, preview).conflicts.getState()).toMatchObject({
      conflicts: [{ id: 'other' }],
      open: 1,
    })
  })
})
