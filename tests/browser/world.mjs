// A server, a browser and the people of one test. Everything that a test started is gone when it ends.
//
// A person is a browser context: storage of its own, as many tabs as they like. Nothing waits for a time; whoever waits, waits
// for something to be seen (`see`), and whatever a page reports as an error fails the test.

import { after } from 'node:test'
import { launch, launchWithoutStorage } from './chromium.mjs'
import { Proxy } from './proxy.mjs'
import { Server } from './server.mjs'

/** How long something may take to be seen. Two busy cores and a cold start take some seconds. */
export const SEEN_MS_MAX = 20_000

const SCREEN = { viewport: { width: 1360, height: 900 } }

/** One for all tests of a file. */
let browser
after(() => browser?.close())

/** What a page may report without being at fault. */
const EXPECTED = [
  // Servers that tests end, and networks that tests take away.
  /ERR_CONNECTION_REFUSED|ERR_INTERNET_DISCONNECTED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_SOCKET_NOT_CONNECTED/,
  /WebSocket connection to .* failed/,
  // What the page of all components shows on purpose.
  /A widget that cannot be drawn, on purpose/,
  // Answers that a page asks for and can do without.
  /the server responded with a status of (401|403|404|409|410|412|503)/,
]

export async function world(t, env) {
  browser ??= await launch()
  const made = new World(await new Server(env).start())
  t.after(() => made.close())
  return made
}

class World {
  #closing = []
  #expected = [...EXPECTED]
  complaints = []

  constructor(server) {
    this.server = server
    /** Where people find the app. */
    this.url = server.url
  }

  /** What pages of this test may report besides. */
  expect(report) {
    this.#expected.push(report)
  }

  /** Keeps what a page reports as an error. */
  hear(page, said) {
    if (!this.#expected.some((expected) => expected.test(said))) {
      this.complaints.push(`${page.url()}: ${said}`)
    }
  }

  /** A proxy; from now on people come through it. */
  async proxy() {
    const proxy = await new Proxy(this.server).start()
    this.#closing.push(() => proxy.end())
    this.url = proxy.url
    return proxy
  }

  /** Somebody with a device of their own. Options are those of a browser context. */
  async person(options = {}) {
    const context = await browser.newContext({ ...SCREEN, ...options })
    return this.#with(context, () => context.close())
  }

  /** Somebody whose browser lets pages keep nothing. */
  async personWithoutStorage() {
    const { context, end } = await launchWithoutStorage(SCREEN)
    return this.#with(context, end)
  }

  #with(context, end) {
    context.setDefaultTimeout(SEEN_MS_MAX)
    this.#closing.push(end)
    return new Person(this, context)
  }

  async close() {
    for (const close of this.#closing.splice(0).reverse()) await close()
    await this.server.end()
    if (this.complaints.length > 0) throw new Error(`pages complained:\n${this.complaints.join('\n')}`)
  }
}

class Person {
  constructor(world, context) {
    this.world = world
    this.context = context
  }

  /** A tab at a path of the app, or at an address of its own. */
  async tab(path = '/') {
    const page = await this.context.newPage()
    page.on('pageerror', (error) => this.world.hear(page, String(error.stack ?? error)))
    page.on('console', (message) => {
      if (message.type() !== 'error') return
      this.world.hear(page, `${message.text()} ${message.location().url ?? ''}`)
    })
    await page.goto(new URL(path, this.world.url).href)
    return page
  }

  async offline() {
    await this.context.setOffline(true)
  }

  async online() {
    await this.context.setOffline(false)
  }
}

/** Waits until a test of the page's content holds; also in tabs that are not in front, which draw nothing. */
export async function see(page, what, test, argument) {
  try {
    await page.waitForFunction(test, argument, { polling: 50, timeout: SEEN_MS_MAX })
  } catch (error) {
    throw await unseen(page, what, error)
  }
}

/** Waits until an element is there. */
export async function seen(locator) {
  try {
    await locator.first().waitFor({ state: 'visible', timeout: SEEN_MS_MAX })
  } catch (error) {
    throw await unseen(locator.page(), String(locator), error)
  }
  return locator.first()
}

/** What was there instead, in words, and as a picture where `DOVETAIL_PICTURES` names a folder. */
async function unseen(page, what, error) {
  const folder = process.env.DOVETAIL_PICTURES
  if (folder) await page.screenshot({ path: `${folder}/unseen-${Date.now()}.png` }).catch(() => {})
  const there = await page.locator('body').ariaSnapshot().catch(String)
  return new Error(`${what} was not seen (${String(error.message).split('\n')[0]}). There was:\n${there}`)
}
