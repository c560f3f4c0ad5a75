// P3: people are asked only where the merged document breaks a rule.

import assert from 'node:assert/strict'
import test from 'node:test'
import { saved, says, shows, stat } from '../app.mjs'
import { looksFine } from '../look.mjs'
import { see, seen, world } from '../world.mjs'

/** A surface that scrolls smoothly stands on one pixel for a frame or two at its ends. */
const STILL_FRAMES_MIN = 15

/** So little that what is shown in the middle stays in sight. */
const ASIDE_PX = 20

async function overlap(t) {
  const here = await world(t)
  const id = await here.server.dashboard({
    widgets: { a: stat('CPU', { w: 8, h: 6 }), b: stat('RAM', { x: 4, y: 2, w: 8, h: 6 }, { order: 'W' }) },
  })
  const [ana, bo] = [await here.person(), await here.person()]
  const [anas, bos] = [await ana.tab(`/d/${id}`), await bo.tab(`/d/${id}`)]
  await Promise.all([shows(anas, 'CPU'), shows(bos, 'CPU')])
  await Promise.all([says(anas, /1 needs attention/), says(bos, /1 needs attention/)])
  return { here, id, ana, bo, anas, bos }
}

async function openPanel(page) {
  await page
    .getByRole('button', { name: /needs attention/ })
    .first()
    .click()
  await page.getByRole('button', { name: 'Show what needs attention' }).click()
  return seen(page.getByRole('tabpanel', { name: /Needs attention/ }))
}

test('CL129 a conflict is seen by both, and settled by one it is gone for both', async (t) => {
  const { here, id, anas, bos } = await overlap(t)
  const panel = await openPanel(anas)
  await panel.getByRole('radio').first().check()
  await panel.getByRole('button', { name: 'Apply' }).click()
  await Promise.all([says(anas, /^Saved$/), says(bos, /^Saved$/)])
  const { body } = await here.server.ask('GET', `/api/docs/${id}/conflicts`)
  assert.deepEqual(body.conflicts, [])
})

test('CL130 a conflict that may stay is waived with a reason, and nobody is asked any more', async (t) => {
  const { here, id, anas, bos } = await overlap(t)
  const panel = await openPanel(anas)
  await panel
    .getByRole('button', { name: /Ignore|Waive|Let it stay/ })
    .first()
    .click()
  await panel.getByRole('textbox', { name: /reason|why/i }).fill('wanted for the talk')
  await panel
    .getByRole('button', { name: /Ignore|Waive|Let it stay/ })
    .last()
    .click()
  await Promise.all([says(anas, /^Saved$/), says(bos, /^Saved$/)])
  await saved(anas)
  const { body } = await here.server.ask('GET', `/api/docs/${id}/conflicts`)
  assert.deepEqual(
    body.conflicts.map(({ state, waiver }) => [state, waiver.reason]),
    [['waived', 'wanted for the talk']],
  )
})

test('CL131 a conflict is found and settled without a connection', async (t) => {
  const { here, id, ana, anas, bos } = await overlap(t)
  await ana.offline()
  const panel = await openPanelOffline(anas)
  await panel.getByRole('radio').first().check()
  await panel.getByRole('button', { name: 'Apply' }).click()
  await seen(panel.getByText(/Nothing needs attention|Everything fits|No conflicts/i))
  await ana.online()
  await says(bos, /^Saved$/)
  const { body } = await here.server.ask('GET', `/api/docs/${id}/conflicts`)
  assert.deepEqual(body.conflicts, [])
})

async function openPanelOffline(page) {
  await page.getByRole('button', { name: 'History' }).first().click()
  await page.getByRole('tab', { name: /Needs attention/ }).click()
  return seen(page.getByRole('tabpanel', { name: /Needs attention/ }))
}

test('CL325 a proposal scrolls to where the widget would be, and leaves what is in sight where it is', async (t) => {
  const here = await world(t)
  const below = Object.fromEntries(
    [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [
      `w${n}`,
      stat(`W${n}`, { x: 0, y: 6 * n, w: 24, h: 6 }, { order: `W${n}` }),
    ]),
  )
  const id = await here.server.dashboard({
    widgets: { ...below, late: stat('Late', { x: 0, y: 42, w: 8, h: 6 }, { order: 'Z' }) },
  })
  const page = await (await here.person()).tab(`/d/${id}`)
  await shows(page, 'W0')
  await says(page, /1 needs attention/)
  const panel = await openPanel(page)
  const inSight = (title) =>
    see(
      page,
      `${title} in sight`,
      (name) => {
        const { top, bottom } = document.querySelector(`main [aria-label="${name}"]`).getBoundingClientRect()
        const surface = document.querySelector('.surface').getBoundingClientRect()
        return top >= surface.top && bottom <= surface.bottom
      },
      title,
    )
  const scrolled = () => restsAt(page)
  assert.equal(await scrolled(), 0)
  await panel.getByRole('radio').last().check()
  await seen(page.getByRole('region', { name: 'Preview' }))
  await see(page, 'a surface that scrolled', () => document.querySelector('.surface').scrollTop > 0)
  const preview = page.getByRole('region', { name: 'Preview' }).getByRole('status')
  const moved = /“(.*)”/.exec(await preview.textContent())[1]
  await inSight(moved)
  await scrolled()
  await looksFine(page, 'proposal-scrolled')
  // What is in sight stays where it is, in the middle or not.
  await page.evaluate((px) => (document.querySelector('.surface').scrollTop -= px), ASIDE_PX)
  const before = await scrolled()
  for (const { at, words } of [
    { at: 'first', words: /down/ },
    { at: 'last', words: /free place/ },
  ]) {
    await panel.getByRole('radio')[at]().check()
    await seen(preview.filter({ hasText: words }))
    assert.equal(await scrolled(), before, `the ${at} proposal`)
  }
})

/** How far the surface has scrolled, once it has stood still for as long as it would take to begin to scroll. */
function restsAt(page) {
  return page.evaluate(async (framesMin) => {
    const surface = document.querySelector('.surface')
    const frame = () => new Promise(requestAnimationFrame)
    for (let at = surface.scrollTop, still = 0; still < framesMin;) {
      await frame()
      still = surface.scrollTop === at ? still + 1 : 0
      at = surface.scrollTop
    }
    return surface.scrollTop
  }, STILL_FRAMES_MIN)
}
