// Deciding about a conflict: here where it is known, and else on the server.

import { expect, test, vi } from 'vitest'
import { Automerge, type Doc } from '../src/automerge'
import { DocumentConflicts, type Judge } from '../src/conflicts'
import type { Draft } from '../src/document/assign'
import { DovetailError } from '../src/errors'
import type { DocumentId } from '../src/ids'
import { codeOf, offline } from './live/tabs'

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
    isMine: (actor: string) => actor === 'mine',
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
    expect(judge.judge).toHaveBeenCalledWith(read(), expect.any(Function))
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

const HASH = 'ab'.repeat(32)

test('CL195 causes that this device made, or whom the server takes us for, are marked as ours', () => {
  const { conflicts, judge, read } = given((doc) => doc)
  const cause = (actor: string, author?: string) => ({
    change: HASH,
    actor,
    author,
    time: 0,
    touched: [],
    apart_from: [],
  })
  const causes = [cause('mine'), cause('theirs', 'ana'), cause('theirs', 'bo'), cause('theirs')]
  const conflict = {
    ...{ id: 'c', rule: 'r', state: 'open', severity: 'warning', mode: 'surface', message: 'm' },
    ...{ subjects: [], proposals: [], fingerprint: 'f', causes },
  }
  const mine = () => conflicts.getState().conflicts[0]?.causes.map((each) => each.mine)
  const heads = Automerge.getHeads(read())
  const told = { heads, rules: { kind: 'k', version: 1 }, conflicts: [conflict], undecided: [], beyond: [] }
  conflicts.hear({ type: 'dovetail-conflicts', documentId: 'doc' as DocumentId, ...told })
  expect(mine()).toEqual([true, true, false, false])
  judge.judge.mockReturnValue({ ...NOTHING, conflicts: [conflict] as never })
  void conflicts.settle('c', 'push_down')
  expect(mine()).toEqual([true, true, false, false])
})

test('CL195 what is judged here says so in its words, too, and what others did does not', () => {
  const dovetail = offline()
  const store = dovetail.createDashboard({
    widgets: { cpu: { kind: 'stat', title: 'CPU' }, ram: { kind: 'stat', title: 'RAM' } },
  })
  store.edit({ edit: 'setLayout', id: 'ram', layout: { x: 0, y: 0, w: 6, h: 6 } })
  return vi.waitFor(() => {
    const [conflict] = store.conflicts.getState().conflicts
    expect(store.conflicts.getState().judged).toBe('here')
    expect(conflict?.causes.every(({ mine }) => mine === true)).toBe(true)
    expect(conflict?.explanation).toContain(' by you')
  })
})
