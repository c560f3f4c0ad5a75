// The narrow layout: one column, which a finger or a mouse puts into another order.

import assert from 'node:assert/strict'
import test from 'node:test'
import { saved, says, stat } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, world } from '../world.mjs'

const PHONE = { viewport: { width: 390, height: 844 }, hasTouch: true }

async function threeOnAPhone(t) {
  const here = await world(t)
  const id = await here.server.dashboard({
    widgets: {
      a: stat('CPU', {}, { order: 'B' }),
      b: stat('RAM', { x: 6 }, { order: 'D' }),
      c: stat('Disk', { y: 6 }, { order: 'F' }),
    },
  })
  const [ana, bo] = [await here.person(PHONE), await here.person(PHONE)]
  const [anas, bos] = [await ana.tab(`/d/${id}`), await bo.tab(`/d/${id}`)]
  for (const page of [anas, bos]) await stand(page, 'CPU', 'RAM', 'Disk')
  await Promise.all([saved(anas), saved(bos)])
  const { body: before } = await here.server.ask('GET', `/api/docs/${id}`)
  return {
    anas,
    bos,
    changes: async () => {
      const { body } = await here.server.ask('GET', `/api/docs/${id}/history`)
      return body.groups.reduce((sum, group) => sum + group.changes, 0)
    },
    /** The widgets whose place on the grid is another one than at the beginning. */
    moved: async () => {
      const { body } = await here.server.ask('GET', `/api/docs/${id}`)
      return Object.keys(before.widgets).filter(
        (each) => JSON.stringify(body.widgets[each].layout) !== JSON.stringify(before.widgets[each].layout),
      )
    },
  }
}

/** Waits until the column has these widgets in this order. */
const stand = (page, ...titles) =>
  see(
    page,
    `the order ${titles.join(', ')}`,
    (wanted) =>
      [...document.querySelectorAll('.column > li section[aria-label]')]
        .map((widget) => widget.getAttribute('aria-label'))
        .join() === wanted,
    titles.join(),
  )

const middleOf = async (locator) => {
  const { x, y, width, height } = await locator.boundingBox()
  return { x: x + width / 2, y: y + height / 2 }
}
const handle = (page, title) => middleOf(page.getByRole('button', { name: `Reorder ${title}` }))
const tile = (page, title) => middleOf(page.getByRole('group', { name: `${title}, Stat` }))

/** Waits until the line is there that says where the widget would go. */
const wouldGo = (page) => see(page, 'where it would go', () => document.querySelector('[data-drop]') !== null)

test('CL281 a mouse drags a widget up the column, everybody has that order, and it stays', async (t) => {
  const { anas, bos, changes, moved } = await threeOnAPhone(t)
  const before = await changes()
  const [from, to] = [await handle(anas, 'Disk'), await tile(anas, 'CPU')]
  await anas.mouse.move(from.x, from.y)
  await anas.mouse.down()
  await anas.mouse.move(from.x, to.y - 20, { steps: 8 })
  await wouldGo(anas)
  assert.equal(await changes(), before, 'nothing is written on the way')
  await looksFine(anas, 'column-drag')
  await anas.mouse.up()
  for (const page of [anas, bos]) await stand(page, 'Disk', 'CPU', 'RAM')
  await saved(anas)
  assert.equal(await changes(), before + 1)
  assert.deepEqual(await moved(), [], 'the grid is as it was')
  await anas.reload()
  await stand(anas, 'Disk', 'CPU', 'RAM')

  // Escape takes a drag back.
  const again = await handle(anas, 'RAM')
  await anas.mouse.move(again.x, again.y)
  await anas.mouse.down()
  await anas.mouse.move(again.x, 100, { steps: 8 })
  await wouldGo(anas)
  await anas.keyboard.press('Escape')
  await anas.mouse.up()
  await see(anas, 'the end of the drag', () => document.querySelector('[data-dragged]') === null)
  await stand(anas, 'Disk', 'CPU', 'RAM')
  assert.equal(await changes(), before + 1)
})

test('CL281 a finger drags a widget down the column, everybody has that order, and it stays', async (t) => {
  const { anas, bos, changes, moved } = await threeOnAPhone(t)
  const before = await changes()
  const [from, to] = [await handle(anas, 'CPU'), await tile(anas, 'Disk')]
  const finger = await fingerOn(anas)
  await finger.down(from)
  for (let step = 1; step <= 8; step++)
    await finger.move({ x: from.x, y: from.y + ((to.y + 20 - from.y) * step) / 8 })
  await wouldGo(anas)
  assert.equal(await changes(), before, 'nothing is written on the way')
  await finger.up()
  for (const page of [anas, bos]) await stand(page, 'RAM', 'Disk', 'CPU')
  await saved(anas)
  assert.equal(await changes(), before + 1)
  assert.deepEqual(await moved(), [], 'the grid is as it was')
  await anas.reload()
  await stand(anas, 'RAM', 'Disk', 'CPU')
})

/** A finger as the browser has it from the screen. */
async function fingerOn(page) {
  const screen = await page.context().newCDPSession(page)
  const touch = (type, touchPoints) => screen.send('Input.dispatchTouchEvent', { type, touchPoints })
  return {
    down: (at) => touch('touchStart', [at]),
    move: (at) => touch('touchMove', [at]),
    up: () => touch('touchEnd', []),
  }
}

/** The words of the pill for which there is no room. */
const cut = (page) =>
  page
    .locator('.dovetail-pill')
    .evaluate((pill) =>
      [...pill.querySelectorAll(':scope > span')]
        .filter((span) => span.scrollWidth > span.clientWidth)
        .map(({ textContent }) => textContent),
    )

test('CL310 on a phone the pill leaves out the seconds until the next try, for which there is no room', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const ana = await here.person(PHONE)
  const page = await ana.tab(`/d/${id}`)
  await saved(page)
  const pill = page.locator('.dovetail-pill')
  await here.server.kill()
  await says(page, /^Can't reach/)
  assert.deepEqual(await cut(page), [])
  assert.ok(!(await pill.innerText()).includes('retry'))
  await looksFine(page, 'phone-unreachable')
  await page.setViewportSize({ width: 1360, height: 844 })
  await see(page, 'the seconds', () =>
    document.querySelector('.dovetail-pill').innerText.includes('retry in'),
  )
})

test('CL314 what waits is said in the pill as far as there is room, also while the server cannot be reached', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: stat('CPU') } })
  const ana = await here.person(PHONE)
  const page = await ana.tab(`/d/${id}`)
  await saved(page)
  const says = (words) =>
    see(page, words, (wanted) => document.querySelector('.dovetail-pill').innerText.includes(wanted), words)
  await ana.offline()
  const title = page.getByRole('textbox', { name: 'Title of the dashboard' })
  await title.fill('What waits')
  await title.press('Enter')
  await says('Offline · 1 change')
  assert.deepEqual(await cut(page), [])
  await looksFine(page, 'phone-offline')
  await page.setViewportSize({ width: 1360, height: 844 })
  await says('Offline · 1 change kept here')
  await here.server.kill()
  await ana.online()
  await says("Can't reach server · 1 change kept here")
  await says('retry in')
  for (const width of [1360, 1024, 820, 390]) {
    await page.setViewportSize({ width, height: 844 })
    assert.deepEqual(await cut(page), [], `at ${width}`)
  }
})
