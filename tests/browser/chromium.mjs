// A real Chromium without a network beyond the loopback interface.

import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
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
  // Root, as in a container, cannot have Chromium's sandbox.
  const args = process.getuid?.() === 0 ? [...QUIET, '--no-sandbox'] : QUIET
  return chromium.launch({ executablePath: executable(), args })
}
