import assert from 'node:assert/strict'
import test from 'node:test'
import { see, world } from '../world.mjs'

test('CL120 the page comes from the server, and nothing from elsewhere', async (t) => {
  const here = await world(t)
  const ana = await here.person()
  const asked = []
  ana.context.on('request', (request) => asked.push(new URL(request.url())))
  const page = await ana.tab('/')
  await see(page, 'the list', () => document.body.innerText.includes('New dashboard'))
  const elsewhere = asked.filter(
    ({ host, protocol }) => host !== here.server.address && protocol.startsWith('http'),
  )
  assert.deepEqual(elsewhere.map(String), [])
})
