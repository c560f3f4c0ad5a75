// The server's side of sync over HTTP, as docs/PROTOCOL-HTTP.md tells it, small enough to be seen right; and networks that
// lose things on the way to it.

import { cut, joined } from '../../src/link/sequence'
import { cbor } from '../../src/automerge'

type Said = Record<string, unknown>

const SESSION = '0123456789abcdef0123456789abcdef'
const PATH = '/base/api/realtime/sync'

/** One session at a time, opened as often as it is asked for. */
export class Door {
  /** What the client has said, once each. */
  readonly heard: Uint8Array[] = []
  /** Every request: the method and what is behind the session, and its headers. */
  readonly requests: { readonly what: string; readonly headers: Headers }[] = []
  /** What every request is answered, when it is. */
  answer: Response | undefined
  /** What every request but the opening is answered. */
  over: (() => Response) | undefined
  opened = 0
  waitedMs: number[] = []
  framesMax = 1_024
  bodyBytesMax = 1 << 20
  #frames: Uint8Array[] = []
  #posted = 0
  #wake = () => {}

  /** Says something to the client. */
  say(message: Said): void {
    this.sayFrame(cbor.encode({ senderId: 'server', targetId: 'me', ...message }))
  }

  sayFrame(frame: Uint8Array): void {
    this.#frames.push(Uint8Array.from(frame))
    this.#wake()
  }

  /** Answers polls that wait, with nothing. */
  wake(): void {
    this.#wake()
  }

  types(): unknown[] {
    return this.heard.map((frame) => cbor.decode<Said>(frame)['type'])
  }

  /** A network on which nothing is lost. */
  readonly fetch: typeof fetch = async (input, init = {}) => {
    const url = new URL(input as string)
    const method = init.method ?? 'GET'
    const headers = new Headers(init.headers)
    this.requests.push({ what: `${method} ${url.pathname.replace(PATH, '')}`, headers })
    if (this.answer) return this.answer.clone()
    if (url.pathname === '/base/health') return Response.json({ status: 'ok' })
    if (url.pathname === PATH && method === 'POST') return this.#open()
    if (this.over) return this.over()
    if (method === 'DELETE') return new Response(null, { status: 204 })
    if (method === 'POST') return this.#post(headers, init.body as Uint8Array<ArrayBuffer>)
    return this.#poll(url, init.signal ?? undefined)
  }

  #open(): Response {
    this.opened++
    this.#frames = []
    this.#posted = 0
    const { framesMax, bodyBytesMax } = this
    const bytesMax = { body_bytes_max: bodyBytesMax, frame_bytes_max: bodyBytesMax }
    const bounds = { poll_ms: 20_000, frames_max: framesMax, ...bytesMax }
    return Response.json({ session: SESSION, ...bounds }, { status: 201 })
  }

  #post(headers: Headers, body: Uint8Array<ArrayBuffer>): Response {
    const seq = Number(headers.get('dovetail-seq'))
    if (seq > this.#posted + 1) return Response.json({ code: 'sequence_gap' }, { status: 409 })
    const frames = cut(body)
    if (frames.length > this.framesMax || body.length > this.bodyBytesMax)
      return Response.json({ code: 'body_too_large', detail: 'a body has at most…' }, { status: 413 })
    if (seq === this.#posted + 1) {
      this.#posted = seq
      this.heard.push(...frames.map((frame) => Uint8Array.from(frame)))
    }
    return new Response(null, { status: 204 })
  }

  async #poll(url: URL, signal: AbortSignal | undefined): Promise<Response> {
    const after = Number(url.searchParams.get('after'))
    const waitMs = parseInt(url.searchParams.get('wait') ?? '0')
    this.waitedMs.push(waitMs)
    this.#wake()
    if (after >= this.#frames.length) await this.#something(waitMs, signal)
    if (this.over) return this.over()
    // What was acknowledged is not kept: a client that asks for it again gets where the rest begins.
    const body = joined(this.#frames.slice(after))
    const headers = { 'dovetail-after': String(after), 'dovetail-cursor': String(this.#frames.length) }
    return body.length > 0
      ? new Response(body, { status: 200, headers })
      : new Response(null, { status: 204, headers })
  }

  #something(waitMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#wake(), waitMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
      signal?.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(new DOMException('', 'AbortError'))
      })
    })
  }
}

/** What may happen to a request: it arrives; it is lost; its answer is lost; a proxy answers; nobody ever answers. */
export type Fate = 'arrives' | 'request_lost' | 'answer_lost' | 'answer_broken' | 'bad_gateway' | 'no_answer'

/** A network that does to each request what `fate` says. */
export function lossy(network: typeof fetch, fate: () => Fate): typeof fetch {
  return async (input, init) => {
    switch (fate()) {
      case 'arrives':
        return network(input, init)
      case 'request_lost':
        throw new TypeError('network error')
      case 'answer_lost':
        await network(input, init)
        throw new TypeError('network error')
      case 'answer_broken': {
        const answer = await network(input, init)
        const breaks = new ReadableStream({ start: (body) => body.error(new TypeError('network error')) })
        return new Response(answer.status === 204 ? null : breaks, answer)
      }
      case 'bad_gateway':
        return new Response('<h1>502</h1>', { status: 502 })
      case 'no_answer':
        return new Promise((_, reject) => {
          init?.signal?.addEventListener('abort', () => reject(new DOMException('', 'AbortError')))
        })
    }
  }
}
