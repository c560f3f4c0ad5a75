// What a file is: a dashboard in one of three forms, or something else, and then which words tell people what.
//
// Always true: nothing here asks the server or makes a document; a file is judged by what is in it, never by its name.

import { CARRIED, readCarried, type Carried } from './carried'

/** A file that was looked into. */
export type Recognised =
  /** Our own JSON: what `Export › JSON` makes and `GET /api/docs/{id}` answers. */
  | {
      readonly as: 'dashboard'
      readonly value: Readonly<Record<string, unknown>>
      readonly title: string
      /** What the widgets show, by address, as far as the file has it. */
      readonly carried: ReadonlyMap<string, Carried>
    }
  /** Automerge's own format, with the history. */
  | { readonly as: 'automerge'; readonly bytes: Uint8Array }
  /** As Grafana exports it. */
  | { readonly as: 'grafana'; readonly value: Readonly<Record<string, unknown>>; readonly title: string }
  /** None of these. `why` is a sentence for people. */
  | { readonly as: 'nothing'; readonly why: string }

/** The server takes no larger body unless it is set up otherwise; the largest dashboards in use have 2 to 5 MiB. */
export const BYTES_MAX = 16 * 1024 * 1024

/** Looks at the size alone, so that a huge file is not read into memory. A sentence when it will not do. */
export function badSize(bytes: number): string | undefined {
  if (bytes === 0) return 'The file is empty.'
  if (bytes > BYTES_MAX) {
    return `The file has ${Math.ceil(bytes / 1024 / 1024)} MiB. A dashboard may have ${BYTES_MAX / 1024 / 1024} MiB at most.`
  }
  return undefined
}

/** Says what the bytes of a file are. */
export function recognise(bytes: Uint8Array): Recognised {
  const size = badSize(bytes.length)
  if (size !== undefined) return { as: 'nothing', why: size }
  if (begins(bytes, AUTOMERGE)) return { as: 'automerge', bytes }
  const other = OTHERS.find(({ magic }) => begins(bytes, magic))
  if (other) return { as: 'nothing', why: `This is ${other.what}, not a dashboard.` }
  const text = decoded(bytes)
  if (text === undefined)
    return { as: 'nothing', why: `This file is neither JSON nor an Automerge document. ${TAKEN}` }
  if (text.trim() === '') return { as: 'nothing', why: 'There is nothing in this file but blanks.' }
  return ofText(text)
}

/** What can be brought in. */
export const TAKEN = 'A dashboard comes as JSON from here, as JSON from Grafana, or as an Automerge document.'

function ofText(text: string): Recognised {
  if (/^\s*<(!doctype|html|\?xml|svg)/i.test(text)) {
    return { as: 'nothing', why: `This is a web page or XML, not a dashboard. ${TAKEN}` }
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    const looksLike = /^\s*[{[]/.test(text)
    return {
      as: 'nothing',
      why: looksLike
        ? 'This looks like JSON but has a mistake in it, or breaks off: save or download the file once more.'
        : `This is a text, but no JSON. ${TAKEN}`,
    }
  }
  return ofValue(value)
}

function ofValue(value: unknown): Recognised {
  if (!isRecord(value)) {
    const what = Array.isArray(value) ? 'a list' : 'a single value'
    return { as: 'nothing', why: `This JSON is ${what}, not a dashboard. ${TAKEN}` }
  }
  if (value['kind'] === 'dashboard' && (value['widgets'] === undefined || isRecord(value['widgets']))) {
    return {
      as: 'dashboard',
      value: ours(value),
      title: titleOf(value),
      carried: readCarried(value[CARRIED]),
    }
  }
  if (value['kind'] === 'widget-data') {
    return { as: 'nothing', why: 'This is what a single widget shows, not a dashboard.' }
  }
  // Grafana's own interface puts a dashboard into an envelope; the server takes it out.
  const inner = isRecord(value['dashboard']) ? value['dashboard'] : value
  if (Array.isArray(inner['panels']) || Array.isArray(inner['rows'])) {
    return { as: 'grafana', value, title: titleOf(inner) }
  }
  if (isV2(inner)) {
    return {
      as: 'nothing',
      why: 'This is Grafana’s newer form (schema v2), which cannot be read here. In Grafana export the dashboard in the classic form.',
    }
  }
  return { as: 'nothing', why: `This JSON has no widgets and no panels, so it is no dashboard. ${TAKEN}` }
}

/** Without the server's own part of another document (`_dovetail`: names of its states, and decisions about it), and without data. */
function ours(value: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => name !== '_dovetail' && name !== CARRIED),
  )
}

function isV2(value: Readonly<Record<string, unknown>>): boolean {
  const spec = isRecord(value['spec']) ? value['spec'] : value
  return isRecord(spec['elements']) && isRecord(spec['layout'])
}

function titleOf(value: Readonly<Record<string, unknown>>): string {
  return typeof value['title'] === 'string' ? value['title'] : ''
}

const AUTOMERGE = [0x85, 0x6f, 0x4a, 0x83]

/** What people drop by mistake. */
const OTHERS: readonly { readonly magic: readonly number[]; readonly what: string }[] = [
  { magic: [0x89, 0x50, 0x4e, 0x47], what: 'a picture' },
  { magic: [0xff, 0xd8, 0xff], what: 'a picture' },
  { magic: [0x47, 0x49, 0x46, 0x38], what: 'a picture' },
  { magic: [0x25, 0x50, 0x44, 0x46], what: 'a PDF' },
  { magic: [0x50, 0x4b, 0x03, 0x04], what: 'a ZIP archive or an office document' },
  { magic: [0x1f, 0x8b], what: 'a compressed file (unpack it first)' },
]

function begins(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, at) => bytes[at] === byte)
}

function decoded(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
