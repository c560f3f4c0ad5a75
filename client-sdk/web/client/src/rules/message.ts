// What is said when a rule does not hold: a text with `{…}` for what the document holds.
//
// Edit path: ← the template in a rule set; → the message of a conflict.
//
// | placeholder | what stands there |
// |---|---|
// | `{title}`, `{options.unit}` | that field of the item, or the item's key where there is none |
// | `{a.title}`, `{b.title}` | the same for the earlier and the later of two items |
// | `{key}`, `{a.key}`, `{b.key}` | the item's key |
// | `{found}`, `{limit}`, `{values}` | what was found, what it is held against, all values in play |
// | `{["found"]}` | a field that is called like one of these |
// | `{{`, `}}` | a brace |
//
// Always true: texts of the document are cut, so that nobody's long title makes long messages.

import { canonical, type Json } from './json'
import { BadText, parsePath, split, wildcards } from './path'
import { bytesOf, cutToBytes, isBlank, onOneLine } from './text'

/** The most bytes of a template. */
const TEMPLATE_BYTES_MAX = 1_000

/** The most letters of one text of the document in a message: a long title, but no paragraph. */
const QUOTED_LETTERS_MAX = 80

/** The most bytes of a message, without the dots that say that it was cut. */
export const MESSAGE_BYTES_MAX = 2_000

/** The earlier of two items, or the only one; and the later. */
export type Side = 'a' | 'b'

/** How many items a conflict of a rule is about; none where it is about a collection. */
export type Items = 0 | 1 | 2

export type Template<F> = readonly Part<F>[]

type Part<F> =
  | { readonly part: 'text'; readonly text: string }
  | { readonly part: 'field'; readonly side: Side; readonly field: F }
  | { readonly part: 'key'; readonly side: Side }
  | { readonly part: 'found' | 'limit' | 'values' }

/** Where a template gets its words from. */
export interface Words<F> {
  field(side: Side, field: F): Json | undefined
  key(side: Side): string
  readonly found: Json | undefined
  readonly limit: Json | undefined
  readonly values: readonly Json[]
}

/** Reads a template; `field` is told every field it names. Throws `BadText`. */
export function parseTemplate<F>(
  text: string,
  items: Items,
  field: (names: readonly string[]) => F,
): Template<F> {
  if (isBlank(text)) throw new BadText(1, 'the message is empty', 'a sentence that says what is wrong')
  if (bytesOf(text) > TEMPLATE_BYTES_MAX) {
    throw new BadText(1, 'the message is too long', `at most ${TEMPLATE_BYTES_MAX} bytes`)
  }
  const letters = Array.from(text)
  const parts: Part<F>[] = []
  let plain = ''
  let at = 0
  while (at < letters.length) {
    const letter = letters[at] ?? ''
    if ((letter === '{' || letter === '}') && letters[at + 1] === letter) {
      plain += letter
      at += 2
    } else if (letter === '}') throw new BadText(at + 1, 'a lone `}`', '`}}` for a brace')
    else if (letter === '{') {
      const end = closing(letters, at)
      if (end === undefined) throw new BadText(at + 1, 'the placeholder does not end', '`}` behind it')
      parts.push({ part: 'text', text: plain })
      plain = ''
      const begin = at + 1
      parts.push(shifted(begin, () => placeholder(letters.slice(begin, end).join(''), items, field)))
      at = end + 1
    } else {
      plain += letter
      at += 1
    }
  }
  return [...parts, { part: 'text', text: plain }]
}

/** The message. */
export function render<F>(template: Template<F>, words: Words<F>): string {
  const message = template.map((part) => rendered(part, words)).join('')
  const cut = cutToBytes(message, MESSAGE_BYTES_MAX)
  return cut.length < message.length ? `${cut}…` : message
}

function rendered<F>(part: Part<F>, words: Words<F>): string {
  switch (part.part) {
    case 'text':
      return part.text
    case 'key':
      return quoted(words.key(part.side))
    case 'found':
    case 'limit': {
      const value = words[part.part]
      return value === undefined ? 'nothing' : shown(value)
    }
    case 'values':
      return words.values.map(shown).join(', ')
    case 'field': {
      const value = words.field(part.side, part.field)
      const isNameless =
        value === undefined || value === null || (typeof value === 'string' && isBlank(value))
      return isNameless ? quoted(words.key(part.side)) : shown(value)
    }
  }
}

/** A value in words. */
export function shown(value: Json): string {
  if (typeof value === 'number') return String(value)
  return quoted(typeof value === 'string' ? value : canonical(value))
}

/** A text of the document as far as it is quoted, on one line. */
export function quoted(text: string): string {
  // A letter is two units at most, so this is enough of a long text.
  const letters = Array.from(text.slice(0, 2 * QUOTED_LETTERS_MAX + 2))
  const cut = letters.length > QUOTED_LETTERS_MAX
  return onOneLine(letters.slice(0, QUOTED_LETTERS_MAX).join('')) + (cut ? '…' : '')
}

/** Where the placeholder ends that begins at `at`: braces inside of a quoted name do not count. */
function closing(letters: readonly string[], at: number): number | undefined {
  let inQuotes = false
  for (let index = at + 1; index < letters.length; index += 1) {
    const letter = letters[index]
    if (letter === '\\' && inQuotes) index += 1
    else if (letter === '"') inQuotes = !inQuotes
    else if (letter === '}' && !inQuotes) return index
  }
  return undefined
}

function placeholder<F>(inside: string, items: Items, field: (names: readonly string[]) => F): Part<F> {
  if (inside === 'found' || inside === 'limit' || inside === 'values') return { part: inside }
  const { side, rest, offset } = sideOf(inside, items)
  if (rest === 'key') return { part: 'key', side }
  const path = shifted(offset, () => parsePath(rest))
  if (wildcards(path) > 0) throw new BadText(1, '`*` stands for many values', 'a path of names')
  return { part: 'field', side, field: field(split(path).names) }
}

function sideOf(
  inside: string,
  items: Items,
): { readonly side: Side; readonly rest: string; readonly offset: number } {
  if (items === 1) return { side: 'a', rest: inside, offset: 0 }
  if (items === 0) {
    const right = '`{found}`, `{limit}` or `{values}`: this rule is about a whole collection'
    throw new BadText(1, `${JSON.stringify(inside)} is no placeholder here`, right)
  }
  const [letter, dot] = inside
  if ((letter === 'a' || letter === 'b') && dot === '.')
    return { side: letter, rest: inside.slice(2), offset: 2 }
  const right = '`{a.…}` or `{b.…}`: this rule is about two items'
  throw new BadText(1, `${JSON.stringify(inside)} does not say of which item`, right)
}

/** What `read` gives; a fault is told by its place in the whole text. */
function shifted<T>(offset: number, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof BadText) throw new BadText(error.at + offset, error.wrong, error.right)
    throw error
  }
}
