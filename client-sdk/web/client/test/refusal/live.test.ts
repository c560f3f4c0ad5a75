// The real server refuses what is out of place, and two tabs of a device hear of it.

import { createHmac } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import type { DocumentStore } from '../../src/types'
import { until } from '../../src/watch'
import { Device } from '../live/tab'
import { server, tab } from '../live/tabs'

const SECRET = 'a secret for tests that nobody else has'
const ASKING = {
  DOVETAIL_JWT_SECRET: SECRET,
  DOVETAIL_JWT_AUDIENCE: 'dovetail',
  DOVETAIL_JWT_ISSUER: 'tests',
}

/** As an identity provider would make it, good for an hour. */
function tokenOf(subject: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 3600
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: subject, aud: 'dovetail', iss: 'tests', exp })}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}

interface Board {
  mine: Record<string, number>
  others: Record<string, number>
}

function board(store: DocumentStore<Board>): Board | undefined {
  const state = store.getState()
  return state.status === 'ready' ? state.value : undefined
}

/** A board of Ana's, in which Bo may write in one place. */
async function shared() {
  const { url } = await server(ASKING)
  const as = (name: string) => ({ token: () => tokenOf(name) })
  const owner = tab(new Device(), url, as('ana'))
  const made = owner.create<Board>({ mine: {}, others: {} })
  await made.saved()
  const grants = [{ user: 'bo', role: 'write', paths: ['/mine'] }]
  const answer = await fetch(`${url}/api/docs/${made.id}/access`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${tokenOf('ana')}`, 'content-type': 'application/json' },
    body: JSON.stringify({ owner: 'ana', grants }),
  })
  expect(answer.status, await answer.text()).toBeLessThan(300)
  return { url, made, as }
}

describe('with the real server', () => {
  test('CL35 what is out of place is undone in both tabs, and the rest is saved', async () => {
    const { url, made, as } = await shared()
    const device = new Device()
    const [one, two] = [1, 2].map(() => tab(device, url, as('bo')).open<Board>(made.id))
    if (!one || !two) throw new Error('no tabs')
    for (const store of [one, two]) await until(store, ({ status }) => status === 'ready')
    one.change('before', (draft) => (draft.mine['a'] = 1))
    one.change('out of place', (draft) => (draft.others['b'] = 2))
    one.change('after', (draft) => (draft.mine['c'] = 3))
    for (const store of [one, two]) await until(store.refused, (edits) => edits.length > 0)
    two.change('later', (draft) => (draft.mine['d'] = 4))
    const isThere = (store: DocumentStore<Board>) => {
      const { mine = {}, others = {} } = board(store) ?? {}
      return Object.keys(mine).sort().join() === 'a,c,d' && Object.keys(others).length === 0
    }
    for (const store of [one, two, made]) await until(store, () => isThere(store))
    for (const store of [one, two]) await until(store.saving, ({ status }) => status === 'saved')
    expect(one.refused.getState()).toMatchObject([
      { code: 'path_forbidden', labels: ['out of place'], lost: 0 },
    ])
    expect(two.refused.getState()).toEqual(one.refused.getState())
  })

  test('CL265 what is refused after its document was released is undone, and the rest is sent, before it leaves memory', async () => {
    const { url, made, as } = await shared()
    const dovetail = tab(new Device(), url, as('bo'))
    const store = dovetail.open<Board>(made.id)
    await until(store, ({ status }) => status === 'ready')
    const { handles } = (store as unknown as { surroundings: { repo: { handles: object } } }).surroundings
      .repo
    store.change('out of place', (draft) => (draft.others['b'] = 2))
    store.change('after', (draft) => (draft.mine['c'] = 3))
    store.release()
    await vi.waitFor(() => expect(Object.keys(handles)).toEqual([]), { timeout: 20_000 })
    await until(made, () => board(made)?.mine['c'] === 3)
    expect(await dovetail.kept()).toMatchObject([{ pending: 0 }])
    const again = dovetail.open<Board>(made.id)
    await until(again, ({ status }) => status === 'ready')
    expect(board(again)).toEqual({ mine: { c: 3 }, others: {} })
    expect(again.refused.getState()).toMatchObject([{ labels: ['out of place'], lost: 0 }])
    await until(again.saving, ({ status }) => status === 'saved')
  })
})
