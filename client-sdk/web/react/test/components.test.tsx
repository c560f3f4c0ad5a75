import { act, fireEvent, render, screen, waitFor, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { useCallback, useState } from 'react'
import type { DashboardStore, RefusedEdit, Widget } from '@dovetail/client'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import {
  ConflictResolutionUI,
  DashboardRealtimeProvider,
  DashboardSyncIndicator,
  english,
  PendingOperationsBadge,
  PresenceAvatars,
  UndoneChanges,
  useWidgetIds,
  WidgetRealtime,
  type ProposalPreview,
  type Words,
} from '../src'
import {
  FakeClient,
  FakeDashboard,
  NOW_MS,
  conflict,
  conflicting,
  peer,
  refusedEdit,
  saving,
  session,
  widget,
} from './fake'
import { axeFindings, pass, show, takeWarnings } from './page'

let client: FakeClient
let dashboard: FakeDashboard
let store: DashboardStore

beforeEach(() => {
  dashboard = new FakeDashboard({ cpu: widget('CPU'), disk: widget('Disk') })
  client = new FakeClient(dashboard)
  store = dashboard.store
  vi.useFakeTimers({ now: NOW_MS, shouldAdvanceTime: true })
})

const user = () => userEvent.setup({ advanceTimers: (ms) => vi.advanceTimersByTime(ms) })

const WAITING = { status: 'waiting', retryAtMs: NOW_MS + 8000, attempt: 5, reason: 'no answer' } as const

describe('DashboardSyncIndicator', () => {
  const pill = () => screen.getByRole('button', { expanded: false })

  it('CL112 says the state in words, a colour and a picture, as a status', () => {
    show(<DashboardSyncIndicator store={store} />, { client })
    expect(screen.getByRole('status').textContent).toBe('Saved')
    expect(pill().dataset).toMatchObject({ tone: 'ok', status: 'saved' })
    expect(pill().querySelector('svg')?.dataset['icon']).toBe('check')
    act(() => client.link.set({ status: 'offline' }))
    act(() => dashboard.saving.set(saving(7)))
    expect(screen.getByRole('status').textContent).toBe('Offline · 7 changes kept here')
    expect(screen.getByRole('alert').textContent).toBe('')
    expect(pill().dataset['tone']).toBe('warn')
  })

  it('CL112 tells an error as an alert, and as nothing else', () => {
    show(<DashboardSyncIndicator store={store} />, { client })
    expect(screen.getByRole('status').getAttribute('aria-live')).toBe('polite')
    act(() => client.link.set({ status: 'refused', code: 'token_expired', reason: 'the token has ended' }))
    expect(screen.getByRole('alert').textContent).toContain('Sign in again to go on.')
    expect(screen.getByRole('status').getAttribute('aria-live')).toBe('off')
  })

  it('CL112 counts down to the next try, for the eyes alone', async () => {
    client.link.set(WAITING)
    show(<DashboardSyncIndicator store={store} />, { client })
    expect(pill().textContent).toBe("Can't reach server· retry in 8 s")
    await pass(1000)
    expect(pill().textContent).toBe("Can't reach server· retry in 7 s")
    await pass(7000)
    expect(pill().textContent).toBe("Can't reach server· trying now")
    act(() => client.link.set({ ...WAITING, retryAtMs: Date.now() + 30_000, attempt: 6 }))
    // A second may begin between the two.
    expect(pill().textContent).toMatch(/^Can't reach server· retry in 3[01] s$/)
    expect(screen.getByRole('button', { name: "Can't reach server" })).toBeTruthy()
    expect(screen.getByRole('alert').textContent).not.toMatch(/retry in/)
  })

  it('CL113 opens what is behind it, by keyboard, and Escape closes it', async () => {
    client.link.set({ status: 'offline' })
    dashboard.saving.set(saving(102))
    dashboard.conflicts.set(conflicting(conflict('disk')))
    show(<DashboardSyncIndicator store={store} />, { client })
    const keys = user()
    await keys.tab()
    await keys.keyboard('{Enter}')
    const details = screen.getByRole('dialog', { name: 'Sync details' })
    expect(document.activeElement).toBe(details)
    expect(details.textContent).toContain('You are offline. You can go on editing; 102 changes will be sent')
    expect(details.textContent).toContain('need')
    const pending = within(details).getByRole('list', { name: '102 changes waiting' })
    const items = within(pending).getAllByRole('listitem')
    expect([items[0]!.textContent, items[1]!.textContent, items.at(-1)!.textContent]).toEqual([
      'Move CPU 2 min ago',
      'A change 2 min ago',
      'and 2 more',
    ])
    const facts = within(details).getAllByRole('definition')
    expect(facts.map((fact) => fact.textContent)).toEqual([
      '5 min ago',
      'this device is offline',
      '1.2 MB used of 2.0 GB',
    ])
    await keys.keyboard('{Escape}')
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(document.activeElement).toBe(pill())
  })

  it('CL113 closes by its button, by the pill, by a click elsewhere, and when the focus goes on', async () => {
    show(
      <>
        <DashboardSyncIndicator store={store} />
        <p>Elsewhere</p>
        <button type="button">After</button>
      </>,
      { client },
    )
    const keys = user()
    for (const close of [
      () => keys.click(screen.getByRole('button', { name: 'Close' })),
      () => keys.click(screen.getByRole('button', { name: 'Saved' })),
      () => keys.click(screen.getByText('Elsewhere')),
      async () => {
        screen.getByRole('button', { name: 'Close' }).focus()
        await keys.tab()
        expect(document.activeElement?.textContent).toBe('After')
      },
    ]) {
      await keys.click(pill())
      await keys.click(screen.getByRole('dialog'))
      await close()
      expect(screen.queryByRole('dialog')).toBeNull()
    }
  })

  it('CL113 has a button for each thing that one can do, and no other', async () => {
    const keys = user()
    const names = () =>
      within(screen.getByRole('dialog'))
        .getAllByRole('button')
        .map((button) => button.textContent)
    const signIn = vi.fn()
    const update = vi.fn()
    const onShowConflicts = vi.fn()
    const page = show(<DashboardSyncIndicator store={store} />, { client })
    await keys.click(pill())
    expect(names()).toEqual(['Copy diagnostics', 'Close'])

    act(() => client.link.set({ status: 'refused', code: 'token_expired', reason: 'ended' }))
    act(() => dashboard.conflicts.set(conflicting(conflict('disk'))))
    page.show(<DashboardSyncIndicator store={store} onShowConflicts={onShowConflicts} />, { signIn, update })
    expect(names()).toEqual([
      'Retry now',
      'Sign in again',
      'Reload',
      'Show what needs attention',
      'Copy diagnostics',
      'Close',
    ])
    await keys.click(screen.getByRole('button', { name: 'Retry now' }))
    expect(client.asked).toEqual(['reconnect()'])
    await keys.click(screen.getByRole('button', { name: 'Sign in again' }))
    expect(signIn).toHaveBeenCalledOnce()
    await waitFor(() => expect(client.asked).toEqual(['reconnect()', 'reconnect()']))
    await keys.click(screen.getByRole('button', { name: 'Reload' }))
    expect(update).toHaveBeenCalledOnce()
    await keys.click(screen.getByRole('button', { name: 'Show what needs attention' }))
    expect(onShowConflicts).toHaveBeenCalledOnce()
    expect(screen.queryByRole('dialog')).toBeNull()
  })

  it('CL114 copies diagnostics without content, or shows them where it may not', async () => {
    dashboard.saving.set(saving(1))
    client.session.set(session('ana', 'Ana'))
    show(<DashboardSyncIndicator store={store} />, { client })
    const keys = user()
    const write = vi.spyOn(navigator.clipboard, 'writeText')
    await keys.click(pill())
    await keys.click(screen.getByRole('button', { name: 'Copy diagnostics' }))
    expect((await screen.findByText('Copied')).getAttribute('role')).toBe('status')
    const copied = write.mock.calls[0]![0]
    expect(JSON.parse(copied)).toMatchObject({
      at: '2026-03-05T12:00:00.000Z'.slice(0, 11) + (JSON.parse(copied) as { at: string }).at.slice(11),
      document: { status: 'ready', heads: ['a'] },
      link: { status: 'live' },
      session: { sessionId: 's1' },
      saving: { pending: 1, changes: [{ hash: 'hash 0', madeAtMs: NOW_MS - 120_000 }] },
    })
    expect(copied).not.toMatch(/Move CPU|Hosts|Disk/)

    write.mockRejectedValue(new Error('not allowed'))
    await keys.click(screen.getByRole('button', { name: 'Copy diagnostics' }))
    const byHand = await screen.findByRole<HTMLTextAreaElement>('textbox', { name: 'Copy this text by hand' })
    expect(JSON.parse(byHand.value)).toMatchObject({ link: { status: 'live' } })
  })

  it('CL113 opens to the side where there is room', async () => {
    show(<DashboardSyncIndicator store={store} />, { client })
    const side = async (left: number, direction: 'ltr' | 'rtl') => {
      document.documentElement.style.direction = direction
      vi.spyOn(document.documentElement, 'clientWidth', 'get').mockReturnValue(1000)
      vi.spyOn(pill(), 'getBoundingClientRect').mockReturnValue(new DOMRect(left, 0, 100, 28))
      await user().click(pill())
      const opened = screen.getByRole('dialog').dataset['side']
      await user().keyboard('{Escape}')
      return opened
    }
    expect(await side(20, 'ltr')).toBe('start')
    expect(await side(880, 'ltr')).toBe('end')
    expect(await side(20, 'rtl')).toBe('end')
    expect(await side(880, 'rtl')).toBe('start')
    document.documentElement.style.direction = ''
  })

  it('CL104 says what the app has it say', () => {
    const words = {
      ...english,
      status: { ...english.status, saved: () => ({ short: 'Gespeichert', long: '' }) },
    }
    show(<DashboardSyncIndicator store={store} />, { client, words })
    expect(screen.getByRole('button', { name: 'Gespeichert' })).toBeTruthy()
  })
})

describe('PendingOperationsBadge', () => {
  it('CL115 counts what waits, in words as well, and is not there while nothing does', async () => {
    const { container } = show(<PendingOperationsBadge store={store} />, { client })
    act(() => dashboard.saving.set(saving(3)))
    expect(screen.getByTitle('3 changes not saved on the server yet').textContent).toMatch(/^3/)
    act(() => dashboard.saving.set(saving(1, { status: 'unkept' })))
    expect(screen.getByTitle('1 change not saved on the server yet').dataset['tone']).toBe('warn')
    act(() => dashboard.saving.set(saving(1234)))
    expect(screen.getByText('999+').getAttribute('aria-hidden')).toBe('true')
    act(() => dashboard.saving.set(saving(0)))
    await pass(400)
    expect(container.textContent).toBe('')
  })
})

describe('PresenceAvatars', () => {
  const names = () => screen.getAllByRole('listitem').map((item) => item.title)

  it('CL115 shows each person once, with a name for screen readers', () => {
    const { container } = show(<PresenceAvatars store={store} />, { client })
    expect(container.textContent).toBe('')
    act(() =>
      dashboard.peers.set([
        peer('Ana Lima'),
        peer('Ana Lima', {}, { key: 'ana 2' }),
        peer('Bo', { widget: 'cpu', editing: true }),
        peer('👩‍🚀 Zoë'),
        peer(' '),
      ]),
    )
    expect(screen.getByRole('list', { name: '4 others here' })).toBeTruthy()
    expect(names()).toEqual(['Bo, editing', 'Ana Lima', '👩‍🚀 Zoë', ' '])
    const shown = screen.getAllByRole('listitem').map((item) => item.firstElementChild!.textContent)
    expect(shown).toEqual(['B', 'AL', '👩‍🚀Z', '?'])
  })

  it('CL115 counts those for whom there is no room, and names them', () => {
    dashboard.peers.set(['Ana', 'Bo', 'Cleo', 'Dan'].map((name) => peer(name)))
    const { show: again } = show(<PresenceAvatars store={store} most={2} />, { client })
    expect(names()).toEqual(['Ana', 'Bo', 'and Cleo and Dan'])
    expect(screen.getByText('+2')).toBeTruthy()
    again(<PresenceAvatars store={store} most={3} />)
    expect(names()).toEqual(['Ana', 'Bo', 'Cleo', 'Dan'])
  })
})

describe('UndoneChanges', () => {
  it('CL311 what somebody removed while it was written into is said as that, with what the app can do', () => {
    const patch = [{ op: 'add', path: '/rows/1', value: ['web', null, 42] }] as const
    dashboard.refused.set([refusedEdit('row', { code: 'row_removed', patch }), refusedEdit('other')])
    const run = vi.fn()
    const remedy = ({ code }: RefusedEdit) =>
      code === 'row_removed' ? { label: 'Add as a row', run } : undefined
    show(<UndoneChanges store={store} remedy={remedy} />, { client })
    expect(screen.getAllByRole('alert')[0]?.textContent).toBe(
      'Somebody removed a row while you wrote into it. It had: web, 42.',
    )
    fireEvent.click(screen.getByRole('button', { name: 'Add as a row' }))
    expect(run).toHaveBeenCalledTimes(1)
  })

  it('CL116 says what was undone and why, until somebody dismisses it', async () => {
    const onSaveCopy = vi.fn()
    const { show: again, container } = show(<UndoneChanges store={store} />, { client })
    expect(container.textContent).toBe('')
    const edit = refusedEdit('r1')
    act(() => dashboard.refused.set([edit, refusedEdit('r2', { labels: [], remade: 0 })]))
    expect(screen.getByRole('region', { name: 'Undone changes' })).toBeTruthy()
    expect(screen.getAllByRole('alert').map((alert) => alert.textContent)).toEqual([
      "Undone here: Resize CPU. The server refused it: your role can't change this widget. 2 later edits were kept.",
      "Undone here: a change. The server refused it: your role can't change this widget.",
    ])
    expect(screen.queryByRole('button', { name: 'Save as copy' })).toBeNull()
    again(<UndoneChanges store={store} onSaveCopy={onSaveCopy} />)
    const keys = user()
    await keys.click(screen.getAllByRole('button', { name: 'Save as copy' })[0]!)
    expect(onSaveCopy).toHaveBeenCalledWith(edit)
    await keys.click(screen.getAllByRole('button', { name: 'Details', expanded: false })[0]!)
    expect(screen.getByRole('listitem').textContent).toBe('set widgets › cpu › layout › w to 4')
    expect(screen.getByText('path_forbidden')).toBeTruthy()
    await keys.click(screen.getAllByRole('button', { name: 'Dismiss' })[0]!)
    await keys.click(screen.getByRole('button', { name: 'Dismiss' }))
    expect(container.textContent).toBe('')
  })
})

describe('WidgetRealtime', () => {
  it('CL102 a change in one widget renders one widget', () => {
    const many = new FakeDashboard(
      Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`w${at}`, widget(`Widget ${at}`)])),
    )
    const drawn: string[] = []
    function Page() {
      const draw = useCallback((shown: Widget) => {
        drawn.push(shown.title)
        return <p>{shown.title}</p>
      }, [])
      return useWidgetIds(many.store).map((id) => (
        <WidgetRealtime key={id} store={many.store} widgetId={id}>
          {draw}
        </WidgetRealtime>
      ))
    }
    show(<Page />, { client: new FakeClient(many) })
    expect(drawn).toHaveLength(20)
    drawn.length = 0
    act(() => many.change('w7', { title: 'Seven' }))
    expect(drawn).toEqual(['Seven'])
    act(() => many.peers.set([peer('Ana', { widget: 'w3', editing: true })]))
    act(() => many.conflicts.set(conflicting(conflict('w5'))))
    expect(drawn).toEqual(['Seven', 'Widget 3', 'Widget 5'])
    act(() => many.saving.set(saving(3)))
    act(() => many.peers.set([peer('Ana', { widget: 'w3', editing: true }, { seenAtMs: NOW_MS + 1 })]))
    expect(drawn).toHaveLength(3)
    act(() => many.change('w7', { order: 'z' }))
    expect(drawn).toEqual(['Seven', 'Widget 3', 'Widget 5', 'Seven'])
  })

  const draw = (shown: Widget) => <p>{shown.title} inside</p>

  it('CL117 shows who is at it and what does not fit, in words', () => {
    show(
      <WidgetRealtime store={store} widgetId="cpu" className="mine">
        {draw}
      </WidgetRealtime>,
      { client },
    )
    const region = screen.getByRole('region', { name: 'CPU' })
    expect(region.className).toBe('dovetail-widget mine')
    expect(region.dataset).not.toHaveProperty('color')
    act(() =>
      dashboard.peers.set([peer('Ana', { widget: 'cpu' }), peer('Bo', { widget: 'cpu', editing: true })]),
    )
    act(() => dashboard.conflicts.set(conflicting(conflict('disk', { severity: 'error' }), conflict('net'))))
    expect(region.dataset).toMatchObject({ color: '2', conflict: 'error' })
    expect(screen.getByTitle('Bo is editing').textContent).toContain('Bo +1')
    expect(screen.getByText('2 things need attention')).toBeTruthy()
    const described = document.getElementById(region.getAttribute('aria-describedby')!)!
    expect(described.textContent).toContain('Bo is editing')
    act(() => dashboard.peers.set([peer('Ana', { widget: 'cpu' })]))
    expect(screen.getByTitle('Ana is here')).toBeTruthy()
  })

  it('CL329 of two that do not fit the later one says so, so that a page can draw it elsewhere', () => {
    show(
      <WidgetRealtime store={store} widgetId="cpu">
        {draw}
      </WidgetRealtime>,
      { client },
    )
    const { dataset } = screen.getByRole('region', { name: 'CPU' })
    const flagsWith = (...subjects: string[]) => {
      act(() => dashboard.conflicts.set(conflicting(conflict('disk', { subjects }))))
      return dataset['flags']
    }
    expect(flagsWith('cpu/layout', 'disk/layout')).toBe('above')
    expect(flagsWith('disk/layout', 'cpu/layout')).toBe('below')
    expect(flagsWith('cpu')).toBe('above')
  })

  it('CL117 is not there where there is no such widget', () => {
    const { container } = show(
      <WidgetRealtime store={store} widgetId="gone">
        {draw}
      </WidgetRealtime>,
      { client },
    )
    expect(container.innerHTML).toBe('')
  })

  it('CL117 keeps its error to itself, and tries again when asked to or when the widget is another', async () => {
    let broken = true
    const drawBroken = (shown: Widget) => {
      if (broken && shown.title !== 'Mended') throw new Error('cannot draw')
      return <p>{shown.title} inside</p>
    }
    show(
      <>
        <WidgetRealtime store={store} widgetId="cpu">
          {drawBroken}
        </WidgetRealtime>
        <WidgetRealtime store={store} widgetId="disk">
          {draw}
        </WidgetRealtime>
      </>,
      { client },
    )
    expect(screen.getByRole('alert').textContent).toContain('“CPU” cannot be shown.')
    expect(screen.getByText('Disk inside')).toBeTruthy()
    act(() => dashboard.change('cpu', { title: 'Mended' }))
    expect(screen.getByText('Mended inside')).toBeTruthy()
    act(() => dashboard.change('cpu', { title: 'CPU' }))
    expect(screen.getByRole('alert')).toBeTruthy()
    await user().click(screen.getByRole('button', { name: 'Try again' }))
    expect(screen.getByRole('alert')).toBeTruthy()
    broken = false
    await user().click(screen.getByRole('button', { name: 'Try again' }))
    expect(screen.getByText('CPU inside')).toBeTruthy()
    expect(takeWarnings().every((warning) => warning.includes('cannot draw'))).toBe(true)
  })
})

describe('ConflictResolutionUI', () => {
  const card = (name = '“CPU” and “disk” share a place') =>
    screen.getByRole('article', { name: new RegExp(name) })

  it('CL118 says what does not fit, who did what and when, and what can be done', () => {
    const [move] = conflict('disk').causes
    const untold = { change: 'c2', actor: 'a2', time: 0, touched: [], apart_from: [] }
    const ours = { ...untold, change: 'c3', mine: true }
    dashboard.conflicts.set(conflicting(conflict('disk', { causes: [move!, untold, ours] })))
    dashboard.peers.set([peer('Ana')])
    show(<ConflictResolutionUI store={store} />, { client })
    expect(screen.getByRole('region', { name: 'Needs attention' })).toBeTruthy()
    expect(screen.getByRole('heading', { level: 2 }).textContent).toBe('Needs attention 1')
    expect(within(card()).getByRole('heading', { level: 3 }).textContent).toBe(
      'Warning: “CPU” and “disk” share a place',
    )
    expect(card().textContent).toContain('Ana moved CPU while Bo widened it.')
    const causes = within(card()).getByRole('list', { name: 'What led to it' })
    expect(
      within(causes)
        .getAllByRole('listitem')
        .map((cause) => cause.textContent.trim()),
    ).toEqual(['Ana: Move CPU 1 min ago', 'Somebody made a change', 'You made a change'])
    const proposals = within(card()).getByRole('group', { name: 'What to do' })
    expect(within(proposals).getAllByRole('radio')).toHaveLength(2)
    expect(proposals.textContent).not.toContain('becomes')
    act(() => within(proposals).getAllByRole('radio')[0]?.focus())
    expect(card().textContent).toContain('widgets › cpu › layout › y becomes 9')
  })

  it('CL245 lists many a part at a time, asks the rules once for each, and says how many are not listed', async () => {
    const many = Array.from({ length: 45 }, (_, n) => conflict(`c${n}`))
    dashboard.conflicts.set({ ...conflicting(...many), beyond: [{ rule: 'titles', conflicts: 300 }] })
    const preview = vi.fn((...what: Parameters<typeof store.conflicts.preview>) =>
      store.conflicts.preview(...what),
    )
    const onShow = vi.fn()
    const watched = { ...store, conflicts: { ...store.conflicts, preview } }
    show(<ConflictResolutionUI store={watched} onShow={onShow} />, { client })
    expect(screen.getAllByRole('article')).toHaveLength(20)
    expect(screen.getByText('300 more of the rule titles are not listed.')).toBeTruthy()
    await user().click(screen.getByRole('button', { name: 'Show 20 more of 45' }))
    await user().click(screen.getByRole('button', { name: 'Show 5 more of 45' }))
    expect(screen.getAllByRole('article')).toHaveLength(45)
    act(() =>
      dashboard.conflicts.set(conflicting(...many.map((each) => ({ ...each, explanation: 'Again.' })))),
    )
    // What it is about, of each as it was and as it is now; and no more before somebody looks.
    expect(preview).toHaveBeenCalledTimes(2 * 45)
    preview.mockClear()
    await user().click(screen.getAllByRole('heading', { level: 3 })[1]!)
    expect(onShow).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ id: 'c1' }))
    act(() => screen.getAllByRole('radio')[0]?.focus())
    expect(preview.mock.calls.length).toBeLessThanOrEqual(2)
  })

  it('CL286 names who came by a link in the sentence of the rules, too', () => {
    const id = 'link:4af1c29e0011'
    const [cause] = conflict('disk').causes
    const explanation = `"CPU" was moved by ${id} while "by link:x" was resized by ana.`
    dashboard.conflicts.set(
      conflicting(
        conflict('disk', { explanation, causes: [{ ...cause!, author: id, message: 'Move CPU' }] }),
      ),
    )
    show(<ConflictResolutionUI store={store} />, { client })
    expect(
      screen.getByText('"CPU" was moved by somebody with a link while "by link:x" was resized by ana.'),
    ).toBeTruthy()
    expect(screen.getByText('Somebody with a link: Move CPU')).toBeTruthy()
  })

  it('CL287 words a proposal by what it is about', () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    const words: Words = {
      ...english,
      conflicts: { ...english.conflicts, proposal: (label, path) => `${label} (${path?.[1] ?? '?'})` },
    }
    show(<ConflictResolutionUI store={store} />, { client, words })
    expect(screen.getByRole('radio', { name: 'Put CPU below (cpu)' })).toBeTruthy()
  })

  it('CL118 begins with a capital, however the rule words it', () => {
    dashboard.conflicts.set(conflicting(conflict('disk', { message: 'there are two of it' })))
    show(<ConflictResolutionUI store={store} />, { client })
    expect(card('There are two of it')).toBeTruthy()
  })

  it('CL118 says “You” of what this device did, whoever the server takes it for', () => {
    const untold = { change: 'c2', actor: 'a2', time: 0, touched: [], apart_from: [], mine: true }
    const found = conflict('disk', { message: 'there are two of it', causes: [untold] })
    dashboard.conflicts.set(conflicting(found))
    show(<ConflictResolutionUI store={store} />, { client })
    expect(card('There are two of it').textContent).toContain('You made a change')
  })

  it('CL118 says when there is none, when nobody has looked, who judged, and what is not listed', () => {
    dashboard.conflicts.set({ ...conflicting(), judged: 'not_yet' })
    show(<ConflictResolutionUI store={store} />, { client })
    expect(screen.getByText('Not looked at yet.')).toBeTruthy()
    expect(screen.queryByText('Everything fits together.')).toBeNull()
    act(() => dashboard.conflicts.set({ ...conflicting(), judged: 'here' }))
    expect(screen.getByText('Everything fits together.')).toBeTruthy()
    expect(screen.getByText(/Judged on this device/)).toBeTruthy()
    act(() =>
      dashboard.conflicts.set({
        ...conflicting(),
        undecided: [{ rule: 'sum', reason: 'pending' }],
        beyond: [{ rule: 'titles', conflicts: 12 }],
      }),
    )
    expect(screen.getAllByRole('listitem').map((item) => item.textContent)).toEqual([
      'The rule sum could not be judged.',
      '12 more of the rule titles are not listed.',
    ])
  })

  it('CL118 applies the proposal that was chosen by keyboard, after showing it', async () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    const seen: (ProposalPreview | undefined)[] = []
    const onPreview = (preview: ProposalPreview | undefined) => void seen.push(preview)
    show(<ConflictResolutionUI store={store} onPreview={onPreview} />, { client })
    expect(seen).toEqual([])
    const keys = user()
    await keys.tab()
    expect(document.activeElement).toBe(screen.getByRole('radio', { name: 'Put CPU below' }))
    expect(seen.at(-1)).toMatchObject({ conflictId: 'disk', proposal: 'push_down' })
    await keys.keyboard('{ArrowDown}')
    expect(seen.at(-1)).toMatchObject({ proposal: 'first_free', writes: [{ value: 10 }] })
    await keys.tab()
    await keys.keyboard('{Enter}')
    expect(dashboard.asked).toEqual(['settle(disk, first_free)'])
    await waitFor(() =>
      expect(screen.getByRole('status').textContent).toBe('Settled: “CPU” and “disk” share a place'),
    )
    expect(document.activeElement).toBe(screen.getByRole('heading', { level: 2 }))
    act(() => dashboard.conflicts.set(conflicting()))
    expect(seen.at(-1)).toBeUndefined()
  })

  it('CL118 shows a proposal while a pointer is on it', () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    const onPreview = vi.fn()
    show(<ConflictResolutionUI store={store} onPreview={onPreview} />, { client })
    const label = screen.getByText('Put CPU in the first free place')
    fireEvent.pointerOver(label)
    expect(onPreview).toHaveBeenLastCalledWith(expect.objectContaining({ proposal: 'first_free' }))
    fireEvent.pointerOut(label)
    expect(onPreview).toHaveBeenLastCalledWith(undefined)
    expect(screen.getByRole<HTMLInputElement>('radio', { name: 'Put CPU below' }).checked).toBe(true)
  })

  it('CL118 goes on showing a proposal when its page renders anew, and ends when somebody else settles it', () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    function Page() {
      const [seen, setSeen] = useState<ProposalPreview>()
      return (
        <>
          <p data-testid="seen">{seen?.proposal}</p>
          <ConflictResolutionUI store={store} onPreview={(preview) => setSeen(preview)} />
        </>
      )
    }
    show(<Page />, { client })
    fireEvent.pointerOver(screen.getByText('Put CPU below'))
    expect(screen.getByTestId('seen').textContent).toBe('push_down')
    act(() => dashboard.conflicts.set(conflicting()))
    expect(screen.getByTestId('seen').textContent).toBe('')
  })

  it('CL118 takes the best of what is offered now, when what was chosen is not any more', async () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    show(<ConflictResolutionUI store={store} />, { client })
    const keys = user()
    await keys.click(screen.getByRole('radio', { name: 'Put CPU in the first free place' }))
    act(() =>
      dashboard.conflicts.set(
        conflicting(conflict('disk', { proposals: [{ name: 'clamp', label: 'Clamp' }] })),
      ),
    )
    await keys.click(screen.getByRole('button', { name: 'Apply' }))
    expect(dashboard.asked).toEqual(['settle(disk, clamp)'])
  })

  it('CL118 says why a decision did not work, and lets one try again', async () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    show(<ConflictResolutionUI store={store} />, { client })
    dashboard.fails = new Error('the proposal is not offered any more')
    const keys = user()
    await keys.click(screen.getByRole('button', { name: 'Apply' }))
    await waitFor(() =>
      expect(within(card()).getByRole('alert').textContent).toBe(
        'That did not work: the proposal is not offered any more',
      ),
    )
    dashboard.fails = undefined
    await keys.click(screen.getByRole('button', { name: 'Apply' }))
    expect(within(card()).getByRole('alert').textContent).toBe('')
    expect(dashboard.asked).toHaveLength(2)
  })

  it('CL292 says that the server is waited for, and no more once it answered', async () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    let answer: () => void = () => undefined
    const settling = new Promise<void>((resolve) => (answer = resolve))
    vi.spyOn(store.conflicts, 'settle').mockReturnValue(settling)
    show(<ConflictResolutionUI store={store} />, { client })
    await user().click(screen.getByRole('button', { name: 'Apply' }))
    expect(await within(card()).findByText(/Waiting for the server/)).toBeTruthy()
    act(answer)
    await waitFor(() => expect(within(card()).queryByText(/Waiting for the server/)).toBeNull())
  })

  it('CL118 makes one decision of a double press', async () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    const settle = vi.spyOn(store.conflicts, 'settle').mockReturnValue(new Promise(() => undefined))
    show(<ConflictResolutionUI store={store} />, { client })
    await user().dblClick(screen.getByRole('button', { name: 'Apply' }))
    expect(settle).toHaveBeenCalledOnce()
  })

  it('CL118 lets it stay with a reason, perhaps until the end of a day', async () => {
    dashboard.conflicts.set(conflicting(conflict('disk', { proposals: [] })))
    show(<ConflictResolutionUI store={store} />, { client })
    const keys = user()
    expect(card().textContent).toContain('There is no ready answer')
    await keys.click(screen.getByRole('button', { name: 'Let it stay…' }))
    const reason = screen.getByRole('textbox', { name: 'Why may it stay?' })
    expect(document.activeElement).toBe(reason)

    await keys.click(screen.getByRole('button', { name: 'Let it stay' }))
    expect(screen.getByText('Say why, so that others understand.').getAttribute('role')).toBe('alert')
    expect(reason.getAttribute('aria-invalid')).toBe('true')
    await keys.type(reason, ' wanted so ')
    const until = screen.getByLabelText('Until (optional)')
    fireEvent.change(until, { target: { value: '2026-03-04' } })
    await keys.click(screen.getByRole('button', { name: 'Let it stay' }))
    expect(screen.getByText(/That day is over/).id).toBe(until.getAttribute('aria-describedby'))
    expect(dashboard.asked).toEqual([])

    fireEvent.change(until, { target: { value: '2026-03-05' } })
    await keys.click(screen.getByRole('button', { name: 'Let it stay' }))
    const untilMs = new Date(2026, 2, 5, 23, 59, 59, 999).getTime()
    expect(dashboard.asked).toEqual([`waive(disk, {"reason":"wanted so","untilMs":${untilMs}})`])
    await waitFor(() => expect(screen.getByRole('status').textContent).toMatch(/^Allowed to stay:/))
  })

  it('CL118 Escape leaves the form', async () => {
    dashboard.conflicts.set(conflicting(conflict('disk')))
    show(<ConflictResolutionUI store={store} />, { client })
    const keys = user()
    await keys.click(screen.getByRole('button', { name: 'Let it stay…' }))
    await keys.keyboard('{Escape}')
    expect(screen.queryByRole('textbox')).toBeNull()
    expect(dashboard.asked).toEqual([])
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Let it stay…' }))
  })

  it('CL118 shows what may stay, and brings it up again', async () => {
    const until = Date.UTC(2026, 3, 1, 12)
    dashboard.conflicts.set(
      conflicting(conflict('disk', { state: 'waived', waiver: { reason: 'wanted so', by: 'ana', until } })),
    )
    dashboard.peers.set([peer('Ana')])
    show(<ConflictResolutionUI store={store} />, { client })
    expect(screen.getByRole('heading', { name: 'Allowed to stay' })).toBeTruthy()
    expect(card().textContent).toMatch(/wanted so by Ana, until (Apr 1, 2026|1 Apr 2026)/)
    await user().click(screen.getByRole('button', { name: 'Bring up again' }))
    expect(dashboard.asked).toEqual(['unwaive(disk)'])
  })

  it('CL118 lets those who may not change the document look, and nothing else', () => {
    dashboard.permission.set({ role: 'read', paths: undefined })
    dashboard.conflicts.set(conflicting(conflict('disk'), conflict('net', { state: 'waived' })))
    show(<ConflictResolutionUI store={store} />, { client })
    expect(screen.getByText('You can view this, and not decide it.')).toBeTruthy()
    // A browser disables what is in a disabled group; this page without one does not say so.
    const disabled = (element: HTMLElement) => element.matches(':disabled, fieldset:disabled *')
    expect(screen.getAllByRole('button').map(disabled)).toEqual([true, true, true])
    expect(screen.getAllByRole('radio').map(disabled)).toEqual([true, true])
  })
})

describe('a page that a server has drawn', () => {
  it('CL111 is taken over without a difference', async () => {
    const { renderToString } = await import('react-dom/server')
    client.link.set(WAITING)
    dashboard.saving.set(saving(3))
    dashboard.refused.set([refusedEdit('r')])
    dashboard.conflicts.set(conflicting(conflict('disk')))
    const page = (
      <DashboardRealtimeProvider client={client}>
        <DashboardSyncIndicator store={store} />
        <PendingOperationsBadge store={store} />
        <UndoneChanges store={store} />
        <ConflictResolutionUI store={store} />
      </DashboardRealtimeProvider>
    )
    const container = document.createElement('div')
    container.innerHTML = renderToString(page)
    const before = container.querySelector('article')
    expect(container.querySelector('time')?.textContent).toMatch(/2026/)
    render(page, { container: document.body.appendChild(container), hydrate: true })
    expect(container.querySelector('article')).toBe(before)
    expect(container.querySelector('time')?.textContent).toBe('1 min ago')
  })
})

describe('what axe says', () => {
  it('CL119 finds nothing in any component', async () => {
    client.link.set(WAITING)
    dashboard.saving.set(saving(3))
    dashboard.refused.set([refusedEdit('r')])
    dashboard.peers.set([
      peer('Ana', { widget: 'cpu', editing: true }),
      ...['B', 'C', 'D'].map((name) => peer(name)),
    ])
    const waived = conflict('net', { state: 'waived', waiver: { reason: 'wanted' } })
    dashboard.conflicts.set(conflicting(conflict('disk'), conflict('bare', { proposals: [] }), waived))
    const { container } = show(
      <main>
        <h1>Hosts</h1>
        <DashboardSyncIndicator store={store} onShowConflicts={() => undefined} />
        <PendingOperationsBadge store={store} />
        <PresenceAvatars store={store} most={2} />
        <UndoneChanges store={store} onSaveCopy={() => undefined} />
        <WidgetRealtime store={store} widgetId="cpu">
          {(shown) => <p>{shown.title}</p>}
        </WidgetRealtime>
        <ConflictResolutionUI store={store} onPreview={() => undefined} />
      </main>,
      { client },
    )
    await pass(400)
    await user().click(screen.getByRole('button', { name: '1 change undone' }))
    await user().click(screen.getAllByRole('button', { name: 'Let it stay…' })[0]!)
    await user().click(screen.getByRole('button', { name: 'Details' }))
    expect(screen.getByRole('textbox', { name: 'Why may it stay?' })).toBeTruthy()
    vi.useRealTimers()
    expect(await axeFindings(container)).toEqual([])
  })

  it('CL119 would find something', async () => {
    const { container } = render(<input type="text" />)
    vi.useRealTimers()
    expect(await axeFindings(container)).toHaveLength(1)
  })
})
