// What is said to screen readers about the grid.

import { watched, type Settable } from '../app/watched'

export interface Announcer {
  readonly said: Settable<string>
  readonly announce: (words: string) => void
}

/** The same words twice in a row are said twice: the second time with a space that nobody hears. */
export function createAnnouncer(): Announcer {
  const said = watched('')
  return {
    said,
    announce: (words) => said.set(said.getState() === words ? `${words}\u00a0` : words),
  }
}
