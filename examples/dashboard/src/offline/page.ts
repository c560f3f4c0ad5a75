// The browser, as updates need it.

import type { UpdatedPage } from './updates'

/** How often a page that stays open looks for an update, in milliseconds. */
const LOOK_EVERY_MS = 60 * 60 * 1000

/** This page. */
export function thisPage(container: ServiceWorkerContainer): UpdatedPage {
  return {
    register: () => container.register('/sw.js', { scope: '/', updateViaCache: 'none' }),
    controlled: () => container.controller !== null,
    onController: (listener) => container.addEventListener('controllerchange', listener),
    scripts: () =>
      [...document.querySelectorAll<HTMLScriptElement>('script[type="module"][src]')].map(
        (script) => new URL(script.src).pathname,
      ),
    reload: () => location.reload(),
    onLook: (listener) => {
      setInterval(listener, LOOK_EVERY_MS)
      document.addEventListener('visibilitychange', () => {
        if (document.visibilityState === 'visible') listener()
      })
    },
    onMissingPart: (listener) => addEventListener('vite:preloadError', listener),
  }
}
