// Dashboards for tests.

import type { Dashboard, Widget } from '@dovetail/client'

export function widget(more: Partial<Widget> = {}): Widget {
  return {
    kind: 'chart',
    title: 'CPU',
    layout: { x: 0, y: 0, w: 6, h: 4 },
    order: 'V',
    options: {},
    locked: false,
    ...more,
  }
}

export function dashboard(widgets: Record<string, Widget> = {}, more: Partial<Dashboard> = {}): Dashboard {
  return {
    schemaVersion: 1,
    title: 'Hosts',
    description: '',
    grid: { columns: 12, rowHeight: 30 },
    widgets,
    extra: {},
    ...more,
  }
}
