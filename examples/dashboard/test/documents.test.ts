import { expect, test } from 'vitest'
import {
  DovetailError,
  type DocumentId,
  type DocumentSaving,
  type KeptDocument,
  type ListedDocument,
} from '@dovetail/client'
import { createDocuments, found, joined, pendingOf, readsOn } from '../src/list/documents'

const id = (text: string) => text as DocumentId

function listed(name: string, more: Partial<ListedDocument> = {}): ListedDocument {
  return {
    id: id(name),
    kind: 'dashboard',
    title: name,
    heads: [],
    changes: 1,
    bytes: 1,
    created: 1,
    changed: 2,
    state: 'ready',
    deleted: null,
    ...more,
  }
}

function kept(name: string, more: Partial<KeptDocument> = {}): KeptDocument {
  return { id: id(name), kind: 'dashboard', title: name, openedAtMs: 5, pending: 0, shows: [], ...more }
}

type Answer = { readonly documents: readonly ListedDocument[]; readonly next: string | undefined }

function world(answer: (after: string | undefined) => Answer, here: readonly KeptDocument[] = []) {
  const asked: (string | undefined)[] = []
  const documents = createDocuments({
    api: {
      list: (options?: { readonly after?: string | undefined }) => {
        asked.push(options?.after)
        return Promise.resolve().then(() => answer(options?.after))
      },
    } as Parameters<typeof createDocuments>[0]['api'],
    kept: () => Promise.resolve(here),
  })
  return { documents, asked, names: () => documents.getState().documents.map((each) => each.id) }
}

test('pages are read until there are no more', async () => {
  const pages: Record<string, Answer> = {
    '': { documents: [listed('a')], next: 'a' },
    a: { documents: [listed('b')], next: undefined },
  }
  const { documents, asked, names } = world(
    (after) => pages[after ?? ''] ?? { documents: [], next: undefined },
  )
  await documents.refresh()
  expect(names()).toEqual(['a', 'b'])
  expect(asked).toEqual([undefined, 'a'])
  expect(documents.getState()).toMatchObject({ status: 'server', more: false, reading: false })
})

test('endless pages are read on demand', async () => {
  let page = 0
  const { documents } = world(() => ({ documents: [listed(`d${page++}`)], next: `d${page}` }))
  await documents.refresh()
  expect(documents.getState()).toMatchObject({ more: true, reading: false })
  const before = documents.getState().documents.length
  await documents.readMore()
  expect(documents.getState().documents.length).toBe(before + 1)
})

test('without a server the list is what is kept here, and says why', async () => {
  const { documents, names } = world(() => {
    throw new DovetailError('unreachable', 'The server cannot be reached.')
  }, [kept('mine')])
  await documents.refresh()
  expect(names()).toEqual(['mine'])
  expect(documents.getState()).toMatchObject({ status: 'device', reason: 'The server cannot be reached.' })
})

test('a list that was read stays when the server goes away', async () => {
  let there = true
  const { documents, names } = world(() => {
    if (!there) throw new DovetailError('unreachable', 'The server cannot be reached.')
    return { documents: [listed('a')], next: undefined }
  })
  await documents.refresh()
  there = false
  await documents.refresh()
  expect(names()).toEqual(['a'])
  expect(documents.getState()).toMatchObject({ status: 'server', reason: 'The server cannot be reached.' })
})

test('what is deleted is out at once, and back at once', async () => {
  const { documents, names } = world(() => ({ documents: [listed('a'), listed('b')], next: undefined }))
  await documents.refresh()
  documents.hide('a', true)
  expect(names()).toEqual(['b'])
  documents.hide('a', false)
  expect(names()).toEqual(['a', 'b'])
})

test('both lists are one: what waits here is newer, what is deleted there is gone', () => {
  const both = joined(
    [listed('a'), listed('b'), listed('c', { deleted: 9 })],
    [kept('a', { title: 'new name', pending: 2 }), kept('c'), kept('d')],
  )
  expect(both.map(({ id: each, title, kept: here }) => [each, title, here])).toEqual([
    ['a', 'new name', true],
    ['b', 'b', false],
    ['d', 'd', true],
  ])
})

test('a search takes all words in any order, and puts the last changed first', () => {
  const documents = joined(
    [
      listed('1', { title: 'Web servers', changed: 1 }),
      listed('2', { title: 'Servers of the web shop', changed: 3 }),
      listed('3', { title: 'Database' }),
    ],
    [],
  )
  expect(found(documents, 'web SERVERS').map((each) => each.id)).toEqual(['2', '1'])
  expect(found(documents, '3').map((each) => each.id)).toEqual(['3'])
  expect(found(documents, ' ')).toHaveLength(3)
})

test('CL248 a search does not read on while the server fails, and does once it answers again', async () => {
  let isFailing = false
  let page = 0
  const { documents, asked } = world(() => {
    if (isFailing) throw new DovetailError('unreachable', 'The server cannot be reached.')
    return { documents: [listed(`d${page++}`)], next: `d${page}` }
  })
  await documents.refresh()
  expect(readsOn(documents.getState())).toBe(true)
  isFailing = true
  await documents.readMore()
  expect(documents.getState()).toMatchObject({ more: true, reading: false })
  expect(readsOn(documents.getState())).toBe(false)
  const before = asked.length
  isFailing = false
  await documents.readMore()
  expect(asked).toHaveLength(before + 1)
  expect(readsOn(documents.getState())).toBe(true)
})

test('CL323 what waits of a dashboard is counted with what its widgets show, each document once', () => {
  const [board] = joined([listed('a')], [kept('a', { shows: [id('t'), id('n'), id('a')] })])
  const waiting = (name: string, pending: number): DocumentSaving => ({
    id: id(name),
    status: 'kept',
    pending,
    changes: [],
    bytes: 0,
    savedAtMs: undefined,
    room: 'enough',
  })
  const documents = [waiting('a', 2), waiting('t', 3), waiting('n', 1), waiting('other', 9)]
  expect(pendingOf({ status: 'kept', pending: 15, documents }, board!)).toBe(6)
  expect(joined([listed('b')], [])[0]?.shows).toEqual([])
})
