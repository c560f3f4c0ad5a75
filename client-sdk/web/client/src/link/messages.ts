// Frames as typed values, and our messages as frames.
//
// Edit path: ← a frame of the server, → a value of `FromServer` whose members are what they are said to be; ← what we say,
// → a frame.
//
// Always true: what is odd is nothing. A frame that cannot be read, a type that is not known, a member that is missing or of
// another kind: the message is passed over, since a later server may say more. No value that leaves here holds a BigInt,
// which `JSON.stringify` throws at, in automerge-repo too.

import { cbor, type Message, type PeerId, type PeerMetadata, type StorageId } from '../automerge'
import { documentId } from '../ids'
import type { Session } from '../types'
import type { OwnMessage } from './link'

/** What the server says. */
export type FromServer =
  | {
      readonly kind: 'peer'
      readonly peerId: PeerId
      readonly metadata: PeerMetadata
      /** The version of the protocol that it chose. */
      readonly version: string
    }
  | { readonly kind: 'error'; readonly words: string }
  | { readonly kind: 'welcome'; readonly session: Session }
  | { readonly kind: 'token'; readonly untilMs: number }
  | { readonly kind: 'pong' }
  /** For whoever follows Dovetail's own messages. */
  | { readonly kind: 'own'; readonly message: OwnMessage }
  /** For the repo. */
  | { readonly kind: 'repo'; readonly message: Message }

/** The version of the automerge-repo protocol that is spoken here. */
export const PROTOCOL_VERSION = '1'

/** Which of Dovetail's own messages we understand. */
const OWN_VERSION = 1

/** Where somebody nests values deeper than the server shows them, what is below is left out. */
const DEPTH_MAX = 32

type Members = Readonly<Record<string, unknown>>

/** Reads a frame that came at `nowMs`; nothing when it says nothing to us. */
export function read(frame: Uint8Array, nowMs: number): FromServer | undefined {
  const said = decoded(frame)
  if (said === undefined) return undefined
  switch (said['type']) {
    case 'peer':
      return peer(said)
    case 'error':
      return { kind: 'error', words: text(said['message']) ?? '' }
    case 'dovetail-welcome':
      return welcome(said, nowMs)
    case 'dovetail-token':
      return token(said)
    case 'dovetail-pong':
      return { kind: 'pong' }
    case 'dovetail-ack':
    case 'dovetail-reject':
    case 'dovetail-permission':
    case 'dovetail-conflicts':
      return own(said)
    default:
      return forRepo(said)
  }
}

/** The first frame: who we are, and that we understand Dovetail's own messages. */
export function joinFrame(senderId: PeerId, metadata: PeerMetadata): Uint8Array {
  return cbor.encode({
    type: 'join',
    senderId,
    peerMetadata: { ...metadata, dovetail: { v: OWN_VERSION } },
    supportedProtocolVersions: [PROTOCOL_VERSION],
  })
}

/** A newer token of the same person. */
export function tokenFrame(senderId: PeerId, token: string): Uint8Array {
  return cbor.encode({ type: 'dovetail-token', senderId, token })
}

/** Asks for a sign of life. */
export function pingFrame(senderId: PeerId): Uint8Array {
  return cbor.encode({ type: 'dovetail-ping', senderId })
}

/** What the repo has for the server. */
export function repoFrame(message: Message): Uint8Array {
  return cbor.encode(message)
}

function decoded(frame: Uint8Array): Members | undefined {
  try {
    return members(cbor.decode(frame))
  } catch {
    return undefined
  }
}

function peer(said: Members): FromServer | undefined {
  const peerId = text(said['senderId'])
  if (!peerId) return undefined
  const metadata = members(said['peerMetadata']) ?? {}
  const storageId = text(metadata['storageId'])
  const isEphemeral = metadata['isEphemeral']
  return {
    kind: 'peer',
    peerId: peerId as PeerId,
    metadata: {
      ...(storageId ? { storageId: storageId as StorageId } : {}),
      ...(typeof isEphemeral === 'boolean' ? { isEphemeral } : {}),
    },
    // Servers before it was chosen did not say it.
    version: text(said['selectedProtocolVersion']) ?? PROTOCOL_VERSION,
  }
}

function welcome(said: Members, nowMs: number): FromServer | undefined {
  const sessionId = text(said['sessionId'])
  const user = said['user'] === null ? null : person(said['user'])
  const serverTime = whole(said['serverTime'])
  const limits = boundsOf(members(said['limits']) ?? {})
  const rules = versions(said['rules'])
  if (sessionId === undefined || user === undefined || serverTime === undefined || !limits || !rules)
    return undefined
  const clockAheadMs = serverTime - nowMs
  return {
    kind: 'welcome',
    session: { sessionId, user, clockAheadMs, untilMs: whole(said['until']), limits, rules },
  }
}

function person(value: unknown): Session['user'] | undefined {
  const id = text(members(value)?.['id'])
  return id === undefined ? undefined : { id, name: text(members(value)?.['name']) }
}

function boundsOf(said: Members): Session['limits'] | undefined {
  const messageBytesMax = whole(said['messageBytesMax'])
  const changeBytesMax = whole(said['changeBytesMax'])
  const documentsMax = whole(said['documentsMax'])
  const silenceMsMax = whole(said['silenceMsMax'])
  if (
    messageBytesMax === undefined ||
    changeBytesMax === undefined ||
    documentsMax === undefined ||
    silenceMsMax === undefined
  )
    return undefined
  return { messageBytesMax, changeBytesMax, documentsMax, silenceMsMax }
}

function versions(value: unknown): Record<string, number> | undefined {
  const said = members(value)
  if (said === undefined) return undefined
  const read = Object.entries(said).map(([kind, version]) => [kind, whole(version)] as const)
  return Object.fromEntries(
    read.filter((entry): entry is readonly [string, number] => entry[1] !== undefined),
  )
}

function token(said: Members): FromServer | undefined {
  const untilMs = whole(said['until'])
  return untilMs === undefined ? undefined : { kind: 'token', untilMs }
}

// ---------------------------------------------------------------------------------------------------- about a document

function own(said: Members): FromServer | undefined {
  const message = ownMessage(said)
  return message && { kind: 'own', message }
}

function ownMessage(said: Members): OwnMessage | undefined {
  const id = text(said['documentId'])
  const about = id === undefined ? undefined : documentId(id)
  if (about === undefined) return undefined
  switch (said['type']) {
    case 'dovetail-ack': {
      const heads = hashes(said['heads'])
      const durableAt = whole(said['durableAt'])
      const conflicts = said['conflicts'] === null ? null : whole(said['conflicts'])
      if (!heads || durableAt === undefined || conflicts === undefined) return undefined
      return { type: 'dovetail-ack', documentId: about, heads, durableAt, conflicts }
    }
    case 'dovetail-reject': {
      const changes = hashes(said['changes'])
      const code = text(said['code'])
      const reason = text(said['reason'])
      if (!changes || code === undefined || reason === undefined) return undefined
      const setAside = said['setAside'] === true
      return { type: 'dovetail-reject', documentId: about, changes, code, reason, setAside }
    }
    case 'dovetail-permission': {
      const role = said['role']
      if (role !== 'none' && role !== 'read' && role !== 'write' && role !== 'admin') return undefined
      const paths = list(said['paths'])?.flatMap(place)
      return { type: 'dovetail-permission', documentId: about, role, paths }
    }
    case 'dovetail-conflicts': {
      const heads = hashes(said['heads'])
      const kind = text(members(said['rules'])?.['kind'])
      const version = whole(members(said['rules'])?.['version'])
      const conflicts = list(said['conflicts'])
      if (!heads || kind === undefined || version === undefined || !conflicts) return undefined
      return {
        type: 'dovetail-conflicts',
        documentId: about,
        heads,
        rules: { kind, version },
        conflicts: conflicts.map((conflict) => plain(conflict)),
        undecided: (list(said['undecided']) ?? []).flatMap(undecided),
        beyond: (list(said['beyond']) ?? []).flatMap(beyond),
      }
    }
    default:
      return undefined
  }
}

/** A place that is not understood is left out: it gives a right, and nobody relies on one that they cannot name. */
function place(value: unknown): (string | { path: string; may: 'append' })[] {
  if (typeof value === 'string') return [value]
  const path = text(members(value)?.['path'])
  return path !== undefined && members(value)?.['may'] === 'append' ? [{ path, may: 'append' }] : []
}

function undecided(value: unknown): { rule: string; reason: unknown }[] {
  const rule = text(members(value)?.['rule'])
  return rule === undefined ? [] : [{ rule, reason: plain(members(value)?.['reason']) }]
}

function beyond(value: unknown): { rule: string; conflicts: number }[] {
  const rule = text(members(value)?.['rule'])
  const conflicts = whole(members(value)?.['conflicts'])
  return rule === undefined || conflicts === undefined ? [] : [{ rule, conflicts }]
}

// ---------------------------------------------------------------------------------------------------- for the repo

/** What each message must have, so that the repo finds what it takes for granted. */
const OF_THE_REPO: Readonly<Record<string, (said: Members) => boolean>> = {
  sync: (said) => hasDocument(said) && hasBytes(said),
  request: (said) => hasDocument(said) && hasBytes(said),
  'doc-unavailable': hasDocument,
  ephemeral: (said) =>
    hasDocument(said) &&
    hasBytes(said) &&
    typeof said['count'] === 'number' &&
    text(said['sessionId']) !== undefined,
  'remote-subscription-change': () => true,
  'remote-heads-changed': (said) => hasDocument(said) && members(said['newHeads']) !== undefined,
}

function forRepo(said: Members): FromServer | undefined {
  const type = text(said['type'])
  if (type === undefined || !Object.hasOwn(OF_THE_REPO, type)) return undefined
  if (!text(said['senderId']) || OF_THE_REPO[type]?.(said) !== true) return undefined
  return { kind: 'repo', message: said as unknown as Message }
}

function hasDocument(said: Members): boolean {
  return Boolean(text(said['documentId']))
}

/** Automerge makes no message of no bytes, and throws at one. */
function hasBytes(said: Members): boolean {
  return said['data'] instanceof Uint8Array && said['data'].length > 0
}

// ---------------------------------------------------------------------------------------------------- single values

function members(value: unknown): Members | undefined {
  const isMap =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  return isMap ? (value as Members) : undefined
}

function list(value: unknown): readonly unknown[] | undefined {
  return Array.isArray(value) ? value : undefined
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A whole number that is exact and not negative, whether it came as an integer or as a float. */
function whole(value: unknown): number | undefined {
  const number = typeof value === 'bigint' ? Number(value) : value
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : undefined
}

/** Ascending, as states are compared. */
function hashes(value: unknown): readonly string[] | undefined {
  const all = list(value)
  const areHashes = all?.every(
    (hash): hash is string => typeof hash === 'string' && /^[0-9a-f]{64}$/.test(hash),
  )
  return areHashes ? all.toSorted() : undefined
}

/** The same without BigInts, which come of integers above 2^53: to the nearest number, as JSON would read them. */
function plain(value: unknown, depth = 0): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (depth >= DEPTH_MAX) return undefined
  if (Array.isArray(value)) return value.map((item) => plain(item, depth + 1))
  const map = members(value)
  if (map === undefined) return value
  return Object.fromEntries(Object.entries(map).map(([key, inner]) => [key, plain(inner, depth + 1)]))
}
