// What a change says of itself, in the words of this app: the client knows options by their places and kinds by their names, and
// people know them by what the panel of options calls them.
//
// Always true: only what the client itself words so is worded anew, at the beginning of a message; what people wrote stays.

import { kindOf, KINDS } from './registry'

/** What may stand before it: undoing says what is undone. */
const AROUND = String.raw`^((?:(?:Undid|Did again): )*)`

const OPTION = new RegExp(`${AROUND}Changed (\\S+) of `)
const KIND = new RegExp(`${AROUND}Made (“[^]*”) a (\\S+)$`)

/** The fields of all kinds, by their places as the client words them. */
const FIELDS: ReadonlyMap<string, string> = new Map(
  KINDS.flatMap(({ fields }) => fields).map(({ path, label }) => [path.join('.'), inSentence(label)]),
)

/** The message as people here would say it. */
export function said(message: string): string {
  return message
    .replace(OPTION, (all, around: string, path: string) => {
      const field = FIELDS.get(path)
      return field === undefined ? all : `${around}Changed the ${field} of `
    })
    .replace(KIND, (all, around: string, widget: string, name: string) => {
      const kind = kindOf(name)
      return kind === undefined ? all : `${around}Changed the kind of ${widget} to ${kind.label}`
    })
}

/** `Fill below it (%)` is a heading; in a sentence it is the fill below it. */
function inSentence(label: string): string {
  return label.replace(/ \(.*\)$/, '').toLowerCase()
}
