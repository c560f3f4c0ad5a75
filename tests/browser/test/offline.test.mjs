// P2 and the durable outbox: nothing that a person did is lost, whatever goes away meanwhile.

import assert from 'node:assert/strict'
import test from 'node:test'
import {
  addWidget,
  callDashboard,
  called,
  keptForOffline,
  newDashboard,
  rename,
  saved,
  says,
  shows,
  stat,
} from '../app.mjs'
import { world } from '../world.mjs'

test('CL125 a page starts, shows and edits while the server is down, and all of it is there after a reload', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const ana = await here.person()
  const page = await ana.tab(`/d/${id}`)
  await shows(page, 'CPU')
  await saved(page)
  await keptForOffline(page)
  await here.server.kill()
  await page.reload()
  await shows(page, 'CPU')
  await rename(page, 'CPU', 'Processor')
  await says(page, /Can't reach server/)
  await page.reload()
  await shows(page, 'Processor')
  const other = await ana.tab(`/d/${id}`)
  await shows(other, 'Processor')
  await here.server.start()
  await saved(page)
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  assert.equal(body.widgets.a.title, 'Processor')
})

test('CL126 a tab that is closed right after an edit loses nothing', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  const id = await newDashboard(page)
  await addWidget(page, 'Stat')
  await saved(page)
  await ana.offline()
  await callDashboard(page, 'Typed and gone')
  await page.close({ runBeforeUnload: false })
  await ana.online()
  const again = await ana.tab(`/d/${id}`)
  await called(again, 'Typed and gone')
  await saved(again)
})

test('CL214 what was typed just before a reload is there after it', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  await ana.tab('/')
  const page = await ana.tab('/')
  await newDashboard(page)
  await addWidget(page, 'Stat')
  await saved(page)
  await keptForOffline(page)
  await page.reload()
  await saved(page)
  await ana.offline()
  for (const title of ['Once', 'Twice', 'Three times']) {
    await callDashboard(page, title)
    await page.reload()
    await called(page, title)
  }
})

test('CL127 what was saved when the server was killed is there, and what was not goes on', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  const id = await newDashboard(page)
  await addWidget(page, 'Stat')
  await rename(page, 'Stat', 'Before')
  await saved(page)
  await here.server.kill()
  await addWidget(page, 'Gauge')
  await here.server.start()
  await saved(page)
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  assert.deepEqual(
    Object.values(body.widgets)
      .map(({ title }) => title)
      .sort(),
    ['Before', 'Gauge'],
  )
})

test('CL128 where no WebSocket gets through, it works by plain requests', async (t) => {
  const here = await world(t)
  const [ana, bo] = [await here.person(), await here.person()]
  await ana.context.routeWebSocket(/.*/, (socket) => socket.close({ code: 1006 }).catch(() => {}))
  await ana.context.addInitScript(() => {
    // A proxy that lets none through: every one fails before it opens.
    window.WebSocket = class extends EventTarget {
      readyState = 0
      constructor() {
        super()
        setTimeout(() => {
          this.readyState = 3
          const failed = new CloseEvent('close', { code: 1006 })
          this.onerror?.(new Event('error'))
          this.onclose?.(failed)
          this.dispatchEvent(failed)
        })
      }
      close() {}
      send() {}
    }
  })
  const anas = await ana.tab('/')
  const id = await newDashboard(anas)
  await addWidget(anas, 'Stat')
  await saved(anas)
  const bos = await bo.tab(`/d/${id}`)
  await shows(bos, 'Stat')
  await rename(bos, 'Stat', 'From Bo')
  await shows(anas, 'From Bo')
})
