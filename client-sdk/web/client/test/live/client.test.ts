import { afterEach, expect, test } from 'vitest'
import type { Dashboard, Dovetail, DashboardStore } from '../../src/types'
import { until } from '../../src/watch'
import { Server } from './server'
import { Device } from './tab'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function server(env?: Record<string, string>): Promise<Server> {
  const made = await new Server(env).start()
  endings.push(() => made.end())
  return made
}

function tab(device: Device, url: string): Dovetail {
  const made = device.tab(url)
  endings.push(() => made.close())
  return made
}

function shows(store: DashboardStore, test: (dashboard: Dashboard) => boolean): Promise<unknown> {
  return until(store, (state) => state.status === 'ready' && test(state.value))
}

test('an edit is saved on the server, and others see it', async () => {
  const { url } = await server()
  const [ana, bo] = [tab(new Device(), url), tab(new Device(), url)]
  const made = ana.createDashboard({ title: 'Hosts', widgets: { cpu: { kind: 'stat', title: 'CPU' } } })
  await made.saved()
  const opened = bo.openDashboard(made.id)
  await shows(opened, ({ title }) => title === 'Hosts')
  opened.edit({ edit: 'renameWidget', id: 'cpu', title: 'Load' })
  expect(opened.saving.getState()).toMatchObject({ status: 'kept', pending: 1 })
  await opened.saved()
  expect(opened.saving.getState()).toMatchObject({ status: 'saved', pending: 0 })
  await shows(made, ({ widgets }) => widgets['cpu']?.title === 'Load')
  console.log(
    made.permission.getState(),
    made.undoing.getState(),
    ana.session.getState(),
    ana.storage.getState(),
  )
  console.log(JSON.stringify(made.exportJson()))
  made.edit({ edit: 'moveWidget', id: 'cpu', x: 4, y: 2 })
  made.undoing.undo()
  await made.saved()
  await until(bo.link, (l) => l.status === 'live')
  console.log(JSON.stringify(made.getState()), made.undoing.getState())
  console.log(await made.history.page())
})
