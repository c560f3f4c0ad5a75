// Short notices that pass: what was done, and the way to take it back.
//
// Always true: at most `TOASTS_MAX` are shown, the newest last; one with an action stays long enough to be reached by keyboard.

import { watched } from './watched'
import type { DoneStep, Watchable } from '@dovetail/client'

/** How a notice is meant; said in words as well, never by colour alone. */
export type Tone = 'plain' | 'good' | 'warning' | 'bad'

export interface Toast {
  readonly key: number
  readonly words: string
  readonly tone: Tone
  readonly action: { readonly label: string; readonly run: () => void } | undefined
}

/** What a notice needs. */
export interface ToastWish {
  readonly words: string
  /** `plain` unless said. */
  readonly tone?: Tone
  readonly action?: { readonly label: string; readonly run: () => void }
  /** How long it stays, in milliseconds; by itself 5 s, with an action 10 s. */
  readonly lastsMs?: number
}

export interface Toasts extends Watchable<readonly Toast[]> {
  /** Shows a notice; what is returned takes it away. */
  readonly show: (wish: ToastWish) => () => void
  /** Shows what went wrong, in the error's own words. */
  readonly failed: (what: string, error: unknown) => void
  readonly dismiss: (key: number) => void
  /** They stay while somebody points at them or has the focus in them. */
  readonly hold: (held: boolean) => void
}

/** More would cover the page. */
const TOASTS_MAX = 4
const LASTS_MS = 5_000
const LASTS_WITH_ACTION_MS = 10_000

/** Makes the list of notices of this tab. */
export function createToasts(): Toasts {
  const shown = watched<readonly Toast[]>([])
  const timers = new Map<number, ReturnType<typeof setTimeout>>()
  const lasting = new Map<number, number>()
  let next = 1
  let held = false

  const dismiss = (key: number) => {
    clearTimeout(timers.get(key))
    timers.delete(key)
    lasting.delete(key)
    shown.set(shown.getState().filter((toast) => toast.key !== key))
  }
  const start = (key: number, lastsMs: number) => {
    clearTimeout(timers.get(key))
    timers.set(
      key,
      setTimeout(() => dismiss(key), lastsMs),
    )
  }
  const show = (wish: ToastWish) => {
    const key = next++
    const lastsMs = wish.lastsMs ?? (wish.action ? LASTS_WITH_ACTION_MS : LASTS_MS)
    const toast = { key, words: wish.words, tone: wish.tone ?? 'plain', action: wish.action }
    const before = shown.getState()
    for (const old of before.slice(0, Math.max(0, before.length + 1 - TOASTS_MAX))) dismiss(old.key)
    lasting.set(key, lastsMs)
    shown.set([...shown.getState(), toast])
    if (!held) start(key, lastsMs)
    return () => dismiss(key)
  }
  return {
    subscribe: shown.subscribe,
    getState: shown.getState,
    show,
    dismiss,
    failed: (what, error) => void show({ words: `${what}: ${reasonOf(error)}`, tone: 'bad', lastsMs: 8_000 }),
    hold: (now) => {
      held = now
      if (held) for (const timer of timers.values()) clearTimeout(timer)
      else for (const [key, lastsMs] of lasting) start(key, lastsMs)
    },
  }
}

/** Says what was done, with a button that takes this back and nothing that was done since. */
export function offerUndo(toasts: Toasts, wish: Omit<ToastWish, 'action'>, done: DoneStep | undefined): void {
  const takeBack = (step: DoneStep) => {
    try {
      step.takeBack()
    } catch (error) {
      toasts.failed('Undo', error)
    }
  }
  toasts.show({ ...wish, ...(done ? { action: { label: 'Undo', run: () => takeBack(done) } } : {}) })
}

/** The words of an error. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
