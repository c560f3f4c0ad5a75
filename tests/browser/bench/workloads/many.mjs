// Many changes at once: those of somebody who was away, one's own without a server, and judging a full dashboard.

import { fullDashboard, WIDGETS } from '../dashboard.mjs'
import { meter, spent, waitFor } from '../stage.mjs'
import { leave, look, watchForUse } from './load.mjs'

/** Somebody comes back with so many. */
const BURST = 1_000

/** One fewer than a page lets wait by itself: with all of them it would take no more edits, and could not be worked with. */
const OFFLINE = 9_999

export async function run(bench) {
  await burst(bench)
  await offline(bench)
  await rules(bench)
}

async function burst({ stage, report, column, quick }) {
  const { id } = await fullDashboard(stage.server)
  const context = await stage.person()
  const page = await stage.tab(context, `/d/${id}`)
  await waitFor(page, (all) => document.querySelectorAll('[data-tile]').length >= all, WIDGETS)
  await waitFor(page, () => !document.querySelector('.view-loading, .view-empty'))
  const cdp = await meter(page)
  const awayContext = await stage.person()
  const away = await stage.bare(id, awayContext)
  for (let at = 0; at < (quick ? 1 : 3); at++) {
    await awayContext.setOffline(true)
    await away.evaluate((times) => window.bench.move(times), BURST - 1)
    await away.evaluate((title) => window.bench.edit(title), `back ${at}`)
    await page.evaluate(watchTasks)
    const [before, beganMs] = [await spent(cdp), Date.now()]
    await awayContext.setOffline(false)
    await waitFor(
      page,
      (title) => document.querySelector('h1 input, h1 textarea')?.value === title,
      `back ${at}`,
    )
    const shownMs = Date.now() - beganMs
    // What comes after it, as judging, belongs to it.
    await page.waitForTimeout(1_000)
    const after = await spent(cdp)
    const longest = await page.evaluate(() => window.longestTaskMs)
    const name = `${BURST.toLocaleString('en')} changes of somebody who was away`
    report.add(column, name, 'from being back to all shown, ms', shownMs)
    report.add(column, name, 'main thread, ms', (after.taskS - before.taskS) * 1000)
    report.add(column, name, 'longest task, ms', longest)
  }
}

function watchTasks() {
  window.longestTaskMs = 0
  window.tasksWatched?.disconnect()
  window.tasksWatched = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries())
      window.longestTaskMs = Math.max(window.longestTaskMs, duration)
  })
  window.tasksWatched.observe({ type: 'longtask' })
}

async function offline({ stage, report, column, quick }) {
  const { id } = await fullDashboard(stage.server)
  const edits = quick ? 500 : OFFLINE
  const name = `${edits.toLocaleString('en')} edits without a server`
  const context = await stage.person()
  await context.addInitScript(watchForUse, WIDGETS)
  // The app through the front as well: what a browser keeps belongs to an address.
  const through = { ...stage, appUrl: stage.front.url, server: stage.server }
  await look(through, context, `/d/${id}`)
  await leave(context.pages()[0])
  const bare = await stage.bare(id, context)
  await bare.evaluate(() => window.bench.saved())
  await stage.server.kill()
  const beganMs = Date.now()
  const tookMs = await bare.evaluate((times) => window.bench.move(times), edits)
  report.add(column, name, 'all made after ms', Date.now() - beganMs)
  const part = Math.ceil(edits / 10)
  report.add(column, name, 'one of the first, ms', tookMs.slice(0, part))
  report.add(column, name, 'one of the last, ms', tookMs.slice(-part))
  await bare.evaluate(() => window.bench.kept())
  await bare.close()
  const { usableMs } = await look(through, context, `/d/${id}`)
  report.add(column, name, 'usable after a reload, ms', usableMs)
  const page = context.pages()[0]
  await stage.server.start()
  const backMs = Date.now()
  await page.evaluate(() => dispatchEvent(new Event('online')))
  await waitFor(page, () =>
    [...document.querySelectorAll('header button')].some((button) => /^Saved/.test(button.textContent)),
  )
  report.add(column, name, 'saved after the server is back, ms', Date.now() - backMs)
  await stage.leave(context)
}

async function rules({ stage, report, column, quick }) {
  const { id } = await fullDashboard(stage.server)
  const page = await stage.bare(id)
  await page.evaluate((times) => window.bench.move(times), 500)
  const { tookMs, found } = await page.evaluate((times) => window.bench.judgeAll(times), quick ? 5 : 50)
  report.add(column, 'judging 60 widgets by the default rules', `ms (${found} conflicts)`, tookMs)
}
