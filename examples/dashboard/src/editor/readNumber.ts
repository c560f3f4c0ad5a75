// A number as people type it.

/** A number within its limits; a comma does as a point. */
export function readNumber(typed: string, least = -Infinity, most = Infinity): number | undefined {
  const text = typed.trim().replace(',', '.')
  if (text === '') return undefined
  const number = Number(text)
  return Number.isFinite(number) && number >= least && number <= most ? number : undefined
}
