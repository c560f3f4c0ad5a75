// How a tile is moved by keys, which is another thing on the grid than in the column.

import { createContext } from 'react'

export interface Moving {
  /** True when the key moved the widget, or would have. */
  readonly press: (key: string, shift: boolean, id: string) => boolean
  /** The widget is left: what was moved is done. */
  readonly finish: () => void
  /** Takes back what is going on; false when nothing is. */
  readonly cancel: () => boolean
}

export const MoveContext = createContext<Moving>({
  press: () => false,
  finish: () => undefined,
  cancel: () => false,
})
