// Writes `tests/vectors/wire/<version>.json`: what a stock client and a stock server of each version really say
// to each other, byte by byte. Run it again only to add a version; the vectors are committed, the ids in them
// are random.

import { mkdirSync, writeFileSync } from 'node:fs'
import { Peer, VERSIONS } from '../peer.mjs'
import { RawPeer } from '../raw-peer.mjs'
import { Relay } from '../relay.mjs'
import { StockServer } from '../stock-server.mjs'
import { until } from '../until.mjs'
import { chunkTypes, decode, encode, parseSync, toHex, toJson, withoutFlags } from '../wire.mjs'

/** How often a message of the same shape is kept: the first shows the fields, the others that they vary. */
const COPIES_MAX = 2

/** A well-formed document id that nobody ever made a document for. */
const UNKNOWN_URL = 'automerge:4NMNnkMhL8jXrdJ9jamS58PAVdXu'

const target = new URL('../../vectors/wire/', import.meta.url)
mkdirSync(target, { recursive: true })
for (const version of VERSIONS) {
  const { frames, quiet } = await record(version)
  const vectors = [...named(frames, ''), ...named(quiet, 'to a server that announces nothing: ')]
  writeFileSync(new URL(`${version}.json`, target), `${JSON.stringify(vectors, null, 1)}\n`)
  console.log(`${version}: ${vectors.length} vectors`)
}
process.exit(0) // stock adapters before 2.6 leave timers behind

async function record(version) {
  const server = await StockServer.start(version)
  const relay = await Relay.to(server.url)
  const reader = await Peer.create(version, relay.url, { peerId: 'reader', gossip: true })
  await reader.open(UNKNOWN_URL).catch(() => {}) // a 2.6 server with another peer about never answers this
  const writer = await Peer.create(version, relay.url, { peerId: 'writer', storage: true, gossip: true })

  const ours = writer.create({ title: 'first', n: 0 })
  await writer.saved(ours)
  const theirs = await reader.open(ours.url)
  theirs.change((doc) => (doc.n = 1))
  await reader.saved(theirs)
  await until('both agree', () => writer.json(ours).n === 1)
  ours.change((doc) => (doc.title = 'second'))
  await until('both agree', () => reader.json(theirs).title === 'second')

  const heard = new Promise((resolve) => theirs.on('ephemeral-message', resolve))
  ours.broadcast({ cursor: [3, 4], name: 'writer' })
  await heard

  const writerStorage = await writer.repo.storageId()
  reader.repo.subscribeToRemotes([writerStorage])
  ours.change((doc) => (doc.n = 2))
  await until('heads of the writer are told', () => reader.isSaved(theirs, writerStorage))

  reader.goOffline()
  await reader.goOnline()
  await until('the reader passes on what it knows', () =>
    relay.fromClient().some((bytes) => decode(bytes).type === 'remote-heads-changed'),
  )
  await refusedByVersion(relay)
  await leave(writer, reader)
  const { frames } = relay

  const quiet = await recordQuietly(version, server)
  for (const each of [writer, reader, relay, server]) await each.close()
  return { frames, quiet }
}

/** What a client uploads when no sync message of the server carries a flags section. */
async function recordQuietly(version, server) {
  const relay = await Relay.to(server.url, (frame) => {
    const message = decode(frame)
    return message.type === 'sync' ? encode({ ...message, data: withoutFlags(message.data) }) : frame
  })
  const writer = await Peer.create(version, relay.url, { peerId: 'quiet', online: false })
  const ours = writer.create({ text: '' })
  ours.change((doc) => writer.lib.splice(doc, ['text'], 0, 0, 'tide '.repeat(60)))
  await writer.connect()
  await until('the upload arrives', () => uploadOf(relay))
  const quiet = relay.frames.filter(({ direction }) => direction === 'from_client')
  await writer.close()
  await relay.close()
  return quiet
}

function uploadOf(relay) {
  return relay.fromClient().find((bytes) => syncOf(decode(bytes))?.chunkTypes.length > 0)
}

async function refusedByVersion(relay) {
  const stranger = await RawPeer.open(relay.url, { peerId: 'stranger' })
  stranger.send({
    type: 'join',
    senderId: 'stranger',
    peerMetadata: {},
    supportedProtocolVersions: ['99'],
  })
  await stranger.next('error')
  stranger.close()
}

/** Says goodbye as the version does; only 1.x sends a message for it. */
async function leave(writer, reader) {
  if (!writer.version.startsWith('1.')) return
  reader.adapter.disconnect()
  await until('the server hangs up', () => !reader.online)
}

function named(frames, prefix) {
  const seen = new Map()
  return frames.flatMap(({ direction, bytes }) => {
    const decoded = decode(bytes)
    const sync = syncOf(decoded)
    const shape = `${prefix}${nameOf(decoded, sync)}`
    const count = (seen.get(direction + shape) ?? 0) + 1
    seen.set(direction + shape, count)
    if (count > COPIES_MAX) return []
    const name = count > 1 ? `${shape} (${count})` : shape
    return [{ name, direction, hex: toHex(bytes), decoded: toJson(decoded), ...(sync && { sync }) }]
  })
}

function nameOf(message, sync) {
  if (message.type === 'join' || message.type === 'peer')
    return `${message.type}, ${message.peerMetadata?.storageId ? 'with' : 'without'} storage id`
  if (message.type === 'remote-subscription-change')
    return `${message.type}, ${message.add ? 'add' : 'remove'}`
  if (!sync) return message.type
  const parts = [
    `${message.type} 0x${sync.messageType.toString(16)}`,
    sync.heads > 0 ? 'with heads' : 'without heads',
    sync.chunkTypes.length > 0 ? `chunks of type ${[...new Set(sync.chunkTypes)]}` : 'no chunks',
    sync.flags === null ? 'no flags' : `flags ${sync.flags}`,
  ]
  return parts.join(', ')
}

/** What a vector says of the sync message in it; undefined for other messages. */
function syncOf(message) {
  if (message.type !== 'sync' && message.type !== 'request') return undefined
  const { type, heads, need, have, flags } = parseSync(message.data)
  return {
    messageType: type,
    heads: heads.length,
    need: need.length,
    have: have.length,
    chunkTypes: chunkTypes(message.data),
    flags: flags && toHex(flags),
  }
}
