// What was: going back, and what came from elsewhere.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { rename, saved, shows, stat } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

const GRAFANA = fileURLToPath(new URL('../../data/grafana/', import.meta.url))

test('CL136 an earlier state is looked at and gone back to, and everybody has it', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const [ana, bo] = [await here.person(), await here.person()]
  const [anas, bos] = [await ana.tab(`/d/${id}`), await bo.tab(`/d/${id}`)]
  await shows(bos, 'CPU')
  await rename(anas, 'CPU', 'Wrong')
  await saved(anas)
  await shows(bos, 'Wrong')
  await anas.getByRole('button', { name: 'History' }).first().click()
  const panel = await seen(anas.getByRole('tabpanel', { name: 'History' }))
  await panel
    .getByRole('button', { name: /Somebody/ })
    .last()
    .click()
  await shows(anas, 'CPU')
  await anas
    .getByRole('button', { name: /Restore|Go back to this/ })
    .first()
    .click()
  const confirm = anas.getByRole('alertdialog').or(anas.getByRole('dialog', { name: /Restore|Go back/ }))
  await confirm.getByRole('button', { name: /Restore|Go back/ }).click()
  await shows(bos, 'CPU')
})

test('CL282 a state that somebody names is in the list of all, is looked at and gone back to', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const [ana, bo] = [await here.person(), await here.person()]
  const [anas, bos] = [await ana.tab(`/d/${id}`), await bo.tab(`/d/${id}`)]
  await Promise.all([shows(anas, 'CPU'), shows(bos, 'CPU')])
  const [versions] = await Promise.all([versionsOf(anas), versionsOf(bos)])
  await versions.getByRole('button', { name: 'Name the present state…' }).click()
  const dialog = await seen(anas.getByRole('dialog', { name: 'Name this version' }))
  await dialog.getByRole('textbox', { name: 'Name' }).fill('Before the move')
  await dialog.getByRole('textbox', { name: /^Note/ }).fill('as agreed')
  await looksFine(anas, 'version-name')
  await dialog.getByRole('button', { name: 'Name it' }).click()
  await seen(anas.getByText('Named “Before the move”.'))
  const [listed] = await Promise.all([anas, bos].map((page) => seen(named(page, 'Before the move'))))
  await rename(anas, 'CPU', 'Wrong')
  await saved(anas)
  await shows(bos, 'Wrong')

  await listed.click()
  await shows(anas, 'CPU')
  await seen(anas.getByRole('region', { name: 'Preview' }).getByText('As it was at “Before the move”'))
  await looksFine(anas, 'version-looked-at')
  await shows(bos, 'Wrong')
  await anas.getByRole('button', { name: 'Restore…' }).click()
  const sure = await seen(anas.getByRole('dialog', { name: 'Restore this state?' }))
  await sure.getByRole('button', { name: 'Restore' }).click()
  for (const page of [anas, bos]) await shows(page, 'CPU')
  await saved(anas)
  assert.equal(await anas.getByRole('region', { name: 'Preview' }).count(), 0)
  await anas.reload()
  await versionsOf(anas)
  await seen(named(anas, 'Before the move'))
})

/** Opens the list of named versions. */
async function versionsOf(page) {
  await page.getByRole('button', { name: 'History' }).first().click()
  const panel = await seen(page.getByRole('tabpanel', { name: 'History' }))
  await panel.getByRole('tab', { name: /^Versions/ }).click()
  return panel
}

const named = (page, name) => page.getByRole('listitem').getByRole('button', { name: new RegExp(name) })

for (const file of readdirSync(GRAFANA).filter((name) => name.endsWith('.json'))) {
  test(`CL137 the import of ${file} shows every panel`, async (t) => {
    const here = await world(t)
    const ana = await here.person()
    const page = await ana.tab('/')
    const text = readFileSync(GRAFANA + file, 'utf8')
    const chooser = page.waitForEvent('filechooser')
    await page.getByRole('button', { name: 'Import' }).first().click()
    await (await chooser).setFiles({ name: file, mimeType: 'application/json', buffer: Buffer.from(text) })
    await page.waitForURL(/\/d\/\w+/)
    const id = /\/d\/(\w+)/.exec(page.url())[1]
    await saved(page)
    const { body } = await here.server.ask('GET', `/api/docs/${id}`)
    const open = Object.values(body.widgets).filter(({ parent }) => parent === undefined)
    assert.ok(open.length > 0)
    await see(
      page,
      `${open.length} widgets`,
      (wanted) => document.querySelectorAll('main [role=region], main section[aria-label]').length >= wanted,
      open.length,
    )
  })
}
