// A browser, a network and a server for one link, all in the hands of a test: nothing opens, comes or ends unless it says so.

import { vi } from 'vitest'
import { cbor, type PeerId, type PeerMetadata } from '../../src/automerge'
import { resolveConfig, type DovetailConfig } from '../../src/config'
import type { Environment } from '../../src/environment'
import { createLink } from '../../src/link/connect'

export const DOCUMENT = '4NMNnkMhL8jXrdJ9jamS58PAVdXu'

type Said = Record<string, unknown>

/** A WebSocket whose other end is the test. */
export class FakeSocket {
  readonly url: string
  readonly protocols: string[]
  readonly sent: Said[] = []
  readyState = 0
  readonly bufferedAmount = 0
  isClosedByUs = false
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onerror: (() => void) | null = null

  constructor(url: string, protocols: string[]) {
    this.url = url
    this.protocols = protocols
  }

  send(frame: Uint8Array): void {
    this.sent.push(cbor.decode<Said>(frame))
  }

  /** A browser tells of it later, when the other side has agreed, if ever. */
  close(): void {
    this.isClosedByUs = true
    this.readyState = 2
  }

  open(): this {
    this.readyState = 1
    this.onopen?.()
    return this
  }

  say(message: Said): this {
    const frame = cbor.encode({ senderId: 'server', targetId: 'me', ...message })
    this.onmessage?.({ data: Uint8Array.from(frame).buffer })
    return this
  }

  /** Opens it and lets the client in, as the server does. */
  join({ storageId = 'store', ...welcome }: Said & { storageId?: string } = {}): this {
    this.open()
    this.say({
      type: 'peer',
      peerMetadata: { storageId, isEphemeral: false, dovetail: { v: 1 } },
      selectedProtocolVersion: '1',
    })
    return this.say({
      type: 'dovetail-welcome',
      sessionId: '7',
      user: { id: 'ana', name: 'Ana' },
      serverTime: Date.now() + 1_000,
      limits: { messageBytesMax: 1 << 20, changeBytesMax: 2, documentsMax: 3, silenceMsMax: 4 },
      rules: {},
      ...welcome,
    })
  }

  /** `1006`: without a word, as when it never opened. */
  end(code = 1006, reason = ''): void {
    this.readyState = 3
    this.onclose?.({ code, reason })
  }

  /** As the server refuses: a word, and the close code. */
  refuse(code: number, words: string): void {
    this.open().say({ type: 'error', message: words })
    this.end(code, words)
  }

  types(): unknown[] {
    return this.sent.map(({ type }) => type)
  }
}

/** A link with all that it stands on. Its lots are all drawn in the middle. */
export function world(config: Partial<DovetailConfig> = {}) {
  const sockets: FakeSocket[] = []
  const listeners = { network: new Set<(online: boolean) => void>(), show: new Set<() => void>() }
  const device = {
    isOnline: true,
    fetch: (() => Promise.reject(new TypeError('unreachable'))) as typeof fetch,
  }
  const environment = {
    now: () => Date.now(),
    random: () => 0.5,
    fetch: (...request: Parameters<typeof fetch>) => device.fetch(...request),
    webSocket: (url: string, protocols: string[]) => {
      const socket = new FakeSocket(url, protocols)
      sockets.push(socket)
      return socket as unknown as WebSocket
    },
    isOnline: () => device.isOnline,
    onNetwork: (listener: (online: boolean) => void) => {
      listeners.network.add(listener)
      return () => void listeners.network.delete(listener)
    },
    onShow: (listener: () => void) => {
      listeners.show.add(listener)
      return () => void listeners.show.delete(listener)
    },
  } as Partial<Environment> as Environment
  const link = createLink(resolveConfig({ url: 'http://server.test/base', ...config }), environment)
  const emitted: unknown[][] = []
  for (const event of ['peer-candidate', 'peer-disconnected', 'message'] as const)
    link.adapter.on(event, (payload: unknown) => void emitted.push([event, payload]))
  const states: unknown[] = []
  link.subscribe(() => void states.push(link.getState().status))
  return {
    link,
    device,
    listeners,
    sockets,
    emitted,
    states,
    get socket(): FakeSocket {
      return sockets.at(-1)!
    },
    /** As a repo does. */
    connect: (metadata: PeerMetadata = { isEphemeral: true }) =>
      link.adapter.connect('me' as PeerId, metadata),
    network: (isOnline: boolean) => {
      device.isOnline = isOnline
      for (const listener of listeners.network) listener(isOnline)
    },
    show: () => {
      for (const listener of listeners.show) listener()
    },
    /** How many WebSockets are being made, or are open. */
    openSockets: () => sockets.filter(({ readyState }) => readyState < 2).length,
  }
}

/** Lets promises run, also those of bodies that are streams; no time passes. */
export async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await vi.advanceTimersByTimeAsync(0)
}
