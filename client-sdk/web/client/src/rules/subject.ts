// What conflicts are about, as texts that stay the same wherever the items move.

import type { Keys } from './facts'
import { bytesOf, digest } from './text'

/** Longer keys stand in subjects as a digest: subjects are told again with every conflict. */
const KEY_BYTES_MAX = 256

/** The keys of an item as one text; empty for the root. */
export function itemSubject(keys: Keys): string {
  return keys
    .map((key) =>
      bytesOf(key) > KEY_BYTES_MAX ? `#${digest(key)}` : key.replaceAll('~', '~0').replaceAll('/', '~1'),
    )
    .join('/')
}

/** The subject of a rule that these keys lead to; `tail` is what its subjects end with. */
export function subjectOf({ tail }: { readonly tail: string }, keys: Keys): string {
  const subject = itemSubject(keys)
  return subject === '' || tail === '' ? `${subject}${tail}` : `${subject}/${tail}`
}
