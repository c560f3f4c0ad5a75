// A link and the real server. What is told here takes time as it does: each test waits for what it is about, and for no more.

import { createHmac } from 'node:crypto'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket as NodeSocket } from 'ws'
import { Repo, decodeHeads, type DocHandle, type PeerId } from '../../src/automerge'
import { resolveConfig, type DovetailConfig } from '../../src/config'
import { browserEnvironment, type Environment } from '../../src/environment'
import { createLink } from '../../src/link/connect'
import type { Link, OwnMessage } from '../../src/link/link'
import type { LinkState, Session } from '../../src/types'
import { until } from '../../src/watch'
import { Server } from '../live/server'
import { Relay } from './relay'

const BINARY =
  process.env['DOVETAIL_BIN'] ??
  fileURLToPath(new URL('../../../../../target/debug/dovetail', import.meta.url))
const isMissing = !existsSync(BINARY) && !process.env['CI']
if (isMissing)
  process.stderr.write(`skipped: there is no server at ${BINARY}; build it, or set DOVETAIL_BIN\n`)

const SECRET = 'a secret for tests that nobody else has'
const ASKING = {
  DOVETAIL_JWT_SECRET: SECRET,
  DOVETAIL_JWT_AUDIENCE: 'dovetail',
  DOVETAIL_JWT_ISSUER: 'tests',
  DOVETAIL_JWT_LEEWAY: '1ms',
}

/** A token as a provider would sign it, that ends in so many seconds. */
function tokenOf(subject: string, holdsForSeconds: number): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + holdsForSeconds
  const claims = { sub: subject, aud: 'dovetail', iss: 'tests', exp, jti: Math.random() }
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

async function serve(env: Record<string, string> = {}): Promise<Server> {
  const server = new Server(env)
  ends.push(() => server.end())
  return server.start()
}

async function relayTo(server: Server): Promise<Relay> {
  const relay = await Relay.to(server.address)
  ends.push(() => relay.close())
  return relay
}

interface Tab {
  readonly link: Link
  readonly repo: Repo
  /** What came of Dovetail's own messages, and each state that it was in. */
  readonly messages: OwnMessage[]
  readonly states: LinkState[]
}

/** A browser whose WebSockets never open. */
const NO_SOCKETS: Partial<Environment> = {
  webSocket: () => {
    throw new Error('a policy of the page forbids it')
  },
}

/** A tab with a repo of its own, at `url`. */
function tab(
  url: string,
  config: Partial<DovetailConfig> = {},
  environment: Partial<Environment> = {},
  peerId = `tab-${Math.random()}`,
): Tab {
  const link = createLink(
    resolveConfig({ url, retry: { firstMs: 20, mostMs: 200, connectMs: 5_000 }, ...config }),
    {
      ...browserEnvironment(),
      webSocket: (address, protocols) => new NodeSocket(address, protocols) as unknown as WebSocket,
      ...environment,
    },
  )
  const messages: OwnMessage[] = []
  link.onMessage((message) => messages.push(message))
  const states: LinkState[] = []
  link.subscribe(() => states.push(link.getState()))
  const repo = new Repo({ network: [link.adapter], peerId: peerId as PeerId })
  ends.push(() => repo.shutdown())
  ends.push(() => link.close())
  return { link, repo, messages, states }
}

const status = (link: Link, wanted: LinkState['status']) => until(link, (state) => state.status === wanted)

const isThere = (session: Session | undefined): session is Session => session !== undefined

/** Waits until the server has said that all of it is durable. */
function saved({ link, messages }: Tab, handle: DocHandle<unknown>): Promise<void> {
  const heads = () => JSON.stringify(decodeHeads(handle.heads()).toSorted())
  const isAbout = (message: OwnMessage) =>
    message.type === 'dovetail-ack' &&
    message.documentId === handle.documentId &&
    JSON.stringify(message.heads) === heads()
  return new Promise((resolve) => {
    const look = () => {
      if (!messages.some(isAbout)) return
      stop()
      resolve()
    }
    const stop = link.onMessage(look)
    look()
  })
}

describe.skipIf(isMissing)('a link and the real server', () => {
  it('CL1 CL24 is let in, told who it is, and hears that an edit is durable', async () => {
    const { url } = await serve()
    const ana = tab(url)
    await status(ana.link, 'live')
    const session = await until(ana.link.session, isThere)
    expect(session).toMatchObject({ user: null, untilMs: undefined, limits: { silenceMsMax: 40_000 } })
    expect(Math.abs(session.clockAheadMs)).toBeLessThan(1_000)
    expect(ana.link.server.getState().storageId).toMatch(/^[0-9a-f-]{36}$/)
    const handle = ana.repo.create({ n: 1 })
    await saved(ana, handle)
    handle.change((doc) => void (doc.n = 2))
    await saved(ana, handle)
    expect(ana.messages).toContainEqual(
      expect.objectContaining({ type: 'dovetail-permission', documentId: handle.documentId, role: 'admin' }),
    )
    const bo = tab(url)
    await status(bo.link, 'live')
    expect((await bo.repo.find<{ n: number }>(handle.url)).doc().n).toBe(2)
  })

  it.each(['websocket', 'http'] as const)(
    'CL291 brings more than fits into a message of the server, and stays connected (%s)',
    async (via) => {
      const bounds = { DOVETAIL_MESSAGE_BYTES_MAX: '64KiB', DOVETAIL_BODY_BYTES_MAX: '64KiB' }
      const { url } = await serve(bounds)
      const ana = tab(url, {}, via === 'http' ? NO_SOCKETS : {})
      const handle = ana.repo.create<Record<string, Uint8Array>>({})
      for (let at = 0; at < 100; at++)
        handle.change((doc) => void (doc[at] = crypto.getRandomValues(new Uint8Array(4 << 10))))
      await saved(ana, handle)
      expect(ana.link.getState()).toMatchObject({ status: 'live', via })
      expect(ana.states.filter((state) => state.status === 'live')).toHaveLength(1)
      const bo = tab(url)
      expect(Object.keys((await bo.repo.find<object>(handle.url)).doc())).toHaveLength(100)
    },
  )

  it('CL28 comes back to a server that was killed, with what was edited meanwhile', async () => {
    const server = await serve()
    const ana = tab(server.url)
    await status(ana.link, 'live')
    const handle = ana.repo.create({ n: 1 })
    await saved(ana, handle)
    await server.kill()
    await status(ana.link, 'waiting')
    handle.change((doc) => void (doc.n = 2))
    await server.start()
    await status(ana.link, 'live')
    await saved(ana, handle)
    const bo = tab(server.url)
    await status(bo.link, 'live')
    expect((await bo.repo.find<{ n: number }>(handle.url)).doc().n).toBe(2)
  })

  it('CL6 outlives its token on one connection, and CL5 comes again when it does not', async () => {
    const { url } = await serve(ASKING)
    const renewed = tab(url, { token: (why) => tokenOf('ana', why === 'renew' ? 3_600 : 3) })
    await status(renewed.link, 'live')
    await until(renewed.link.session, (session) => (session?.untilMs ?? 0) > Date.now() + 600_000)
    expect(renewed.link.session.getState()?.user).toMatchObject({ id: 'ana' })
    expect(renewed.states.map((state) => state.status)).toEqual(['live'])

    const asked: string[] = []
    const again = tab(url, {
      token: (why) => {
        asked.push(why)
        return why === 'renew' ? undefined : tokenOf('ana', why === 'refused' ? 3_600 : 3)
      },
    })
    const first = await until(again.link.session, isThere)
    const second = await until(again.link.session, (session) => session?.sessionId !== first.sessionId)
    expect(second?.untilMs).toBeGreaterThan(Date.now() + 600_000)
    expect(asked.filter((why) => why !== 'renew')).toEqual(['connect', 'refused'])
    expect(again.states.map((state) => state.status)).toEqual(['live', 'connecting', 'live'])
    expect(renewed.link.getState().status).toBe('live')
  })

  it('CL5 is refused without a good token, with the code of the server, over either way', async () => {
    const { url } = await serve(ASKING)
    const nobody = tab(url)
    expect(await status(nobody.link, 'refused')).toMatchObject({ code: 'token_missing' })
    const forged = tab(url, { token: () => `${tokenOf('ana', 3_600).slice(0, -4)}AAAA` })
    expect(await status(forged.link, 'refused')).toMatchObject({ code: 'token_bad_signature' })
    const blocked = tab(url, { retry: { firstMs: 20, mostMs: 100, webSocketFailuresMax: 1 } }, NO_SOCKETS)
    expect(await status(blocked.link, 'refused')).toMatchObject({ code: 'token_missing' })
  })

  it('CL16 is refused when the same would be refused again', async () => {
    const { url } = await serve(ASKING)
    const webSocket = (address: string, protocols: string[]) =>
      new NodeSocket(`${address}?token=${tokenOf('bo', 3_600)}`, protocols) as unknown as WebSocket
    const two = tab(url, { token: () => tokenOf('ana', 3_600) }, { webSocket })
    expect(await status(two.link, 'refused')).toMatchObject({ code: 'token_ambiguous' })
  })

  it('CL15 goes on under another peer id when another tab has taken its own', async () => {
    const { url } = await serve()
    const [first, second] = [tab(url, {}, {}, 'the same'), tab(url)]
    await Promise.all([status(first.link, 'live'), status(second.link, 'live')])
    const third = tab(url, {}, {}, 'the same')
    await status(first.link, 'waiting')
    await status(first.link, 'live')
    await status(third.link, 'live')
    expect(second.link.getState().status).toBe('live')
    expect(third.states.map((state) => state.status)).toEqual(['live'])
  })

  it('CL12 finds out that nobody is there any more, and CL13 leaves alone who only has nothing to say', async () => {
    const relay = await relayTo(await serve())
    const ana = tab(relay.url, { heartbeat: { askMs: 100, silenceMs: 400 } })
    await status(ana.link, 'live')
    await new Promise((resolve) => setTimeout(resolve, 1_000)) // nothing is what is waited for
    expect(ana.states.map((state) => state.status)).toEqual(['live'])
    relay.behaviour = 'swallows'
    expect(await status(ana.link, 'waiting')).toMatchObject({ reason: 'The server says nothing any more.' })
    relay.behaviour = 'passes'
    await status(ana.link, 'live')
  })

  it('CL18 CL19 CL20 goes without a WebSocket where none gets through, and back once one does', async () => {
    const server = await serve(ASKING)
    const relay = await relayTo(server)
    relay.behaviour = 'blocks_upgrades'
    const retry = { firstMs: 20, mostMs: 200, connectMs: 5_000, webSocketAgainMs: 1_500 }
    const token = (why: string) => tokenOf('ana', why === 'renew' ? 3_600 : 30)
    const ana = tab(relay.url, { retry, token })
    expect(await status(ana.link, 'live')).toMatchObject({ via: 'http' })
    const handle = ana.repo.create({ n: 1 })
    await saved(ana, handle)
    await until(ana.link.session, (session) => (session?.untilMs ?? 0) > Date.now() + 600_000)
    const bo = tab(server.url, { token })
    await status(bo.link, 'live')
    const other = await bo.repo.find<{ n: number }>(handle.url)
    other.change((doc) => void (doc.n = 2))
    await new Promise<void>((resolve) => handle.once('change', () => resolve()))
    expect(handle.doc().n).toBe(2)
    relay.behaviour = 'passes'
    await until(ana.link, (state) => state.status === 'live' && state.via === 'websocket')
    handle.change((doc) => void (doc.n = 3))
    await saved(ana, handle)
  })

  it('CL28 opens another session over requests on a server that was killed', async () => {
    const server = await serve()
    const retry = { firstMs: 20, mostMs: 200, webSocketFailuresMax: 1 }
    const heartbeat = { askMs: 500, silenceMs: 500 }
    const ana = tab(server.url, { retry, heartbeat }, NO_SOCKETS)
    expect(await status(ana.link, 'live')).toMatchObject({ via: 'http' })
    const handle = ana.repo.create({ n: 1 })
    await saved(ana, handle)
    await server.kill()
    handle.change((doc) => void (doc.n = 2))
    await server.start()
    await saved(ana, handle)
    expect(ana.link.getState()).toMatchObject({ status: 'live', via: 'http' })
  })
})
