// Opening the dashboard: what goes over the wire, and how long until it can be worked with.
//
// A page can be worked with when all widgets are on it and a click on "Add widget", made as soon as the button is there, has
// opened its dialog; it is filled when every widget shows what it has. Both count from the beginning of the navigation. Cold is a
// browser that has nothing of the app and nothing of the dashboard. Warm is the next visit: files from the service worker, the
// dashboard from the device.

import { fullDashboard, WIDGETS } from '../dashboard.mjs'
import { meter, spent, waitFor } from '../stage.mjs'

/** A common connection, for the time that bytes take: 10 Mbit/s, 40 ms there and back. */
const LINE = { offline: false, latency: 40, downloadThroughput: 1_250_000, uploadThroughput: 1_250_000 }

export async function run({ stage, report, column, quick }) {
  const { id } = await fullDashboard(stage.server)
  const path = `/d/${id}`
  await visit(stage, path)
  const times = quick ? 2 : 4
  for (let at = 0; at < times; at++) {
    const context = await stage.person()
    await context.addInitScript(watchForUse, WIDGETS)
    const worker = workerWire(context)
    const cold = await look(stage, context, path)
    tell(report, column, 'cold', cold)
    await leave(context.pages()[0])
    const kept = await worker.taken()
    const warm = await look(stage, context, path)
    tell(report, column, 'warm', warm)
    if (at === 0) {
      bytes(report, column, 'first load', cold.wire)
      bytes(report, column, 'kept by the service worker after it', kept)
      bytes(report, column, 'second load', [...warm.wire, ...(await worker.taken())])
    }
    await stage.leave(context)
  }
  const context = await stage.person()
  await context.addInitScript(watchForUse, WIDGETS)
  const { usableMs } = await look(stage, context, path, LINE)
  report.add(column, 'cold, 10 Mbit/s and 40 ms', 'usable after ms', usableMs)
  await stage.leave(context)
}

/** Once for nothing: the server, too, has something to load. */
async function visit(stage, path) {
  const context = await stage.person()
  await context.addInitScript(watchForUse, WIDGETS)
  await look(stage, context, path)
  await stage.leave(context)
}

function tell(report, column, which, { usableMs, filledMs, shownMs, mainMs }) {
  report.add(column, which, 'all widgets there after ms', shownMs)
  report.add(column, which, 'usable after ms', usableMs)
  report.add(column, which, 'filled after ms', filledMs)
  report.add(column, which, '- of the main thread until then, ms', mainMs)
}

function bytes(report, column, which, wire) {
  const total = wire.reduce((sum, { bytes: size }) => sum + size, 0)
  report.add(column, which, 'requests', wire.length)
  report.add(column, which, 'kB over the wire', total / 1000)
  const kinds = [...new Set(wire.map(({ kind }) => kind))].sort()
  for (const kind of kinds) {
    const of = wire.filter((each) => each.kind === kind)
    const size = of.reduce((sum, each) => sum + each.bytes, 0)
    report.add(column, which, `- ${kind}, kB`, size / 1000)
  }
}

/** When somebody leaves a page, it has been there for a while: what came from the server is on the device by then. */
const STAYS_MS = 2_000

/** Waits until a visit has left what it leaves: the app's files, and the documents. */
export async function leave(page) {
  await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  await page.waitForTimeout(STAYS_MS)
  await page.close()
}

/** Opens the dashboard and waits until it was usable and filled. */
export async function look(stage, context, path, line) {
  const page = await context.newPage()
  const cdp = await meter(page)
  await cdp.send('Network.enable')
  if (line) await cdp.send('Network.emulateNetworkConditions', line)
  const wire = wireOf(cdp)
  await page.goto(stage.appUrl + path, { waitUntil: 'commit' })
  await waitFor(page, () => window.used?.usableMs !== undefined && window.used.filledMs !== undefined)
  const { taskS } = await spent(cdp)
  const used = await page.evaluate(() => window.used)
  return { ...used, mainMs: taskS * 1000, wire: wire.filter(({ isWire }) => isWire) }
}

/** What the service workers of somebody's device ask for, since it was last taken. What lies in the browser's cache is not on the wire. */
function workerWire(context) {
  let asked = []
  context.on('requestfinished', (request) => {
    if (request.serviceWorker()) asked.push(wireOfWorker(request))
  })
  return {
    taken: async () => {
      const all = await Promise.all(asked)
      asked = []
      return all.filter(({ bytes: size }) => size > 0)
    },
  }
}

async function wireOfWorker(request) {
  const { responseBodySize, responseHeadersSize } = await request.sizes()
  // Without a body a file came from the cache, where it stays for ever, and anything else was said to be as it was.
  const isCached = responseBodySize <= 0 && new URL(request.url()).pathname.startsWith('/assets/')
  return {
    kind: 'all kinds',
    bytes: isCached ? 0 : Math.max(0, responseBodySize) + responseHeadersSize,
  }
}

/** What came to a page, with what the wire carried of it: the head, and the body as it was compressed. */
function wireOf(cdp) {
  const wire = []
  const asked = new Map()
  cdp.on('Network.responseReceived', ({ requestId, type, response }) => {
    const isWire = !response.fromDiskCache && !response.fromServiceWorker && response.url.startsWith('http')
    asked.set(requestId, { kind: kindOf(type, response), isWire, url: response.url })
  })
  cdp.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const one = asked.get(requestId)
    if (one) wire.push({ ...one, bytes: encodedDataLength })
  })
  return wire
}

function kindOf(type, { mimeType, url }) {
  if (mimeType === 'application/wasm') return 'WebAssembly'
  if (new URL(url).pathname.startsWith('/api/')) return 'answers'
  return { Document: 'page', Script: 'scripts', Stylesheet: 'styles' }[type] ?? 'other'
}

/** In the page, before anything else: clicks as soon as there is something to click, and notes when what was there. */
export function watchForUse(widgets) {
  if (window !== top) return
  const used = {}
  window.used = used
  let clicked = false
  const seen = (name) => (used[name] ??= performance.now())
  const lookAgain = () => {
    const tiles = document.querySelectorAll('[data-tile]').length
    if (tiles >= widgets) seen('shownMs')
    const button = [...document.querySelectorAll('header button')].find(
      (each) => each.textContent === 'Add widget',
    )
    if (!clicked && tiles > 0 && button && !button.disabled) {
      clicked = true
      button.click()
    }
    if (document.querySelector('dialog[open], [role="dialog"]') && tiles >= widgets) seen('usableMs')
    if (tiles >= widgets && !document.querySelector('.view-loading, .view-empty')) seen('filledMs')
    if (used.usableMs === undefined || used.filledMs === undefined) setTimeout(lookAgain, 4)
  }
  lookAgain()
}
