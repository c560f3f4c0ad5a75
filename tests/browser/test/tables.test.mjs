// A table that several people write in.

import assert from 'node:assert/strict'
import test from 'node:test'
import { addWidget, newDashboard, saved, shows } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

/** The table that a new widget comes with, on two devices. */
async function oneTable(t) {
  const here = await world(t)
  const [ana, bo] = [await here.person(), await here.person()]
  const anas = await ana.tab('/')
  const id = await newDashboard(anas)
  await addWidget(anas, 'Table')
  await saved(anas)
  const bos = await bo.tab(`/d/${id}`)
  await shows(bos, 'Table')
  await Promise.all([anas, bos].map((page) => cell(page, 'Name', 1).waitFor()))
  return { here, ana, bo, anas, bos }
}

const cell = (page, column, row) => page.getByRole('textbox', { name: `${column}, row ${row}`, exact: true })

async function write(page, column, row, text) {
  await cell(page, column, row).fill(text)
  await cell(page, column, row).press('Enter')
}

/** Waits until these cells have these texts, as in `{ 'Name, row 1': 'web' }`. */
const has = (page, texts) =>
  see(
    page,
    JSON.stringify(texts),
    (wanted) =>
      Object.entries(wanted).every(
        ([label, text]) => document.querySelector(`input[aria-label="${label}"]`)?.value === text,
      ),
    texts,
  )

test('CL284 two who write into two cells at the same time find both, and so does who was away', async (t) => {
  const { ana, bo, anas, bos } = await oneTable(t)
  await Promise.all([write(anas, 'Name', 1, 'web'), write(bos, 'Value', 1, '7')])
  for (const page of [anas, bos]) await has(page, { 'Name, row 1': 'web', 'Value, row 1': '7' })

  // In one row, and in one that the other has not seen yet.
  await Promise.all([ana.offline(), bo.offline()])
  await write(anas, 'Name', 2, 'db')
  await anas.getByRole('button', { name: 'Row', exact: true }).click()
  await write(anas, 'Name', 4, 'mail')
  await write(bos, 'Value', 2, '9')
  await Promise.all([ana.online(), bo.online()])
  for (const page of [anas, bos]) {
    await has(page, { 'Name, row 2': 'db', 'Value, row 2': '9', 'Name, row 4': 'mail' })
    await saved(page)
  }
  await looksFine(anas, 'table-shared')
})

test('CL284 two who write into the same cell both find the one that stands, whole', async (t) => {
  const { ana, bo, anas, bos } = await oneTable(t)
  await Promise.all([ana.offline(), bo.offline()])
  await write(anas, 'Name', 1, 'web server')
  await write(bos, 'Name', 1, 'mail relay')
  await has(anas, { 'Name, row 1': 'web server' })
  await has(bos, { 'Name, row 1': 'mail relay' })
  await Promise.all([ana.online(), bo.online()])
  for (const page of [anas, bos]) await saved(page)
  await see(anas, 'one of both', () =>
    /^(web server|mail relay)$/.test(document.querySelector('input[aria-label="Name, row 1"]').value),
  )
  await has(bos, { 'Name, row 1': await cell(anas, 'Name', 1).inputValue() })

  // What somebody is typing stays theirs until they leave the cell; it is the last to be written.
  await cell(bos, 'Name', 1).fill('proxy')
  await write(anas, 'Name', 1, 'cache')
  await write(anas, 'Value', 1, '1')
  await has(bos, { 'Value, row 1': '1', 'Name, row 1': 'proxy' })
  await cell(bos, 'Name', 1).press('Enter')
  await has(anas, { 'Name, row 1': 'proxy' })
  for (const page of [anas, bos]) await page.reload()
  for (const page of [anas, bos]) await has(page, { 'Name, row 1': 'proxy', 'Value, row 1': '1' })
})

test('CL311 who wrote into a row that somebody removed meanwhile is told, and has it again with one press', async (t) => {
  const { bo, anas, bos } = await oneTable(t)
  await bo.offline()
  await write(bos, 'Value', 2, 'precious')
  await anas.getByRole('button', { name: 'Remove row 2' }).click()
  await saved(anas)
  await bo.online()
  const undone = await seen(bos.getByRole('region', { name: 'Undone changes' }))
  await seen(undone.getByText('Somebody removed a row while you wrote into it. It had: Item 2, precious.'))
  await looksFine(bos, 'row-removed')
  assert.equal(await anas.getByRole('region', { name: 'Undone changes' }).count(), 0)
  await undone.getByRole('button', { name: 'Add as a row' }).click()
  for (const page of [anas, bos]) {
    await has(page, { 'Name, row 3': 'Item 2', 'Value, row 3': 'precious' })
    await saved(page)
  }
  assert.equal(await undone.count(), 0)
})

test('CL312 and is told so in all tabs, and after a reload, until one of them has it again', async (t) => {
  const { bo, anas, bos } = await oneTable(t)
  const second = await bo.tab(new URL(bos.url()).pathname)
  await cell(second, 'Name', 1).waitFor()
  await bo.offline()
  await write(bos, 'Value', 2, 'precious')
  await has(second, { 'Value, row 2': 'precious' })
  await anas.getByRole('button', { name: 'Remove row 2' }).click()
  await saved(anas)
  await bo.online()
  const undone = (page) => page.getByRole('region', { name: 'Undone changes' })
  const words = 'Somebody removed a row while you wrote into it. It had: Item 2, precious.'
  for (const page of [bos, second]) await seen(undone(page).getByText(words))
  await bos.reload()
  await seen(undone(bos).getByText(words))
  // Pressed in both, as a rule before either has heard of the other; whoever has heard has nothing to press any more.
  const pressed = [bos, second].map((page) =>
    page.evaluate(() => {
      const button = [...document.querySelectorAll('button')].find((it) => it.textContent === 'Add as a row')
      button?.click()
      return button !== undefined
    }),
  )
  assert.ok((await Promise.all(pressed)).includes(true))
  for (const page of [bos, second]) {
    await has(page, { 'Name, row 3': 'Item 2', 'Value, row 3': 'precious' })
    await undone(page).waitFor({ state: 'detached' })
    await saved(page)
  }
  assert.equal(await cell(bos, 'Name', 4).count(), 0)
  await second.reload()
  await has(second, { 'Name, row 3': 'Item 2' })
  assert.equal(await undone(second).count(), 0)
})
