// A real Chromium without a network beyond the loopback interface.

import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

/** Debian's, or the one that `CHROMIUM` names. */
export function executable() {
  const named = process.env.CHROMIUM
  if (named) return named
  for (const path of ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']) {
    if (existsSync(path)) return path
  }
  try {
    return execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
  } catch {
    throw new Error(
      'These tests need Chromium: install it (Debian: apt-get install chromium), or name it in CHROMIUM',
    )
  }
}

const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Tabs that are not in front work as they do for people who look at them in turn.
  '--disable-background-timer-throttling',
  '--disable-renderer-backgrounding',
  '--disable-backgrounding-occluded-windows',
]

export function launch() {
  return chromium.launch({ executablePath: executable(), args: args() })
}

/** A browser whose owner lets pages keep nothing: no database, no cookies, no worker, no locks. */
export async function launchWithoutStorage(options) {
  const profile = mkdtempSync(join(tmpdir(), 'dovetail-profile-'))
  mkdirSync(join(profile, 'Default'))
  const settings = { profile: { default_content_setting_values: { cookies: 2 } } }
  writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(settings))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable(),
    args: args(),
    ...options,
  })
  const end = async () => {
    await context.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  return { context, end }
}

/** Root, as in a container, cannot have Chromium's sandbox. */
const args = () => (process.getuid?.() === 0 ? [...QUIET, '--no-sandbox'] : QUIET)
