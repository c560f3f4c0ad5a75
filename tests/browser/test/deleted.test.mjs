// What happens to a dashboard that somebody deletes: for them, for others who have it open, and for who comes later.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, callDashboard, newDashboard, rename, saved, says, shows, stat } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

async function hosts(t) {
  const here = await world(t)
  const id = await here.server.dashboard({ title: 'Hosts', widgets: { a: stat('CPU') } })
  const isThere = async () => (await here.server.ask('GET', `/api/docs/${id}`)).status
  return { here, id, isThere }
}

async function remove(page, title) {
  await page.getByRole('button', { name: `Menu of ${title}` }).click()
  await page.getByRole('menuitem', { name: 'Delete' }).click()
}

const listed = (page, title, isThere) =>
  see(
    page,
    `${title} ${isThere ? 'in' : 'out of'} the list`,
    ([wanted, there]) =>
      [...document.querySelectorAll('.card-title')].some((one) => one.textContent === wanted) === there,
    [title, isThere],
  )

test('CL154 a dashboard that is deleted in the list is gone, and back when that is undone', async (t) => {
  const { here, id, isThere } = await hosts(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  await remove(page, 'Hosts')
  await listed(page, 'Hosts', false)
  await seen(page.getByText('Deleted “Hosts”.'))
  assert.equal(await isThere(), 410)
  await page.getByRole('button', { name: 'Undo' }).click()
  await listed(page, 'Hosts', true)
  await seen(page.getByText('“Hosts” is back.'))
  assert.equal(await isThere(), 200)
  await remove(page, 'Hosts')
  await listed(page, 'Hosts', false)
  await seen(page.getByText('Deleted “Hosts”.'))
  await page.reload()
  await seen(page.getByRole('heading', { name: 'No dashboards yet' }))

  // Who comes by its address hears of it, and can bring it back.
  const bo = await here.person()
  const late = await bo.tab(`/d/${id}`)
  await seen(late.getByRole('heading', { name: 'This dashboard was deleted' }))
  await looksFine(late, 'deleted')
  await late.getByRole('button', { name: 'Bring it back' }).click()
  await shows(late, 'CPU')
  await rename(late, 'CPU', 'Processor')
  await saved(late)
  assert.equal(await isThere(), 200)
})

test('CL294 what was made for a dashboard goes with it, and comes back with it, also where nobody is asked who they are', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  const id = await newDashboard(page)
  await callDashboard(page, 'Hosts')
  // The page tells the server by itself, once that has both.
  const follows = page.waitForResponse(
    (answer) => answer.request().method() === 'PUT' && answer.ok() && answer.url().endsWith('/access'),
  )
  await addWidget(page, 'Table')
  await saved(page)
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  const [{ data }] = Object.values(body.widgets)
  const table = data.replace(/^automerge:/, '')
  const answer = await follows
  assert.ok(answer.url().endsWith(`/api/docs/${table}/access`), answer.url())
  assert.equal((await answer.json()).follows, id)
  await page.goto(new URL('/', page.url()).href)
  // The page says that the dashboard is gone, or back, and sees to the rest behind that.
  const answered = (method, path) =>
    page.waitForResponse((answer) => answer.request().method() === method && answer.url().endsWith(path))
  const removed = answered('DELETE', `/api/docs/${table}`)
  await remove(page, 'Hosts')
  await removed
  await seen(page.getByText('Deleted “Hosts”.'))
  assert.equal((await here.server.ask('GET', `/api/docs/${table}`)).status, 410)
  const restored = answered('POST', `/api/docs/${table}/undelete`)
  await page.getByRole('button', { name: 'Undo' }).click()
  await restored
  await seen(page.getByText('“Hosts” is back.'))
  assert.equal((await here.server.ask('GET', `/api/docs/${table}`)).status, 200)
})

test('CL146 who has a deleted dashboard open is told, keeps a copy, and goes on when it is brought back', async (t) => {
  const { here, id, isThere } = await hosts(t)
  const [ana, bo] = [await here.person(), await here.person()]
  const [anas, anasOther, bos] = [await ana.tab(`/d/${id}`), await ana.tab(`/d/${id}`), await bo.tab('/')]
  await Promise.all([shows(anas, 'CPU'), shows(anasOther, 'CPU')])
  await saved(anas)
  await anas.bringToFront()
  await remove(bos, 'Hosts')
  for (const page of [anas, anasOther]) await says(page, /^Deleted · your copy$/)
  await shows(anas, 'CPU')
  assert.equal(await anas.getByRole('button', { name: 'Add widget' }).first().isEnabled(), false)
  const state = anas.getByRole('region', { name: 'State of this page' })
  await seen(state.getByText(/Somebody deleted this/))

  await looksFine(anas, 'deleted-copy')
  await state.getByRole('button', { name: 'Save as copy' }).click()
  await anas.waitForURL((url) => !url.pathname.includes(id))
  await shows(anas, 'CPU')
  await rename(anas, 'CPU', 'Of the copy')
  await saved(anas)
  assert.equal(await isThere(), 410)

  await anasOther.bringToFront()
  await anasOther.getByRole('button', { name: 'Bring it back' }).click()
  await saved(anasOther)
  await rename(anasOther, 'CPU', 'Processor')
  await saved(anasOther)
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  assert.equal(body.widgets.a.title, 'Processor')
})
