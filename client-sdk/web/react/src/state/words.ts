// Every word that the components say, in one place, so that an app may change or translate them.
//
// Always true: no component writes a word of its own; numbers, times and sizes come as they are, and the words make text of
// them. An app gives `DashboardRealtimeProvider` its own `Words`, most easily `{ ...english, … }`.

import type {
  Conflict,
  HistoryGroup,
  JsonPatchOperation,
  LinkState,
  PermissionState,
  RefusedEdit,
  StorageState,
} from '@dovetail/client'
import type { PageStatus } from './status'

/** A state in words: a few for the pill, and sentences that say what is meant and what to do. */
export interface StatusWords {
  readonly short: string
  /** What the pill says after that, where there is room. */
  readonly more?: string
  readonly long: string
}

/** How each state is said. */
export type SaysStatus = {
  readonly [S in PageStatus['status']]: (status: Extract<PageStatus, { readonly status: S }>) => StatusWords
}

/** All that is said. Texts, and functions that make texts. */
export interface Words {
  readonly status: SaysStatus
  /** Goes after `unreachable`; 0: it is tried now. */
  readonly retryIn: (seconds: number) => string
  /** A time in the past, both in milliseconds since 1970. Without `nowMs` (on a server) a date. */
  readonly time: (atMs: number, nowMs: number | undefined) => string
  readonly date: (atMs: number) => string
  readonly bytes: (bytes: number) => string
  readonly actions: {
    readonly retry: string
    readonly signIn: string
    readonly reload: string
    readonly showConflicts: string
    readonly copyDiagnostics: string
    readonly copied: string
    readonly copyByHand: string
    readonly dismiss: string
    readonly details: string
    readonly saveCopy: string
    readonly close: string
    readonly cancel: string
  }
  readonly details: {
    readonly title: string
    readonly connection: string
    readonly lastSaved: string
    readonly never: string
    readonly storage: string
    readonly pending: (pending: number) => string
    readonly unlabelled: string
    readonly more: (more: number) => string
    readonly link: (link: LinkState) => string
    readonly kept: (storage: StorageState, bytes: (bytes: number) => string) => string
  }
  readonly badge: (pending: number) => string
  readonly undone: {
    readonly region: string
    readonly sentence: (edit: RefusedEdit) => string
    readonly patch: (operation: JsonPatchOperation) => string
  }
  readonly conflicts: {
    readonly title: string
    readonly none: string
    readonly notYet: string
    readonly judgedHere: string
    readonly severity: (severity: Conflict['severity']) => string
    readonly causes: string
    readonly someone: string
    readonly you: string
    readonly cause: (author: string, message: string | undefined) => string
    readonly proposals: string
    /** What a proposal does; `path` is a place that it would write, where that is known. */
    readonly proposal: (label: string, path: readonly string[] | undefined) => string
    readonly noProposal: string
    readonly becomes: (path: readonly string[], value: unknown) => string
    readonly apply: string
    readonly waive: string
    readonly waiverReason: string
    readonly waiverUntil: string
    readonly waiverUntilHint: string
    readonly reasonMissing: string
    readonly untilPast: string
    readonly confirmWaive: string
    readonly waived: string
    readonly waivedBy: (by: string | undefined, until: string | undefined) => string
    readonly unwaive: string
    readonly viewOnly: string
    readonly settledNow: (message: string) => string
    readonly waivedNow: (message: string) => string
    readonly unwaivedNow: (message: string) => string
    readonly deciding: string
    readonly failed: (reason: string) => string
    readonly undecided: (rule: string) => string
    readonly beyond: (rule: string, more: number) => string
    /** A button that lists `next` more of all that are open. */
    readonly more: (next: number, all: number) => string
    /** A button that shows what it is about. */
    readonly show: string
  }
  readonly widget: {
    readonly editing: (names: readonly string[]) => string
    readonly here: (names: readonly string[]) => string
    readonly conflict: (count: number) => string
    readonly failed: (title: string) => string
    readonly tryAgain: string
  }
  readonly presence: {
    readonly list: (people: number) => string
    readonly more: (more: number) => string
    readonly others: (names: readonly string[]) => string
    readonly editing: (name: string) => string
    /** Somebody of whom it is only known by which link they came; `mark` where there are several links. */
    readonly byLink: (mark: string | undefined) => string
    /** What somebody is called inside a sentence. */
    readonly inside: (name: string) => string
  }
  readonly history: {
    readonly by: (group: HistoryGroup) => string
  }
  readonly role: (role: PermissionState['role']) => string
}

/** How a state is said. */
export function sayStatus(words: Words, status: PageStatus): StatusWords {
  // Each state has words of its own kind. That the two fit together is in `SaysStatus`; an index cannot show it.
  const say = words.status[status.status] as (status: PageStatus) => StatusWords
  return say(status)
}

/** Everything in English. */
export const english: Words = {
  status: {
    closed: () => ({
      short: 'Closed',
      long: 'This page no longer follows the document. Reload it to go on.',
    }),
    refused: refusedWords,
    failed: ({ error }) => ({ short: 'Cannot be shown', long: sentence(error.message) }),
    missing: ({ reason }) => MISSING[reason],
    undone: ({ edits }) => ({
      short: `${counted(edits.length, 'change')} undone`,
      long: edits.map(undoneSentence).join(' '),
    }),
    gone: ({ how }) => GONE[how],
    no_room: ({ pending }) => ({
      short: `No room · ${counted(pending, 'change')} waiting`,
      long: 'So many changes wait for the server that no more are taken. Connect, and editing goes on once some are saved.',
    }),
    unkept: ({ why, pending }) => ({
      short: `${counted(pending, 'change')} in this tab only`,
      long: `${STORAGE[why]} Keep this tab open until they are saved: closing it loses ${counted(pending, 'change')}.`,
    }),
    offline: ({ pending, isKept }) => ({
      short: pending > 0 ? `Offline · ${counted(pending, 'change')}` : 'Offline',
      ...(pending > 0 && { more: keptHere(isKept) }),
      long: `You are offline. You can go on editing${pending > 0 ? `; ${counted(pending, 'change')} will be sent` : ', and it will be sent'} when the connection is back${isKept ? '' : ' and this tab is still open'}.`,
    }),
    unreachable: ({ pending, attempt, isKept }) => ({
      short: "Can't reach server",
      ...(pending > 0 && { more: `· ${counted(pending, 'change')} ${keptHere(isKept)}` }),
      long: `Can't reach the server (attempt ${attempt}). ${whereItIs(pending, isKept)}`,
    }),
    connecting: ({ pending, isKept }) => ({
      short: 'Connecting…',
      long:
        pending > 0
          ? `Connecting; ${counted(pending, 'change')} ${keptHere(isKept)} meanwhile.`
          : 'Connecting to the server.',
    }),
    loading: () => ({ short: 'Opening…', long: 'Looking for the document.' }),
    view_only: () => ({ short: 'View only', long: 'You can view this, and not change it.' }),
    attention: ({ open, pending }) => ({
      short: `${savedOr(pending)} · ${open} ${open === 1 ? 'needs' : 'need'} attention`,
      long: `${open === 1 ? 'One thing does not fit and needs' : `${open} things do not fit and need`} a decision.`,
    }),
    little_room: ({ pending }) => ({
      short: `Little room · ${counted(pending, 'change')} waiting`,
      long: 'Many changes wait for the server. Soon no more will be taken until some are saved.',
    }),
    no_storage: ({ why, pending }) => ({
      short: `${savedOr(pending)} · nothing kept here`,
      long: `${STORAGE[why]} Everything works while you are connected; without a connection, edits last only as long as this tab.`,
    }),
    update: () => ({
      short: 'Update available',
      long: 'A newer version of this page is ready. Reload to use it.',
    }),
    saving: ({ pending }) => ({
      short: `Saving ${counted(pending, 'change')}…`,
      long: `${counted(pending, 'change')} on the way to the server.`,
    }),
    saved: () => ({ short: 'Saved', long: 'Everything is saved on the server.' }),
  },
  retryIn: (seconds) => (seconds > 0 ? `retry in ${seconds} s` : 'trying now'),
  time: (atMs, nowMs) => (nowMs === undefined ? dateAndTime(atMs) : ago(atMs, nowMs)),
  date: (atMs) => new Intl.DateTimeFormat('en', { dateStyle: 'medium' }).format(atMs),
  bytes: byteWords,
  actions: {
    retry: 'Retry now',
    signIn: 'Sign in again',
    reload: 'Reload',
    showConflicts: 'Show what needs attention',
    copyDiagnostics: 'Copy diagnostics',
    copied: 'Copied',
    copyByHand: 'Copy this text by hand',
    dismiss: 'Dismiss',
    details: 'Details',
    saveCopy: 'Save as copy',
    close: 'Close',
    cancel: 'Cancel',
  },
  details: {
    title: 'Sync details',
    connection: 'Connection',
    lastSaved: 'Last saved',
    never: 'not yet known',
    storage: 'On this device',
    pending: (pending) => (pending === 0 ? 'No change is waiting' : `${counted(pending, 'change')} waiting`),
    unlabelled: 'A change',
    more: (more) => `and ${more} more`,
    link: linkWords,
    kept: keptWords,
  },
  badge: (pending) => `${counted(pending, 'change')} not saved on the server yet`,
  undone: {
    region: 'Undone changes',
    sentence: undoneSentence,
    patch: (operation) =>
      operation.op === 'remove'
        ? `removed ${placeWords(operation.path.split('/').slice(1))}`
        : `set ${placeWords(operation.path.split('/').slice(1))} to ${valueWords(operation.value)}`,
  },
  conflicts: {
    title: 'Needs attention',
    none: 'Everything fits together.',
    notYet: 'Not looked at yet.',
    judgedHere: 'Judged on this device; the server has the last word.',
    severity: (severity) => ({ info: 'Note', warning: 'Warning', error: 'Error' })[severity],
    causes: 'What led to it',
    someone: 'Somebody',
    you: 'You',
    cause: (author, message) => (message ? `${author}: ${message}` : `${author} made a change`),
    proposals: 'What to do',
    proposal: (label) => label,
    noProposal: 'There is no ready answer: edit it, or let it stay.',
    becomes: (path, value) => `${placeWords(path)} becomes ${valueWords(value)}`,
    apply: 'Apply',
    waive: 'Let it stay…',
    waiverReason: 'Why may it stay?',
    waiverUntil: 'Until (optional)',
    waiverUntilHint: 'It comes up again after that day.',
    reasonMissing: 'Say why, so that others understand.',
    untilPast: 'That day is over. Choose a later one, or none.',
    confirmWaive: 'Let it stay',
    waived: 'Allowed to stay',
    waivedBy: (by, until) => [by && `by ${by}`, until && `until ${until}`].filter(Boolean).join(', '),
    unwaive: 'Bring up again',
    viewOnly: 'You can view this, and not decide it.',
    settledNow: (message) => `Settled: ${message}`,
    waivedNow: (message) => `Allowed to stay: ${message}`,
    unwaivedNow: (message) => `Open again: ${message}`,
    deciding: 'Waiting for the server’s answer…',
    failed: (reason) => `That did not work: ${reason}`,
    undecided: (rule) => `The rule ${rule} could not be judged.`,
    beyond: (rule, more) => `${more} more of the rule ${rule} are not listed.`,
    more: (next, all) => `Show ${next} more of ${all}`,
    show: 'Show it',
  },
  widget: {
    editing: (names) => `${listed(names)} ${names.length === 1 ? 'is' : 'are'} editing`,
    here: (names) => `${listed(names)} ${names.length === 1 ? 'is' : 'are'} here`,
    conflict: (count) => (count === 1 ? 'Needs attention' : `${count} things need attention`),
    failed: (title) => `“${title}” cannot be shown.`,
    tryAgain: 'Try again',
  },
  presence: {
    list: (people) => `${counted(people, 'other')} here`,
    more: (more) => `+${more}`,
    others: (names) => `and ${listed(names)}`,
    editing: (name) => `${name}, editing`,
    byLink: (mark) => (mark === undefined ? 'Somebody with a link' : `Somebody with link ${mark}`),
    inside: (name) =>
      /^(You|Somebody\b.*)$/.test(name) ? name.charAt(0).toLowerCase() + name.slice(1) : name,
  },
  history: {
    by: (group) => (group.mine ? 'You' : (group.author ?? 'Somebody')),
  },
  role: (role) =>
    ({ unknown: 'not known', none: 'nothing', read: 'view', write: 'edit', admin: 'administer' })[role],
}

const MISSING = {
  unreachable: {
    short: 'Not on this device',
    long: "This document is not on this device, and the server can't be asked for it yet.",
  },
  not_found: {
    short: 'Not found',
    long: 'There is no such document, or it is not shared with you. Check the address, or ask whoever sent it.',
  },
  deleted: { short: 'Deleted', long: 'This document was deleted.' },
} as const satisfies Record<string, StatusWords>

const GONE = {
  deleted: {
    short: 'Deleted · your copy',
    long: 'Somebody deleted this. What you see is the copy on this device; save it as a copy to keep it.',
  },
  hidden: {
    short: 'No longer shared · your copy',
    long: 'This is no longer shared with you. What you see is the copy on this device.',
  },
} as const satisfies Record<string, StatusWords>

const STORAGE = {
  denied: 'The browser keeps nothing for this page.',
  full: 'The storage of this device is full.',
} as const

function refusedWords(status: Extract<PageStatus, { readonly status: 'refused' }>): StatusWords {
  const kept = keptOrNot(status.unkept)
  switch (status.next) {
    case 'sign_in':
      // Who sent no token at all is told by the server how programs send one.
      return {
        short: 'Signed out',
        long:
          status.code === 'token_missing'
            ? `Sign in to go on. ${kept}`
            : `Sign in again to go on. ${kept} (${status.reason})`,
      }
    case 'reload':
      return {
        short: 'Another version',
        long: `The server speaks another version than this page. Reload it. ${kept} (${status.reason})`,
      }
    case 'ask':
      return {
        short: 'No access',
        long: `The server no longer lets you in. Ask whoever runs it. ${kept} (${status.reason})`,
      }
    case 'retry':
      return {
        short: 'Refused',
        long: `The server refused the connection: ${sentence(status.reason)} ${kept}`,
      }
  }
}

/** Said to whoever the server will not have: what becomes of what they did here. */
function keptOrNot(unkept: number): string {
  if (unkept === 0) return 'What you did here is kept.'
  return `Keep this tab open until then: ${counted(unkept, 'change')} of yours ${unkept === 1 ? 'is' : 'are'} in it only, and closing it loses ${unkept === 1 ? 'it' : 'them'}.`
}

/** Labels are told as they are: they quote what things are called themselves. */
function undoneSentence(edit: RefusedEdit): string {
  if (edit.code === 'row_removed') return rowRemovedSentence(edit)
  const what = edit.labels.length > 0 ? edit.labels.join('; ') : 'a change'
  const them = edit.labels.length > 1 ? 'them' : 'it'
  const kept =
    edit.remade > 0 && `${counted(edit.remade, 'later edit')} ${edit.remade === 1 ? 'was' : 'were'} kept`
  const lost = edit.lost > 0 && `${counted(edit.lost, 'later edit')} could not be kept`
  const after = [kept, lost].filter(Boolean).join('; ')
  const aside = edit.setAside && 'Whoever runs the server can still accept it.'
  const all = [
    `Undone here: ${what}.`,
    `The server refused ${them}: ${sentence(edit.reason)}`,
    after && `${after}.`,
    aside,
  ]
  return all.filter(Boolean).join(' ')
}

/** Nobody refused it: somebody else did something that it could not stand beside. */
function rowRemovedSentence({ patch: [added] }: RefusedEdit): string {
  const cells = added && 'value' in added && Array.isArray(added.value) ? (added.value as unknown[]) : []
  const filled = cells.filter((cell) => cell !== null && cell !== '').map(String)
  return `Somebody removed a row while you wrote into it. It had: ${filled.join(', ')}.`
}

function linkWords(link: LinkState): string {
  switch (link.status) {
    case 'connecting':
      return 'connecting'
    case 'live':
      return link.via === 'websocket' ? 'live' : 'live, by plain requests (a little slower)'
    case 'offline':
      return 'this device is offline'
    case 'waiting':
      return `no answer: ${link.reason}`
    case 'refused':
      return `refused: ${link.reason}`
    case 'closed':
      return 'closed'
  }
}

function keptWords(storage: StorageState, bytes: (bytes: number) => string): string {
  switch (storage.status) {
    case 'opening':
      return 'opening'
    case 'kept': {
      const used = storage.bytes === undefined ? 'kept' : `${bytes(storage.bytes)} used`
      const most = storage.bytesMax === undefined ? '' : ` of ${bytes(storage.bytesMax)}`
      return `${used}${most}${storage.persistent ? '' : '; the browser may clear it when space is short'}`
    }
    case 'memory':
      return `nothing is kept: ${storage.reason}`
    case 'full':
      return `full: ${storage.reason}`
  }
}

function savedOr(pending: number): string {
  return pending > 0 ? `Saving ${counted(pending, 'change')}` : 'Saved'
}

function keptHere(isKept: boolean): string {
  return isKept ? 'kept here' : 'in this tab only'
}

/** What becomes of edits while there is no server. */
function whereItIs(pending: number, isKept: boolean): string {
  if (!isKept) return 'Edits last only as long as this tab.'
  return `Nothing is lost: ${pending > 0 ? `${counted(pending, 'change')} kept` : 'edits stay'} on this device.`
}

function counted(count: number, one: string): string {
  return `${count} ${one}${count === 1 ? '' : 's'}`
}

function listed(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? ''
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`
}

function sentence(text: string): string {
  return `${plain(text)}.`
}

/** Without the full stop that others may have put. */
function plain(text: string): string {
  return text.replace(/[.\s]+$/, '')
}

const MINUTE_MS = 60_000

/** Longer ago than a day it is a date: "31 hours ago" is no help. */
const AGO_MS_MAX = 24 * 60 * MINUTE_MS

function ago(atMs: number, nowMs: number): string {
  const passedMs = nowMs - atMs
  // A clock that is a little ahead is no prophecy.
  if (passedMs < MINUTE_MS) return 'just now'
  if (passedMs < 60 * MINUTE_MS) return `${Math.floor(passedMs / MINUTE_MS)} min ago`
  if (passedMs < AGO_MS_MAX) return `${Math.floor(passedMs / (60 * MINUTE_MS))} h ago`
  return dateAndTime(atMs)
}

function dateAndTime(atMs: number): string {
  return new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' }).format(atMs)
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const

function byteWords(bytes: number): string {
  const power = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3))
  const amount = bytes / 1000 ** power
  return `${amount < 10 && power > 0 ? amount.toFixed(1) : Math.round(amount)} ${UNITS[power] ?? ''}`
}

function placeWords(path: readonly string[]): string {
  return path.join(' › ')
}

/** Longer values are cut: a list of changes is no place to read a text. */
const VALUE_LENGTH_MAX = 80

function valueWords(value: unknown): string {
  if (value === undefined || value === null) return 'nothing'
  const text = typeof value === 'string' ? `“${value}”` : JSON.stringify(value)
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text
}
