// A real client without a server, for tests: what is made stays in memory.

import { createDovetail, type Dovetail, type WidgetData } from '@dovetail/client'
import { vi } from 'vitest'

/** Whoever opens one closes it, and restores all mocks: it says to be offline. */
export function aloneClient(): Dovetail {
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  return createDovetail({ url: 'http://127.0.0.1:9', storage: { kind: 'memory' } })
}

/** The address of what is not on this device. */
export const AWAY = 'automerge:3RFyJzsLsZ7MsbG98rcuZ4FqtGW7'

/** What a dashboard that was made has, and the documents that its widgets show. */
export async function madeDashboard(dovetail: Dovetail, id: string) {
  const { value } = await ready(dovetail.openDashboard(id))
  const read = async (widget: string): Promise<WidgetData> =>
    (await ready(dovetail.openWidgetData(value.widgets[widget]?.data ?? ''))).value
  return { ...value, read }
}

async function ready<S extends { readonly status: string }>(store: {
  readonly settled: () => Promise<S>
}): Promise<Extract<S, { readonly status: 'ready' }>> {
  const state = await store.settled()
  if (state.status !== 'ready') throw new Error(state.status)
  return state as Extract<S, { readonly status: 'ready' }>
}
