// The package as others take it, in a node of its own: what it says before its WebAssembly is there, and that node ends after it.

import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/** Below the package, so that what it imports is found. */
const PLACE = join(ROOT, 'node_modules')

/** Node ends by itself within a second. What keeps it going are timers of 20 s and more, or what never ends. */
const ENDS_MS_MAX = 15_000

let folder = ''

beforeAll(async () => {
  mkdirSync(PLACE, { recursive: true })
  folder = mkdtempSync(join(PLACE, '.built-'))
  const configFile = join(ROOT, 'vite.config.ts')
  await build({ root: ROOT, configFile, logLevel: 'error', build: { outDir: folder } })
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What a script says that imports the package from `./index.js`. Rejects when it does not end. */
async function said(script: string): Promise<string> {
  const path = join(folder, 'script.mjs')
  writeFileSync(path, script)
  const { stdout } = await promisify(execFile)(process.execPath, [path], { timeout: ENDS_MS_MAX })
  return stdout.trim()
}

test('CL263 before the WebAssembly is there it says what to call', async () => {
  const words = await said(`
    import { createDovetail, DovetailError } from './index.js'
    try {
      createDovetail({ url: 'http://127.0.0.1:1' })
    } catch (error) {
      console.log(error instanceof DovetailError, error.code, error.message)
    }
  `)
  expect(words).toMatch(/^true no_wasm .*initializeWasm/)
})

test.each([
  ['with storage', "import 'fake-indexeddb/auto'"],
  ['without', ''],
])('CL264 node ends after close, %s', async (_, storage) => {
  const words = await said(`
    import '@automerge/automerge'
    ${storage}
    import { createDovetail } from './index.js'
    const dovetail = createDovetail({ url: 'http://127.0.0.1:1' })
    const made = dovetail.createDashboard({ title: 'a' })
    const missing = dovetail.openDashboard('4NMNnkMhL8jXrdJ9jamS58PAVdXu')
    await missing.settled()
    made.edit({ edit: 'setTitle', title: 'b' }, { typing: true })
    made.release()
    dovetail.openDashboard('a4o8NGZ91yg8V1XkTuANGnS8B6W')
    await dovetail.close()
    console.log('closed')
  `)
  expect(words).toBe('closed')
})
