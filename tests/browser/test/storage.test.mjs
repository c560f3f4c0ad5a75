// A browser that keeps nothing, or no more: everything works, and people are told what would be lost.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import test from 'node:test'
import { addWidget, keptForOffline, newDashboard, rename, saved, says, shows, stat } from '../app.mjs'
import { ASKING, tokenOf } from '../server.mjs'
import { looksFine } from '../look.mjs'
import { seen, world } from '../world.mjs'

const stateOf = (page) => page.getByRole('region', { name: 'State of this page' })

test('CL143 where the browser keeps nothing, it works in memory and says so', async (t) => {
  const here = await world(t, ASKING)
  const ana = await here.personWithoutStorage()
  const page = await ana.tab(`/#token=${tokenOf('ana')}`)
  const id = await newDashboard(page)
  await addWidget(page, 'Stat')
  await says(page, /^Saved · nothing kept here$/)
  await seen(stateOf(page).getByText(/keeps nothing for this page.*edits last only as long as this tab/))
  await rename(page, 'Stat', 'Load')
  await says(page, /^Saved · nothing kept here$/)
  const title = async () =>
    Object.values((await here.server.ask('GET', `/api/docs/${id}`, { subject: 'ana' })).body.widgets)[0].title
  assert.equal(await title(), 'Load')

  await here.server.kill()
  await rename(page, 'Load', 'Load of all')
  await says(page, /^1 change in this tab only$/)
  await seen(stateOf(page).getByText(/Keep this tab open.*closing it loses 1 change/))
  await looksFine(page, 'in-this-tab-only')
  const question = page.waitForEvent('dialog')
  await page.close({ runBeforeUnload: true })
  const asked = await question
  assert.equal(asked.type(), 'beforeunload')
  await asked.dismiss()
  await here.server.start()
  await says(page, /^Saved · nothing kept here$/)
  assert.equal(await title(), 'Load of all')
})

test('CL144 where the device is full, what is in the tab only is told, and kept as soon as there is room', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const ana = await here.person()
  const about = await ana.context.newPage()
  const browser = await ana.context.newCDPSession(about)
  const room = (more) => browser.send('Storage.overrideQuotaForOrigin', { origin: here.url, ...more })

  await room({ quotaSize: 1 })
  const page = await ana.tab(`/d/${id}`)
  await shows(page, 'CPU')
  await rename(page, 'CPU', 'Processor')
  await says(page, /^Saved · nothing kept here$/)
  await seen(stateOf(page).getByText(/storage of this device is full/))
  await looksFine(page, 'full')
  const title = async () => (await here.server.ask('GET', `/api/docs/${id}`)).body.widgets.a.title
  assert.equal(await title(), 'Processor')

  await ana.offline()
  await rename(page, 'Processor', 'All processors')
  await says(page, /^1 change in this tab only$/)
  await seen(stateOf(page).getByText(/Keep this tab open.*closing it loses 1 change/))

  await room({})
  await rename(page, 'All processors', 'Processors')
  await says(page, /^Offline · 2 changes kept here$/)
  await page.close({ runBeforeUnload: false })
  await ana.online()
  const again = await ana.tab(`/d/${id}`)
  await shows(again, 'Processors')
  await saved(again)
  assert.equal(await title(), 'Processors')
})

test('CL268 what was edited before and after somebody deleted all databases under the open page is there after a reload', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  // What is large is not written whole with each edit.
  const description = randomBytes(4_000).toString('hex')
  const id = await here.server.dashboard({ description, widgets: { a: stat('Stat') } })
  const page = await ana.tab(`/d/${id}`)
  await saved(page)
  await keptForOffline(page)
  await page.reload()
  await shows(page, 'Stat')
  await saved(page)
  const other = await ana.tab(`/d/${id}`)
  await saved(other)

  await ana.offline()
  await rename(page, 'Stat', 'Before')
  await says(page, /^Offline · 1 change kept here$/)
  await page.evaluate(async () => {
    const all = await indexedDB.databases()
    const deleted = ({ name }) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase(name)
        request.onsuccess = resolve
        request.onerror = () => reject(request.error)
      })
    await Promise.all(all.map(deleted))
  })
  await rename(page, 'Before', 'After')
  await shows(other, 'After')
  await says(page, /^Offline · 2 changes kept here$/)
  await other.close()
  await page.reload()
  await shows(page, 'After')
  // Some browsers say after a reload too that there is no network; in others the server cannot be reached.
  await seen(
    stateOf(page).getByText(/2 changes (kept on this device|will be sent when the connection is back)/),
  )

  await ana.online()
  await saved(page)
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  assert.deepEqual([body.widgets.a.title, body.description], ['After', description])
})
