// What tabs tell each other is heard by the others, and whatever else comes over the channel harms nobody.

import { generateAutomergeUrl, parseAutomergeUrl } from '../../src/automerge'
import { createTabs, readTabMessage, type TabMessage } from '../../src/tabs/tabs'
import { describe, expect, test } from 'vitest'
import { Channels } from '../world/channels'

const { documentId } = parseAutomergeUrl(generateAutomergeUrl())
const hash = 'ab'.repeat(32)

const said: readonly TabMessage[] = [
  { type: 'refused', documentId, ledger: { v: 1 } },
  { type: 'dismissed', documentId, id: 'one' },
  { type: 'acked', documentId, heads: [hash], atMs: 5 },
  { type: 'waits', documentId, pending: 3 },
  { type: 'permission', documentId, role: 'write', paths: undefined, whose: { user: 'ana', link: null } },
  {
    type: 'permission',
    documentId,
    role: 'write',
    paths: ['/widgets/*', { path: '/log', may: 'append' }],
    whose: { user: null, link: 'digest' },
  },
  {
    type: 'conflicts',
    documentId,
    heads: [hash],
    rules: { kind: 'dashboard', version: 3 },
    conflicts: [{ id: 'c1' }],
    undecided: [{ rule: 'r', reason: 'slow' }],
    beyond: [{ rule: 'r', conflicts: 12 }],
  },
]

describe('the channel between tabs', () => {
  test.each(said)('CL30 a tab hears what another one says: $type', async (message) => {
    const channels = new Channels()
    const [one, other] = [createTabs(channels.environment(), 'a'), createTabs(channels.environment(), 'a')]
    const heard: TabMessage[] = []
    other.on(message.type, (it) => heard.push(it))
    one.on(message.type, () => expect.unreachable('nobody hears themselves'))
    one.send(message)
    expect(heard).toEqual([])
    await channels.delivered()
    expect(heard).toEqual([message])
  })

  test('CL30 tabs with another name, closed ones and those who stopped listening hear nothing', async () => {
    const channels = new Channels()
    const [one, elsewhere, closed, quiet] = ['a', 'b', 'a', 'a'].map((name) =>
      createTabs(channels.environment(), name),
    )
    const heard: string[] = []
    elsewhere!.on('dismissed', () => heard.push('elsewhere'))
    closed!.on('dismissed', () => heard.push('closed'))
    const end = quiet!.on('dismissed', () => heard.push('quiet'))
    quiet!.on('dismissed', () => heard.push('still there'))
    end()
    one!.send({ type: 'dismissed', documentId, id: 'x' })
    closed!.close()
    await channels.delivered()
    expect(heard).toEqual(['still there'])
    closed!.send({ type: 'dismissed', documentId, id: 'y' })
    await channels.delivered()
    expect(heard).toEqual(['still there'])
  })

  test('CL30 without a channel nothing is told and nothing fails', () => {
    const tabs = createTabs({ channel: () => undefined }, 'a')
    tabs.on('dismissed', () => expect.unreachable())
    tabs.send({ type: 'dismissed', documentId, id: 'x' })
    tabs.close()
  })

  test.each([
    ['no object', 5],
    ['nothing', null],
    ['no document', { type: 'dismissed', id: 'x' }],
    ['what is no document id', { type: 'dismissed', documentId: 'no', id: 'x' }],
    ['a type of another version', { type: 'merged', documentId }],
    ['a type that every object has', { type: 'constructor', documentId }],
    ['a type that is no text', { type: ['dismissed'], documentId, id: 'x' }],
    ['an id that is no text', { type: 'dismissed', documentId, id: 5 }],
    ['an id without end', { type: 'dismissed', documentId, id: 'x'.repeat(5000) }],
    ['heads that are none', { type: 'acked', documentId, heads: ['zz'], atMs: 5 }],
    ['no count', { type: 'waits', documentId, pending: -1 }],
    ['no time', { type: 'acked', documentId, heads: [hash], atMs: NaN }],
    ['an unknown role', { type: 'permission', documentId, role: 'owner', whose: { user: 'a', link: null } }],
    ['nobody’s right', { type: 'permission', documentId, role: 'read' }],
    ['a right of an odd person', { type: 'permission', documentId, role: 'read', whose: { user: 5 } }],
    [
      'an unknown place',
      {
        type: 'permission',
        documentId,
        role: 'write',
        paths: [{ path: '/a', may: 'read' }],
        whose: { user: 'a', link: null },
      },
    ],
    ['no conflicts', { type: 'conflicts', documentId, heads: [], rules: { kind: 'a', version: 1 } }],
  ])('CL31 what is not understood is stepped over: %s', (_, data) => {
    expect(readTabMessage(data)).toBeUndefined()
  })

  test('CL31 members that are not known are left out', () => {
    expect(readTabMessage({ type: 'dismissed', documentId, id: 'x', since: 3 })).toEqual({
      type: 'dismissed',
      documentId,
      id: 'x',
    })
  })
})
