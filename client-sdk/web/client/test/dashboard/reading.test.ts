// What an edit costs that does not depend on the machine: nothing is read again that did not change.

import { expect, test, vi } from 'vitest'
import type * as Ids from '../../src/ids'
import { documentId } from '../../src/ids'
import { offline } from '../live/tabs'
import { Device } from '../live/tab'

vi.mock('../../src/ids', async (actual) => {
  const ids = await actual<typeof Ids>()
  return { ...ids, documentId: vi.fn(ids.documentId) }
})

test('CL202 an edit checks no id of what the widgets show: each was checked when it came', () => {
  const dovetail = offline(new Device(), { storage: { kind: 'memory' } })
  const series = Array.from({ length: 20 }, () => dovetail.createWidgetData('points'))
  const widgets = Object.fromEntries(
    series.map(({ url }, at) => [`w${at}`, { kind: 'stat', title: `CPU ${at}`, data: url }]),
  )
  const board = dovetail.createDashboard({ title: 'Hosts', widgets })
  const checked = vi.mocked(documentId)
  expect(checked.mock.calls.length).toBeGreaterThanOrEqual(series.length)
  checked.mockClear()
  board.edit({ edit: 'setTitle', title: 'Machines' })
  expect(checked).not.toHaveBeenCalled()
  board.edit({ edit: 'moveWidget', id: 'w3', x: 5, y: 5 })
  // Of the widget that changed.
  expect(checked.mock.calls.length).toBeLessThanOrEqual(1)
  board.undoing.undo()
  board.undoing.undo()
  expect(board.getState()).toMatchObject({ status: 'ready', value: { title: 'Hosts' } })
})
