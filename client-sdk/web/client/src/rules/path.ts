// Where a rule looks: `widgets.*.options.threshold`.
//
// Edit path: ← the text in a rule set; → the places that the plan reads (plan.ts).
//
// A path is a list of member names and `*`, which stands for every member of a map or every item of a list. Names made of
// letters, digits, `_` and `-` are written as they are, all others as `["…"]` with JSON's escapes. A leading `$.` is allowed
// and means nothing.

import { bytesOf } from './text'

/** The most steps of a path, the most `*` of one, and the most bytes of its text. */
const STEPS_MAX = 16
const WILDCARDS_MAX = 2
const BYTES_MAX = 1_024

/** `*`. */
export const ANY: unique symbol = Symbol('any')

/** The member of a name, or every member or item. */
export type Step = string | typeof ANY

export type Path = readonly Step[]

/** Why a text is no path, or no message. */
export class BadText extends Error {
  /** The character at which it goes wrong, the first being 1. */
  readonly at: number
  readonly wrong: string
  readonly right: string

  constructor(at: number, wrong: string, right: string) {
    super(`${wrong} at character ${at}: ${right}`)
    this.name = 'BadText'
    this.at = at
    this.wrong = wrong
    this.right = right
  }
}

/** Reads a path. Throws `BadText` for the first fault of the text. */
export function parsePath(text: string): Path {
  const parser = new Parser(text)
  if (bytesOf(text) > BYTES_MAX) throw parser.fault('the path is too long', `at most ${BYTES_MAX} bytes`)
  return parser.path()
}

/** How many `*` a path has. */
export function wildcards(path: Path): number {
  return path.filter((step) => step === ANY).length
}

/** What lies before and including the last `*`, and the names behind it. */
export function split(path: Path): { readonly prefix: Path; readonly names: readonly string[] } {
  const behind = path.lastIndexOf(ANY) + 1
  return { prefix: path.slice(0, behind), names: path.slice(behind).filter((step) => step !== ANY) }
}

/** Steps as text. */
export function pathToText(steps: Path): string {
  return steps.map((step, at) => (step === ANY ? (at === 0 ? '*' : '.*') : written(step, at === 0))).join('')
}

/** One name of a path, the first or a later one. */
function written(name: string, first: boolean): string {
  if (!/^[\p{Alphabetic}\p{N}_-]+$/u.test(name)) return `[${JSON.stringify(name)}]`
  return first ? name : `.${name}`
}

class Parser {
  readonly #letters: readonly string[]
  #at = 0

  constructor(text: string) {
    this.#letters = Array.from(text)
  }

  path(): Path {
    this.#root()
    const steps: Step[] = [this.#peek() === '[' ? this.#quoted() : this.#step()]
    this.#checkBounds(steps)
    for (let letter = this.#peek(); letter !== undefined; letter = this.#peek()) {
      if (letter === '.') {
        this.#at += 1
        steps.push(this.#step())
      } else if (letter === '[') steps.push(this.#quoted())
      else throw this.fault(`unexpected ${letter}`, '`.`, `[` or the end')
      this.#checkBounds(steps)
    }
    return steps
  }

  fault(wrong: string, right: string): BadText {
    return new BadText(this.#at + 1, wrong, right)
  }

  #root(): void {
    if (this.#peek() !== '$') return
    this.#at = 1
    if (this.#peek() === '.') this.#at = 2
    else if (this.#peek() !== '[') throw this.fault('`$` leads nowhere', '`$.` and a name')
  }

  #checkBounds(steps: Path): void {
    if (steps.length > STEPS_MAX) throw this.fault('too many steps', `at most ${STEPS_MAX}`)
    if (wildcards(steps) > WILDCARDS_MAX) throw this.fault('too many `*`', `at most ${WILDCARDS_MAX}`)
  }

  /** A plain name or `*`. */
  #step(): Step {
    if (this.#peek() === '*') {
      this.#at += 1
      return ANY
    }
    const begin = this.#at
    while (/^[\p{Alphabetic}\p{N}_-]$/u.test(this.#peek() ?? '')) this.#at += 1
    if (begin < this.#at) return this.#letters.slice(begin, this.#at).join('')
    const found = this.#peek() ?? 'the end'
    throw this.fault(
      `a name is missing, found ${found}`,
      'a name of letters, digits, `_` and `-`, or `*`, or `["any name"]`',
    )
  }

  /** `["any name"]`, or `[*]`. */
  #quoted(): Step {
    const right = '`["name"]` with JSON\'s escapes'
    this.#at += 1
    if (this.#peek() === '*' && this.#letters[this.#at + 1] === ']') {
      this.#at += 2
      return ANY
    }
    if (this.#peek() !== '"') throw this.fault('a quoted name is missing', right)
    const begin = this.#at
    this.#skipQuoted(right)
    const name = readQuoted(this.#letters.slice(begin, this.#at).join(''))
    if (name === undefined) {
      this.#at = begin
      throw this.fault('the quoted name cannot be read', right)
    }
    if (this.#peek() !== ']') throw this.fault('`]` is missing', right)
    this.#at += 1
    return name
  }

  /** Goes behind the quote that ends the name. */
  #skipQuoted(right: string): void {
    for (this.#at += 1; this.#peek() !== '"'; this.#at += this.#peek() === '\\' ? 2 : 1) {
      if (this.#peek() === undefined) throw this.fault('the quoted name does not end', right)
    }
    this.#at += 1
  }

  #peek(): string | undefined {
    return this.#letters[this.#at]
  }
}

function readQuoted(literal: string): string | undefined {
  try {
    const name: unknown = JSON.parse(literal)
    return typeof name === 'string' ? name : undefined
  } catch {
    return undefined
  }
}
