import type { Dashboard, DashboardStore, Heads, HistoryGroup } from '@dovetail/client'
import { staticDashboard } from '@dovetail/react'
import { act, cleanup, screen, waitFor, within } from '@testing-library/react'
import { userEvent } from '@testing-library/user-event'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ActivityPanel } from '../src/activity/ActivityPanel'
import { widgetsIn } from '../src/activity/fold'
import { watched } from '../src/app/watched'
import type { PanelProps, Preview } from '../src/editor/slots'
import { panels } from '../src/panels'
import { proposing } from '../src/panels/becoming'
import { isSame, momentOf } from '../src/panels/moments'
import { AWAY } from './alone'
import { dashboard, widget } from './dashboards'
import { app, renderIn } from './things'

afterEach(cleanup)

const NOW = dashboard({ cpu: widget({ layout: { x: 3, y: 0, w: 6, h: 4 } }), ram: widget({ title: 'RAM' }) })
const BEFORE = dashboard({ cpu: widget() })
const STATES: Readonly<Record<string, Dashboard>> = { now: NOW, before: BEFORE, first: dashboard() }

function group(heads: string, more: Partial<HistoryGroup> = {}): HistoryGroup {
  const atMs = Date.now() - 60_000
  return {
    heads: [heads],
    fromMs: atMs,
    toMs: atMs,
    author: 'ana',
    mine: false,
    changes: 1,
    messages: [],
    messagesLeftOut: 0,
    ...more,
  }
}

const GROUPS = [
  group('now', { mine: true, author: 'me', messages: ['Moved “CPU”', 'Added “RAM”'], changes: 2 }),
  group('before', { messages: ['Added “CPU”'] }),
  group('gone', { author: 'bo' }),
  group('start', { author: undefined, fromMs: 0, toMs: 0 }),
]

/** A panel with a store whose history tells of the states above. */
function show(
  Panel: React.ComponentType<PanelProps>,
  parts: { store?: Parameters<typeof staticDashboard>[0]; history?: Partial<DashboardStore['history']> } = {},
) {
  const still = staticDashboard({
    state: { status: 'ready', value: NOW, heads: ['now'], gone: undefined },
    history: GROUPS,
    ...parts.store,
  })
  const at = ([heads]: Heads) => {
    const state = STATES[heads ?? '']
    if (!state) throw new Error('This device does not have that state of the document.')
    return state
  }
  const store: DashboardStore = { ...still, history: { ...still.history, at, ...parts.history } }
  const preview = watched<Preview | undefined>(undefined)
  const select = vi.fn()
  const around = app()
  const rendered = renderIn(
    around,
    <Panel
      store={store}
      selection={{ getState: () => undefined, subscribe: () => () => undefined, select }}
      preview={preview}
      setPreview={preview.set}
      close={() => undefined}
    />,
  )
  return { user: userEvent.setup(), preview, select, toasts: around.toasts, rendered }
}

const [attention, history] = ['attention', 'history'].map((id) => {
  const panel = panels.find((one) => one.id === id)
  if (!panel) throw new Error(`there is no panel ${id}`)
  return panel.component
}) as [React.ComponentType<PanelProps>, React.ComponentType<PanelProps>]

describe('the history', () => {
  it('shows any past state on the grid, with what is different now marked, and the present again', async () => {
    const { user, preview } = show(history)
    await user.click(await screen.findByRole('button', { name: /ana/ }))
    expect(preview.getState()).toMatchObject({ dashboard: BEFORE, marked: ['cpu'] })
    expect(preview.getState()?.words).toMatch(/^As it was on /)
    await user.click(screen.getByRole('button', { name: 'Back to now' }))
    expect(preview.getState()).toBeUndefined()
    expect(screen.queryByRole('button', { name: 'Restore…' })).toBeNull()
  })

  it('CL249 says that notes, tables and series are not of the past, and asks so', async () => {
    const past = dashboard({ cpu: widget({ data: AWAY }) })
    const { user, preview } = show(history, { history: { at: () => past } })
    await user.click(await screen.findByRole('button', { name: /ana/ }))
    expect(preview.getState()?.note).toMatch(/notes, tables and series are as they are now/)
    await user.click(screen.getByRole('button', { name: 'Restore…' }))
    expect(screen.getByRole('dialog').textContent).toMatch(/notes, tables and series stay as they are now/)
  })

  it('CL249 lists a decision about a conflict, which has no time, with what came before it', async () => {
    const decided = group('decided', { author: 'bo', fromMs: 0, toMs: 0, messages: ['Settled a conflict'] })
    show(history, { store: { history: [GROUPS[0]!, decided, ...GROUPS.slice(1)] } })
    const button = await screen.findByRole('button', { name: /Settled a conflict/ })
    expect(button.textContent).toContain('bo')
    expect(screen.queryByText('Somebody')).toBeNull()
  })

  it('CL316 counts a decision for the widget that it was about, also when that is gone', () => {
    const messages = ['Settled: pushed “RAM” down', 'Settled: pushed “CPU” down']
    expect([...widgetsIn({ messages, changes: 2 }, ['CPU'])]).toEqual([
      ['RAM', 1],
      ['CPU', 1],
    ])
  })

  it('CL317 names an option and a kind as the panel of options does', async () => {
    const messages = [
      'Changed fieldConfig.defaults.unit of “CPU”',
      'Undid: Changed fieldConfig.defaults.custom.fillOpacity of “CPU”',
      'Made “CPU” a timeseries',
      'Changed something.else of “CPU”',
      'Called the dashboard “Changed goal of it”',
    ]
    const { user } = show(history, { store: { history: [group('now', { messages }), ...GROUPS.slice(1)] } })
    await user.click(await screen.findByRole('button', { name: /Changed something/ }))
    const words = screen.getByRole('button', { name: /Changed something/ }).querySelector('.timeline-words')
    expect([...(words?.children ?? [])].map(({ textContent }) => textContent).reverse()).toEqual([
      'Changed the unit of “CPU”',
      'Undid: Changed the fill below it of “CPU”',
      'Changed the kind of “CPU” to Time series',
      'Changed something.else of “CPU”',
      'Called the dashboard “Changed goal of it”',
    ])
  })

  it('CL319 heads a long group with its newest edits, and counts those that nobody listed', async () => {
    const messages = ['Moved “A”', 'Moved “B”', 'Moved “C”', 'Moved “D”']
    const long = group('now', { messages, messagesLeftOut: 6, changes: 40 })
    const { user } = show(history, { store: { history: [long, ...GROUPS.slice(1)] } })
    const button = await screen.findByRole('button', { name: /Moved/ })
    expect(button.textContent).toMatch(/Moved “D”Moved “C”and 8 more$/)
    await user.click(button)
    expect(button.textContent).toMatch(/Moved “B”Moved “A”and 6 more$/)
  })

  it('does not list the first change, which nobody made', async () => {
    show(history)
    await screen.findByRole('button', { name: /ana/ })
    expect(screen.queryByText('Somebody')).toBeNull()
  })

  it('CL289 says that it was made, and does not offer to go back to when nothing was in it', async () => {
    const made = group('first', { changes: 2 })
    const { user } = show(history, { store: { history: [...GROUPS.slice(0, 2), made] } })
    await user.click(await screen.findByRole('button', { name: /Made it/ }))
    expect(screen.queryByRole('button', { name: 'Restore…' })).toBeNull()
    expect(screen.getByText(/with nothing in it: no state to go back to/)).toBeTruthy()
    await user.click(screen.getByRole('button', { name: /You/ }))
    expect(screen.getByRole('button', { name: 'Restore…' })).toBeTruthy()
  })

  it('CL289 offers the beginning where something was in it, and takes no page for it that others follow', async () => {
    const imported = group('before')
    const { user, rendered } = show(history, { store: { history: [GROUPS[0]!, imported] } })
    await user.click(await screen.findByRole('button', { name: /Made it/ }))
    expect(screen.getByRole('button', { name: 'Restore…' })).toBeTruthy()
    rendered.unmount()
    const page = () =>
      Promise.resolve({ groups: [GROUPS[0]!, imported], next: 'more', from: 'server' as const })
    show(history, { history: { page } })
    expect(await screen.findByText('1 change')).toBeTruthy()
    expect(screen.queryByText('Made it')).toBeNull()
  })

  it('says in words what came with a change, and what is different now', async () => {
    const { user, select } = show(history)
    await user.click(await screen.findByRole('button', { name: /You/ }))
    const list = within(screen.getByRole('list', { name: 'What differs' }))
    expect(list.getAllByRole('listitem').map((item) => item.textContent)).toEqual([
      '“RAM” was added',
      '“CPU” moved 3 columns right',
    ])
    await user.click(list.getByRole('button', { name: '“RAM” was added' }))
    expect(select).toHaveBeenCalledWith('ram', { reveal: true })
    await user.selectOptions(screen.getByRole('combobox', { name: 'Compare with' }), 'now')
    expect(screen.getByText('Nothing differs.')).toBeTruthy()
  })

  it('compares with a named version', async () => {
    const version = { name: 'Empty', heads: ['first'], atMs: 1, by: undefined, note: undefined }
    const { user } = show(history, { store: { versions: [version] } })
    await user.click(await screen.findByRole('button', { name: /ana/ }))
    await user.selectOptions(screen.getByRole('combobox', { name: 'Compare with' }), 'version Empty')
    expect(screen.getByText('“CPU” was added')).toBeTruthy()
  })

  it('says so when a state is not on this device', async () => {
    const { user, preview, toasts } = show(history)
    await user.click(await screen.findByRole('button', { name: /bo/ }))
    expect(preview.getState()).toBeUndefined()
    expect(toasts.getState()[0]?.words).toContain('cannot be shown')
  })

  it('restores only after it was asked, and shows the present then', async () => {
    const restore = vi.fn(() => Promise.resolve())
    const { user, preview, toasts } = show(history, { history: { restore } })
    await user.click(await screen.findByRole('button', { name: /ana/ }))
    await user.click(screen.getByRole('button', { name: 'Restore…' }))
    expect(restore).not.toHaveBeenCalled()
    await user.click(screen.getByRole('button', { name: 'Restore' }))
    expect(restore).toHaveBeenCalledWith(
      ['before'],
      expect.stringMatching(/^Restored the dashboard as it was/),
    )
    await waitFor(() => expect(preview.getState()).toBeUndefined())
    expect(toasts.getState()[0]?.tone).toBe('good')
  })

  it('lets readers look, and not restore or name', async () => {
    const { user } = show(history, { store: { permission: { role: 'read' } } })
    await user.click(await screen.findByRole('button', { name: /ana/ }))
    for (const name of ['Restore…', 'Name it…']) {
      expect(screen.getByRole('button', { name })).toHaveProperty('disabled', true)
    }
  })

  it('looks at nothing any more when the preview is ended elsewhere, or the panel goes', async () => {
    const { user, preview, rendered } = show(history)
    await user.click(await screen.findByRole('button', { name: /ana/ }))
    act(() => preview.set(undefined))
    expect(screen.getByRole('button', { name: /ana/ }).getAttribute('aria-pressed')).toBe('false')
    await user.click(screen.getByRole('button', { name: /ana/ }))
    expect(preview.getState()).toBeDefined()
    rendered.unmount()
    expect(preview.getState()).toBeUndefined()
  })

  it('names a state, and says what is no name and why the server does not take one', async () => {
    const name = vi.fn<DashboardStore['history']['name']>(() =>
      Promise.reject(new Error('The server cannot be reached.')),
    )
    const { user } = show(history, { history: { name } })
    await user.click(await screen.findByRole('button', { name: /ana/ }))
    await user.click(screen.getByRole('button', { name: 'Name it…' }))
    await user.click(screen.getByRole('button', { name: 'Name it' }))
    expect(screen.getByRole('alert').textContent).toBe('Give it a name.')
    await user.type(screen.getByRole('textbox', { name: 'Name' }), 'a/b')
    await user.click(screen.getByRole('button', { name: 'Name it' }))
    expect(screen.getByRole('alert').textContent).toContain('no slash')
    expect(name).not.toHaveBeenCalled()
    await user.clear(screen.getByRole('textbox', { name: 'Name' }))
    await user.type(screen.getByRole('textbox', { name: 'Name' }), 'Monday')
    await user.type(screen.getByRole('textbox', { name: /Note/ }), 'as agreed')
    await user.click(screen.getByRole('button', { name: 'Name it' }))
    expect(await screen.findByText('The server cannot be reached.')).toBeTruthy()
    expect(name).toHaveBeenCalledWith('Monday', { note: 'as agreed', heads: ['before'] })
  })

  it('takes a name away, and gives it again', async () => {
    const version = { name: 'Monday', heads: ['before'], atMs: 1, by: 'me', note: 'as agreed' }
    const removeName = vi.fn(() => Promise.resolve())
    const name = vi.fn(() => Promise.resolve(version))
    const { user, preview, toasts } = show(history, {
      store: { versions: [version] },
      history: { removeName, name },
    })
    await user.click(screen.getByRole('tab', { name: /Versions/ }))
    await user.click(await screen.findByRole('button', { name: /Monday/ }))
    expect(preview.getState()?.words).toBe('As it was at “Monday”')
    await user.click(screen.getByRole('button', { name: 'Take the name away' }))
    expect(removeName).toHaveBeenCalledWith('Monday')
    await waitFor(() => expect(toasts.getState()).toHaveLength(1))
    toasts.getState()[0]?.action?.run()
    expect(name).toHaveBeenCalledWith('Monday', { heads: ['before'], note: 'as agreed' })
  })

  it('says when it cannot be read, and tries again', async () => {
    let isThere = false
    const page = () =>
      isThere
        ? Promise.resolve({ groups: GROUPS, next: undefined, from: 'server' as const })
        : Promise.reject(new Error('forbidden'))
    const { user } = show(history, { history: { page } })
    expect((await screen.findByRole('alert')).textContent).toContain('forbidden')
    isThere = true
    await user.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByRole('button', { name: /ana/ })).toBeTruthy()
  })
})

const CONFLICT = {
  id: 'c',
  rule: 'widgets-apart',
  state: 'open',
  severity: 'warning',
  mode: 'surface',
  message: '“CPU” and “RAM” share a place',
  explanation: '',
  subjects: ['cpu', 'ram'],
  proposals: [
    { name: 'push_down', label: 'Push the later one down' },
    { name: 'first_free', label: 'Move it' },
  ],
  causes: [],
  fingerprint: 'f',
} as const

describe('what needs attention', () => {
  it('says “You” of what this device did', () => {
    const cause = { change: 'c', actor: 'here', time: 0, touched: [], apart_from: [] }
    const conflicts = [
      {
        ...CONFLICT,
        causes: [
          { ...cause, mine: true },
          { ...cause, change: 'd', actor: 'there' },
        ],
      },
    ]
    show(attention, { store: { conflicts } })
    expect(screen.getByText('You made a change')).toBeTruthy()
    expect(screen.getByText('Somebody made a change')).toBeTruthy()
  })

  const proposes = (_: string, proposal: string) => [
    { path: ['widgets', 'ram', 'layout', 'y'], value: proposal === 'push_down' ? 4 : 9 },
  ]

  it('shows on the grid what a proposal would do while somebody looks at it, and nothing after', async () => {
    const { user, preview, rendered } = show(attention, { store: { conflicts: [CONFLICT], proposes } })
    await user.click(screen.getByRole('radio', { name: 'Move it' }))
    expect(preview.getState()).toMatchObject({
      words: 'As it would be: Move it',
      marked: ['ram'],
      conflicts: [],
    })
    expect(preview.getState()?.dashboard.widgets['ram']?.layout.y).toBe(9)
    expect(screen.getByText('“RAM” goes to row 10')).toBeTruthy()
    act(() => (document.activeElement as HTMLElement).blur())
    await user.unhover(screen.getByRole('radio', { name: 'Move it' }))
    await waitFor(() => expect(preview.getState()).toBeUndefined())
    await user.click(screen.getByRole('radio', { name: 'Push “RAM” down' }))
    expect(preview.getState()?.words).toBe('As it would be: Push “RAM” down')
    expect(preview.getState()?.dashboard.widgets['ram']?.layout.y).toBe(4)
    rendered.unmount()
    expect(preview.getState()).toBeUndefined()
  })

  it('CL245 a press on a card shows the widget that it is about', async () => {
    const { user, select } = show(attention, { store: { conflicts: [CONFLICT], proposes } })
    await user.click(screen.getByText(/share a place/))
    expect(select).toHaveBeenCalledWith('ram', { reveal: true })
  })

  it('CL287 names the widget that a proposal is about, and tells two of one name apart', () => {
    const label = 'Number the later one'
    const path = ['widgets', 'ram', 'title']
    expect(proposing(NOW, label, path)).toBe('Number “RAM”')
    const same = dashboard({ cpu: widget(), ram: widget() })
    expect(proposing(same, label, path)).toBe('Number the later “CPU”')
    expect(proposing(dashboard({ ram: widget({ title: '$& and $1' }) }), label, path)).toBe(
      'Number “$& and $1”',
    )
    expect(proposing(dashboard({ ram: widget({ title: '' }) }), label, path)).toBe(
      'Number a chart without a title',
    )
    for (const unknown of [undefined, ['grid', 'columns'], ['widgets', 'gone']])
      expect(proposing(NOW, label, unknown)).toBe(label)
    expect(proposing(NOW, 'Take the nearest allowed value', path)).toBe('Take the nearest allowed value')
  })

  it('shows nothing where it is not known what a proposal would do', async () => {
    const { user, preview } = show(attention, { store: { conflicts: [CONFLICT] } })
    await user.click(screen.getByRole('radio', { name: 'Move it' }))
    expect(preview.getState()).toBeUndefined()
  })
})

describe('a state that is looked at', () => {
  const looked = momentOf(group('a'))

  it('is the same when the history that is read anew has more heads for it', () => {
    expect(isSame(looked, { ...looked, heads: ['named', 'a'] })).toBe(true)
    expect(isSame(looked, { ...looked, heads: ['named'] })).toBe(false)
    expect(isSame(looked, { ...looked, atMs: looked.atMs + 1 })).toBe(false)
    expect(isSame(undefined, looked)).toBe(false)
  })
})

describe('earlier changes', () => {
  const pages = () => {
    const earlier = group('before', { toMs: Date.now() - 3 * 86_400_000, messages: ['Long ago'] })
    const answers = [
      { groups: [GROUPS[0]!], next: 'more', from: 'server' as const },
      new Error('forbidden'),
      { groups: [earlier], next: undefined, from: 'server' as const },
    ]
    return () => {
      const answer = answers.shift()
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer!)
    }
  }

  it.each([
    ['the history', history],
    ['the activity', ActivityPanel],
  ])('come by a button below the days of %s, which says what went wrong', async (_, Panel) => {
    const { user } = show(Panel, { history: { page: pages() } })
    const today = await screen.findByRole('region', { name: 'Today' })
    expect(within(today).getAllByRole('listitem')).toHaveLength(1)
    await user.click(screen.getByRole('button', { name: 'Show earlier changes' }))
    expect((await screen.findByRole('alert')).textContent).toContain('forbidden')
    await user.click(screen.getByRole('button', { name: 'Try again' }))
    expect(await screen.findByText(/Long ago/)).toBeTruthy()
    expect(screen.queryByRole('button', { name: 'Show earlier changes' })).toBeNull()
    expect(screen.getAllByRole('heading', { level: 3 })).toHaveLength(2)
  })
})

describe('the activity', () => {
  it('has a row for each person, and lists what they did', async () => {
    const { user } = show(ActivityPanel)
    expect(await screen.findByRole('img', { name: /^You: 2 edits/ })).toBeTruthy()
    expect(screen.getByRole('img', { name: /^ana: 1 edit,/ })).toBeTruthy()
    expect(screen.getByText(/Added “RAM”, Moved “CPU”/)).toBeTruthy()
    await user.click(screen.getByRole('button', { name: /^ana/ }))
    expect(screen.queryByText(/Moved “CPU”/)).toBeNull()
    expect(screen.getByText(/Added “CPU”/)).toBeTruthy()
  })

  it('has a row for each widget', async () => {
    const { user } = show(ActivityPanel)
    await user.click(await screen.findByRole('button', { name: 'Widgets' }))
    expect(screen.getByRole('img', { name: /^CPU: 2 edits/ })).toBeTruthy()
    await user.click(screen.getByRole('button', { name: /^RAM/ }))
    expect(screen.queryByText(/^Added “CPU”/)).toBeNull()
  })
})
