// One device, and several people who sign in on it one after the other.

import assert from 'node:assert/strict'
import test from 'node:test'
import { called, callDashboard, keptForOffline, saved, says, shows, stat } from '../app.mjs'
import { ASKING, tokenOf } from '../server.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

async function signOut(page) {
  await page.getByRole('button', { name: 'Menu', exact: true }).click()
  await page.getByRole('menuitem', { name: 'Sign out…' }).click()
  return seen(page.getByRole('dialog', { name: 'Sign out' }))
}

/** Waits until the page has begun anew, as it does for somebody else. */
async function begunAnew(page, press) {
  await page.evaluate(() => (globalThis.isBefore = true))
  await press()
  await see(page, 'a new page', () => globalThis.isBefore === undefined && document.readyState === 'complete')
}

async function signIn(page, subject) {
  const dialog = await seen(page.getByRole('dialog', { name: 'Sign in' }))
  await dialog.getByRole('textbox', { name: 'Token' }).fill(tokenOf(subject))
  await begunAnew(page, () => dialog.getByRole('button', { name: 'Sign in' }).click())
}

const cards = (page) => page.getByRole('list', { name: 'Dashboards', exact: true }).getByRole('link')

test('CL285 who signs in on a device after somebody else has nothing of theirs, sends nothing of theirs, and it waits for them', async (t) => {
  const here = await world(t, ASKING)
  const both = await here.server.dashboard(
    { title: 'Hosts', widgets: { a: stat('CPU') } },
    { subject: 'ana' },
  )
  const grants = [{ user: 'bo', role: 'write' }]
  await here.server.ask('PUT', `/api/docs/${both}/access`, { subject: 'ana', body: { owner: 'ana', grants } })
  const hers = await here.server.dashboard(
    { title: 'Salaries', widgets: { b: stat('Sum') } },
    { subject: 'ana' },
  )
  const titleAt = async (id) =>
    (await here.server.ask('GET', `/api/docs/${id}`, { subject: 'ana' })).body.title

  // Ana edits both where there is no connection, and signs out.
  const device = await here.person()
  const page = await device.tab(`/d/${hers}#token=${tokenOf('ana')}`)
  await shows(page, 'Sum')
  await saved(page)
  await keptForOffline(page)
  await page.goto(`${here.url}/d/${both}`)
  await shows(page, 'CPU')
  await saved(page)
  await device.offline()
  await callDashboard(page, 'Machines')
  await says(page, /^Offline · 1 change kept here/)
  const leaving = await signOut(page)
  await seen(leaving.getByText(/One change is not on the server yet.*sent when you sign in here again/))
  await looksFine(page, 'sign-out-waiting')
  await begunAnew(page, () => leaving.getByRole('button', { name: 'Sign out' }).click())

  // Nobody in particular is shown nothing of it, not even what is on the device.
  await seen(
    page
      .getByRole('heading', { name: /not on this device|not there|Opening|Sign in/ })
      .or(page.getByText(/on this device/)),
  )
  assert.equal(await page.getByRole('main').getByText('CPU').count(), 0)
  await device.online()

  // Bo, who may write in one of them, sees that as the server has it, and the other one not at all.
  await signIn(page, 'bo')
  await shows(page, 'CPU')
  await called(page, 'Hosts')
  await saved(page)
  await callDashboard(page, 'Hosts and more')
  await saved(page)
  assert.equal(await titleAt(both), 'Hosts and more')
  await page.getByRole('link', { name: 'All dashboards' }).click()
  await seen(cards(page).filter({ hasText: 'Hosts and more' }))
  assert.equal(await cards(page).count(), 1)
  await page.goto(`${here.url}/d/${hers}`)
  await seen(page.getByRole('heading', { name: 'This dashboard is not there' }))
  await looksFine(page, 'not-theirs')

  // Ana comes back: her edit is sent, as hers.
  await page.goto(`${here.url}/d/${both}`)
  await shows(page, 'CPU')
  await saved(page)
  const leave = await signOut(page)
  await begunAnew(page, () => leave.getByRole('button', { name: 'Sign out' }).click())
  await signIn(page, 'ana')
  await saved(page)
  await shows(page, 'CPU')
  await see(page, 'one of both titles', () =>
    /^(Machines|Hosts and more)$/.test(document.querySelector('h1 input').value),
  )
  const { body } = await here.server.ask('GET', `/api/docs/${both}/history`, { subject: 'ana' })
  const titled = (title) =>
    body.groups.find(({ messages }) => messages.some((words) => words.includes(title)))
  assert.equal(titled('Machines')?.author, 'ana')
  assert.equal(titled('Hosts and more')?.author, 'bo')
  await page.goto(`${here.url}/d/${hers}`)
  await shows(page, 'Sum')
})
