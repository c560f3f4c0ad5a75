// The kind that counts, and where it counts: apart from what draws it, for those who only make or copy one.

export const COUNTER = 'counter'

/** Where the count stands in the options. */
export const COUNT_PATH = ['count'] as const
