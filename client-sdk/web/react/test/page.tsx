// A page with a client: shows components below the provider, and lets no warning of React pass.

import { act, cleanup, render, type RenderResult } from '@testing-library/react'
import axe from 'axe-core'
import type { ReactNode } from 'react'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { DashboardRealtimeProvider, type DashboardRealtimeProviderProps } from '../src'
import { FakeClient } from './fake'

const page = globalThis as unknown as { IS_REACT_ACT_ENVIRONMENT: boolean }
page.IS_REACT_ACT_ENVIRONMENT = true

let warnings: string[] = []

beforeEach(() => {
  warnings = []
  vi.spyOn(console, 'error').mockImplementation(
    (...said: unknown[]) => void warnings.push(said.map(String).join(' ')),
  )
})

afterEach(() => {
  cleanup()
  vi.useRealTimers()
  vi.restoreAllMocks()
  expect(warnings).toEqual([])
})

/** What React said on the console so far; it counts as expected. */
export function takeWarnings(): readonly string[] {
  const taken = warnings
  warnings = []
  return taken
}

/** Shows something below a provider. */
export function show(
  what: ReactNode,
  props: Partial<DashboardRealtimeProviderProps> = {},
): RenderResult & {
  readonly show: (what: ReactNode, props?: Partial<DashboardRealtimeProviderProps>) => void
} {
  const client = props.client ?? new FakeClient()
  const within = (inner: ReactNode, now = props) => (
    <DashboardRealtimeProvider {...now} client={client}>
      {inner}
    </DashboardRealtimeProvider>
  )
  const result = render(within(what))
  return { ...result, show: (inner, now) => result.rerender(within(inner, now)) }
}

/** Lets time pass; asks for fake timers. */
export async function pass(ms: number): Promise<void> {
  await act(() => vi.advanceTimersByTimeAsync(ms))
}

/** What axe finds; colours are not known without a layout, and test/contrast.test.ts has them. */
export async function axeFindings(element: Element): Promise<readonly string[]> {
  const { violations } = await axe.run(element, {
    rules: { 'color-contrast': { enabled: false }, region: { enabled: false } },
  })
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
}
