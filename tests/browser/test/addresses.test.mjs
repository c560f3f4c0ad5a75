// Addresses that lead to no dashboard: each says what is wrong with it, and where one can go from there.

import assert from 'node:assert/strict'
import test from 'node:test'
import { shows, stat } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { seen, world } from '../world.mjs'

test('CL147 an address that leads to no dashboard says why, and there is a way on', async (t) => {
  const here = await world(t)
  await here.server.dashboard({ title: 'Hosts', widgets: { a: stat('CPU') } })
  const ana = await here.person()
  const page = await ana.tab('/')
  const leadsHome = async () => {
    await page.getByRole('main').getByRole('link', { name: 'All dashboards' }).click()
    await seen(page.getByRole('link', { name: 'Hosts' }))
  }
  const wrong = [
    ['/d/4NMNnkMhL8jXrdJ9jamS5', 'This link is broken'],
    ['/d/%E0%A4%A', 'There is nothing here'],
    ['/d/4NMNnkMhL8jXrdJ9jamS58PAVdXu', 'This dashboard is not there'],
    ['/json/4NMNnkMhL8jXrdJ9jamS58PAVdXu', 'This document cannot be shown'],
    ['/json/nothing', 'This link is broken'],
    ['/dashboards/7', 'There is nothing here'],
  ]
  for (const [path, words] of wrong) {
    await page.goto(here.url + path)
    await seen(page.getByRole('heading', { level: 1, name: words }))
    if (path === wrong[0][0]) await looksFine(page, 'broken-link')
    await leadsHome()
  }
})

test('CL147 a document that is no dashboard is offered as JSON, and not changed', async (t) => {
  const here = await world(t)
  const recipe = { kind: 'recipe', title: 'Bread', parts: { flour: 500, water: 350 }, steps: ['mix', 'wait'] }
  const { status, body } = await here.server.ask('POST', '/api/docs', { body: recipe })
  assert.equal(status, 201)
  const id = body.id
  const ana = await here.person()
  const page = await ana.tab(`/d/${id}`)
  await seen(page.getByRole('heading', { name: /^This is (no|not a) dashboard$/ }))
  await looksFine(page, 'no-dashboard')
  await page.getByRole('link', { name: 'View as JSON' }).click()
  const shown = await seen(page.getByRole('main', { name: 'Document' }))
  await seen(shown.getByText('"Bread"'))
  await seen(shown.getByText('500'))
  await looksFine(page, 'json')
  const coming = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download' }).click()
  assert.equal((await coming).suggestedFilename(), `${id}.json`)

  // In the list it is with the others, and what has no kind but a place for widgets is a dashboard.
  await page.getByRole('link', { name: 'All dashboards' }).click()
  await page.getByText('1 other document').click()
  await seen(page.getByRole('link', { name: 'Bread' }))
  assert.deepEqual((await here.server.ask('GET', `/api/docs/${id}`)).body, recipe)
  const { body: bare } = await here.server.ask('POST', '/api/docs', { body: { widgets: { a: stat('CPU') } } })
  await page.goto(`${here.url}/d/${bare.id}`)
  await shows(page, 'CPU')
})
