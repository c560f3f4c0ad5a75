// The beginning of the page: Automerge's WebAssembly first, then everything else.
//
// Always true: nothing that imports Automerge is loaded before its WebAssembly is there, so it is imported here, and only when
// the page has it.

import { initializeWasm } from '@automerge/automerge/slim'
import wasmUrl from '@automerge/automerge/automerge.wasm?url'
import './look/index.css'

const place = document.getElementById('root')

try {
  const [, { start }] = await Promise.all([initializeWasm(wasmUrl), import('./app/start')])
  if (place) start(place)
} catch (error) {
  if (place) cannotStart(place, error)
}

/** Said without any of the libraries, which may be what is missing. */
function cannotStart(at: HTMLElement, error: unknown): void {
  const box = document.createElement('div')
  box.className = 'starting'
  box.setAttribute('role', 'alert')
  const words = document.createElement('p')
  words.textContent =
    'This page could not be loaded. The connection may have broken, or the browser is too old for it.'
  const reason = document.createElement('p')
  reason.className = 'muted'
  reason.textContent = error instanceof Error ? error.message : String(error)
  const again = document.createElement('button')
  again.type = 'button'
  again.className = 'button primary'
  again.textContent = 'Try again'
  again.addEventListener('click', () => location.reload())
  box.append(words, reason, again)
  at.replaceChildren(box)
}
