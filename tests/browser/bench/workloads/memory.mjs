// Ten minutes of points for every series of the dashboard, one a second, as fast as they are taken: what the page keeps of them.

import { readFileSync } from 'node:fs'
import { fullDashboard, WIDGETS } from '../dashboard.mjs'
import { meter, spent, waitFor } from '../stage.mjs'

const MIB = 2 ** 20

/** A point a second; the server makes one change of what comes together. */
const POINTS = 600
const TOGETHER = 4

export async function run({ stage, report, column, quick }) {
  const { id, series } = await fullDashboard(stage.server)
  const context = await stage.person()
  const page = await stage.tab(context, `/d/${id}`)
  await waitFor(page, (all) => document.querySelectorAll('[data-tile]').length >= all, WIDGETS)
  await waitFor(page, () => !document.querySelector('.view-loading, .view-empty'))
  const cdp = await meter(page)
  const renderer = await rendererOf(stage.browser)
  await cdp.send('HeapProfiler.collectGarbage')
  const before = await spent(cdp)
  const name = `10 minutes of points, ${series.length} series`
  report.add(column, name, 'heap before, MiB', before.heapBytes / MIB)
  report.add(column, name, 'process before, MiB', residentMiB(renderer))
  const points = quick ? 40 : POINTS
  const beganMs = Date.now()
  const fromMs = Date.UTC(2026, 0, 1) + 3_600_000
  for (let at = 0; at < points; at += TOGETHER) {
    const body = Array.from({ length: TOGETHER }, (_, more) => ({
      t: fromMs + (at + more) * 1000,
      v: at + more,
    }))
    await Promise.all(series.map((each) => feed(stage.server, each, body)))
  }
  await waitFor(
    page,
    (last) =>
      [...document.querySelectorAll('[data-kind="stat"] .stat-number')].every(
        (number) => number.textContent === last,
      ),
    String(points - 1),
  )
  const tookS = (Date.now() - beganMs) / 1000
  const after = await spent(cdp)
  report.add(column, name, 'taken in s', tookS)
  report.add(
    column,
    name,
    'main thread, ms for each second of points',
    ((after.taskS - before.taskS) / points) * 1000,
  )
  report.add(column, name, 'heap after, MiB', after.heapBytes / MIB)
  await cdp.send('HeapProfiler.collectGarbage')
  report.add(column, name, 'heap after collecting garbage, MiB', (await spent(cdp)).heapBytes / MIB)
  report.add(column, name, 'process after, MiB', residentMiB(renderer))
}

async function feed(server, id, body) {
  const { status, body: said } = await server.ask('POST', `/api/docs/${id}/points`, { body })
  if (status !== 200) throw new Error(JSON.stringify(said))
}

/** The process that draws the page: the one with the most memory, as the browser keeps a spare one. */
async function rendererOf(browser) {
  const cdp = await browser.newBrowserCDPSession()
  const { processInfo } = await cdp.send('SystemInfo.getProcessInfo')
  const all = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id)
  return all.toSorted((one, other) => (residentMiB(other) ?? 0) - (residentMiB(one) ?? 0))[0]
}

/** Its own part of the memory, WebAssembly's included; nothing where the system does not say. */
function residentMiB(process) {
  try {
    const said = readFileSync(`/proc/${process}/smaps_rollup`, 'utf8')
    return Number(/^Pss:\s+(\d+) kB/m.exec(said)?.[1]) / 1024
  } catch {
    return undefined
  }
}
