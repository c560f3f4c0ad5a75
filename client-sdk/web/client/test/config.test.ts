// A configuration is complete, or every fault in it is named.

import { expect, test } from 'vitest'
import { resolveConfig, type DovetailConfig } from '../src/config'
import { DovetailError } from '../src/errors'

function faults(config: unknown): string {
  try {
    resolveConfig(config as DovetailConfig)
  } catch (error) {
    if (error instanceof DovetailError && error.code === 'bad_config') return error.message
    throw error
  }
  return ''
}

test('CL91 an address is all that is needed', () => {
  expect(resolveConfig({ url: 'https://h' })).toMatchObject({
    url: 'https://h',
    webSocketUrl: 'wss://h/sync',
    token: undefined,
    storage: { kind: 'indexeddb', name: 'dovetail' },
    limits: { pendingChangesMax: 10_000 },
    batching: { pauseMs: 400, longestMs: 3_000 },
  })
})

test.each([
  ['http://h:3000', 'http://h:3000', 'ws://h:3000/sync'],
  ['https://h/a/b//', 'https://h/a/b', 'wss://h/a/b/sync'],
  ['ws://h', 'http://h', 'ws://h/sync'],
  ['wss://h', 'https://h', 'wss://h/sync'],
])('CL91 the address %s is read', (written, url, webSocketUrl) => {
  expect(resolveConfig({ url: written })).toMatchObject({ url, webSocketUrl })
})

const BOUNDS = {
  limits: { pendingChangesMax: 0, pendingBytesMax: 1, documentsKeptMax: 0, unopenedDaysMax: -1 },
  batching: { pauseMs: -1, longestMs: 1e9 },
  retry: { firstMs: 1, mostMs: 1e12, connectMs: 1, webSocketFailuresMax: -1, webSocketAgainMs: 0 },
  heartbeat: { askMs: NaN, silenceMs: '5' },
  presence: { everyMs: 1, goneMs: Infinity, name: '' },
}

test('CL91 every setting out of bounds is named, all at once', () => {
  const said = faults({ url: 'https://h', ...BOUNDS })
  for (const [group, settings] of Object.entries(BOUNDS)) {
    for (const name of Object.keys(settings)) expect(said).toContain(`${group}.${name}`)
  }
})

test.each([
  [undefined, 'object'],
  [null, 'object'],
  [{}, 'url'],
  [{ url: 'nothing' }, 'url'],
  [{ url: 'ftp://h' }, 'ftp:'],
  [{ url: 'https://h/?a=1' }, 'query'],
  [{ url: 'https://h/#a' }, 'fragment'],
  [{ url: 'https://ana:secret@h' }, 'user'],
  [{ url: 'https://h', token: 'secret' }, 'token'],
  [{ url: 'https://h', link: 'secret' }, 'link'],
  [{ url: 'https://h', link: 5 }, 'link'],
  [{ url: 'https://h', storage: { kind: 'disk' } }, 'storage.kind'],
  [{ url: 'https://h', storage: { name: 'a/b' } }, 'storage.name'],
  [{ url: 'https://h', storage: { name: 'a'.repeat(65) } }, 'storage.name'],
  [{ url: 'https://h', presence: { name: 5 } }, 'presence.name'],
  [{ url: 'https://h', retry: { firstMs: 500, mostMs: 100 } }, 'retry.firstMs'],
])('CL91 a fault is named: %j', (config, word) => {
  expect(faults(config)).toContain(word)
})

test('CL91 no secret is in the words', () => {
  expect(faults({ url: 'https://h', token: 'my-secret', link: 'my-secret' })).not.toContain('my-secret')
})
