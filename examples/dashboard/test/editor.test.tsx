// The editor on a real client without a server: what people do there becomes the edits that it should.

import {
  DovetailError,
  type Dovetail,
  type DashboardStore,
  type NewWidget,
  type RefusedEdit,
  type DeviceSaving,
  type DocumentSaving,
  type WidgetDataStore,
} from '@dovetail/client'
import { DashboardRealtimeProvider, staticWatchable } from '@dovetail/react'
import { act, cleanup, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { AppContext, type App } from '../src/app/context'
import { readCredentials } from '../src/app/credentials'
import { createTheme } from '../src/app/theme'
import { createToasts } from '../src/app/toasts'
import { watched, type Settable } from '../src/app/watched'
import { Editor } from '../src/editor/Editor'
import { dashboardOf, overlaid } from '../src/editor/shown'
import type * as PlaceholderModule from '../src/widgets/Placeholder'
import { aloneClient } from './alone'

const drawn = vi.hoisted(() => ({ placeholders: 0, broken: false }))

vi.mock('../src/widgets/Placeholder', async (original) => {
  const actual = await original<typeof PlaceholderModule>()
  return {
    ...actual,
    Placeholder: (props: { readonly kind: string }) => {
      drawn.placeholders++
      if (drawn.broken) throw new Error('no such colour')
      return actual.Placeholder(props)
    },
  }
})

let dovetail: Dovetail
let app: App
let refused: Settable<readonly RefusedEdit[]>

beforeEach(() => {
  // Happy DOM lays nothing out; what asks for sizes is told that all is as narrow as a phone.
  vi.stubGlobal('matchMedia', (query: string) => ({
    matches: query.includes('max-width'),
    addEventListener: () => undefined,
    removeEventListener: () => undefined,
  }))
  dovetail = aloneClient()
  refused = watched<readonly RefusedEdit[]>([])
  app = {
    dovetail,
    toasts: createToasts(),
    theme: createTheme(),
    credentials: readCredentials(undefined),
    signingIn: watched(false),
  }
})

afterEach(async () => {
  cleanup()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  await dovetail.close()
})

async function opened(widgets: Readonly<Record<string, NewWidget>>): Promise<DashboardStore> {
  const store = dovetail.createDashboard({ title: 'Hosts', widgets })
  await store.settled()
  const shown = overlaid(store, {
    refused: { ...refused, dismiss: () => undefined, makeAgain: () => Promise.resolve(false) },
  })
  render(
    <AppContext value={app}>
      <DashboardRealtimeProvider client={app.dovetail}>
        <Editor store={shown} />
      </DashboardRealtimeProvider>
    </AppContext>,
  )
  return store
}

const widgetsOf = (store: DashboardStore) => dashboardOf(store.getState()).widgets
const inOrder = (store: DashboardStore) =>
  Object.entries(widgetsOf(store))
    .sort(([, one], [, other]) => (one.order < other.order ? -1 : 1))
    .map(([id]) => id)

const THREE = {
  a: { kind: 'counter', title: 'A', order: 'B' },
  b: { kind: 'counter', title: 'B', order: 'D' },
  c: { kind: 'heatmap', title: 'C', order: 'F', options: { color: 'spectrum' } },
}

test('the handle of the column reorders by keys, and writes the order of one widget alone', async () => {
  const store = await opened(THREE)
  const before = widgetsOf(store)
  screen.getByRole('button', { name: 'Reorder C' }).focus()
  await userEvent.keyboard('{ArrowUp}')
  expect(inOrder(store)).toEqual(['a', 'c', 'b'])
  expect(widgetsOf(store)['a']).toBe(before['a'])
  expect(widgetsOf(store)['b']).toBe(before['b'])
  expect(screen.getByTestId('announcements').textContent).toBe('C: 2 of 3')
  await userEvent.keyboard('{ArrowUp}{ArrowUp}')
  expect(inOrder(store)).toEqual(['c', 'a', 'b'])
})

test('a kind without a renderer says what it is, and keeps what it came with', async () => {
  const store = await opened(THREE)
  expect(screen.getByText('Heatmap panel')).toBeTruthy()
  expect(widgetsOf(store)['c']).toMatchObject({ kind: 'heatmap', options: { color: 'spectrum' } })
})

test('a counter counts, and a change in one widget renders no other', async () => {
  const store = await opened(THREE)
  const before = drawn.placeholders
  const [first, second] = screen.getAllByRole('status', { name: /^[AB]$/ })
  await userEvent.click(screen.getAllByRole('button', { name: 'Add 1' })[0]!)
  await userEvent.click(screen.getAllByRole('button', { name: 'Add 1' })[0]!)
  expect(first?.textContent).toBe('2')
  expect(second?.textContent).toBe('0')
  expect(widgetsOf(store)['a']?.options['count']).toBe(2)
  expect(drawn.placeholders).toBe(before)
})

test('F2 renames, Escape leaves the name, Delete removes, and undo brings back', async () => {
  const store = await opened(THREE)
  const tile = screen.getByRole('group', { name: /^A, / })
  tile.focus()
  await userEvent.keyboard('{F2}Load{Enter}')
  expect(widgetsOf(store)['a']?.title).toBe('Load')
  screen.getByRole('group', { name: /^Load, / }).focus()
  await userEvent.keyboard('{F2}Other{Escape}')
  expect(widgetsOf(store)['a']?.title).toBe('Load')
  screen.getByRole('group', { name: /^Load, / }).focus()
  await userEvent.keyboard('{Delete}')
  expect(widgetsOf(store)['a']).toBeUndefined()
  await userEvent.keyboard('{Control>}z{/Control}')
  await waitFor(() => expect(widgetsOf(store)['a']?.title).toBe('Load'))
})

test('Enter opens the options, and an option is written at its own place', async () => {
  const store = await opened(THREE)
  screen.getByRole('group', { name: /^B, / }).focus()
  await userEvent.keyboard('{Enter}')
  const panel = screen.getByRole('complementary', { name: 'Side panel' })
  await userEvent.type(await within(panel).findByLabelText('Goal'), '12')
  await userEvent.click(within(panel).getByRole('radio', { name: 'Teal' }))
  expect(widgetsOf(store)['b']?.options).toMatchObject({
    goal: 12,
    fieldConfig: { defaults: { color: { mode: 'fixed', fixedColor: 'teal' } } },
  })
})

test('CL172 the focus goes into the panel that is opened by key, and Escape gives it back', async () => {
  await opened(THREE)
  const tile = screen.getByRole('group', { name: /^B, / })
  tile.focus()
  await userEvent.keyboard('{Enter}')
  expect(document.activeElement).toBe(screen.getByRole('tab', { name: 'Widget' }))
  await userEvent.keyboard('{ArrowRight}')
  expect(document.activeElement).toBe(screen.getByRole('tab', { name: /^Needs attention/ }))
  await userEvent.keyboard('{Escape}')
  expect(screen.queryByRole('complementary')).toBeNull()
  expect(document.activeElement).toBe(tile)
})

test('CL172 Escape closes one thing at a time: the menu, the selection, the panel', async () => {
  await opened(THREE)
  await userEvent.click(screen.getByRole('button', { name: 'History' }))
  const tile = screen.getByRole('group', { name: /^B, / })
  screen.getByRole('button', { name: 'Menu of B' }).focus()
  await userEvent.keyboard('{Enter}{Escape}')
  expect(screen.queryByRole('menu')).toBeNull()
  tile.focus()
  expect(tile.dataset['selected']).toBe('true')
  await userEvent.keyboard('{Escape}')
  expect(tile.dataset['selected']).toBe('false')
  expect(screen.getByRole('complementary')).toBeTruthy()
  await userEvent.keyboard('{Escape}')
  expect(screen.queryByRole('complementary')).toBeNull()
})

test('every kind can be added, comes last, and has a title of its own', async () => {
  const store = await opened({ a: { kind: 'counter', title: 'Counter', order: 'V' } })
  await userEvent.click(screen.getByRole('button', { name: 'Add widget' }))
  await userEvent.click(within(await screen.findByRole('dialog')).getByRole('button', { name: /^Counter/ }))
  const [first, second] = inOrder(store)
  expect(first).toBe('a')
  expect(widgetsOf(store)[second!]).toMatchObject({ kind: 'counter', title: 'Counter 2' })
  await userEvent.click(screen.getByRole('button', { name: 'Add widget' }))
  await userEvent.click(within(await screen.findByRole('dialog')).getByRole('button', { name: /^Table/ }))
  expect(inOrder(store)).toHaveLength(3)
  expect(widgetsOf(store)[inOrder(store)[2]!]?.data).toMatch(/^automerge:/)
  await screen.findByDisplayValue('Item 1')
})

test('a checklist ticks one item alone', async () => {
  const items = { x: { text: 'Keys', done: false, at: 1 }, y: { text: 'Backups', done: false, at: 2 } }
  const store = await opened({ todo: { kind: 'checklist', title: 'To do', options: { items } } })
  await userEvent.click(screen.getByRole('checkbox', { name: 'Backups' }))
  expect(widgetsOf(store)['todo']?.options).toEqual({ items: { ...items, y: { ...items.y, done: true } } })
  await userEvent.type(screen.getByLabelText('New item'), 'Report{Enter}')
  expect(screen.getAllByRole('checkbox')).toHaveLength(3)
  expect(screen.getByText('1 of 3 done')).toBeTruthy()
})

test('what cannot be done is told, and the page goes on', async () => {
  const store = await opened(THREE)
  vi.spyOn(store, 'edit').mockImplementation(() => {
    throw new DovetailError('read_only', 'You may only look at this.')
  })
  screen.getByRole('group', { name: /^A, / }).focus()
  await userEvent.keyboard('{Delete}')
  expect(app.toasts.getState()).toMatchObject([
    { tone: 'bad', words: expect.stringContaining('only look') as string },
  ])
  expect(screen.getByRole('group', { name: /^A, / })).toBeTruthy()
})

test('the page tells of what waits in tables and texts as well', async () => {
  const data = dovetail.createWidgetData('table')
  await data.settled()
  data.setColumns(['Name'])
  data.addRow(['web'])
  await opened({ t: { kind: 'table', title: 'Hosts', data: data.url } })
  const before = pendingSaid()
  const cell = await screen.findByDisplayValue('web')
  await userEvent.type(cell, ' 1{Enter}')
  expect(data.getState()).toMatchObject({ value: { rows: [['web 1']] } })
  await waitFor(() => expect(pendingSaid()).toBe(before + 1))
  data.release()
})

test('CL328 what waits of a table or a note is said with the widget that it is in', async () => {
  const table = dovetail.createWidgetData('table')
  await table.settled()
  table.addRow(['web'])
  const store = await opened({ t: { kind: 'table', title: 'Hosts', data: table.url } })
  await screen.findByDisplayValue('web')
  await userEvent.click(screen.getByRole('button', { name: /in this tab only$/ }))
  const waiting = () => screen.getByRole('list', { name: /waiting$/ }).textContent
  expect(waiting()).toContain('Added a row in “Hosts”')
  act(() => store.edit({ edit: 'renameWidget', id: 't', title: 'Machines' }))
  expect(waiting()).toContain('Added a row in “Machines”')
  expect(waiting()).toContain('Renamed “Hosts” to “Machines”')
  act(() => store.edit({ edit: 'renameWidget', id: 't', title: '' }))
  expect(waiting()).toMatch(/Added a row (?!in)/)
  table.release()
})

test('CL250 what is typed goes into its row, or is offered when somebody removed that', async () => {
  const table = dovetail.createWidgetData('table')
  await table.settled()
  table.setColumns(['Name'])
  for (const name of ['a', 'b', 'c']) table.addRow([name])
  await opened({ t: { kind: 'table', title: 'Hosts', data: table.url } })
  const rows = () => (table.getState() as { value: { rows: unknown } }).value.rows
  await userEvent.type(await screen.findByDisplayValue('b'), '2')
  act(() => void table.removeRow(0))
  await userEvent.keyboard('2{Enter}')
  expect(rows()).toEqual([['b22'], ['c']])
  await userEvent.type(screen.getByDisplayValue('c'), '3')
  act(() => void table.removeRow(1))
  expect(rows()).toEqual([['b22']])
  const [toast] = app.toasts.getState()
  expect(toast?.words).toContain('c3')
  act(() => toast?.action?.run())
  expect(rows()).toEqual([['b22'], ['c3']])
  table.release()
})

test('CL251 what is typed into a cell is kept when the page goes', async () => {
  const table = dovetail.createWidgetData('table')
  await table.settled()
  table.setColumns(['Name'])
  table.addRow(['a'])
  await opened({ t: { kind: 'table', title: 'Hosts', data: table.url } })
  await userEvent.type(await screen.findByDisplayValue('a'), 'b')
  act(() => void window.dispatchEvent(new Event('pagehide')))
  expect(table.getState()).toMatchObject({ value: { rows: [['ab']] } })
  table.release()
})

test('CL272 a name that is being typed waits, is written when the page goes, and dropped by Escape', async () => {
  const store = await opened(THREE)
  const before = pendingSaid()
  const tile = screen.getByRole('group', { name: /^A, / })
  tile.focus()
  await userEvent.keyboard('{F2}Load')
  expect(pendingSaid()).toBe(before + 1)
  expect(widgetsOf(store)['a']?.title).toBe('A')
  act(() => void window.dispatchEvent(new Event('pagehide')))
  expect(widgetsOf(store)['a']?.title).toBe('Load')
  expect(pendingSaid()).toBe(before + 1)
  await userEvent.keyboard('s{Escape}')
  expect(widgetsOf(store)['a']?.title).toBe('Load')
  expect(pendingSaid()).toBe(before + 1)
  screen.getByRole('group', { name: /^Load, / }).focus()
  await userEvent.keyboard('{F2}Loads')
  act(() => screen.getByRole('textbox', { name: 'Title of the widget' }).blur())
  expect(widgetsOf(store)['a']?.title).toBe('Loads')
})

test('CL272 what is typed goes into the table that it was typed for, also when the widget shows another', async () => {
  const [one, other] = [dovetail.createWidgetData('table'), dovetail.createWidgetData('table')]
  for (const table of [one, other]) {
    await table.settled()
    table.setColumns(['Name'])
  }
  const store = await opened({ t: { kind: 'table', title: 'Hosts', data: one.url } })
  await userEvent.type(await screen.findByDisplayValue('Name'), 's')
  act(() => store.edit({ edit: 'attachData', id: 't', data: other.url }))
  await screen.findByDisplayValue('Name')
  expect(one.getState()).toMatchObject({ value: { columns: ['Names'] } })
  expect(other.getState()).toMatchObject({ value: { columns: ['Name'] } })
  for (const table of [one, other]) table.release()
})

test('CL272 the title of the dashboard, the options and the columns wait while they are typed', async () => {
  const table = dovetail.createWidgetData('table')
  await table.settled()
  table.setColumns(['Name'])
  await opened({
    ...THREE,
    t: { kind: 'table', title: 'Hosts', data: table.url },
  })
  await screen.findByDisplayValue('Name')
  const goes = () => act(() => void window.dispatchEvent(new Event('pagehide')))
  const waits = async (type: () => Promise<void>) => {
    goes()
    const before = pendingSaid()
    await type()
    expect(pendingSaid()).toBe(before + 1)
  }
  await waits(() => userEvent.type(screen.getByRole('textbox', { name: 'Title of the dashboard' }), '!'))
  await waits(() => userEvent.type(screen.getByDisplayValue('Name'), 's'))
  await waits(async () => {
    screen.getByRole('group', { name: /^B, / }).focus()
    await userEvent.keyboard('{Enter}')
    const panel = screen.getByRole('complementary', { name: 'Side panel' })
    await userEvent.type(await within(panel).findByLabelText('Title'), '2')
  })
  goes()
  expect(table.getState()).toMatchObject({ value: { columns: ['Names'] } })
  table.release()
})

test('CL242 the button of a notice takes back what the notice tells of, and Ctrl+Z all in its order', async () => {
  const table = dovetail.createWidgetData('table')
  await table.settled()
  table.setColumns(['Name'])
  for (const name of ['web', 'db']) table.addRow([name])
  const store = await opened({ ...THREE, t: { kind: 'table', title: 'Hosts', data: table.url } })
  screen.getByRole('group', { name: /^A, / }).focus()
  await userEvent.keyboard('{Delete}')
  await userEvent.click(await screen.findByRole('button', { name: 'Remove row 1' }))
  const rows = () => (table.getState() as { value: { rows: unknown } }).value.rows
  expect(rows()).toEqual([['db']])
  const [widget, row] = app.toasts.getState()
  act(() => widget?.action?.run())
  expect(widgetsOf(store)['a']?.title).toBe('A')
  expect(rows()).toEqual([['db']])
  act(() => row?.action?.run())
  expect(rows()).toEqual([['web'], ['db']])
  await userEvent.click(screen.getByDisplayValue('db'))
  await userEvent.keyboard('x{Tab}{Control>}z{/Control}')
  expect(rows()).toEqual([['web'], ['db']])
  table.release()
})

test('CL303 what a tile leaves behind is counted as long as it waits', async () => {
  const table = dovetail.createWidgetData('table')
  table.addRow(['web'])
  const store = await opened({ ...THREE, t: { kind: 'table', title: 'Hosts', data: table.url } })
  const waits = () => store.saving.getState().pending + table.saving.getState().pending
  await waitFor(() => expect(pendingSaid()).toBe(waits()))
  act(() => store.edit({ edit: 'removeWidget', id: 't' }))
  expect(screen.queryByRole('group', { name: /^Hosts, / })).toBeNull()
  await waitFor(() => expect(pendingSaid()).toBe(waits()))
})

test('CL248 a table whose changes have no room left ends all edits, and the banner says so', async () => {
  const table = dovetail.createWidgetData('table')
  await table.settled()
  table.setColumns(['Name'])
  table.addRow(['web'])
  app = { ...app, dovetail: overlaidClient({ saving: full(table) }) }
  await opened({ ...THREE, t: { kind: 'table', title: 'Hosts', data: table.url } })
  await waitFor(() =>
    expect(screen.getByRole('button', { name: 'Add widget' })).toHaveProperty('disabled', true),
  )
  expect(screen.getByRole('region', { name: 'State of this page' }).textContent).toMatch(/no more are taken/)
})

/** As if no change of the table could wait any more. */
function full({ id, saving }: WidgetDataStore): Dovetail['saving'] {
  const document: DocumentSaving = { id, ...saving.getState(), pending: 1, room: 'full' }
  return staticWatchable<DeviceSaving>({ status: 'unkept', pending: 1, documents: [document] })
}

/** The client with something else in it; all else is its own. */
function overlaidClient(parts: Partial<Dovetail>): Dovetail {
  return new Proxy(dovetail, {
    get(target, name) {
      if (Object.hasOwn(parts, name)) return Reflect.get(parts, name) as unknown
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

test('CL244 a tile that cannot be drawn keeps its header and its menu', async () => {
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  drawn.broken = true
  await opened(THREE)
  const tile = within(screen.getByRole('group', { name: /^C, / }))
  expect(tile.getByRole('alert').textContent).toContain('This widget could not be drawn')
  expect(tile.getByRole('heading', { name: 'C' })).toBeTruthy()
  expect(tile.getByRole('button', { name: 'Menu of C' })).toBeTruthy()
  drawn.broken = false
  await userEvent.click(tile.getByRole('button', { name: 'Try again' }))
  expect(tile.getByText('Heatmap panel')).toBeTruthy()
})

test('CL240 what the server did not take is in the copy that is saved of it', async () => {
  const store = await opened(THREE)
  const edit: RefusedEdit = {
    id: 'r',
    atMs: 1,
    code: 'forbidden',
    reason: 'No.',
    labels: ['Renamed “A”'],
    remade: 0,
    lost: 0,
    patch: [{ op: 'replace', path: '/widgets/a/title', value: 'Load' }],
    setAside: false,
  }
  refused.set([edit])
  const undone = within(await screen.findByRole('region', { name: 'Undone changes' }))
  await userEvent.click(undone.getByRole('button', { name: /copy/ }))
  await waitFor(() => expect(location.pathname).toMatch(/^\/d\/./))
  const copy = dovetail.openDashboard(location.pathname.slice('/d/'.length))
  await copy.settled()
  await waitFor(() => expect(widgetsOf(copy)['a']?.title).toBe('Load'))
  expect(widgetsOf(store)['a']?.title).toBe('A')
})

/** As the pill says it. */
function pendingSaid(): number {
  return Number(/(\d+) changes? in this tab only/.exec(document.body.textContent)?.[1] ?? 0)
}

test('CL324 the dialog to move says which widget has the place, before it is done, and does it all the same', async () => {
  const at = (x: number) => ({ x, y: 0, w: 6, h: 4 })
  const store = await opened({
    a: { kind: 'counter', title: 'A', layout: at(0) },
    b: { kind: 'counter', title: 'B', layout: at(6) },
    c: { kind: 'counter', title: '', layout: at(12) },
  })
  await userEvent.click(screen.getByRole('button', { name: 'Menu of A' }))
  await userEvent.click(screen.getByRole('menuitem', { name: 'Move and resize…' }))
  const dialog = within(await screen.findByRole('dialog', { name: 'Move and resize A' }))
  const hint = dialog.getByRole('status')
  expect(hint.textContent).toBe('')
  const enter = async (label: string, value: string) => {
    await userEvent.clear(dialog.getByRole('spinbutton', { name: label }))
    await userEvent.type(dialog.getByRole('spinbutton', { name: label }), value)
  }
  await enter('Column', '8')
  expect(hint.textContent).toBe(
    '“B” and a counter without a title are there already. All would share the place, and need attention.',
  )
  await enter('Width', '5')
  expect(hint.textContent).toBe('“B” is there already. Both would share the place, and need attention.')
  act(() => store.edit({ edit: 'removeWidget', id: 'b' }))
  expect(hint.textContent).toBe('')
  act(() => store.undoing.undo())
  await userEvent.click(dialog.getByRole('button', { name: 'Move' }))
  expect(widgetsOf(store)['a']?.layout).toEqual({ x: 7, y: 0, w: 5, h: 4 })
})
