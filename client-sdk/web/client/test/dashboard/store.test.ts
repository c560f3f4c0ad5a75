// Edits, gestures and typing of one person, and what others do meanwhile.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Automerge, ImmutableString, type Counter, type Doc } from '../../src/automerge'
import type { Draft } from '../../src/document/assign'
import type { DashboardStore, Dovetail, Edit } from '../../src/types'
import { codeOf, offline, shown } from '../live/tabs'
import { Device } from '../live/tab'

const PAUSE_MS = 400
const move = (x: number): Edit => ({ edit: 'moveWidget', id: 'cpu', x, y: 0 })
const title = (title: string): Edit => ({ edit: 'setTitle', title })

/** What the page does when it is hidden. */
let hide: () => void = () => undefined
let dovetail: Dovetail
let store: DashboardStore

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  const onHide = (listener: () => void) => {
    hide = listener
    return () => undefined
  }
  dovetail = offline(new Device(), { storage: { kind: 'memory' } }, { onHide })
  store = dovetail.createDashboard({ title: 'Hosts', widgets: { cpu: { kind: 'stat', title: 'CPU' } } })
})

afterEach(() => {
  vi.useRealTimers()
})

/** What stands in the history: the messages of all changes but the first two. */
function messages(): string[] {
  const doc = Automerge.load<Draft>(store.exportAutomerge())
  return Automerge.getChangesMetaSince(doc, [])
    .slice(2)
    .map(({ message }) => message ?? '')
}

/** How many changes were made since the dashboard was. Counts without making any. */
const changes = () => store.saving.getState().changes.length - 2

const x = () => shown(store).widgets['cpu']?.layout.x

/** Somebody else does it: it arrives from elsewhere, as from another tab. */
function other(edit: (draft: Draft) => void): void {
  const { surroundings } = store as unknown as {
    surroundings: {
      repo: { handles: Record<string, { update(next: (doc: Doc<Draft>) => Doc<Draft>): void }> }
    }
  }
  surroundings.repo.handles[store.id]?.update((doc) => {
    const theirs = Automerge.change(Automerge.clone(doc, { actor: 'ee'.repeat(16) }), edit)
    return Automerge.merge(doc, theirs)
  })
}

const removes = (draft: Draft) => delete (draft['widgets'] as Draft)['cpu']

describe('edits', () => {
  test('CL69 a dashboard that was just made is edited at once, and each edit is one change', () => {
    expect(shown(store).title).toBe('Hosts')
    store.edit([move(1), title('All hosts')])
    store.edit([move(1), title('All hosts')])
    expect(messages()).toEqual(['Moved “CPU”, and 1 more'])
    expect(changes()).toBe(1)
  })

  test('CL69 edits that cannot be made are refused with their code, and nothing is done', async () => {
    const refused: readonly [Edit, string][] = [
      [{ edit: 'moveWidget', id: 'gone', x: 1, y: 1 }, 'unknown_widget'],
      [{ edit: 'moveWidget', id: '__proto__', x: 1, y: 1 }, 'unknown_widget'],
      [{ edit: 'renameWidget', id: 'constructor', title: 't' }, 'unknown_widget'],
      [{ edit: 'createWidget', id: 'cpu', widget: { kind: 'stat' } }, 'widget_exists'],
      [{ edit: 'createWidget', id: '__proto__', widget: { kind: 'stat' } }, 'bad_edit'],
      [{ edit: 'setOption', id: 'cpu', path: ['a', '__proto__'], value: 1 }, 'bad_edit'],
      [{ edit: 'setOption', id: 'cpu', path: ['a', 2], value: 1 }, 'no_such_place'],
      [{ edit: 'setOption', id: 'cpu', path: ['a'], value: 10n }, 'bad_edit'],
    ]
    const before = store.getState()
    for (const [edit, code] of refused) {
      expect([edit, await codeOf(() => store.edit([title('not kept'), edit]))]).toEqual([edit, code])
    }
    expect(store.getState()).toBe(before)
    store.edit({ edit: 'createWidget', id: 'constructor', widget: { kind: 'stat' } })
    expect(Object.keys(shown(store).widgets).sort()).toEqual(['constructor', 'cpu'])
  })

  test('CL69 a change larger than the server takes is refused before it is made, in bytes', async () => {
    const long = 'ä'.repeat(600_000)
    expect(await codeOf(() => store.edit(title(long)))).toBe('change_too_large')
    expect(changes()).toBe(0)
  })

  test('CL69 a label is cut where the server would refuse it', () => {
    store.edit(title('😀'.repeat(3_000)))
    store.undoing.undo()
    for (const message of messages()) expect(new TextEncoder().encode(message).length).toBeLessThan(4_096)
    expect(messages()[0]?.endsWith('…')).toBe(true)
  })

  test('CL69 what is undone is called so where it waits, too', () => {
    store.edit(title('a'))
    store.undoing.undo()
    expect(store.saving.getState().changes.at(-1)?.label).toBe('Undid: Called the dashboard “a”')
    expect(store.undoing.getState()).toEqual({ undo: undefined, redo: 'Called the dashboard “a”' })
  })

  test('CL69 a preview shows and changes nothing', () => {
    const before = store.getState()
    expect(store.preview([move(9)]).widgets['cpu']?.layout.x).toBe(9)
    expect(store.getState()).toBe(before)
  })

  test('CL69 parts that did not change are the same objects', () => {
    store.edit({ edit: 'createWidget', id: 'ram', widget: { kind: 'stat' } })
    const before = shown(store).widgets
    store.edit(move(3))
    expect(shown(store).widgets['ram']).toBe(before['ram'])
    expect(shown(store).widgets['cpu']).not.toBe(before['cpu'])
  })
})

describe('counting', () => {
  const n = () => shown(store).widgets['cpu']?.options['n']

  test('CL70 a counter adds up what several count at once', () => {
    store.count('cpu', ['n'], 2)
    const { surroundings } = store as unknown as {
      surroundings: { repo: { handles: Record<string, { doc(): Doc<Draft>; update(n: unknown): void }> } }
    }
    const handle = surroundings.repo.handles[store.id]
    if (!handle) throw new Error('the document is not here')
    const theirs = Automerge.change(Automerge.clone(handle.doc()), ({ widgets }) => {
      const options = (widgets as Record<string, { options: { n: Counter } }>)['cpu']?.options
      options?.n.increment(10)
    })
    store.count('cpu', ['n'], 3)
    handle.update((doc: Doc<Draft>) => Automerge.merge(doc, theirs))
    expect(n()).toBe(15)
  })

  test('CL70 a number that is there is where the counting begins', () => {
    store.edit({ edit: 'setOption', id: 'cpu', path: ['n'], value: 40 })
    store.count('cpu', ['n'], 2)
    store.count('cpu', ['n'], -1)
    expect(n()).toBe(41)
    store.undoing.undo()
    expect(n()).toBe(42)
    store.edit({ edit: 'setOption', id: 'cpu', path: ['n'], value: 7 })
    expect(n()).toBe(7)
  })

  test('CL70 counting where there is no place, or by no whole number, is refused', async () => {
    store.edit({ edit: 'setOption', id: 'cpu', path: ['text'], value: 'a' })
    const before = changes()
    expect(await codeOf(() => store.count('gone', ['n'], 1))).toBe('unknown_widget')
    expect(await codeOf(() => store.count('cpu', [], 1))).toBe('no_such_place')
    expect(await codeOf(() => store.count('cpu', ['text', 'n'], 1))).toBe('no_such_place')
    expect(await codeOf(() => store.count('cpu', ['n'], 0.5))).toBe('bad_edit')
    store.count('cpu', ['n'], 0)
    store.count('cpu', ['a', 'b'], 1)
    expect(changes()).toBe(before + 1)
    expect(shown(store).widgets['cpu']?.options).toEqual({ text: 'a', a: { b: 1 } })
  })
})

describe('gestures', () => {
  test('CL71 a drag is shown while it goes on, and is one change when it ends', () => {
    const drag = store.gesture('Moved CPU')
    for (let n = 1; n <= 20; n++) {
      drag.show([move(n)])
      expect(x()).toBe(n)
    }
    expect(changes()).toBe(0)
    drag.commit()
    expect([x(), changes()]).toEqual([20, 1])
    expect(store.undoing.getState().undo).toBe('Moved CPU')
    drag.commit()
    expect(changes()).toBe(1)
  })

  test('CL71 the end of a drag does not show the beginning once more', () => {
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    const seen: unknown[] = []
    store.subscribe(() => seen.push(x()))
    drag.commit()
    expect(new Set(seen)).toEqual(new Set([5]))
  })

  test('CL71 a drag that is cancelled leaves all as it was', () => {
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    drag.cancel()
    drag.commit()
    expect([x(), changes()]).toEqual([0, 0])
  })

  test('CL71 a drag that ends where it began changes nothing', () => {
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    drag.show([move(0)])
    drag.commit()
    expect(changes()).toBe(0)
  })

  test('CL71 another edit makes a change of the drag first, and the drag goes on', () => {
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    store.edit(title('Meanwhile'))
    expect([x(), changes()]).toEqual([5, 2])
    drag.show([move(8)])
    drag.commit()
    expect(messages()).toEqual(['Moved', 'Called the dashboard “Meanwhile”', 'Moved'])
    expect(x()).toBe(8)
  })

  test('CL71 the end of a drag does not end the typing that began meanwhile', () => {
    for (const end of ['commit', 'cancel'] as const) {
      const drag = store.gesture('Moved')
      drag.show([move(5)])
      store.edit(title(`typed ${end}`), { typing: true })
      drag[end]()
      expect(shown(store).title).toBe(`typed ${end}`)
      vi.advanceTimersByTime(PAUSE_MS)
      expect(messages().at(-1)).toBe(`Called the dashboard “typed ${end}”`)
    }
  })

  test('CL71 a page that is hidden makes a change of the drag', () => {
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    hide()
    expect(changes()).toBe(1)
    drag.commit()
    expect(changes()).toBe(1)
  })

  test('CL71 a store that is released makes a change of the drag', () => {
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    store.release()
    expect(changes()).toBe(1)
  })

  test('CL71 what goes on is not saved, though all else is', () => {
    const { pending } = store.saving.getState()
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    expect(store.saving.getState()).toMatchObject({ status: 'unkept', pending: pending + 1 })
    drag.cancel()
    expect(store.saving.getState().pending).toBe(pending)
  })

  test('CL71 a drag that ends waits from its beginning on: it counts as saved at no moment', () => {
    const { pending } = store.saving.getState()
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    const seen: number[] = []
    store.saving.subscribe(() => seen.push(store.saving.getState().pending))
    drag.commit()
    expect(Math.min(...seen)).toBe(pending + 1)
    expect(store.saving.getState().pending).toBe(pending + 1)
  })

  test('CL72 what others do while a drag goes on is shown with it', () => {
    const drag = store.gesture('Moved')
    drag.show([move(5)])
    other((draft) => (draft['title'] = new ImmutableString('Theirs')))
    expect([shown(store).title, x()]).toEqual(['Theirs', 5])
    drag.commit()
    expect([shown(store).title, x()]).toEqual(['Theirs', 5])
  })

  test('CL72 a widget that another removes during a drag is gone, and stays it; the drag says why', () => {
    const drag = store.gesture('Moved CPU')
    drag.show([move(5)])
    other(removes)
    expect(shown(store).widgets).toEqual({})
    drag.show([move(6)])
    expect(shown(store).widgets).toEqual({})
    const before = changes()
    drag.commit()
    expect(changes()).toBe(before)
    expect(store.refused.getState()).toMatchObject([
      { code: 'unknown_widget', labels: ['Moved CPU'], reason: expect.stringContaining('cpu') as string },
    ])
    store.refused.dismiss(store.refused.getState()[0]?.id ?? '')
    expect(store.refused.getState()).toEqual([])
  })

  test('CL72 what of a drag can still be done is done', () => {
    store.edit({ edit: 'createWidget', id: 'ram', widget: { kind: 'stat' } })
    const drag = store.gesture('Moved both')
    drag.show([move(5), { edit: 'moveWidget', id: 'ram', x: 7, y: 0 }])
    other(removes)
    drag.commit()
    expect(shown(store).widgets['ram']?.layout.x).toBe(7)
    expect(store.refused.getState()).toHaveLength(1)
  })
})

describe('typing', () => {
  const type = (text: string) => store.edit(title(text), { typing: true })

  test('CL73 typing is shown at once, and is one change when it pauses', () => {
    for (const text of ['a', 'ab', 'abc']) {
      type(text)
      expect(shown(store).title).toBe(text)
      vi.advanceTimersByTime(PAUSE_MS - 1)
    }
    expect(changes()).toBe(0)
    vi.advanceTimersByTime(1)
    expect(messages()).toEqual(['Called the dashboard “abc”'])
  })

  test('CL73 typing without a pause becomes a change after the longest time', () => {
    for (let n = 1; n <= 40; n++) {
      type('a'.repeat(n))
      vi.advanceTimersByTime(100)
    }
    expect(changes()).toBe(1)
    vi.advanceTimersByTime(PAUSE_MS)
    expect(changes()).toBe(2)
  })

  test('CL73 typing in two places is one change', () => {
    type('a')
    store.edit({ edit: 'renameWidget', id: 'cpu', title: 'b' }, { typing: true })
    type('ab')
    vi.advanceTimersByTime(PAUSE_MS)
    expect(changes()).toBe(1)
    expect([shown(store).title, shown(store).widgets['cpu']?.title]).toEqual(['ab', 'b'])
  })

  test('CL73 an edit that cannot be made while typing leaves what was typed', async () => {
    type('typed')
    const bad: Edit = { edit: 'renameWidget', id: 'gone', title: 'x' }
    expect(await codeOf(() => store.edit(bad, { typing: true }))).toBe('unknown_widget')
    expect(shown(store).title).toBe('typed')
    vi.advanceTimersByTime(PAUSE_MS)
    expect(messages()).toEqual(['Called the dashboard “typed”'])
  })

  test('CL73 typing that was taken back in the same breath changes nothing', () => {
    type('a')
    type('Hosts')
    vi.advanceTimersByTime(PAUSE_MS)
    expect(changes()).toBe(0)
  })

  test('CL73 undo takes back what was just typed', () => {
    type('typed')
    store.undoing.undo()
    expect(shown(store).title).toBe('Hosts')
    vi.advanceTimersByTime(PAUSE_MS)
    expect(messages()).toEqual(['Called the dashboard “typed”', 'Undid: Called the dashboard “typed”'])
  })

  test('CL74 typing into what another removes is dropped with words, and nothing throws on a timer', () => {
    store.edit({ edit: 'renameWidget', id: 'cpu', title: 'typed' }, { typing: true })
    other(removes)
    vi.advanceTimersByTime(PAUSE_MS)
    expect(shown(store).widgets).toEqual({})
    expect(store.refused.getState()).toMatchObject([{ code: 'unknown_widget' }])
  })
})

describe('what is saved', () => {
  const hear = (message: object) => {
    ;(store as unknown as { hear(message: object): void }).hear({ documentId: store.id, ...message })
  }

  test('CL75 whoever waits until all is saved hears when it is, and of no edit before', async () => {
    let isSaved = false
    const saved = store.saved().then(() => (isSaved = true))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(isSaved).toBe(false)
    const { heads } = store.getState() as { heads: readonly string[] }
    store.edit(title('later'))
    hear({ type: 'dovetail-ack', heads, durableAt: 1, conflicts: 0 })
    await vi.advanceTimersByTimeAsync(1_000)
    await saved
    expect(store.saving.getState().pending).toBe(1)
  })

  test('CL75 whoever waits is told when the document is no longer shown, unless all was saved', async () => {
    const waiting = codeOf(() => store.saved())
    await vi.advanceTimersByTimeAsync(10)
    hear({ type: 'dovetail-permission', role: 'none' })
    expect(await waiting).toBe('document_gone')
    expect(await codeOf(() => store.edit(title('x')))).toBe('document_gone')
    const { heads } = store.getState() as { heads: readonly string[] }
    hear({ type: 'dovetail-ack', heads, durableAt: 1, conflicts: 0 })
    expect(await codeOf(() => store.saved())).toBeUndefined()
  })

  test('CL75 whoever waits is told when an edit could not be made', async () => {
    store.edit({ edit: 'renameWidget', id: 'cpu', title: 'typed' }, { typing: true })
    other(removes)
    expect(await codeOf(() => store.saved())).toBe('refused')
  })
})

describe('room', () => {
  test('CL75 when too much waits edits are refused, and what goes on is told', async () => {
    const { name } = new Device()
    const full = offline(new Device(), {
      storage: { kind: 'memory', name },
      limits: { pendingChangesMax: 10 },
    })
    const small = full.createDashboard()
    const rooms: string[] = []
    for (let n = 0; n < 8; n++) {
      rooms.push(small.saving.getState().room)
      small.edit(title(`${n}`))
    }
    expect(rooms).toEqual([...Array<string>(6).fill('enough'), 'near', 'near'])
    expect(small.saving.getState().room).toBe('full')
    expect(await codeOf(() => small.edit(title('x')))).toBe('pending_full')
    expect(await codeOf(() => small.edit(title('x'), { typing: true }))).toBe('pending_full')
    expect(await codeOf(() => small.gesture('x').show([title('x')]))).toBe('pending_full')
    vi.advanceTimersByTime(PAUSE_MS)
    expect(small.refused.getState()).toEqual([])
  })
})
