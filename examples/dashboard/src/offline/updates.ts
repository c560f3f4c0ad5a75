// The page's side of the service worker: is a newer version there, and taking it.
//
// ```text
//                        a new worker waits
//   current ───────────────────────────────────────▶ waiting ──apply──▶ applying ──new worker is in charge──▶ reload
//      ▲ this page is of that build already: the worker takes over if it is alone, without a reload
// ```
// Always true: no page is reloaded because of the very first worker, nor a page that has the new build already; every other
// page is, when somebody takes the update in any tab, because its files are gone from the cache then.

import type { Watchable } from '@dovetail/client'
import { watched } from '../app/watched'
import { isOfBuild, type ToWorker } from './plan'

export type UpdateState =
  | { readonly status: 'current' }
  | { readonly status: 'waiting'; readonly apply: () => void }
  | { readonly status: 'applying' }

/** As much of the browser's worker as is used. */
export interface PageWorker {
  readonly state: string
  postMessage(message: ToWorker, transfer?: Transferable[]): void
  addEventListener(name: 'statechange', listener: () => void): void
}

export interface PageRegistration {
  readonly waiting: PageWorker | null
  readonly installing: PageWorker | null
  update(): Promise<unknown>
  addEventListener(name: 'updatefound', listener: () => void): void
}

/** What updates need of the page. */
export interface UpdatedPage {
  /** Registers the worker. */
  readonly register: () => Promise<PageRegistration>
  /** Whether a worker stands behind this page. */
  readonly controlled: () => boolean
  /** Calls when another worker stands behind this page. */
  readonly onController: (listener: () => void) => void
  /** The paths of the scripts that this page was made of. */
  readonly scripts: () => readonly string[]
  readonly reload: () => void
  /** Calls now and then, when it is a good moment to look for an update. */
  readonly onLook: (listener: () => void) => void
  /** Calls when a part of the app could not be loaded, as happens when the server has another build by now. */
  readonly onMissingPart: (listener: () => void) => void
}

/** Registers the worker and follows it. A page whose worker cannot be registered goes on without one. */
export function followUpdates(page: UpdatedPage): Watchable<UpdateState> {
  const state = watched<UpdateState>({ status: 'current' })
  let hadController = page.controlled()
  let isNewAlready = false

  page.onController(() => {
    // Somebody deleted what the site keeps, the worker as well: no other build is there to be loaded, and what this page has not sent yet
    // would go with it.
    if (!page.controlled()) {
      hadController = false
      return
    }
    // Whoever pressed the button is waiting for it, whatever this page is made of.
    const isAsked = state.getState().status === 'applying'
    if (hadController && (isAsked || !isNewAlready)) page.reload()
    hadController = true
  })
  page.onMissingPart(() => {
    if (state.getState().status === 'current') state.set({ status: 'waiting', apply: page.reload })
  })

  const waits = async (worker: PageWorker) => {
    if (isOfBuild(page.scripts(), await filesOf(worker))) {
      isNewAlready = true
      worker.postMessage({ dovetail: 'take_over_if_alone' })
      return
    }
    // What this page has is not the newest any more.
    isNewAlready = false
    state.set({
      status: 'waiting',
      apply: () => {
        state.set({ status: 'applying' })
        worker.postMessage({ dovetail: 'take_over' })
      },
    })
  }
  const comes = (worker: PageWorker | null) => {
    worker?.addEventListener('statechange', () => {
      // Without a worker before it, the first one waits for nobody.
      if (worker.state === 'installed' && page.controlled()) void waits(worker)
    })
  }
  const begin = async () => {
    const registration = await page.register()
    if (registration.waiting && page.controlled()) await waits(registration.waiting)
    comes(registration.installing)
    registration.addEventListener('updatefound', () => comes(registration.installing))
    // Without a network there is nothing to find; the next look comes anyway.
    page.onLook(() => void registration.update().catch(() => undefined))
  }
  void begin().catch(() => {
    // Workers are not allowed here (a policy, a private window): the app works, and needs the network to start.
  })
  return state
}

/** How long a worker may take to say what it has, in milliseconds; an old one does not understand the question. */
const FILES_MS_MAX = 2_000

function filesOf(worker: PageWorker): Promise<readonly string[]> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    const timer = setTimeout(() => end([]), FILES_MS_MAX)
    const end = (files: readonly string[]) => {
      clearTimeout(timer)
      port1.close()
      resolve(files)
    }
    port1.onmessage = (event: MessageEvent<unknown>) => {
      end(Array.isArray(event.data) ? event.data.filter((path) => typeof path === 'string') : [])
    }
    worker.postMessage({ dovetail: 'files' }, [port2])
  })
}
