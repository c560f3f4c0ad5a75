// Somebody deletes what the device keeps, while tabs have it open: what they know is there after a reload.

import { expect, test, vi } from 'vitest'
import { until } from '../src/watch'
import { offline, shown, shows } from './live/tabs'
import { Device } from './live/tab'

const rename = (title: string) => ({ edit: 'setTitle', title }) as const
const isKept = ({ status }: { readonly status: string }) => status === 'kept'

test.each([
  ['everything', []],
  ['the documents', ['documents']],
  ['the notes', ['notes']],
] as const)(
  'CL260 what was edited before and after somebody deleted %s is there after a reload',
  async (_, what) => {
    const device = new Device()
    const one = device.offline()
    const made = one.createDashboard({ title: 'a', widgets: { cpu: { kind: 'stat', title: 'CPU' } } })
    const follower = one.createWidgetData('text', { follows: made.id })
    made.edit(rename('b'))
    await until(one.storage, isKept)
    await vi.waitFor(async () =>
      expect((await one.kept()).map(({ pending }) => pending > 0)).toEqual([true, true]),
    )
    await device.empty(...what)
    made.edit(rename('c'))
    await vi.waitFor(async () => {
      expect(one.storage.getState().status).toBe('kept')
      const kept = await offline(device).kept()
      expect(kept.map(({ pending }) => pending > 0)).toEqual([true, true])
    })
    await one.close()
    const next = offline(device)
    const store = next.openDashboard(made.id)
    await shows(store, ({ title }) => title === 'c')
    expect(shown(store).widgets['cpu']?.title).toBe('CPU')
    expect(store.saving.getState()).toMatchObject({ status: 'kept', pending: 4 })
    expect((await store.history.page()).groups.map(({ mine }) => mine)).toEqual([true])
    expect((await next.openWidgetData(follower.id).settled()).status).toBe('ready')
  },
)

test('CL260 nothing has to be edited for it, and no tab says that all is kept before it is', async () => {
  const device = new Device()
  const one = device.offline()
  const made = one.createDashboard({ title: 'a' })
  await until(one.storage, isKept)
  const told: string[] = []
  one.storage.subscribe(() => told.push(one.storage.getState().status))
  await device.empty()
  await vi.waitFor(() => expect(told.slice(0, 2)).toEqual(['opening', 'kept']))
  await shows(offline(device).openDashboard(made.id), ({ title }) => title === 'a')
  await one.close()
})

test('CL260 of several tabs each writes what it has', async () => {
  const device = new Device()
  const [one, other] = [device.offline(), device.offline()]
  const mine = one.createDashboard({ title: 'one' })
  const theirs = other.createDashboard({ title: 'other' })
  const both = one.openDashboard(theirs.id)
  await shows(both, ({ title }) => title === 'other')
  await Promise.all([until(one.storage, isKept), until(other.storage, isKept)])
  await device.empty()
  both.edit(rename('both'))
  await shows(theirs, ({ title }) => title === 'both')
  await vi.waitFor(async () => expect(await offline(device).kept()).toHaveLength(2))
  await Promise.all([one.close(), other.close()])
  const next = offline(device)
  await shows(next.openDashboard(mine.id), ({ title }) => title === 'one')
  await shows(next.openDashboard(theirs.id), ({ title }) => title === 'both')
})

test('CL260 what is open comes back also when it is deleted while it is written again', async () => {
  const device = new Device()
  const one = device.offline()
  const made = Array.from({ length: 20 }, (_, n) => one.createDashboard({ title: `${n}` }))
  await until(one.storage, isKept)
  for (let n = 0; n < 5; n++) {
    await device.empty('documents')
    made[n]?.edit(rename(`${n} again`))
    if (n % 2 === 0) await until(one.storage, ({ status }) => status === 'opening')
  }
  await vi.waitFor(() => expect(one.storage.getState().status).toBe('kept'))
  await one.close()
  const next = offline(device)
  for (const [n, { id }] of made.entries()) {
    await shows(next.openDashboard(id), ({ title }) => title === (n < 5 ? `${n} again` : `${n}`))
  }
})
