// What tests of tabs have in common: whatever they open is closed when they end, and they wait for states.

import { afterEach } from 'vitest'
import type { DovetailConfig } from '../../src/config'
import type { Environment } from '../../src/environment'
import type { Dashboard, DashboardStore, Dovetail } from '../../src/types'
import { until } from '../../src/watch'
import { Server } from './server'
import { Device } from './tab'

const endings: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

/** The real server, until the test ends. */
export async function server(env?: Record<string, string>, ...args: readonly string[]): Promise<Server> {
  const made = new Server(env, args)
  endings.push(() => made.end())
  return made.start()
}

/** A tab that is closed when the test ends. */
export function tab(
  device: Device,
  url: string,
  config?: Partial<DovetailConfig>,
  environment?: Partial<Environment>,
): Dovetail {
  return closing(device.tab(url, config, environment))
}

/** A tab without a network that is closed when the test ends. */
export function offline(
  device = new Device(),
  config?: Partial<DovetailConfig>,
  environment?: Partial<Environment>,
): Dovetail {
  return closing(device.offline(config, environment))
}

/** Waits until a dashboard is as wanted. */
export async function shows(
  store: DashboardStore,
  test: (dashboard: Dashboard) => boolean,
): Promise<Dashboard> {
  const state = await until(store, (state) => state.status === 'ready' && test(state.value))
  if (state.status !== 'ready') throw new Error(`the dashboard is ${state.status}`)
  return state.value
}

/** A dashboard as it is. */
export function shown(store: DashboardStore): Dashboard {
  const state = store.getState()
  if (state.status !== 'ready') throw new Error(`the dashboard is ${state.status}`)
  return state.value
}

/** The code of what is thrown, now or later; nothing when nothing is. */
export async function codeOf(call: () => unknown): Promise<string | undefined> {
  try {
    await call()
  } catch (error) {
    return (error as { readonly code?: string }).code ?? String(error)
  }
  return undefined
}

function closing(made: Dovetail): Dovetail {
  endings.push(() => made.close())
  return made
}
