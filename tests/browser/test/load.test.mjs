// What a visit asks the server for. Bytes are counted in accessible.test.mjs; here it is how often.

import assert from 'node:assert/strict'
import test from 'node:test'
import { keptForOffline, saved, stat, widget } from '../app.mjs'
import { seen, world } from '../world.mjs'

/** What is asked of the app's files; edits, and what is computed, are no part of loading it. */
const COMPUTED = /^\/(api|sync|health|sw\.js)/

test('CL203 the next visit asks for the page and for nothing else of the app', async (t) => {
  const here = await world(t)
  const id = await here.server.dashboard({ widgets: { a: { ...stat('CPU'), kind: 'timeseries' } } })
  const ana = await here.person()
  const page = await ana.tab(`/d/${id}`)
  await saved(page)
  await keptForOffline(page)
  await page.close()
  const asked = []
  ana.context.on('requestfinished', (request) => asked.push(onTheWire(request)))
  const again = await ana.tab(`/d/${id}`)
  await seen(widget(again, 'CPU'))
  await saved(again)
  const paths = (await Promise.all(asked)).filter((path) => path !== undefined && !COMPUTED.test(path))
  assert.deepEqual(paths, [`/d/${id}`])
})

/** The path of what came from the server itself, and not from what the browser keeps. */
async function onTheWire(request) {
  const answer = await request.response()
  return answer?.fromServiceWorker() ? undefined : new URL(request.url()).pathname
}
