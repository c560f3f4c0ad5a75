// What was made for a dashboard is let follow it, as soon as the server has both.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DovetailError } from '../src/errors'
import { Following, type FollowingWorld } from '../src/following'
import type { DocumentId } from '../src/ids'
import type { Noted } from '../src/outbox/device'
import type { Access } from '../src/types'

const TABLE = 'table' as DocumentId
const BOARD = 'board' as DocumentId

const SAVED = { saved: { heads: [], atMs: 1 } }

/** A device, and a server that answers one after the other with these. */
function world(...answers: (Partial<Access> | DovetailError)[]) {
  const noted = new Map<DocumentId, Partial<Noted>>(
    ['table', 'board', 'note'].map((id) => [id as DocumentId, SAVED]),
  )
  const written: unknown[] = []
  const server = { isLive: true, isKnown: true }
  const entry = ([id, each]: [DocumentId, Partial<Noted>]) => [id, each as Noted] as const
  const parts: FollowingWorld = {
    device: {
      all: () => Promise.resolve([...noted].map(entry)),
      note: (id, each) => void noted.set(id, { ...noted.get(id), ...each }),
    },
    api: {
      access: () => {
        const answer = answers.shift() ?? new DovetailError('document_not_found', 'no')
        if (answer instanceof DovetailError) return Promise.reject(answer)
        return Promise.resolve({
          role: 'admin',
          owner: 'ana',
          grants: [],
          follows: null,
          etag: '"1"',
          ...answer,
        })
      },
      setAccess: (id, access, etag) => {
        written.push([id, access, etag])
        return Promise.resolve({
          access: { role: 'admin', owner: null, grants: [], follows: null, etag: undefined },
          links: {},
        })
      },
    },
    isLive: () => server.isLive,
    isKnown: () => server.isKnown,
    environment: { random: () => 0.5 },
  }
  return { parts, written, noted, server, left: () => answers.length }
}

const missing = new DovetailError('document_not_found', 'There is no such document.', { status: 404 })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('CL210 what is made follows what it was made for, on top of what is written down for it', async () => {
  const grants = [{ user: 'bo', role: 'read' }] as const
  const { parts, written, noted } = world({ owner: 'cleo', grants, etag: '"5"' })
  const following = new Following(parts)
  following.made(TABLE, BOARD)
  await vi.advanceTimersByTimeAsync(0)
  expect(written).toEqual([[TABLE, { owner: 'cleo', grants, follows: BOARD }, '"5"']])
  expect(noted.get(TABLE)?.follows).toBeUndefined()
  await vi.advanceTimersByTimeAsync(600_000)
  expect(written).toHaveLength(1)
})

test('CL210 the server is asked again until it has both, also by a later visit', async () => {
  const { parts, written, server } = world(missing, missing, {})
  server.isLive = false
  const before = new Following(parts)
  before.made(TABLE, BOARD)
  await vi.advanceTimersByTimeAsync(600_000)
  expect(written).toEqual([])
  before.close()
  server.isLive = true
  const later = new Following(parts)
  later.look()
  await vi.advanceTimersByTimeAsync(0)
  expect(written).toEqual([])
  await vi.advanceTimersByTimeAsync(600_000)
  expect(written).toHaveLength(1)
})

test('CL210 what is somebody else’s, decided already, or refused for good is left alone', async () => {
  const refused = new DovetailError('forbidden', 'no', { status: 403 })
  for (const answer of [{ grants: null }, { follows: 'another' as DocumentId }, refused]) {
    const { parts, written, noted, left } = world(answer, {})
    const following = new Following(parts)
    following.made(TABLE, BOARD)
    await vi.advanceTimersByTimeAsync(600_000)
    expect([written, noted.get(TABLE)?.follows, left()]).toEqual([[], undefined, 1])
  }
})

test('CL293 who did not say yet who they are waits, and nothing is given up', async () => {
  const { parts, written, noted, server } = world({ grants: null }, {})
  server.isKnown = false
  const following = new Following(parts)
  following.made(TABLE, BOARD)
  await vi.advanceTimersByTimeAsync(0)
  expect([written, noted.get(TABLE)?.follows]).toEqual([[], BOARD])
  server.isKnown = true
  following.look()
  await vi.advanceTimersByTimeAsync(0)
  expect([written.length, noted.get(TABLE)?.follows]).toEqual([1, undefined])
})

test.each([
  [TABLE, BOARD],
  [BOARD, TABLE],
])('CL309 the server is not asked before it has both: %s comes last', async (last, first) => {
  const { parts, written, noted, left } = world({})
  noted.set(TABLE, { saved: undefined })
  noted.set(BOARD, { saved: undefined })
  const following = new Following(parts)
  following.made(TABLE, BOARD)
  for (const id of [first, last]) {
    await vi.advanceTimersByTimeAsync(600_000)
    expect([written, left()]).toEqual([[], 1])
    noted.set(id, { ...noted.get(id), ...SAVED })
    following.saved(id)
  }
  await vi.advanceTimersByTimeAsync(0)
  expect([written.length, left()]).toEqual([1, 0])
  following.close()
})

test('CL309 what the server has while it is looked is not missed', async () => {
  const { parts, written, noted } = world({})
  noted.set(TABLE, { saved: undefined })
  const following = new Following(parts)
  following.made(TABLE, BOARD)
  // It has read the notes, and did not look at them yet.
  parts.device.note(TABLE, SAVED)
  following.saved(TABLE)
  await vi.advanceTimersByTimeAsync(0)
  expect(written).toHaveLength(1)
  following.close()
})

test('CL309 of a dashboard that this device knows nothing of the server is asked', async () => {
  const { parts, written, noted } = world({})
  noted.delete(BOARD)
  const following = new Following(parts)
  following.made(TABLE, BOARD)
  await vi.advanceTimersByTimeAsync(0)
  expect(written).toHaveLength(1)
  following.close()
})

test('CL210 what is made while the server is asked is not forgotten', async () => {
  const { parts, written } = world({}, {}, {})
  const following = new Following(parts)
  following.made(TABLE, BOARD)
  following.made('note' as DocumentId, BOARD)
  await vi.advanceTimersByTimeAsync(0)
  expect(written).toHaveLength(2)
  following.close()
})
