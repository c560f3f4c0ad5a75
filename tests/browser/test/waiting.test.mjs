// What is not on the server yet is said on every screen, until it is there.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, choose, keptForOffline, newDashboard, saved, says } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

const cell = (page) => page.getByRole('textbox', { name: 'Name, row 1', exact: true })

async function write(page, text) {
  await cell(page).fill(text)
  await cell(page).press('Enter')
}

/** What the table of a dashboard has in its first cell on the server. */
async function firstCell(server, id) {
  const { widgets } = (await server.ask('GET', `/api/docs/${id}`)).body
  const [{ data }] = Object.values(widgets)
  return (await server.ask('GET', `/api/docs/${data.replace('automerge:', '')}`)).body.rows[0][0]
}

const waits = (page, words) =>
  see(page, words, (wanted) => document.querySelector('main')?.textContent.includes(wanted), words)

test('CL303 after a load nothing says that all is saved while something of a table waits', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  // What the page has to say of documents does not get through; all else does.
  let holds = false
  await ana.context.routeWebSocket(/\/sync/, (socket) => {
    const server = socket.connectToServer()
    socket.onMessage((message) => {
      if (!holds || !Buffer.from(message).includes('typedsync')) server.send(message)
    })
  })
  await ana.context.addInitScript(() => {
    window.said = []
    new MutationObserver(() => {
      const pill = document.querySelector('.dovetail-pill')?.textContent
      if (pill && pill !== window.said.at(-1)) window.said.push(pill)
    }).observe(document, { subtree: true, childList: true, characterData: true })
  })
  const page = await ana.tab('/')
  const id = await newDashboard(page)
  await addWidget(page, 'Table')
  await saved(page)
  holds = true
  await write(page, 'web')
  await says(page, /^Saving 1 change/)
  await page.reload()
  await says(page, /^Saving 1 change/)
  assert.deepEqual(
    (await page.evaluate(() => window.said)).filter((words) => words.startsWith('Saved')),
    [],
  )
  holds = false
  await page.reload()
  await saved(page)
  assert.equal(await firstCell(here.server, id), 'web')
})

test('CL304 who leaves the editor is told on the list what waits, and asked before it would be lost', async (t) => {
  const here = await world(t)
  const ana = await here.personWithoutStorage()
  const page = await ana.tab('/')
  const id = await newDashboard(page)
  await addWidget(page, 'Table')
  await says(page, /^Saved · nothing kept here$/)
  await here.server.kill()
  await write(page, 'web')
  await says(page, /^1 change in this tab only$/)
  await page.getByRole('link', { name: 'All dashboards' }).click()
  await waits(page, 'One change is not on the server yet. Keep this tab open')
  await looksFine(page, 'list-in-this-tab-only')
  const question = page.waitForEvent('dialog')
  await page.close({ runBeforeUnload: true })
  const asked = await question
  assert.equal(asked.type(), 'beforeunload')
  await asked.dismiss()

  await here.server.start()
  await see(
    page,
    'nothing that waits',
    () => !document.querySelector('main').textContent.includes('not on the server'),
  )
  assert.equal(await firstCell(here.server, id), 'web')
})

test('CL304 what is kept is told on the list too, and the page goes without a question', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  await (await ana.tab('/')).close()
  const page = await ana.tab('/')
  const id = await newDashboard(page)
  await addWidget(page, 'Table')
  await saved(page)
  await keptForOffline(page)
  await ana.offline()
  await write(page, 'web')
  await choose(page, 'Table', 'Remove')
  await says(page, /^Offline · 2 changes kept here$/)
  await page.getByRole('link', { name: 'All dashboards' }).click()
  await waits(page, '2 changes are not on the server yet. That is kept on this device')
  // CL323: as many as the pill said, also of what the removed widget showed.
  await waits(page, '2 changes waiting')
  await looksFine(page, 'list-kept')
  await page.reload()
  await waits(page, '2 changes are not on the server yet.')
  await waits(page, '2 changes waiting')
  await ana.online()
  await see(
    page,
    'nothing that waits',
    () => !document.querySelector('main').textContent.includes('not on the server'),
  )
  await page.goto(new URL(`/d/${id}`, here.url).href)
  await page.getByRole('heading', { name: 'This dashboard is empty' }).waitFor()
  await seen(page.getByRole('banner').getByRole('button', { name: /^Saved/ }))
})
