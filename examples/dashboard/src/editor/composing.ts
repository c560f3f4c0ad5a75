// Letters that are composed by an input method, as in Japanese, Chinese, or on a phone.

import type { KeyboardEvent } from 'react'

/** As what browsers tell a key that an input method has taken, where they tell no more of it. */
const KEY_CODE_TAKEN = 229

/**
 * Whether a key belongs to an input method: Enter takes its suggestion there, and Escape drops it. Safari tells of that Enter when the
 * letters are there already, and by its code alone.
 */
export function isComposing({ nativeEvent }: Pick<KeyboardEvent, 'nativeEvent'>): boolean {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- nothing else says it there
  return nativeEvent.isComposing || nativeEvent.keyCode === KEY_CODE_TAKEN
}
