// The grid by mouse: what is dragged or resized is seen by others while it goes on, and is one change when it is dropped.

import assert from 'node:assert/strict'
import test from 'node:test'
import { saved, shows, stat } from '../app.mjs'
import { see, world } from '../world.mjs'

async function twoAtOneGrid(t) {
  const here = await world(t)
  const id = await here.server.dashboard({
    widgets: { a: stat('CPU', { w: 4 }), b: stat('RAM', { x: 6 }), c: stat('Disk', { y: 6 }) },
  })
  const [ana, bo] = [await here.person(), await here.person()]
  const [anas, bos] = [await ana.tab(`/d/${id}`), await bo.tab(`/d/${id}`)]
  await Promise.all([shows(anas, 'CPU'), shows(bos, 'CPU')])
  await Promise.all([saved(anas), saved(bos)])
  const [cpu, ram, disk] = [await boxOf(anas, 'CPU'), await boxOf(anas, 'RAM'), await boxOf(anas, 'Disk')]
  return {
    anas,
    bos,
    cpu,
    /** From one cell to the next, in pixels. */
    cell: { x: (ram.x - cpu.x) / 6, y: (disk.y - cpu.y) / 6 },
    changes: async () => {
      const { body } = await here.server.ask('GET', `/api/docs/${id}/history`)
      return body.groups.reduce((sum, group) => sum + group.changes, 0)
    },
    layout: async () => (await here.server.ask('GET', `/api/docs/${id}`)).body.widgets.a.layout,
  }
}

const tile = (page, title) => page.getByRole('group', { name: `${title}, Stat` })
const boxOf = (page, title) => tile(page, title).boundingBox()

/** Presses the mouse at a place and moves it by so much, as a hand does: in steps. */
async function pull(page, from, by) {
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(from.x + by.x, from.y + by.y, { steps: 8 })
}

/** Waits until what matches `selector` stands in this box, to the pixel or nearly. */
const stands = (page, what, selector, box) =>
  see(
    page,
    what,
    ([wanted, { x, y, width, height }]) => {
      const there = document.querySelector(wanted)?.getBoundingClientRect()
      const near = (one, other) => Math.abs(one - other) < 3
      return (
        there !== undefined &&
        near(there.x, x) &&
        near(there.y, y) &&
        near(there.width, width) &&
        near(there.height, height)
      )
    },
    [selector, box],
  )

const GHOST = '.ghost'
const CPU = '[data-tile="a"]'
const noGhost = (page) => see(page, 'the end of the ghost', (ghost) => !document.querySelector(ghost), GHOST)

test('CL141 a widget that is dragged is seen on its way, and its drop is one change', async (t) => {
  const { anas, bos, cpu, cell, changes, layout } = await twoAtOneGrid(t)
  const before = await changes()
  const head = { x: cpu.x + 40, y: cpu.y + 14 }
  const by = { x: 2 * cell.x, y: 11 * cell.y }
  const target = { ...cpu, x: cpu.x + by.x, y: cpu.y + by.y }
  await pull(anas, head, by)
  await stands(bos, 'the ghost on its way', GHOST, target)
  await stands(bos, 'the widget where it was', CPU, cpu)
  assert.equal(await changes(), before, 'nothing is written on the way')
  await anas.mouse.up()
  await Promise.all([stands(bos, 'the widget', CPU, target), stands(anas, 'the widget', CPU, target)])
  await noGhost(bos)
  await saved(anas)
  assert.deepEqual(await layout(), { x: 2, y: 11, w: 4, h: 4 })
  assert.equal(await changes(), before + 1)

  // Escape takes a drag back, and nothing was ever written.
  await pull(anas, { x: head.x + by.x, y: head.y + by.y }, { x: 2 * cell.x, y: -3 * cell.y })
  await stands(bos, 'the ghost on its way', GHOST, {
    ...target,
    x: target.x + 2 * cell.x,
    y: target.y - 3 * cell.y,
  })
  await anas.keyboard.press('Escape')
  await anas.mouse.up()
  await noGhost(bos)
  await stands(anas, 'the widget back at its place', CPU, target)
  assert.equal(await changes(), before + 1)
})

test('CL152 a widget that is resized by its corner is seen on its way, and is one change', async (t) => {
  const { anas, bos, cpu, cell, changes, layout } = await twoAtOneGrid(t)
  const before = await changes()
  const corner = { x: cpu.x + cpu.width - 4, y: cpu.y + cpu.height - 4 }
  const by = { x: 2 * cell.x, y: 2 * cell.y }
  const target = { ...cpu, width: cpu.width + by.x, height: cpu.height + by.y }
  await tile(anas, 'CPU').hover()
  await pull(anas, corner, by)
  await stands(bos, 'the ghost as it grows', GHOST, target)
  await stands(bos, 'the widget as it was', CPU, cpu)
  assert.equal(await changes(), before, 'nothing is written on the way')
  await anas.mouse.up()
  await Promise.all([stands(bos, 'the widget', CPU, target), stands(anas, 'the widget', CPU, target)])
  await noGhost(bos)
  await saved(anas)
  assert.deepEqual(await layout(), { x: 0, y: 0, w: 6, h: 6 })
  assert.equal(await changes(), before + 1)
})
