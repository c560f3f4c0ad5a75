// The conflicts of one document: how often they are looked for, and what a screen has to draw anew.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Automerge } from '../src/automerge'
import { DocumentConflicts, type Judge } from '../src/conflicts'
import type { Conflict } from '../src/types'

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
})

afterEach(() => {
  vi.useRealTimers()
})

const conflict = (id: string, message = 'They cover each other'): Conflict => ({
  id,
  rule: 'no-overlap',
  mode: 'surface',
  state: 'open',
  severity: 'warning',
  message,
  explanation: '',
  subjects: ['cpu', 'ram'],
  proposals: [{ name: 'push_down', label: 'Push down' }],
  causes: [],
  fingerprint: id,
})

/** The conflicts of a document in which the rules find what `find` says. */
function conflictsOf(find: () => readonly Conflict[]): DocumentConflicts {
  const never = () => {
    throw new Error('not asked here')
  }
  const doc = Automerge.init<Record<string, unknown>>()
  const conflicts = new DocumentConflicts(
    {
      id: '4NMNnkMhL8jXrdJ9jamS58PAVdXu' as never,
      now: () => Date.now(),
      isLive: () => true,
      isMine: () => false,
      doc: () => doc,
      heads: () => [],
      decide: never,
      me: () => undefined,
      saved: never,
    },
    never,
  )
  const judge: Judge = {
    judge: () => ({ conflicts: find(), undecided: [], beyond: [] }),
    settle: never,
    waive: never,
    unwaive: never,
    preview: never,
  }
  conflicts.setJudge(judge)
  return conflicts
}

test('CL200 a conflict that is as it was is the same object, and one that changed is another', () => {
  let second = 'Another one'
  const conflicts = conflictsOf(() => [conflict('a'), conflict('b', second)])
  vi.runAllTimers()
  const [a, b] = conflicts.getState().conflicts
  second = 'It reads differently now'
  conflicts.changed()
  vi.runAllTimers()
  const [sameA, otherB] = conflicts.getState().conflicts
  expect(sameA).toBe(a)
  expect(otherB).not.toBe(b)
  expect(otherB?.message).toBe(second)
})

test('CL201 what takes long to judge is judged a tenth of the time at most', () => {
  const tookMs = 80
  let times = 0
  const conflicts = conflictsOf(() => {
    times += 1
    vi.setSystemTime(Date.now() + tookMs)
    return []
  })
  // Somebody edits without a pause.
  for (let at = 0; at < 1_000; at++) {
    conflicts.changed()
    vi.advanceTimersByTime(10)
  }
  expect(times).toBeGreaterThanOrEqual(10)
  expect(times).toBeLessThanOrEqual(13)
})

test('CL201 an edit after a while is judged soon, however long it takes', () => {
  let times = 0
  const conflicts = conflictsOf(() => {
    times += 1
    vi.setSystemTime(Date.now() + 80)
    return []
  })
  vi.advanceTimersByTime(5_000)
  conflicts.changed()
  vi.advanceTimersByTime(150)
  expect(times).toBe(2)
})
