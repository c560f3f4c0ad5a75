// From an edit in one page until another page has it: the app by a click, our client and the stock one without an app.
//
// All three pairs take turns, so that what else the machine does is the same for all. Each edit comes at its own distance from the
// last: clients send at intervals, and an edit must not always fall into the same place of one. Pages of one machine have one clock.

import { StockServer } from '../../../web/stock-server.mjs'
import { fullDashboard, WIDGETS } from '../dashboard.mjs'
import { hasStock } from '../pages.mjs'
import { waitFor } from '../stage.mjs'

const PAUSE_MS = { least: 120, most: 320 }

export async function run({ stage, report, column, quick }) {
  const pairs = [await appPair(stage), await ownPair(stage)]
  const stock = hasStock() ? await stockPair(stage) : undefined
  if (stock) pairs.push(stock)
  else report.note('The stock client is left out: `npm ci` in tests/web brings it.')
  const times = quick ? 20 : 70
  for (let at = 0; at < times; at++) {
    for (const pair of pairs) {
      pair.samples.push(await pair.edit(`edit ${at}`))
      const pauseMs = PAUSE_MS.least + Math.random() * (PAUSE_MS.most - PAUSE_MS.least)
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
  }
  for (const { name, samples } of pairs) {
    report.add(column, name, 'edit to seen elsewhere, p50 ms', samples)
    report.add(column, name, 'edit to seen elsewhere, p99 ms', samples, { of: 0.99 })
  }
  await stock?.close()
}

/** A press of a counter, until the other page shows the next number. */
async function appPair(stage) {
  const { id } = await fullDashboard(stage.server)
  const pages = await Promise.all(
    ['one', 'other'].map(async () => stage.tab(await stage.person(), `/d/${id}`)),
  )
  for (const page of pages) {
    await waitFor(page, (all) => document.querySelectorAll('[data-tile]').length >= all, WIDGETS)
  }
  const [one, other] = pages
  let count = 0
  return {
    name: 'the app, 60 widgets',
    samples: [],
    edit: async () => {
      count += 1
      const seen = other.evaluate(
        (number) =>
          new Promise((resolve) => {
            const shown = document.querySelector('[data-tile="w07"] output')
            const look = () => {
              if (shown.textContent !== String(number)) return
              watching.disconnect()
              resolve(performance.timeOrigin + performance.now())
            }
            const watching = new MutationObserver(look)
            watching.observe(shown, { subtree: true, childList: true, characterData: true })
            look()
          }),
        count,
      )
      const made = await one.evaluate(() => {
        const atMs = performance.timeOrigin + performance.now()
        document.querySelector('[data-tile="w07"] [aria-label="Add 1"]').click()
        return atMs
      })
      return (await seen) - made
    },
  }
}

async function ownPair(stage) {
  const { id } = await fullDashboard(stage.server)
  const [one, other] = [await stage.bare(id), await stage.bare(id)]
  return { name: 'our client alone', samples: [], edit: (title) => edit(one, other, title) }
}

async function stockPair(stage) {
  const server = await StockServer.start('2.5.6')
  const pages = []
  for (let at = 0; at < 2; at++) {
    const page = await stage.tab(await stage.person(), '/bench/stock.html', stage.front.url)
    await waitFor(page, () => 'bench' in window)
    await page.evaluate((url) => window.bench.connect(url), server.url)
    pages.push(page)
  }
  const [one, other] = pages
  const url = await one.evaluate((widgets) => window.bench.make({ title: '', widgets }), widgetsOf(WIDGETS))
  await other.evaluate((which) => window.bench.open(which), url)
  return {
    name: 'stock client and server',
    samples: [],
    edit: (title) => edit(one, other, title),
    close: () => server.close(),
  }
}

async function edit(one, other, title) {
  const seen = other.evaluate((wanted) => window.bench.called(wanted), title)
  const made = await one.evaluate((next) => window.bench.edit(next), title)
  return (await seen) - made
}

/** As large a document as the others have. */
const widgetsOf = (count) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, at) => [
      `w${at}`,
      { kind: 'stat', title: `stat ${at}`, layout: { x: at % 20, y: at, w: 4, h: 4 }, options: {} },
    ]),
  )
