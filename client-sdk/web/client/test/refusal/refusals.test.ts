// What people see when the server does not take an edit: in this tab, in the others, after a reload, and when things go wrong
// on the way.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Automerge, Counter } from '../../src/automerge'
import { SYNC_ANEW_MS_MAX } from '../../src/refusal/refusals'
import { DocumentStorage } from '../../src/storage/documents'
import { messagesOf, NAME, storedDoc, type Tab, type TabKind } from '../world/tab'
import { stopClock, World } from '../world/world'

beforeEach(stopClock)
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

interface Board {
  count: Counter
  list: string[]
  forbidden?: unknown
}

const edit = (tab: Tab, label: string, change: (draft: Board) => void): void => tab.edit(label, change)
const good = (tab: Tab, label: string): void => edit(tab, label, (draft) => draft.list.push(label))
const bad = (tab: Tab, label: string): void => edit(tab, label, (draft) => (draft.forbidden = label))

/** A board on the server, open in tabs of these kinds. */
async function open(...kinds: TabKind[]): Promise<{ world: World; tabs: Tab[]; one: Tab; two: Tab }> {
  const world = new World(1)
  world.server.judge = ({ ops }) =>
    ops.some(({ key }) => key === 'forbidden') ? 'path_forbidden' : undefined
  world.begin({ count: new Counter(0), list: [] })
  const tabs = kinds.map((kind) => world.open(kind))
  await world.runUntilQuiet()
  return { world, tabs, one: tabs[0]!, two: tabs[1]! }
}

const onServer = ({ server, documentId }: World): string[] => messagesOf(server.doc(documentId))
const refused = (tab: Tab) => tab.refusals.refused(tab.documentId).getState()

describe('an edit that the server does not take', () => {
  test('CL35 is undone in all tabs, and what was made after it is everywhere once', async () => {
    const { world, one, two } = await open('usual', 'usual')
    two.place.setOnline(false)
    good(one, 'before')
    bad(one, 'bad')
    good(one, 'after')
    good(two, 'beside')
    await world.runUntilQuiet()
    two.place.setOnline(true)
    await world.runUntilQuiet()
    for (const labels of [one.messages, two.messages, onServer(world)]) {
      expect(labels.sort()).toEqual(['after', 'before', 'beside'])
    }
    expect(refused(one)).toMatchObject([{ code: 'path_forbidden', labels: ['bad'], remade: 1, lost: 0 }])
    expect(refused(two)).toEqual(refused(one))
  })

  test('CL35 is undone though other tabs took it for clean before', async () => {
    const { world, one, two } = await open('usual', 'usual')
    for (const tab of [one, two]) tab.place.setOnline(false)
    bad(one, 'bad 1')
    good(one, 'between')
    edit(one, 'bad 2', (draft) => (draft.forbidden = 2))
    await world.runUntilQuiet()
    for (const tab of [one, two]) tab.place.setOnline(true)
    await world.runUntilQuiet()
    for (const labels of [one.messages, two.messages, onServer(world)]) expect(labels).toEqual(['between'])
    expect(refused(two).flatMap(({ labels }) => labels)).toEqual(['bad 1', 'bad 2'])
  })

  test('CL35 is told of for itself; what wrote nothing that is refused is taken, and told of as made anew', async () => {
    const { world, one, two } = await open('usual', 'usual')
    for (const tab of [one, two]) tab.place.setOnline(false)
    const forbidden = (tab: Tab, label: string, value: number) =>
      edit(tab, label, (draft) => {
        draft.forbidden = value
        draft.list.push(label)
      })
    forbidden(one, 'bad', 3)
    await world.runUntilQuiet()
    // The value stands there already: Automerge writes it no second time, so all that is left of this edit is lawful.
    forbidden(two, 'same value', 3)
    forbidden(two, 'other value', 4)
    await world.runUntilQuiet()
    for (const tab of [one, two]) tab.place.setOnline(true)
    await world.runUntilQuiet()
    for (const labels of [one.messages, two.messages, onServer(world)]) expect(labels).toEqual(['same value'])
    for (const tab of [one, two]) {
      expect((tab.doc as Board).list).toEqual(['same value'])
      expect((tab.doc as Board).forbidden).toBeUndefined()
      expect(refused(tab).flatMap(({ labels }) => labels)).toEqual(['bad', 'other value'])
      // Both were made anew, and then answered for themselves.
      expect(refused(tab)).toMatchObject([
        { remade: 2, lost: 0 },
        { remade: 0, lost: 0 },
      ])
    }
  })

  test('CL35 costs no connection, and no other document anything', async () => {
    const { world, one } = await open('usual', 'usual')
    const before = world.server.connections
    for (const at of [1, 2, 3]) {
      bad(one, `bad ${at}`)
      good(one, `good ${at}`)
    }
    await world.runUntilQuiet()
    expect(onServer(world)).toEqual(['good 1', 'good 2', 'good 3'])
    expect(world.server.connections).toBe(before)
  })

  test('CL35 of many that are refused in the same words one is told', async () => {
    const { world, one } = await open('usual')
    one.place.setOnline(false)
    for (let at = 0; at < 30; at++) edit(one, `bad ${at}`, (draft) => (draft.forbidden = at))
    world.server.isReadOnly = true
    one.place.setOnline(true)
    await world.runUntilQuiet()
    expect(refused(one)).toHaveLength(1)
    expect(refused(one)[0]?.labels).toHaveLength(30)
    expect(one.messages).toEqual([])
  })

  test('CL36 stays away after a reload, when nobody is there to tell', async () => {
    const { world, one, two } = await open('usual', 'usual')
    bad(one, 'bad')
    good(one, 'after')
    await world.runUntilQuiet()
    world.crash(one)
    world.crash(two)
    const late = world.open()
    late.place.setOnline(false)
    const shown: string[][] = []
    late.onShown = (doc) => shown.push(messagesOf(doc))
    await world.runUntilQuiet()
    expect(shown).toEqual([['after']])
    expect(refused(late)).toMatchObject([{ labels: ['bad'] }])
    expect(messagesOf(await storedDoc(world.origin, world.documentId))).toEqual(['after'])
  })

  test('CL36 is taken out of an old chunk before the document is shown', async () => {
    const { world, one } = await open('usual')
    bad(one, 'bad')
    const before = Automerge.save(one.doc)
    await world.runUntilQuiet()
    // A tab that was asleep writes what it had, and is gone.
    const place = world.origin.place()
    const documents = place.inside(() => new DocumentStorage(place.environment, 'indexeddb', NAME))
    await documents.save([world.documentId, 'snapshot', 'old'], before)
    world.crash(one)
    expect(messagesOf(await storedDoc(world.origin, world.documentId))).toContain('bad')
    const late = world.open()
    late.place.setOnline(false)
    const shown: string[][] = []
    late.onShown = (doc) => shown.push(messagesOf(doc))
    await world.runUntilQuiet()
    expect(shown).toEqual([[]])
    expect(messagesOf(await storedDoc(world.origin, world.documentId))).toEqual([])
  })

  test('CL261 stays away also when somebody deleted the notes while a tab knew of it', async () => {
    const { world, one } = await open('usual')
    bad(one, 'bad')
    const before = Automerge.save(one.doc)
    await world.runUntilQuiet()
    world.origin.disk.deleteDatabase(`${NAME}-notes`)
    await world.run(500)
    const place = world.origin.place()
    const documents = place.inside(() => new DocumentStorage(place.environment, 'indexeddb', NAME))
    await documents.save([world.documentId, 'snapshot', 'old'], before)
    world.crash(one)
    const late = world.open()
    late.place.setOnline(false)
    const shown: string[][] = []
    late.onShown = (doc) => shown.push(messagesOf(doc))
    await world.runUntilQuiet()
    expect(shown).toEqual([[]])
    expect(refused(late)).toMatchObject([{ labels: ['bad'] }])
  })

  test('CL36 what another tab made on top of it, wrote down and did not live to tell is made anew', async () => {
    const { world, one, two } = await open('usual', 'usual')
    for (const tab of [one, two]) tab.place.setOnline(false)
    bad(one, 'bad')
    await world.runUntilQuiet()
    edit(two, 'late', (draft) => draft.count.increment(5))
    // It is on the disk, and in no other tab.
    await world.run(30)
    world.crash(two)
    one.place.setOnline(true)
    await world.runUntilQuiet()
    expect(one.messages).not.toContain('bad')
    world.crash(one)
    const late = world.open()
    await world.runUntilQuiet()
    expect(onServer(world)).toEqual(['late'])
    expect((late.doc as { count: Counter }).count.value).toBe(5)
  })

  test('CL37 comes back from a tab with an old app, and goes again, ever more rarely', async () => {
    const { world, one, two } = await open('usual', 'old')
    two.place.setOnline(false)
    bad(two, 'bad')
    await world.run(60_000)
    const before = world.origin.channels.posted
    const again = 10 * SYNC_ANEW_MS_MAX
    await world.run(again)
    expect(two.messages).toEqual(['bad'])
    expect(one.messages).toEqual([])
    // A handful of messages each time.
    expect(world.origin.channels.posted - before).toBeLessThan(10 * 12)
    expect(refused(one)).toHaveLength(1)
    good(two, 'lawful')
    good(one, 'mine')
    await world.run(2 * SYNC_ANEW_MS_MAX)
    expect(onServer(world).sort()).toEqual(['lawful', 'mine'])
  }, 120_000)

  test('CL38 was taken from another tab all the same: then it stays, for everybody', async () => {
    const { world, one, two } = await open('usual', 'usual')
    two.place.setOnline(false)
    bad(one, 'refused at first')
    const hash = Automerge.getHeads(one.doc)[0]
    const change = Automerge.getLastLocalChange(one.doc)!
    await world.run(150)
    expect(one.messages).toEqual([])
    // Another device of the same person has it as well, and its connection may do more.
    world.server.judge = () => undefined
    world.server.take(world.documentId, [change])
    world.server.tellAll(world.documentId)
    two.place.setOnline(true)
    await world.runUntilQuiet()
    for (const tab of [one, two]) expect(Automerge.hasHeads(tab.doc, [hash!])).toBe(true)
    good(one, 'after')
    await world.runUntilQuiet()
    expect(onServer(world)).toEqual(['refused at first', 'after'])
    expect(two.messages).toEqual(['refused at first', 'after'])
  })

  test('CL39 is read in one tab and gone in all, also after a reload', async () => {
    const { world, one, two } = await open('usual', 'usual')
    bad(one, 'bad 1')
    await world.runUntilQuiet()
    edit(one, 'bad 2', (draft) => (draft.forbidden = 2))
    await world.runUntilQuiet()
    const [first, second] = refused(two)
    let told = 0
    one.refusals.refused(one.documentId).subscribe(() => (told += 1))
    two.refusals.dismiss(two.documentId, first!.id)
    expect(refused(two)).toEqual([second])
    await world.runUntilQuiet()
    expect(refused(one)).toEqual([second])
    expect(told).toBe(1)
    world.crash(one)
    world.crash(two)
    const late = world.open()
    await world.runUntilQuiet()
    expect(refused(late)).toEqual([second])
  })

  test('CL47 in a browser that keeps nothing each tab makes its own edits anew, and nobody those of others', async () => {
    const { world, one, two } = await open('private', 'private')
    bad(one, 'bad')
    await world.run(60)
    edit(one, 'one', (draft) => draft.count.increment(1))
    edit(two, 'two', (draft) => draft.count.increment(2))
    await world.runUntilQuiet()
    expect(onServer(world).sort()).toEqual(['one', 'two'])
    for (const tab of [one, two]) {
      expect(tab.messages.sort()).toEqual(['one', 'two'])
      expect((tab.doc as { count: Counter }).count.value).toBe(3)
      expect(refused(tab)).toMatchObject([{ labels: ['bad'] }])
    }
  })

  test('CL47 in a browser that keeps nothing, what was made anew is made anew once more where it has to be', async () => {
    const { world, one } = await open('private')
    one.place.setOnline(false)
    bad(one, 'bad 1')
    good(one, 'good 1')
    edit(one, 'bad 2', (draft) => (draft.forbidden = 2))
    good(one, 'good 2')
    one.place.setOnline(true)
    await world.runUntilQuiet()
    expect(one.messages).toEqual(['good 1', 'good 2'])
    expect(onServer(world)).toEqual(['good 1', 'good 2'])
  })

  test('CL47 a tab that hangs with the lock keeps nobody for longer than ten seconds', async () => {
    const { world, one, two } = await open('usual', 'usual')
    const hung = world.origin.place().environment
    void hung.withLock(`${NAME}:refused:${world.documentId}`, {}, () => new Promise(() => undefined))
    bad(one, 'bad')
    good(one, 'after')
    await world.run(5_000)
    expect(one.messages).toContain('bad')
    await world.run(10_000)
    expect(one.messages).toEqual(['after'])
    expect(two.messages).toEqual(['after'])
    expect(onServer(world)).toEqual(['after'])
  })

  test('CL48 edits that are made while it is being undone are not lost', async () => {
    const { world, one } = await open('usual')
    bad(one, 'bad')
    for (let at = 0; at < 40; at++) {
      edit(one, `count ${at}`, (draft) => draft.count.increment(1))
      await world.run(10)
    }
    await world.runUntilQuiet()
    expect((one.doc as { count: Counter }).count.value).toBe(40)
    expect(new Set(onServer(world)).size).toBe(40)
    expect(onServer(world)).toHaveLength(40)
  })

  test('CL48 whoever may only read has all of it undone, and follows what others do', async () => {
    const { world, one, two } = await open('usual', 'usual')
    world.server.isReadOnly = true
    good(one, 'one')
    good(two, 'two')
    world.server.edit(world.documentId, 'elsewhere', (draft: Board) => draft.list.push('!'))
    await world.runUntilQuiet()
    for (const tab of [one, two]) {
      expect(tab.messages).toEqual(['elsewhere'])
      expect(
        refused(tab)
          .flatMap(({ labels }) => labels)
          .sort(),
      ).toEqual(['one', 'two'])
    }
  })

  test('CL49 leaves no listeners behind at the document, however often it happens', async () => {
    const { world, one } = await open('usual')
    const count = () => one.handle.listenerCount('change')
    bad(one, 'bad 0')
    await world.runUntilQuiet()
    const before = count()
    for (let at = 1; at <= 5; at++) {
      edit(one, `bad ${at}`, (draft) => (draft.forbidden = at))
      await world.runUntilQuiet()
    }
    expect(count()).toBe(before)
  })

  test('CL49 is forgotten with the document', async () => {
    const { world, one } = await open('usual')
    bad(one, 'bad')
    await world.runUntilQuiet()
    await one.refusals.forget(one.documentId)
    expect(refused(one)).toEqual([])
    world.crash(one)
    const late = world.open()
    await world.runUntilQuiet()
    expect(refused(late)).toEqual([])
  })
})
