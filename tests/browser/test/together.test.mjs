// P1: what people do at the same time, or while they are apart, merges.

import assert from 'node:assert/strict'
import test from 'node:test'
import {
  addWidget,
  callDashboard,
  called,
  newDashboard,
  rename,
  saved,
  says,
  shows,
  stat,
  titles,
} from '../app.mjs'
import { world } from '../world.mjs'

test('CL121 an edit is seen by others and in other tabs at once', async (t) => {
  const here = await world(t)
  const [ana, bo] = [await here.person(), await here.person()]
  const anas = await ana.tab('/')
  const id = await newDashboard(anas)
  await addWidget(anas, 'Stat')
  await saved(anas)
  const [bos, anasOther] = [await bo.tab(`/d/${id}`), await ana.tab(`/d/${id}`)]
  await Promise.all([shows(bos, 'Stat'), shows(anasOther, 'Stat')])
  await rename(bos, 'Stat', 'Load')
  await Promise.all([shows(anas, 'Load'), shows(anasOther, 'Load')])
  await callDashboard(anas, 'Hosts')
  await Promise.all([called(bos, 'Hosts'), called(anasOther, 'Hosts')])
})

test('CL122 edits that two people make offline both stand when they meet', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU'), b: stat('RAM', { x: 6 }) } })
  const [ana, bo] = [await here.person(), await here.person()]
  const [anas, bos] = [await ana.tab(`/d/${id}`), await bo.tab(`/d/${id}`)]
  await Promise.all([shows(anas, 'CPU'), shows(bos, 'CPU')])
  await Promise.all([ana.offline(), bo.offline()])
  await rename(anas, 'CPU', 'Processor')
  await addWidget(anas, 'Note')
  await rename(bos, 'RAM', 'Memory')
  await callDashboard(bos, 'Machines')
  await says(anas, /^Offline · \d+ changes? kept here/)
  await Promise.all([ana.online(), bo.online()])
  for (const page of [anas, bos]) {
    for (const title of ['Processor', 'Memory', 'Note']) await shows(page, title)
    await called(page, 'Machines')
    await saved(page)
  }
  assert.deepEqual((await titles(anas)).sort(), (await titles(bos)).sort())
})

test('CL123 two who count at once are both counted', async (t) => {
  const here = await world(t)
  const [ana, bo] = [await here.person(), await here.person()]
  const anas = await ana.tab('/')
  const id = await newDashboard(anas)
  await addWidget(anas, 'Counter')
  await saved(anas)
  const bos = await bo.tab(`/d/${id}`)
  await shows(bos, 'Counter')
  await Promise.all([ana.offline(), bo.offline()])
  for (const page of [anas, bos]) await page.getByRole('button', { name: 'Add 1' }).click()
  await Promise.all([ana.online(), bo.online()])
  for (const page of [anas, bos]) {
    await page.waitForFunction(
      () => /(^|\D)2(\D|$)/.test(document.querySelector('main [aria-label="Counter"]')?.textContent ?? ''),
      undefined,
      { polling: 50 },
    )
  }
})

test('CL124 taking back one’s own edit leaves what others did since', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU'), b: stat('RAM', { x: 6 }) } })
  const [ana, bo] = [await here.person(), await here.person()]
  const [anas, bos] = [await ana.tab(`/d/${id}`), await bo.tab(`/d/${id}`)]
  await Promise.all([shows(anas, 'CPU'), shows(bos, 'CPU')])
  await rename(anas, 'CPU', 'Processor')
  await shows(bos, 'Processor')
  await rename(bos, 'RAM', 'Memory')
  await shows(anas, 'Memory')
  await anas.getByRole('button', { name: /^Undo:/ }).click()
  await Promise.all([shows(anas, 'CPU'), shows(bos, 'CPU')])
  await Promise.all([shows(anas, 'Memory'), shows(bos, 'Memory')])
  await anas.getByRole('button', { name: /^Redo:/ }).click()
  await shows(bos, 'Processor')
})
