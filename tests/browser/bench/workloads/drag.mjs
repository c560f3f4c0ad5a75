// Dragging and resizing among sixty widgets: how even the frames are, and how much of the main thread it takes.
//
// A browser without a screen has no screen's rhythm: it makes frames by a timer, 60 a second at most. So each figure stands beside
// that of the same page when nobody touches it.

import { fullDashboard, idOf, WIDGETS } from '../dashboard.mjs'
import { meter, spent, waitFor } from '../stage.mjs'
import { quantile } from '../report.mjs'

/** Where a mouse that somebody moves tells of itself: 125 times a second. */
const MOUSE_EVERY_MS = 8

/** A frame that took longer was missed on a screen of 60 Hz, with some room for the timer. */
const LONG_MS = 20

/** What somebody else moves meanwhile, across what is in sight, and how often. */
const OTHERS = { ids: [40, 41, 42, 43].map(idOf), everyMs: 100 }

export async function run({ stage, report, column, quick }) {
  const { id } = await fullDashboard(stage.server)
  const context = await stage.person()
  const page = await stage.tab(context, `/d/${id}`)
  await waitFor(page, (all) => document.querySelectorAll('[data-tile]').length >= all, WIDGETS)
  await waitFor(page, () => !document.querySelector('.view-loading, .view-empty'))
  const cdp = await meter(page)
  const other = await stage.bare(id)
  const ms = quick ? 1_500 : 5_000
  const one = async (name, during) => {
    const measured = await framesOf(page, cdp, during)
    tell(report, column, name, measured)
  }
  await one('idle page', () => page.waitForTimeout(ms))
  await one('drag', () => drag(page, ms))
  await one('resize', () => resize(page, ms))
  await other.evaluate((how) => window.bench.keepMoving(how), OTHERS)
  await one('idle page, somebody else edits', () => page.waitForTimeout(ms))
  await one('drag, somebody else edits', () => drag(page, ms))
  await one('resize, somebody else edits', () => resize(page, ms))
  await other.evaluate(() => window.bench.stopMoving())
}

function tell(report, column, name, { gaps, wallS, taskS, scriptS, layoutS }) {
  report.add(column, name, 'frames/s', gaps.length / wallS)
  report.add(
    column,
    name,
    '% of frames over 20 ms',
    share(gaps, (gap) => gap > LONG_MS),
  )
  report.add(column, name, 'frame p99 ms', quantile(gaps, 0.99))
  report.add(column, name, 'longest frame ms', Math.max(...gaps))
  report.add(column, name, 'main thread, ms/s', (taskS / wallS) * 1000)
  report.add(column, name, '- scripts, ms/s', (scriptS / wallS) * 1000)
  report.add(column, name, '- style and layout, ms/s', (layoutS / wallS) * 1000)
}

const share = (all, test) => (all.filter(test).length / all.length) * 100

/** The gaps between frames while something is done, and what that took of the main thread. */
export async function framesOf(page, cdp, during) {
  await page.evaluate(() => {
    const frames = (window.frames_ = { gaps: [], on: true })
    let last
    const frame = (at) => {
      if (last !== undefined) frames.gaps.push(at - last)
      last = at
      if (frames.on) requestAnimationFrame(frame)
    }
    requestAnimationFrame(frame)
  })
  const [before, beganMs] = [await spent(cdp), performance.now()]
  await during()
  const [after, endedMs] = [await spent(cdp), performance.now()]
  const gaps = await page.evaluate(() => {
    window.frames_.on = false
    return window.frames_.gaps
  })
  return {
    gaps,
    wallS: (endedMs - beganMs) / 1000,
    taskS: after.taskS - before.taskS,
    scriptS: after.scriptS - before.scriptS,
    layoutS: after.layoutS - before.layoutS,
  }
}

async function drag(page, ms) {
  const head = page.locator('[data-tile="w08"] .tile-title')
  const box = await head.boundingBox()
  await go(page, ms, { x: box.x + 20, y: box.y + box.height / 2 }, { x: 320, y: 190 })
}

async function resize(page, ms) {
  const corner = page.locator('.react-grid-item', { has: page.locator('[data-tile="w08"]') })
  const handle = corner.locator('.react-resizable-handle').first()
  const box = await handle.boundingBox()
  await go(page, ms, { x: box.x + box.width / 2, y: box.y + box.height / 2 }, { x: 260, y: 170 })
}

/** Three times round an ellipse, and back to where it began, so that nothing is changed by it. */
async function go(page, ms, from, radius) {
  await page.mouse.move(from.x, from.y)
  await page.mouse.down()
  await page.mouse.move(from.x + 10, from.y + 10)
  await waitFor(page, () => document.querySelector('.react-draggable-dragging, .resizing') !== null)
  const beganMs = performance.now()
  for (;;) {
    const atMs = performance.now() - beganMs
    if (atMs >= ms) break
    const angle = (atMs / ms) * 3 * 2 * Math.PI
    const x = from.x + radius.x * (1 - Math.cos(angle)) * 0.5 + radius.x * 0.3 * Math.sin(angle)
    const y = from.y + radius.y * (1 - Math.cos(angle)) * 0.5
    await page.mouse.move(x, y)
    const restMs = MOUSE_EVERY_MS - (performance.now() - beganMs - atMs)
    if (restMs > 0) await new Promise((resolve) => setTimeout(resolve, restMs))
  }
  await page.mouse.move(from.x, from.y)
  await page.mouse.up()
}
