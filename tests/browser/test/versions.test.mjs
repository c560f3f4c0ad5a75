// Versions that meet: a newer app on the server, and a server that speaks something else than the page.

import assert from 'node:assert/strict'
import test from 'node:test'
import { rename, saved, says, shows, stat } from '../app.mjs'
import { anotherBuild } from '../builds.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

const isOf = (page, build) => see(page, `the build ${build}`, (wanted) => globalThis.build === wanted, build)

/** What the browser does when somebody comes back to a tab: the app looks for an update then. */
const comeBack = (page) => page.evaluate(() => void document.dispatchEvent(new Event('visibilitychange')))

/** Waits until a worker answers for the page, so that the next one is an update. */
const hasWorker = (page) => see(page, 'a worker', () => navigator.serviceWorker.controller !== null)

test('CL149 a newer app is offered and taken by one click, in every tab, with all that waits to be saved', async (t) => {
  const next = await anotherBuild(t, 'next')
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const proxy = await here.proxy()
  const ana = await here.person()
  const [page, other] = [await ana.tab(`/d/${id}`), await ana.tab(`/d/${id}`)]
  for (const tab of [page, other]) {
    await shows(tab, 'CPU')
    await saved(tab)
    await hasWorker(tab)
  }
  assert.equal(await page.evaluate(() => globalThis.build), undefined)

  await page.bringToFront()
  proxy.build = next
  proxy.cutOff()
  await says(page, /Can't reach server/)
  await rename(page, 'CPU', 'Processor')
  await comeBack(page)
  await seen(page.getByText('Update available'))
  await seen(other.getByText('Update available'))
  await shows(page, 'Processor')
  await looksFine(page, 'update')
  assert.equal(await page.evaluate(() => globalThis.build), undefined, 'nobody is reloaded unasked')
  await page.getByRole('button', { name: 'Reload to update' }).click()
  for (const tab of [page, other]) {
    await isOf(tab, 'next')
    await shows(tab, 'Processor')
    await says(tab, /Can't reach server/)
  }
  assert.equal(await page.getByText('Update available').count(), 0)

  // Nothing answers any more: the new build is kept as a whole.
  proxy.build = undefined
  await page.reload()
  await isOf(page, 'next')
  await shows(page, 'Processor')
  proxy.cut = false
  await saved(page)
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  assert.equal(body.widgets.a.title, 'Processor')
})

test('CL145 a server of another version is told as that, nothing is lost, and a reload goes on when it fits', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const ana = await here.person()
  let isOther = false
  // The page asks for a version that this server does not speak, so that it hears what such a server says.
  await ana.context.routeWebSocket(/\/sync/, (socket) => {
    const server = socket.connectToServer()
    socket.onMessage((message) => server.send(isOther ? withVersion(message, '9') : message))
  })
  const page = await ana.tab(`/d/${id}`)
  await shows(page, 'CPU')
  await saved(page)
  await here.server.kill()
  await rename(page, 'CPU', 'Processor')
  isOther = true
  await here.server.start()
  await says(page, /Another version/)
  const state = page.getByRole('region', { name: 'State of this page' })
  await seen(state.getByText(/another version than this page.*What you did here is kept/))
  await shows(page, 'Processor')
  await looksFine(page, 'another-version')
  isOther = false
  await state.getByRole('button', { name: 'Reload' }).click()
  await saved(page)
  await shows(page, 'Processor')
  const { body } = await here.server.ask('GET', `/api/docs/${id}`)
  assert.equal(body.widgets.a.title, 'Processor')
})

/** The same message, where it says which versions we speak: a list of one text of one character. */
function withVersion(message, version) {
  const bytes = Buffer.from(message)
  const name = bytes.indexOf('supportedProtocolVersions')
  if (name < 0) return message
  const at = bytes.indexOf(Buffer.from([0x81, 0x61]), name)
  bytes[at + 2] = version.charCodeAt(0)
  return bytes
}

test('CL153 something else that answers in place of the server is told, and what is kept here still opens', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ title: 'Hosts', widgets: { a: stat('CPU') } })
  const proxy = await here.proxy()
  const ana = await here.person()
  const page = await ana.tab(`/d/${id}`)
  await shows(page, 'CPU')
  await saved(page)
  proxy.answer = (_, path) =>
    path.startsWith('/api') ? { type: 'text/html', body: '<h1>Sign in to the network</h1>' } : undefined
  await page.getByRole('link', { name: 'All dashboards' }).click()
  await seen(page.getByRole('status').filter({ hasText: 'Something that is not Dovetail answered' }))
  await looksFine(page, 'not-dovetail')
  await page.getByRole('link', { name: 'Hosts' }).click()
  await shows(page, 'CPU')
  proxy.answer = () => undefined
  await page.getByRole('link', { name: 'All dashboards' }).click()
  await see(page, 'the list without a warning', () => document.querySelector('.whence') === null)
  await seen(page.getByRole('link', { name: 'Hosts' }))
})
