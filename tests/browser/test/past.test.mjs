// What was: going back, and what came from elsewhere.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { rename, saved, shows, stat } from '../app.mjs'
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
