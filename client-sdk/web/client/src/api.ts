// What of the server's plain HTTP interface a page needs. See docs/HTTP.md.
//
// Always true: every failure is a `DovetailError` with the server's own code, `unreachable` when there was no answer, or
// `bad_answer` when it was none of Dovetail's; the token goes into a header, never into an address.

import type { ResolvedConfig } from './config'
import type { Environment } from './environment'
import { DovetailError } from './errors'
import { unique, type DocumentId } from './ids'
import type { Access, Api, ListedDocument, Point } from './types'

/** How long an answer may take. Restoring and importing large dashboards take seconds. */
const ANSWER_MS_MAX = 30_000

interface Asked {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly body: unknown
  readonly etag: string | undefined
}

/** Asks the server at a path, and gives its JSON. */
export type Ask = (path: string, asked?: Asked) => Promise<Answer>

export function createAsk(config: ResolvedConfig, environment: Environment): Ask {
  const once = async (path: string, asked: Asked, why: 'connect' | 'refused'): Promise<Read> => {
    const token = await tokenOf(config, why)
    const headers: Record<string, string> = { ...asked.headers }
    if (token) headers['authorization'] = `Bearer ${token}`
    else if (config.link) headers['authorization'] = `Bearer ${config.link}`
    if (token && config.link) headers['dovetail-link'] = config.link
    if (asked.body !== undefined) headers['content-type'] = 'application/json'
    const request = {
      method: asked.method ?? 'GET',
      headers,
      ...(asked.body === undefined ? {} : { body: JSON.stringify(asked.body) }),
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    }
    try {
      const answer = await environment.fetch(`${config.url}${path}`, request)
      return { answer, text: await answer.text() }
    } catch (error) {
      throw new DovetailError('unreachable', 'The server cannot be reached.', { passing: true, cause: error })
    }
  }
  return async (path, asked = {}) => {
    const first = await once(path, asked, 'connect')
    const again = first.answer.status === 401 && config.token !== undefined
    return read(again ? await once(path, asked, 'refused') : first)
  }
}

/** An answer that came as a whole. */
interface Read {
  readonly answer: Response
  readonly text: string
}

async function tokenOf(config: ResolvedConfig, why: 'connect' | 'refused'): Promise<string | undefined> {
  try {
    return await config.token?.(why)
  } catch (error) {
    throw new DovetailError('no_token', 'There is no token to ask the server with.', {
      passing: true,
      cause: error,
    })
  }
}

function read({ answer, text }: Read): Answer {
  const body = parsed(text)
  if (answer.ok && body !== undefined) return { body, etag: answer.headers.get('etag') ?? undefined }
  if (!isRecord(body) || typeof body['code'] !== 'string') throw notOurs(answer.status)
  // The title says what kind of thing went wrong, the detail what.
  const words = [body['detail'], body['title']].find((said) => typeof said === 'string')
  throw new DovetailError(body['code'], words ?? body['code'], {
    passing: answer.status === 429 || answer.status === 503,
    status: answer.status,
  })
}

/** A page of somebody in between, or of another program. */
function notOurs(status: number): DovetailError {
  return new DovetailError('bad_answer', `Something that is not Dovetail answered (${status}).`, {
    passing: status >= 500,
    status,
  })
}

/** An answer that is an object. Throws `bad_answer`. */
function object({ body }: Answer): object {
  if (!isRecord(body)) throw notOurs(200)
  return body
}

function parsed(text: string): unknown {
  if (text === '') return null
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

export function createApi(ask: Ask): Api {
  const doc = (id: DocumentId) => `/api/docs/${encodeURIComponent(id)}`
  return {
    list: async ({ after, limit } = {}) => {
      const query = new URLSearchParams()
      if (after !== undefined) query.set('after', after)
      if (limit !== undefined) query.set('limit', String(limit))
      const listed = object(await ask(`/api/docs?${query}`))
      const { documents, next } = listed as { documents?: ListedDocument[]; next?: string | null }
      if (!Array.isArray(documents)) throw notOurs(200)
      // `next` is the path of the next page; what it is after is all that an app needs to keep.
      const following = next
        ? (new URL(next, 'http://server').searchParams.get('after') ?? undefined)
        : undefined
      return { documents, next: following }
    },
    create: async (value, options = {}) => {
      const query = options.import === undefined ? '' : `?import=${options.import}`
      const answer = await ask(`/api/docs${query}`, {
        method: 'POST',
        body: value,
        headers: { 'idempotency-key': unique() },
      })
      const { id, notes } = object(answer) as { id?: DocumentId; notes?: string[] }
      if (typeof id !== 'string') throw notOurs(200)
      return { id, notes: notes ?? [] }
    },
    remove: async (id) => {
      await ask(doc(id), { method: 'DELETE' })
    },
    undelete: async (id) => {
      await ask(`${doc(id)}/undelete`, { method: 'POST' })
    },
    grafana: async (id) => (await ask(`${doc(id)}/grafana`)).body,
    access: async (id) => access(await ask(`${doc(id)}/access`)),
    setAccess: async (id, wanted, etag) => {
      const headers: Record<string, string> = etag === undefined ? {} : { 'if-match': etag }
      const answer = await ask(`${doc(id)}/access`, { method: 'PUT', body: wanted, headers })
      const { links } = object(answer) as { links?: Record<string, string> }
      return { access: { ...access(answer), role: 'admin' }, links: links ?? {} }
    },
    addPoints: async (id, points: readonly Partial<Point>[]) => {
      await ask(`${doc(id)}/points`, { method: 'POST', body: points })
    },
    status: async () => {
      const answer = await ask('/api/realtime')
      const { status, version, timestamp } = object(answer) as {
        status: string
        version: string
        timestamp: number
      }
      return { status, version, serverTimeMs: timestamp }
    },
  }
}

function access(answer: Answer): Access {
  const { role, owner, grants, follows } = object(answer) as Access
  return { role, owner, grants, follows: follows ?? null, etag: answer.etag }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
