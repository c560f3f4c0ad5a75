// What a measurement stands on: the server, the browser, and the pages in it. All of it is gone when the measurement ends.

import { launch } from '../chromium.mjs'
import { Server } from '../server.mjs'
import { Front } from './front.mjs'

/** How long anything may take before the bench gives up. */
export const WAIT_MS_MAX = 60_000

export class Stage {
  #contexts = new Set()

  /** `app`: a folder with an app; nothing: the one in the binary. */
  static async open({ app, pages }) {
    const stage = new Stage()
    stage.server = await new Server({}).start()
    stage.front = await Front.open({ server: () => stage.server.address, pages, app })
    // The app in the binary is measured without anything in between.
    stage.appUrl = app ? stage.front.url : stage.server.url
    stage.browser = await launch()
    return stage
  }

  /** Somebody with a device of their own. */
  async person(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1360, height: 900 }, ...options })
    context.setDefaultTimeout(WAIT_MS_MAX)
    this.#contexts.add(context)
    return context
  }

  /** A page of the app. Its errors end the bench: what is measured must work. */
  async tab(context, path, url = this.appUrl) {
    const page = await context.newPage()
    page.on('pageerror', (error) => console.error(`${page.url()}: ${error.stack ?? error}`))
    await page.goto(url + path)
    return page
  }

  /** A page with our client alone. */
  async bare(id, context) {
    const page = await this.tab(context ?? (await this.person()), '/bench/own.html', this.front.url)
    await waitFor(page, () => 'bench' in window)
    await page.evaluate((which) => window.bench.open(which), id)
    return page
  }

  async leave(context) {
    this.#contexts.delete(context)
    await context.close()
  }

  async close() {
    for (const context of this.#contexts) await context.close()
    await this.browser.close()
    this.front.close()
    await this.server.end()
  }
}

/** Waits for something in a page, also in one that draws nothing. */
export function waitFor(page, test, argument) {
  return page.waitForFunction(test, argument, { polling: 20, timeout: WAIT_MS_MAX })
}

/** What the page's main thread has done, in seconds of the processor, not of the clock; and the size of its heap. */
export async function spent(cdp) {
  const { metrics } = await cdp.send('Performance.getMetrics')
  const of = (name) => metrics.find((metric) => metric.name === name)?.value ?? 0
  return {
    taskS: of('TaskDuration'),
    scriptS: of('ScriptDuration'),
    layoutS: of('LayoutDuration') + of('RecalcStyleDuration'),
    heapBytes: of('JSHeapUsedSize'),
  }
}

/** Where `spent` asks. */
export async function meter(page) {
  const cdp = await page.context().newCDPSession(page)
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  return cdp
}
