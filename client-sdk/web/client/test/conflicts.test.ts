// Deciding about a conflict: here where it is known, and else on the server.

import { expect, test, vi } from 'vitest'
import { Automerge, type Doc } from '../src/automerge'
import { DocumentConflicts, type Judge } from '../src/conflicts'
import type { Draft } from '../src/document/assign'
import { DovetailError } from '../src/errors'
import type { DocumentId } from '../src/ids'
import { codeOf } from './live/tabs'

const NOTHING = { conflicts: [], undecided: [], beyond: [] }

function notFound(): never {
  throw new DovetailError('conflict_not_found', 'There is no such conflict.')
}

/** Conflicts of a document, and all that happens to it. */
function given(decide: (doc: Doc<Draft>) => Doc<Draft>) {
  let doc = Automerge.from<Draft>({ n: 0 })
  const judge = {
    judge: vi.fn(() => NOTHING),
    settle: vi.fn(decide),
    waive: vi.fn(decide),
    unwaive: vi.fn(decide),
    preview: vi.fn(() => []),
  } satisfies Judge
  const ask = vi.fn(() => Promise.resolve({ body: {}, etag: undefined, status: 200 }))
  const judged = {
    id: 'doc' as DocumentId,
    now: () => 0,
    isLive: () => true,
    doc: () => doc,
    heads: () => Automerge.getHeads(doc),
    decide: (become: (doc: Doc<Draft>) => Doc<Draft>) => void (doc = become(doc)),
    me: () => 'ana',
    saved: () => Promise.resolve(),
  }
  const conflicts = new DocumentConflicts(judged, ask)
  conflicts.setJudge(judge)
  conflicts.stop()
  return { conflicts, judge, ask, read: () => doc }
}

const decisions = [
  ['settle', (conflicts: DocumentConflicts) => conflicts.settle('c', 'push_down')],
  ['waive', (conflicts: DocumentConflicts) => conflicts.waive('c', { reason: 'so' })],
  ['unwaive', (conflicts: DocumentConflicts) => conflicts.unwaive('c')],
] as const

test.each(decisions)(
  'CL191 what is decided here is looked for once, and judged once after it: %s',
  async (_, decide) => {
    const { conflicts, judge, ask, read } = given((doc) => Automerge.change(doc, (draft) => (draft['n'] = 1)))
    await decide(conflicts)
    expect(read()).toEqual({ n: 1 })
    expect(judge.judge).toHaveBeenCalledTimes(1)
    expect(judge.judge).toHaveBeenCalledWith(read())
    expect(ask).not.toHaveBeenCalled()
  },
)

test.each(decisions)('CL191 what is no conflict here is decided on the server: %s', async (name, decide) => {
  const { conflicts, judge, ask, read } = given(notFound)
  await decide(conflicts)
  expect(read()).toEqual({ n: 0 })
  expect(judge.judge).not.toHaveBeenCalled()
  expect(ask).toHaveBeenCalledExactlyOnceWith(`/api/docs/doc/conflicts/c/${name}`, expect.anything())
})

test('CL191 what is wrong with a decision is said, and the server is not asked', async () => {
  const { conflicts, ask } = given(() => {
    throw new DovetailError('proposal_not_offered', 'It is not offered.')
  })
  expect(await codeOf(() => conflicts.settle('c', 'clamp'))).toBe('proposal_not_offered')
  expect(ask).not.toHaveBeenCalled()
})
