// What was left waiting on this device is sent by whoever has a connection.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { DocumentId } from '../../src/ids'
import { Leftovers, OTHERS_MS_MAX } from '../../src/outbox/leftovers'

const [A, B] = ['a', 'b'] as [DocumentId, DocumentId]

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

/** A tab with a connection, and the documents that it sent. */
function given(
  noted: Readonly<Record<string, number>> = {},
  { isLive = true, open = [] as DocumentId[] } = {},
) {
  const sent: DocumentId[] = []
  const leftovers = new Leftovers({
    device: {
      all: () =>
        Promise.resolve(Object.entries(noted).map(([id, pending]) => [id as DocumentId, { pending }])),
    },
    isOpen: (id) => open.includes(id),
    isLive: () => isLive,
    open: (id) => ({ saved: () => Promise.resolve(void sent.push(id)), release: () => undefined }),
  })
  return { leftovers, sent }
}

test('CL215 what is noted as waiting is sent when there is a connection, but for what is open here', async () => {
  const { leftovers, sent } = given({ a: 1, b: 2, c: 0 }, { open: [B] })
  leftovers.send()
  await vi.runAllTimersAsync()
  expect(sent).toEqual([A])
})

test('CL318 what another tab left that was closed is sent by this one after a while, also when nobody noted it', async () => {
  const { leftovers, sent } = given()
  leftovers.heard(A, 1)
  await vi.advanceTimersByTimeAsync(OTHERS_MS_MAX - 1)
  expect(sent).toEqual([])
  await vi.advanceTimersByTimeAsync(1)
  expect(sent).toEqual([A])
})

test('CL318 not when the other tab has sent it itself, nor without a connection, nor when this one is closed', async () => {
  const [saved, offline, closed] = [given(), given({}, { isLive: false }), given()]
  for (const { leftovers } of [saved, offline, closed]) leftovers.heard(A, 1)
  saved.leftovers.heard(A, 0)
  closed.leftovers.close()
  expect(vi.getTimerCount()).toBe(2)
  await vi.runAllTimersAsync()
  expect([saved, offline, closed].map(({ sent }) => sent)).toEqual([[], [], []])
  // With the next connection.
  offline.leftovers.send()
  await vi.runAllTimersAsync()
  expect(offline.sent).toEqual([A])
})
