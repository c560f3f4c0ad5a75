// Sharing as people do it: by name, by link, with a role, and taken away again while it is open.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, newDashboard, rename, saved, says, shows, stat } from '../app.mjs'
import { ASKING, tokenOf } from '../server.mjs'
import { looksFine } from '../look.mjs'
import { seen, world } from '../world.mjs'

async function owned(t) {
  const here = await world(t, ASKING)
  const id = await here.server.dashboard({ title: 'Hosts', widgets: { a: stat('CPU') } }, { subject: 'ana' })
  const ana = await here.person()
  const anas = await ana.tab(`/d/${id}#token=${tokenOf('ana')}`)
  await shows(anas, 'CPU')
  await anas.getByRole('button', { name: 'Share' }).click()
  const dialog = await seen(anas.getByRole('dialog', { name: 'Share' }))
  return { here, id, anas, dialog }
}

const mayAdd = (page) => page.getByRole('button', { name: 'Add widget' }).first().isEnabled()

test('CL157 a person who is given a dashboard has it, with the role that they have just now, until it is taken away', async (t) => {
  const { here, id, anas, dialog } = await owned(t)
  const bo = await here.person()
  const bos = await bo.tab(`/d/${id}#token=${tokenOf('bo')}`)
  await seen(bos.getByRole('heading', { name: 'This dashboard is not there' }))

  await dialog.getByRole('textbox', { name: 'Who', exact: true }).fill('bo')
  await dialog.getByRole('combobox', { name: 'Role', exact: true }).selectOption('write')
  await dialog.getByRole('button', { name: 'Give access' }).click()
  await seen(dialog.getByText('bo can edit now.'))
  await looksFine(anas, 'shared')
  await bos.reload()
  await shows(bos, 'CPU')
  await rename(bos, 'CPU', 'Processor')
  await saved(bos)
  await shows(anas, 'Processor')

  await dialog.getByRole('combobox', { name: 'Role of bo' }).selectOption('read')
  await says(bos, /^View only$/)
  assert.equal(await mayAdd(bos), false)

  await dialog.getByRole('button', { name: 'Revoke bo' }).click()
  await seen(dialog.getByText('bo has no access any more.'))
  await says(bos, /^No longer shared · your copy$/)
  await looksFine(bos, 'no-longer-shared')
  await anas.keyboard.press('Escape')
  await rename(anas, 'Processor', 'Secret')
  await saved(anas)
  await shows(bos, 'Processor')
  const { body } = await here.server.ask('GET', `/api/docs/${id}`, { subject: 'ana' })
  assert.equal(body.widgets.a.title, 'Secret')
  assert.equal((await here.server.ask('GET', `/api/docs/${id}`, { subject: 'bo' })).status, 404)
})

test('CL158 who has a link may view without signing in, until the link is revoked', async (t) => {
  const { here, id, anas, dialog } = await owned(t)
  await dialog.getByRole('button', { name: 'Make a link' }).click()
  const link = await (await seen(dialog.getByRole('textbox', { name: /^The link/ }))).inputValue()
  assert.match(link, new RegExp(`^${here.url}/d/${id}#link=dvl_`))

  await looksFine(anas, 'link')
  const carl = await here.person()
  const page = await carl.tab(link.slice(here.url.length))
  await shows(page, 'CPU')
  await says(page, /^View only$/)
  assert.equal(await mayAdd(page), false)
  assert.equal(page.url(), `${here.url}/d/${id}`, 'the secret does not stay in the address')
  // It is remembered for this document on this device.
  const other = await carl.tab(`/d/${id}`)
  await shows(other, 'CPU')

  await anas.keyboard.press('Escape')
  await rename(anas, 'CPU', 'Processor')
  await Promise.all([shows(page, 'Processor'), shows(other, 'Processor')])

  await anas.getByRole('button', { name: 'Share' }).click()
  await dialog.getByRole('button', { name: /^Revoke/ }).click()
  await seen(dialog.getByText(/has no access any more/))
  await anas.keyboard.press('Escape')
  await rename(anas, 'Processor', 'Secret')
  await saved(anas)
  for (const tab of [page, other]) await says(tab, /^No longer shared · your copy$/)
  await shows(page, 'Processor')
  const late = await (await here.person()).tab(link.slice(here.url.length))
  await seen(late.getByRole('heading', { name: 'This dashboard is not there' }))
})

test('CL309 of a table that was just made the server is told whom it follows, and asked nothing before it has it', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  const missing = []
  const told = page.waitForResponse((answer) => answer.request().method() === 'PUT' && answer.ok())
  page.on('response', (answer) => {
    if (answer.status() >= 400) missing.push(`${answer.status()} ${answer.url()}`)
  })
  const id = await newDashboard(page)
  await addWidget(page, 'Table')
  await saved(page)
  assert.equal((await told).request().postDataJSON().follows, id)
  assert.deepEqual(missing, [])
})
