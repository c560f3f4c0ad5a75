// What is done by hand: dragging, resizing, dropping files.

import assert from 'node:assert/strict'
import test from 'node:test'
import { saved, shows, stat } from '../app.mjs'
import { see, seen, world } from '../world.mjs'

const tile = (page, name) => page.locator('.react-grid-item', { has: page.getByRole('group', { name }) })

/** Takes hold at a point, moves in steps as a hand does, and calls `held` before letting go. */
async function drag(page, from, by, held = () => undefined) {
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  for (let step = 1; step <= 10; step++) {
    await page.mouse.move(from.x + (by.x * step) / 10, from.y + (by.y * step) / 10)
  }
  await held()
  await page.mouse.up()
}

test('CL141 a drag and a resize are one change each; others see where it goes, and then it there', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU'), b: stat('RAM', { x: 6 }) } })
  const [ana, bo] = [await here.person(), await here.person()]
  const [anas, bos] = [await ana.tab(`/d/${id}`), await bo.tab(`/d/${id}`)]
  await Promise.all([shows(anas, 'CPU'), shows(bos, 'CPU')])
  const inServer = async () => {
    const { body } = await here.server.ask('GET', `/api/docs/${id}`)
    return { place: body.widgets.a.layout, changes: await changes() }
  }
  const changes = async () => {
    const { body } = await here.server.ask('GET', `/api/docs/${id}/history?limit=200`)
    return body.groups.reduce((sum, group) => sum + group.changes, 0)
  }
  const before = await inServer()
  const head = await (await seen(tile(anas, /^CPU/).locator('.tile-head'))).boundingBox()
  const box = await tile(anas, /^CPU/).boundingBox()
  await drag(anas, { x: head.x + 40, y: head.y + head.height / 2 }, { x: 0, y: box.height * 2 }, () =>
    seen(bos.locator('.ghost')),
  )
  await saved(anas)
  const moved = await inServer()
  assert.ok(moved.place.y > before.place.y, JSON.stringify(moved.place))
  assert.equal(moved.changes, before.changes + 1, 'one change')
  await see(bos, 'CPU under RAM', () => {
    const top = (name) => document.querySelector(`[aria-label^="${name},"]`)?.getBoundingClientRect().top ?? 0
    return !document.querySelector('.ghost') && top('CPU') > top('RAM')
  })
  const corner = await (
    await seen(tile(anas, /^CPU/).locator('.react-resizable-handle').last())
  ).boundingBox()
  await drag(
    anas,
    { x: corner.x + corner.width / 2, y: corner.y + corner.height / 2 },
    { x: box.width / 2, y: 0 },
  )
  await saved(anas)
  const wider = await inServer()
  assert.ok(wider.place.w > moved.place.w, JSON.stringify(wider.place))
  assert.equal(wider.changes, moved.changes + 1, 'one change')
})

/** Drops a file onto the page, as the system does. */
async function drop(page, name, text) {
  const transfer = await page.evaluateHandle(
    ([fileName, content]) => {
      const dropped = new DataTransfer()
      dropped.items.add(new File([content], fileName, { type: 'application/json' }))
      return dropped
    },
    [name, text],
  )
  for (const type of ['dragenter', 'dragover', 'drop']) {
    await page.dispatchEvent('body', type, { dataTransfer: transfer })
  }
}

test('CL142 a file that is dropped becomes a dashboard; one that is none is said to be none', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const page = await ana.tab('/')
  await seen(page.getByRole('button', { name: 'New dashboard' }))
  await drop(page, 'shopping.json', '{"milk": 2')
  await seen(page.getByText(/Importing shopping\.json/))
  await drop(page, 'notes.json', '["milk", "eggs"]')
  await seen(page.getByText(/Importing notes\.json/))
  assert.equal(new URL(page.url()).pathname, '/')
  const board = { kind: 'dashboard', schemaVersion: 1, title: 'Dropped', widgets: { a: stat('CPU') } }
  await drop(page, 'board.json', JSON.stringify(board))
  await page.waitForURL(/\/d\/\w+/)
  await shows(page, 'CPU')
})
