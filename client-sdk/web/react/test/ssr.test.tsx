// @vitest-environment node
// What a server draws: there is no page, no effect runs, and a policy of the page may forbid inline styles.

import type { ReactNode } from 'react'
import { renderToString } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import {
  ConflictResolutionUI,
  DashboardRealtimeProvider,
  DashboardSyncIndicator,
  PendingOperationsBadge,
  PresenceAvatars,
  staticDashboard,
  staticDovetail,
  UndoneChanges,
  useDashboard,
  useHistory,
  useRealtimeUpdates,
  WidgetRealtime,
} from '../src'
import { NOW_MS, conflict, peer, ready, refusedEdit, saving, widget } from './fake'

const store = staticDashboard({
  state: ready({ cpu: widget('CPU') }),
  saving: saving(3),
  conflicts: [conflict('disk'), conflict('net', { state: 'waived', waiver: { reason: 'wanted' } })],
  proposes: () => [{ path: ['widgets'], value: 1 }],
  refused: [refusedEdit('r')],
  peers: [peer('Ana', { widget: 'cpu', editing: true })],
})

const client = staticDovetail({
  link: { status: 'waiting', retryAtMs: NOW_MS, attempt: 1, reason: '' },
  documents: { d1: store },
})

function Hooks(): ReactNode {
  const [state, , opened] = useDashboard('d1')
  const history = useHistory(opened)
  const updates = useRealtimeUpdates(opened)
  return `${state.status} ${history.status} ${updates.length}`
}

const CASES: readonly (readonly [string, ReactNode, string])[] = [
  ['DashboardSyncIndicator', <DashboardSyncIndicator key="1" store={store} />, '1 change undone'],
  ['PendingOperationsBadge', <PendingOperationsBadge key="2" store={store} />, ''],
  ['PresenceAvatars', <PresenceAvatars key="3" store={store} />, 'Ana, editing'],
  ['UndoneChanges', <UndoneChanges key="4" store={store} />, 'Resize CPU'],
  ['ConflictResolutionUI', <ConflictResolutionUI key="5" store={store} />, 'share a place'],
  [
    'WidgetRealtime',
    <WidgetRealtime key="6" store={store} widgetId="cpu">
      {(shown) => <p>{shown.title}</p>}
    </WidgetRealtime>,
    'Ana is editing',
  ],
  ['hooks', <Hooks key="7" />, 'ready loading 0'],
]

describe('on a server', () => {
  it.each(CASES)('CL111 draws %s, without inline styles or scripts', (_, what, text) => {
    expect(globalThis).not.toHaveProperty('document')
    const html = renderToString(<DashboardRealtimeProvider client={client}>{what}</DashboardRealtimeProvider>)
    expect(html).toContain(text)
    expect(html).not.toMatch(/\sstyle=|<script|\son[a-z]+=/)
  })
})
