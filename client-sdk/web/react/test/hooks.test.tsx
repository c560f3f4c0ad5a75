import { act, render, renderHook, screen, waitFor } from '@testing-library/react'
import { StrictMode, useState, type ReactNode } from 'react'
import { describe, expect, it, vi } from 'vitest'
import {
  DashboardRealtimeProvider,
  UPDATES_KEPT,
  useBackgroundSync,
  useConflicts,
  useDashboard,
  useDocument,
  useHistory,
  useNames,
  usePeople,
  usePresence,
  useRealtimeUpdates,
  useStatus,
  useWatched,
  useWebSocket,
  useWidget,
  useWidgetConflicts,
  useWidgetData,
  useWidgetIds,
  useWidgetPeople,
  sameItems,
} from '../src'
import { IDLE_MS } from '../src/state/leases'
import { LINK_SUBJECT_PREFIX } from '../../client/src/generated/constants'
import { Watched } from '../../client/src/watch'
import {
  FakeClient,
  FakeDashboard,
  NOW_MS,
  conflict,
  conflicting,
  editCall,
  group,
  peer,
  ready,
  refusedEdit,
  saving,
  session,
  widget,
} from './fake'
import { pass } from './page'

/** Runs a hook below a provider, and counts its renders. */
function run<R>(hook: () => R, client = new FakeClient()) {
  const wrapper = ({ children }: { readonly children: ReactNode }) => (
    <DashboardRealtimeProvider client={client}>{children}</DashboardRealtimeProvider>
  )
  let renders = 0
  const counted = () => {
    renders += 1
    return hook()
  }
  return { ...renderHook(counted, { wrapper }), client, renders: () => renders }
}

describe('useWatched', () => {
  it('CL100 gives the value, and renders after each change', () => {
    const watched = new Watched(1)
    const { result, renders } = run(() => useWatched(watched))
    act(() => watched.set(2))
    expect([result.current, renders()]).toEqual([2, 2])
  })

  it('CL100 renders only when the part that was asked for is another one', () => {
    const watched = new Watched({ one: [1], other: 1 })
    const { result, renders } = run(() => useWatched(watched, ({ one }) => one.slice(), sameItems))
    const first = result.current
    act(() => watched.set({ one: [1], other: 2 }))
    expect(result.current).toBe(first)
    expect(renders()).toBe(1)
    act(() => watched.set({ one: [2], other: 2 }))
    expect([result.current, renders()]).toEqual([[2], 2])
  })

  it('CL100 leaves nothing behind when the component goes', () => {
    let listeners = 0
    const watched = {
      getState: () => 1,
      subscribe: () => {
        listeners += 1
        return () => void (listeners -= 1)
      },
    }
    const { unmount } = run(() => useWatched(watched))
    expect(listeners).toBe(1)
    unmount()
    expect(listeners).toBe(0)
  })

  it('says what is missing where there is no provider', () => {
    expect(() => renderHook(() => useWebSocket())).toThrow('needs a DashboardRealtimeProvider')
  })
})

describe('useWebSocket', () => {
  it('CL105 follows the connection and connects anew', () => {
    const { result, client } = run(useWebSocket)
    expect(result.current.state.status).toBe('live')
    act(() => client.link.set({ status: 'offline' }))
    act(() => client.session.set(session('ana', 'Ana')))
    expect(result.current.state.status).toBe('offline')
    expect(result.current.session?.user?.name).toBe('Ana')
    result.current.reconnect()
    expect(client.asked).toEqual(['reconnect()'])
  })
})

describe('useDashboard', () => {
  it('CL101 opens once for all who show it, edits, and releases when nobody has shown it for a while', async () => {
    vi.useFakeTimers()
    const client = new FakeClient(new FakeDashboard({ cpu: widget('CPU') }))
    function Title() {
      const [state, edit] = useDashboard('d1')
      const title = state.status === 'ready' ? state.value.title : state.status
      return (
        <button onClick={() => edit({ edit: 'setTitle', title: 'New' }, { typing: true })}>{title}</button>
      )
    }
    const page = (inner: ReactNode) => (
      <StrictMode>
        <DashboardRealtimeProvider client={client}>{inner}</DashboardRealtimeProvider>
      </StrictMode>
    )
    const { rerender } = render(
      page(
        <>
          <Title />
          <Title />
        </>,
      ),
    )
    expect(client.asked).toEqual(['open(d1)'])
    act(() => screen.getAllByRole('button', { name: 'Hosts' })[0]!.click())
    expect(client.dashboard.asked).toEqual([editCall({ edit: 'setTitle', title: 'New' }, { typing: true })])

    await pass(10 * IDLE_MS)
    expect(client.dashboard.asked).not.toContain('release()')
    rerender(page(<Title />))
    await pass(10 * IDLE_MS)
    expect(client.dashboard.asked).not.toContain('release()')
    rerender(page(null))
    await pass(IDLE_MS - 1)
    expect(client.dashboard.asked).not.toContain('release()')
    await pass(1)
    expect(client.dashboard.asked).toContain('release()')
    rerender(page(<Title />))
    expect(client.asked).toEqual(['open(d1)', 'open(d1)'])
  })

  it('CL101 releases what was rendered and thrown away', async () => {
    vi.useFakeTimers()
    const client = new FakeClient()
    const never = new Promise<void>(() => undefined)
    function Suspended(): ReactNode {
      useDashboard('d1')
      throw never as unknown as Error
    }
    const { unmount } = render(
      <DashboardRealtimeProvider client={client}>
        <Suspended />
      </DashboardRealtimeProvider>,
    )
    unmount()
    await pass(IDLE_MS)
    expect(client.dashboard.asked).toEqual(['release()'])
  })

  it('CL101 follows another dashboard when the id is another', () => {
    const client = new FakeClient()
    const wrapper = ({ children }: { readonly children: ReactNode }) => (
      <DashboardRealtimeProvider client={client}>{children}</DashboardRealtimeProvider>
    )
    const { rerender } = renderHook(({ id }) => useDashboard(id), { wrapper, initialProps: { id: 'd1' } })
    rerender({ id: 'd2' })
    expect(client.asked).toEqual(['open(d1)', 'open(d2)'])
  })

  it('CL101 opens documents of other shapes', () => {
    const { result, client } = run(() => [useDocument<{ n: number }>('d1'), useWidgetData('w1')] as const)
    expect(client.asked).toEqual(['open(d1)', 'open(w1)'])
    expect(result.current[0][0].status).toBe('ready')
    const change = vi.spyOn(result.current[0][2], 'change')
    const edit = () => undefined
    result.current[0][1]('Count', edit)
    expect(change).toHaveBeenCalledWith('Count', edit)
  })
})

describe('useWidget', () => {
  it('CL102 renders only when that widget changed', () => {
    const dashboard = new FakeDashboard({ cpu: widget('CPU'), disk: widget('Disk') })
    const { result, renders } = run(() => useWidget(dashboard.store, 'cpu'))
    act(() => dashboard.change('disk', { title: 'Disks' }))
    expect(renders()).toBe(1)
    act(() => dashboard.change('cpu', { title: 'CPUs' }))
    expect([result.current?.title, renders()]).toEqual(['CPUs', 2])
  })

  it('CL102 is nothing where there is none, be it called like what every object has', () => {
    const dashboard = new FakeDashboard({ cpu: widget('CPU') })
    const { result } = run(() => [useWidget(dashboard.store, 'gone'), useWidget(dashboard.store, 'toString')])
    expect(result.current).toEqual([undefined, undefined])
  })

  it('CL102 lists the ids in the order of reading, and renders only when that changed', () => {
    const dashboard = new FakeDashboard({
      cpu: widget('CPU', { order: 'b' }),
      disk: widget('Disk', { order: 'a' }),
      b2: widget('B', { order: 'Z' }),
    })
    const { result, renders } = run(() => useWidgetIds(dashboard.store))
    expect(result.current).toEqual(['b2', 'disk', 'cpu'])
    act(() => dashboard.change('cpu', { title: 'CPUs' }))
    expect(renders()).toBe(1)
    act(() => dashboard.change('cpu', { order: 'A' }))
    expect(result.current).toEqual(['cpu', 'b2', 'disk'])
  })
})

describe('useRealtimeUpdates', () => {
  it('CL106 tells what others change, with the widgets, the newest first', () => {
    const dashboard = new FakeDashboard()
    const heard: string[] = []
    const { result, unmount } = run(() =>
      useRealtimeUpdates(dashboard.store, ({ widgets }) => void heard.push(widgets.join())),
    )
    act(() => dashboard.update([['widgets', 'cpu', 'title'], ['widgets', 'cpu', 'layout', 'x'], ['title']]))
    act(() => dashboard.update([['widgets', 'disk'], ['widgets']]))
    expect(heard).toEqual(['cpu', 'disk'])
    expect(result.current.map(({ widgets }) => widgets)).toEqual([['disk'], ['cpu']])
    unmount()
    expect(dashboard.listening).toBe(0)
  })

  it('CL106 keeps so many, and none of another document', () => {
    const [one, other] = [new FakeDashboard(), new FakeDashboard()]
    const { result, rerender } = renderHook(({ of }) => useRealtimeUpdates(of.store), {
      initialProps: { of: one },
    })
    act(() => {
      for (let at = 0; at < UPDATES_KEPT + 5; at++) one.update([['title']], at)
    })
    expect([result.current.length, result.current[0]?.atMs]).toEqual([UPDATES_KEPT, UPDATES_KEPT + 4])
    rerender({ of: other })
    expect(result.current).toEqual([])
    act(() => other.update([['title']], 1))
    expect(result.current.map(({ atMs }) => atMs)).toEqual([1])
  })
})

describe('useBackgroundSync', () => {
  it('CL107 follows what waits, and waits for it without waiting for the next try', async () => {
    const { result, client } = run(() => useBackgroundSync(client0.dashboard.store), client0)
    act(() => client.dashboard.saving.set(saving(2)))
    expect([result.current.saving.pending, result.current.storage.status]).toEqual([2, 'kept'])
    await result.current.flush()
    expect(client.asked).toEqual([])
    act(() => client.link.set({ status: 'waiting', retryAtMs: NOW_MS, attempt: 1, reason: '' }))
    await result.current.flush()
    expect(client.asked).toEqual(['reconnect()'])
    expect(client.dashboard.asked).toEqual(['saved()', 'saved()'])
  })

  const client0 = new FakeClient()
})

describe('usePresence', () => {
  it('CL108 gives the others, and tells them where we are', () => {
    const dashboard = new FakeDashboard()
    const { result } = run(() => usePresence(dashboard.store))
    act(() => dashboard.peers.set([peer('Ana')]))
    expect(result.current.peers.map(({ user }) => user.name)).toEqual(['Ana'])
    result.current.set({ widget: 'cpu' })
    result.current.clear()
    expect(dashboard.asked).toEqual(['presence({"widget":"cpu"})', 'clear()'])
  })

  it('CL108 has people once, those who edit first, and renders only when that changed', () => {
    const dashboard = new FakeDashboard()
    const { result, renders } = run(() => usePeople(dashboard.store))
    const tabs = [
      peer('Ana', {}, { key: 'ana 1' }),
      peer('Bo', { widget: 'cpu', editing: true }, { color: -9 }),
      peer('Ana', { widget: 'cpu' }, { key: 'ana 2' }),
    ]
    act(() => dashboard.peers.set(tabs))
    expect(result.current).toEqual([
      { id: 'bo', name: 'Bo', color: 1, editing: true },
      { id: 'ana', name: 'Ana', color: 3, editing: false },
    ])
    const before = renders()
    act(() => dashboard.peers.set(tabs.map((tab) => ({ ...tab, seenAtMs: NOW_MS + 1 }))))
    expect(renders()).toBe(before)
  })

  it('CL108 has those at one widget; who drags it edits it', () => {
    const dashboard = new FakeDashboard()
    const { result } = run(() => useWidgetPeople(dashboard.store, 'cpu'))
    const ghost = { widget: 'cpu', x: 1, y: 1, w: 1, h: 1 }
    act(() => dashboard.peers.set([peer('Ana', { widget: 'disk' }), peer('Bo', { ghost })]))
    expect(result.current).toEqual([{ id: 'bo', name: 'Bo', color: 2, editing: true }])
  })
})

describe('useConflicts', () => {
  it('CL109 gives the conflicts, and decides', async () => {
    const dashboard = new FakeDashboard()
    const { result } = run(() => useConflicts(dashboard.store))
    act(() => dashboard.conflicts.set(conflicting(conflict('disk'))))
    expect(result.current.open).toBe(1)
    await result.current.settle('disk', 'push_down')
    await result.current.waive('disk', { reason: 'wanted' })
    await result.current.unwaive('disk')
    expect(dashboard.asked).toEqual([
      'settle(disk, push_down)',
      'waive(disk, {"reason":"wanted"})',
      'unwaive(disk)',
    ])
    expect(result.current.preview('disk', 'x')).toHaveLength(1)
  })

  it('CL109 gives the open ones of one widget, by its id or a field of it', () => {
    const dashboard = new FakeDashboard()
    const { result, renders } = run(() => useWidgetConflicts(dashboard.store, 'disk'))
    const disk = conflict('disk')
    const others = [
      conflict('disk2'),
      conflict('a', { subjects: ['disk'], state: 'waived' }),
      conflict('b', { subjects: ['disk'], mode: 'audit' }),
    ]
    act(() => dashboard.conflicts.set(conflicting(disk, ...others)))
    expect(result.current).toEqual([disk])
    act(() => dashboard.conflicts.set(conflicting(disk)))
    expect(renders()).toBe(2)
  })
})

describe('useHistory', () => {
  it('CL110 reads the newest page, and more', async () => {
    const dashboard = new FakeDashboard()
    dashboard.pages = [
      { groups: [group('a')], next: 'c1', from: 'server' },
      { groups: [group('b')], next: undefined, from: 'server' },
    ]
    const { result } = run(() => useHistory(dashboard.store))
    expect([result.current.status, result.current.groups]).toEqual(['loading', []])
    await waitFor(() => expect(result.current.status).toBe('ready'))
    expect([result.current.hasMore, result.current.behind]).toEqual([true, false])
    await act(() => result.current.more())
    expect(result.current.groups.map(({ heads }) => heads[0])).toEqual(['a', 'b'])
    expect(result.current.hasMore).toBe(false)
    await act(() => result.current.more())
    expect(dashboard.asked).toEqual(['page()', 'page(c1)'])
  })

  it('CL110 keeps what it has when a page cannot be read, and reads it when asked again', async () => {
    const dashboard = new FakeDashboard()
    const one = { groups: [group('a')], next: 'c1', from: 'here' } as const
    const two = { groups: [group('b')], next: undefined, from: 'here' } as const
    dashboard.pages = [new Error('unreachable'), one, new Error('unreachable'), two]
    const { result } = run(() => useHistory(dashboard.store))
    await waitFor(() => expect(result.current.error?.message).toBe('unreachable'))
    await act(() => result.current.more())
    expect(result.current).toMatchObject({ status: 'ready', from: 'here', error: undefined })
    await act(() => result.current.more())
    expect(result.current).toMatchObject({ status: 'failed', groups: one.groups })
    await act(() => result.current.more())
    expect(result.current).toMatchObject({ status: 'ready', groups: [...one.groups, ...two.groups] })
  })

  it('CL110 says when the document has gone on, and reads anew', async () => {
    const dashboard = new FakeDashboard({ cpu: widget('CPU') })
    dashboard.pages = [{ groups: [group('a')], next: 'c1', from: 'server' }]
    const { result } = run(() => useHistory(dashboard.store))
    await waitFor(() => expect(result.current.status).toBe('ready'))
    act(() => dashboard.change('cpu', { title: 'CPUs' }))
    expect(result.current.behind).toBe(true)
    act(() => dashboard.state.set({ ...ready({}), heads: ['b'] }))
    dashboard.pages = [{ groups: [group('b'), group('a')], next: undefined, from: 'server' }]
    await act(() => result.current.refresh())
    expect(result.current).toMatchObject({ behind: false, hasMore: false })
    expect(result.current.groups).toHaveLength(2)
  })

  it('CL110 throws away what comes after it was read anew', async () => {
    const dashboard = new FakeDashboard()
    const answers: ((page: Awaited<ReturnType<typeof dashboard.store.history.page>>) => void)[] = []
    vi.spyOn(dashboard.store.history, 'page').mockImplementation(
      () => new Promise((tell) => answers.push(tell)),
    )
    const { result } = run(() => useHistory(dashboard.store))
    await act(async () => {
      const anew = result.current.refresh()
      answers[1]!({ groups: [group('new')], next: undefined, from: 'server' })
      answers[0]!({ groups: [group('old')], next: 'c1', from: 'server' })
      await anew
    })
    expect(result.current.groups.map(({ heads }) => heads[0])).toEqual(['new'])
  })
})

describe('useStatus', () => {
  it('CL103 says at once that it saves, and for 400 ms at least', async () => {
    vi.useFakeTimers()
    const client = new FakeClient()
    const { result } = run(() => useStatus(client.dashboard.store), client)
    act(() => client.dashboard.saving.set(saving(3)))
    expect(result.current).toEqual({ status: 'saving', pending: 3 })
    act(() => client.dashboard.saving.set(saving(4)))
    act(() => client.dashboard.saving.set(saving(0)))
    await pass(399)
    expect(result.current).toEqual({ status: 'saving', pending: 4 })
    await pass(1)
    expect(result.current.status).toBe('saved')
    act(() => client.dashboard.saving.set(saving(1)))
    await pass(1000)
    expect(result.current).toEqual({ status: 'saving', pending: 1 })
    act(() => client.dashboard.saving.set(saving(0)))
    await pass(1)
    expect(result.current.status).toBe('saved')
  })

  it('CL103 follows every part, and renders at no edit of the document', () => {
    const client = new FakeClient(new FakeDashboard({ cpu: widget('CPU') }))
    const { dashboard } = client
    const { result, renders } = run(() => useStatus(dashboard.store).status, client)
    act(() => dashboard.change('cpu', { title: 'CPUs' }))
    expect(renders()).toBe(1)
    act(() => dashboard.conflicts.set(conflicting(conflict('disk'))))
    expect(result.current).toBe('attention')
    act(() => dashboard.permission.set({ role: 'read', paths: undefined }))
    expect(result.current).toBe('view_only')
    act(() => dashboard.state.set({ ...ready({}), gone: 'hidden' }))
    expect(result.current).toBe('gone')
    act(() => dashboard.refused.set([refusedEdit('r')]))
    expect(result.current).toBe('undone')
    act(() => client.link.set({ status: 'refused', code: 'token_expired', reason: '' }))
    expect(result.current).toBe('refused')
  })
})

describe('useNames', () => {
  it('CL108 calls people by their names where they are here, and us "You"', () => {
    const client = new FakeClient()
    client.session.set(session('me', 'Mia'))
    client.dashboard.peers.set([peer('Ana')])
    const { result } = run(() => useNames(client.dashboard.store), client)
    expect(['me', 'ana', 'zoe', null, ''].map(result.current)).toEqual([
      'You',
      'Ana',
      'zoe',
      'Somebody',
      'Somebody',
    ])
  })
})

describe('CL286 people who came by a link', () => {
  // As the server calls them: the package takes types alone of the client, and this holds its own word to that.
  const [one, other] = [`${LINK_SUBJECT_PREFIX}4af1c29e0011`, `${LINK_SUBJECT_PREFIX}77b0c29e0011`]
  const byLink = (id: string, key: string) => peer(id, {}, { key, user: { id, name: id } })

  it('are somebody with a link, wherever names are made of ids', () => {
    const client = new FakeClient()
    const { dashboard } = client
    dashboard.peers.set([byLink(one, '1'), byLink(one, '2')])
    const named = run(() => useNames(dashboard.store, [one, 'ana']), client)
    const people = run(() => usePeople(dashboard.store), client)
    expect([one, 'ana'].map(named.result.current)).toEqual(['Somebody with a link', 'ana'])
    expect(people.result.current.map(({ name }) => name)).toEqual(['Somebody with a link'])
  })

  it('are told apart where several links stand beside each other', () => {
    const client = new FakeClient()
    const { dashboard } = client
    dashboard.peers.set([byLink(one, '1')])
    const named = run(() => useNames(dashboard.store, [other]), client)
    const people = run(() => useWidgetPeople(dashboard.store, 'cpu'), client)
    expect([one, other].map(named.result.current)).toEqual([
      'Somebody with link 4af1c2',
      'Somebody with link 77b0c2',
    ])
    act(() =>
      dashboard.peers.set([
        { ...byLink(one, '1'), state: { widget: 'cpu' } },
        { ...byLink(other, '2'), state: { widget: 'ram' } },
      ]),
    )
    expect(people.result.current.map(({ name }) => name)).toEqual(['Somebody with link 4af1c2'])
  })

  it('have the name that they tell, and are "You" for themselves', () => {
    const client = new FakeClient()
    client.session.set(session(one))
    client.dashboard.peers.set([{ ...byLink(other, '1'), user: { id: other, name: 'Zoe' } }])
    const { result } = run(() => useNames(client.dashboard.store), client)
    expect([one, other].map(result.current)).toEqual(['You', 'Zoe'])
  })
})

describe('a hook that renders anew by itself', () => {
  it('CL100 may have its selection written in place', () => {
    const watched = new Watched({ n: [1] })
    function Sum() {
      const [times, setTimes] = useState(0)
      const sum = useWatched(watched, ({ n }) => n.map((x) => x * (times + 1)), sameItems)
      return <button onClick={() => setTimes(times + 1)}>{sum.join()}</button>
    }
    render(<Sum />)
    act(() => screen.getByRole('button', { name: '1' }).click())
    act(() => watched.set({ n: [1, 2] }))
    expect(screen.getByRole('button').textContent).toBe('2,4')
  })
})
