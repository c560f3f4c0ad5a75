// Tabs of one device, some of them with the real server and some without.

import { afterEach, expect, test } from 'vitest'
import type { Dovetail } from '../../src/types'
import { until } from '../../src/watch'
import { Server } from './server'
import { Device } from './tab'

const NOBODY = '4NMNnkMhL8jXrdJ9jamS58PAVdXu'

/** Where nothing listens, and nobody looks again. */
const AWAY = ['http://127.0.0.1:9', { retry: { firstMs: 60_000, mostMs: 60_000 } }] as const

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function server(): Promise<Server> {
  const made = await new Server().start()
  endings.push(() => made.end())
  return made
}

function opened(tab: Dovetail): Dovetail {
  endings.push(() => tab.close())
  return tab
}

async function dashboardOf(someone: Dovetail): Promise<string> {
  const made = someone.createDashboard({ title: 'Hosts' })
  await made.saved()
  return made.id
}

test('CL150 a tab without a connection is given what another tab has from the server, whichever was first', async () => {
  const { url } = await server()
  const id = await dashboardOf(opened(new Device().tab(url)))
  const device = new Device()
  const without = opened(device.tab(...AWAY)).openDashboard(id)
  await until(without, ({ status }) => status === 'missing')
  const second = opened(device.tab(url)).openDashboard(id)
  await until(second, ({ status }) => status === 'ready')
  expect(await until(without, ({ status }) => status === 'ready')).toMatchObject({
    value: { title: 'Hosts' },
  })
  const third = opened(device.tab(...AWAY)).openDashboard(id)
  expect(await until(third, ({ status }) => status === 'ready')).toMatchObject({ value: { title: 'Hosts' } })
})

test('CL151 a document that nobody has is missing, though another tab has other documents open', async () => {
  const { url } = await server()
  const device = new Device()
  await dashboardOf(opened(device.tab(url)))
  const nobodys = opened(device.tab(url)).openDashboard(NOBODY)
  expect(await until(nobodys, ({ status }) => status !== 'loading')).toEqual({
    status: 'missing',
    reason: 'not_found',
  })
})
