// What waits on a device is said of all its documents, opened or not: nobody reads that all is saved who has something here.

import { expect, test, vi } from 'vitest'
import type { Dovetail } from '../../src/types'
import { until } from '../../src/watch'
import { offline } from '../live/tabs'
import { Device } from '../live/tab'

const counted = (dovetail: Dovetail) => until(dovetail.saving, ({ status }) => status !== 'counting')

/** What waits, by document. */
const waiting = (dovetail: Dovetail) =>
  Object.fromEntries(dovetail.saving.getState().documents.map(({ id, pending }) => [id, pending]))

test('CL300 what an earlier visit left is said before anybody opens it, and nothing is said to be saved before that is known', async () => {
  const device = new Device()
  const before = device.offline()
  const table = before.createWidgetData('table')
  table.addRow(['web'])
  await before.close()

  const dovetail = offline(device)
  expect(dovetail.saving.getState()).toEqual({ status: 'counting', pending: 0, documents: [] })
  await counted(dovetail)
  expect(dovetail.saving.getState()).toMatchObject({
    status: 'kept',
    documents: [{ id: table.id, status: 'kept' }],
  })
  expect(dovetail.saving.getState().pending).toBeGreaterThan(0)

  // Once it is here it says itself how much it is, and what.
  const opened = dovetail.openWidgetData(table.id)
  await opened.settled()
  const { documents } = dovetail.saving.getState()
  expect(documents).toMatchObject([{ id: table.id, ...opened.saving.getState() }])
  expect(documents[0]?.changes.map(({ label }) => label)).toContain('Added a row')
})

test('CL300 what was made before the notes were read is counted once, and what is typed with it', async () => {
  const dovetail = offline()
  const made = dovetail.createDashboard({ title: 'a' })
  const pending = made.saving.getState().pending
  expect(dovetail.saving.getState()).toMatchObject({ status: 'counting', pending })
  await counted(dovetail)
  const end = made.unwritten('Renamed a widget', () => undefined)
  expect(waiting(dovetail)).toEqual({ [made.id]: pending + 1 })
  expect(dovetail.saving.getState().pending).toBe(pending + 1)
  end()
  expect(waiting(dovetail)).toEqual({ [made.id]: pending })
})

test('CL301 a document that is released with something waiting stays counted, with what it is', async () => {
  const dovetail = offline()
  await counted(dovetail)
  const made = dovetail.createDashboard({ title: 'a' })
  let isTyped = false
  made.unwritten('Renamed a widget', () => {
    isTyped = true
    made.edit({ edit: 'setTitle', title: 'typed' })
  })
  const { pending } = made.saving.getState()
  made.release()
  expect(isTyped).toBe(true)
  // What was typed is a change by now, and nothing else.
  expect(dovetail.saving.getState()).toMatchObject({ status: 'kept', pending })
  expect(dovetail.saving.getState().documents[0]?.changes.at(-1)?.label).toBe('Called the dashboard “typed”')
  const again = dovetail.openDashboard(made.id)
  await again.settled()
  expect(waiting(dovetail)).toEqual({ [made.id]: pending })
  again.release()
  await dovetail.forget(made.id, { evenUnsaved: true })
  expect(dovetail.saving.getState()).toEqual({ status: 'saved', pending: 0, documents: [] })
})

test('CL301 where nothing is kept, what is released is said to be in the tab only', async () => {
  const dovetail = offline(new Device(), { storage: { kind: 'memory', name: 'a' } })
  await counted(dovetail)
  const made = dovetail.createDashboard({ title: 'a' })
  made.release()
  expect(dovetail.saving.getState()).toMatchObject({
    status: 'unkept',
    documents: [{ id: made.id, status: 'unkept' }],
  })
})

test('CL302 a tab is told what waits in another one, and that it is gone', async () => {
  const device = new Device()
  const [one, other] = [offline(device), offline(device)]
  await Promise.all([counted(one), counted(other)])
  const made = one.createDashboard({ title: 'a' })
  await vi.waitFor(() => expect(waiting(other)[made.id]).toBeGreaterThan(0))
  made.release()
  await vi.waitFor(() => one.forget(made.id, { evenUnsaved: true }))
  await vi.waitFor(() => expect(other.saving.getState().status).toBe('saved'))
})
