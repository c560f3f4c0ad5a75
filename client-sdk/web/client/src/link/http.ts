// A line over plain HTTP, for networks that let no WebSocket through; docs/PROTOCOL-HTTP.md tells how the server takes it.
//
// ```text
//  send ─▶ waiting ──POST Dovetail-Seq: n──▶ server      one post at a time, again until it is answered
//  frame ◀─────────── GET ?after=n ◀──────── server      one poll at a time, which acknowledges the last
// ```
// Always true: a post keeps its number until it is answered, and a frame counts by its number, so that whatever requests and
// answers get lost nothing is lost and nothing comes twice. Who has failed for `silenceMs` gives up: a new session with fresh
// sync states offers everything again.

import type { ResolvedConfig } from '../config'
import type { Environment } from '../environment'
import { backoffMs } from './backoff'
import type { Credentials, Line, LineEvents } from './line'
import { cut, joined } from './sequence'

/** RFC 8742. */
const SEQUENCE = 'application/cbor-seq'

/** Pauses between tries of one request. */
const AGAIN = { firstMs: 100, mostMs: 1_000 }

/** A post may take as long as its bytes do on a slow mobile network, 16 KiB/s. */
const SLOWEST_BYTES_PER_MS = 16

/** What the server says of a session that it opened. */
interface Opened {
  readonly url: string
  readonly pollMs: number
  readonly framesMax: number
  readonly bodyBytesMax: number
  readonly frameBytesMax: number
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Uint8Array
}

/** The session is over, or cannot be gone on with. */
class Over extends Error {
  readonly closeCode: number | undefined

  constructor(closeCode: number | undefined, words: string) {
    super(words)
    this.closeCode = closeCode
  }
}

/** What a request is made of. */
interface Asked {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer>
}

/** Opens a session. */
export function openHttp(
  config: Pick<ResolvedConfig, 'url' | 'heartbeat' | 'retry'>,
  credentials: Credentials,
  environment: Pick<Environment, 'fetch' | 'random'>,
  events: LineEvents,
): Line {
  const line = new HttpLine(config, environment, events)
  void line.run(credentials)
  return line
}

/** Whether plain requests get through to the server, which says so within `limitMs`. */
export async function isReachable(
  url: string,
  limitMs: number,
  environment: Pick<Environment, 'fetch'>,
): Promise<boolean> {
  try {
    const asked = { method: 'GET', url: `${url}/health` } as const
    const answer = await answered(asked, limitMs, environment, new AbortController().signal)
    // The page of a hotel that wants a password answers everything too.
    return answer.status === 200 && typeof jsonOf(answer.body)['status'] === 'string'
  } catch {
    return false
  }
}

class HttpLine implements Line {
  readonly via = 'http'
  readonly #config: Pick<ResolvedConfig, 'url' | 'heartbeat' | 'retry'>
  readonly #environment: Pick<Environment, 'fetch' | 'random'>
  readonly #events: LineEvents
  readonly #abort = new AbortController()
  #session: Opened | undefined
  /** Not posted yet. A session that gets nothing through is given up in `silenceMs`, so it holds what is edited meanwhile. */
  #waiting: Uint8Array[] = []
  #wake = () => {}

  constructor(
    config: Pick<ResolvedConfig, 'url' | 'heartbeat' | 'retry'>,
    environment: Pick<Environment, 'fetch' | 'random'>,
    events: LineEvents,
  ) {
    this.#config = config
    this.#environment = environment
    this.#events = events
  }

  get frameBytesMax(): number | undefined {
    return this.#session?.frameBytesMax
  }

  send(frame: Uint8Array): void {
    if (this.#session === undefined || this.#isOver()) return
    this.#waiting.push(frame)
    this.#wake()
  }

  unsentBytes(): number {
    return this.#waiting.reduce((bytes, frame) => bytes + frame.length, 0)
  }

  close(): void {
    if (this.#isOver()) return
    const session = this.#session
    this.#stop()
    if (session === undefined) return
    // A word of farewell that nobody waits for; should it be lost, the session ends by its silence.
    const asked = { method: 'DELETE', url: session.url } as const
    const limitMs = this.#config.heartbeat.silenceMs
    void answered(asked, limitMs, this.#environment, new AbortController().signal).catch(() => undefined)
  }

  /** From the opening to the end. */
  async run(credentials: Credentials): Promise<void> {
    try {
      const session = await this.#open(credentials)
      this.#session = session
      this.#events.opened()
      await Promise.race([this.#posting(session), this.#polling(session)])
    } catch (error) {
      if (this.#isOver()) return
      this.#stop()
      if (error instanceof Over) this.#events.ended(error.closeCode, error.message)
      else this.#events.ended(undefined, '')
    }
  }

  #isOver(): boolean {
    return this.#abort.signal.aborted
  }

  #stop(): void {
    this.#abort.abort()
    this.#wake()
  }

  async #open({ token, link }: Credentials): Promise<Opened> {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(link === undefined ? {} : { 'dovetail-link': link }),
    }
    const url = `${this.#config.url}/api/realtime/sync`
    const answer = await this.#once({ method: 'POST', url, headers }, this.#config.retry.connectMs)
    if (answer.status !== 201) throw overBy(answer)
    const opened = openedOf(answer.body, url)
    if (opened === undefined) throw new Over(undefined, 'Something else than the server answers.')
    return opened
  }

  async #posting(session: Opened): Promise<void> {
    for (let seq = 1; !this.#isOver(); seq++) {
      while (this.#waiting.length === 0) {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        if (this.#isOver()) return
      }
      const body = joined(this.#taken(session))
      const headers = { 'content-type': SEQUENCE, 'dovetail-seq': String(seq) }
      const limitMs = this.#config.heartbeat.silenceMs + body.length / SLOWEST_BYTES_PER_MS
      await this.#untilAnswered(() => [{ method: 'POST', url: session.url, headers, body }, limitMs])
    }
  }

  async #polling(session: Opened): Promise<void> {
    for (let cursor = 0; !this.#isOver();) {
      const answer = await this.#untilAnswered((failures) => {
        // After a failure it is asked without waiting: the answer is the sign that requests get through again.
        const waitMs = failures > 0 ? 0 : Math.min(session.pollMs, this.#config.heartbeat.askMs)
        const url = `${session.url}?after=${cursor}&wait=${waitMs}ms`
        return [{ method: 'GET', url }, waitMs + this.#config.heartbeat.silenceMs]
      })
      const after = numberIn(answer, 'dovetail-after')
      const last = numberIn(answer, 'dovetail-cursor')
      const frames = cut(answer.body)
      if (after === undefined || last === undefined || after > cursor || after + frames.length !== last)
        throw new Over(undefined, 'An answer of the server was changed on its way.')
      // What has come already is known by its number.
      const fresh = frames.slice(cursor - after)
      cursor = Math.max(cursor, last)
      for (const frame of fresh) if (!this.#isOver()) this.#events.frame(frame)
    }
  }

  /** As many frames as fit into one post, and at least one. */
  #taken({ framesMax, bodyBytesMax }: Opened): Uint8Array[] {
    let bytes = 0
    const fits = (frame: Uint8Array, at: number) => (bytes += frame.length) <= bodyBytesMax && at < framesMax
    const end = this.#waiting.findIndex((frame, at) => !fits(frame, at))
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : Math.max(1, end))
  }

  /** The same request until it is answered; `ask` gets the number of failures before. Throws `Over`. */
  async #untilAnswered(ask: (failures: number) => [asked: Asked, limitMs: number]): Promise<Answer> {
    let giveUp: ReturnType<typeof setTimeout> | undefined
    const late = new AbortController()
    try {
      for (let failures = 0; ; failures++) {
        const [asked, limitMs] = ask(failures)
        const answer = await this.#once(asked, limitMs).catch(() => undefined)
        if (answer?.status === 200 || answer?.status === 204) return answer
        if (this.#isOver() || (answer && !isPassing(answer))) throw overBy(answer)
        if (late.signal.aborted) throw new Over(undefined, 'The server does not answer.')
        giveUp ??= setTimeout(() => late.abort(), this.#config.heartbeat.silenceMs)
        await this.#pause(backoffMs(failures + 1, this.#environment.random(), AGAIN))
      }
    } finally {
      clearTimeout(giveUp)
    }
  }

  #once(asked: Asked, limitMs: number): Promise<Answer> {
    return answered(asked, limitMs, this.#environment, this.#abort.signal)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer)
        this.#abort.signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#abort.signal.addEventListener('abort', end)
    })
  }
}

/**
 * One request with its whole answer. Throws when none begins within `limitMs`, when it stops for so long, or when `signal` says
 * that nobody waits for it. A large document takes as long as it takes, while something of it comes.
 */
async function answered(
  { method, url, headers = {}, body }: Asked,
  limitMs: number,
  environment: Pick<Environment, 'fetch'>,
  signal: AbortSignal,
): Promise<Answer> {
  const abort = new AbortController()
  const end = () => abort.abort()
  let timer = setTimeout(end, limitMs)
  const goesOn = () => {
    clearTimeout(timer)
    timer = setTimeout(end, limitMs)
  }
  signal.addEventListener('abort', end)
  try {
    signal.throwIfAborted()
    const response = await environment.fetch(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
      signal: abort.signal,
      cache: 'no-store',
      // A WebSocket takes cookies along too.
      credentials: 'include',
    })
    const answer = await bodyOf(response, goesOn)
    return { status: response.status, headers: response.headers, body: answer }
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

/** The whole body; `goesOn` is called for each piece of it. */
async function bodyOf(response: Response, goesOn: () => void): Promise<Uint8Array> {
  const reader = response.body?.getReader()
  const pieces: Uint8Array[] = []
  for (let piece = await reader?.read(); piece?.value !== undefined; piece = await reader?.read()) {
    goesOn()
    pieces.push(piece.value)
  }
  return joined(pieces)
}

/** Whether the same request may be answered in a moment: the server, or a proxy before it, has no room or no time. */
function isPassing({ status }: Answer): boolean {
  return status === 408 || status === 429 || status >= 500
}

/** What a refusal means, as the close code of a WebSocket says it. */
function overBy(answer: Answer | undefined): Over {
  if (answer === undefined) return new Over(undefined, '')
  const problem = jsonOf(answer.body)
  const words = wordsOf(problem)
  const reason = problem['reason']
  if (isObject(reason)) {
    const code = reason['close_code']
    return new Over(typeof code === 'number' ? code : undefined, text(reason['detail']))
  }
  const closeCode = closeCodeOf(answer.status, text(problem['code']))
  return new Over(closeCode, words || `The server answered ${answer.status}.`)
}

/** Only the server says codes. What a proxy refuses without one may be let through in a moment, but for its size. */
function closeCodeOf(status: number, code: string): number | undefined {
  if (status === 413) return 1009
  if (status === 429 || status === 503) return 1013
  if (code === '') return undefined
  if (status === 401) return 4401
  return status === 403 || code === 'token_ambiguous' ? 4403 : undefined
}

/** `code: words`, as an `error` message has it. */
function wordsOf(problem: Readonly<Record<string, unknown>>): string {
  const [code, detail] = [text(problem['code']), text(problem['detail'])]
  return code && detail ? `${code}: ${detail}` : detail
}

function openedOf(body: Uint8Array, url: string): Opened | undefined {
  const said = jsonOf(body)
  const [session, pollMs, framesMax, bodyBytesMax, frameBytesMax] = [
    said['session'],
    said['poll_ms'],
    said['frames_max'],
    said['body_bytes_max'],
    said['frame_bytes_max'],
  ]
  if (typeof session !== 'string' || !/^[0-9a-f]{32}$/.test(session)) return undefined
  if (!isCount(pollMs) || !isCount(framesMax) || !isCount(bodyBytesMax) || !isCount(frameBytesMax))
    return undefined
  return { url: `${url}/${session}`, pollMs, framesMax, bodyBytesMax, frameBytesMax }
}

function numberIn(answer: Answer, name: string): number | undefined {
  const value = answer.headers.get(name)
  return value !== null && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

function jsonOf(body: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body))
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
