// Light, dark, or as the system has it; what was chosen is kept on this device.
//
// Always true: `data-theme` of the page's root is absent for `system`, so that the style sheets follow the system by themselves.
// `public/theme.js` sets it before the first paint; this keeps it up afterwards.

import type { Watchable } from '@dovetail/client'
import { watched } from './watched'

export type ThemeChoice = 'system' | 'light' | 'dark'

/** What is chosen, and what that is at present. */
export interface ThemeState {
  readonly choice: ThemeChoice
  readonly shown: 'light' | 'dark'
}

export interface Theme extends Watchable<ThemeState> {
  readonly choose: (choice: ThemeChoice) => void
}

/** Where the choice is kept; public/theme.js reads the same. */
const KEY = 'dovetail.theme'

/** Reads the choice and follows the system's preference. */
export function createTheme(): Theme {
  const system = matchMedia('(prefers-color-scheme: dark)')
  const resolve = (choice: ThemeChoice): ThemeState => ({
    choice,
    shown: choice === 'system' ? (system.matches ? 'dark' : 'light') : choice,
  })
  const state = watched(resolve(kept()))
  const show = (choice: ThemeChoice) => {
    if (choice === 'system') delete document.documentElement.dataset['theme']
    else document.documentElement.dataset['theme'] = choice
    const next = resolve(choice)
    const before = state.getState()
    if (before.choice !== next.choice || before.shown !== next.shown) state.set(next)
  }
  show(state.getState().choice)
  system.addEventListener('change', () => show(state.getState().choice))
  return {
    subscribe: state.subscribe,
    getState: state.getState,
    choose: (choice) => {
      show(choice)
      keep(choice)
    },
  }
}

function kept(): ThemeChoice {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    // No storage: the system decides.
    return 'system'
  }
}

function keep(choice: ThemeChoice): void {
  try {
    if (choice === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, choice)
  } catch {
    // No storage: the choice holds for this tab.
  }
}
