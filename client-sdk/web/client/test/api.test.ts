// Plain requests: what is sent, and what is made of every kind of answer.

import { afterEach, describe, expect, test, vi } from 'vitest'
import { createApi, createAsk } from '../src/api'
import { resolveConfig, type DovetailConfig } from '../src/config'
import { browserEnvironment } from '../src/environment'
import { DovetailError } from '../src/errors'
import type { DocumentId } from '../src/ids'
import type { Api } from '../src/types'

const ID = '4NMNnkMhL8jXrdJ9jamS58PAVdXu' as DocumentId

interface Sent {
  readonly url: string
  readonly method: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** A server that answers one after the other, and says what it was asked. */
function server(...answers: (() => Response | Promise<Response>)[]) {
  const sent: Sent[] = []
  const fetch = (url: string, { method, headers, body }: RequestInit) => {
    sent.push({ url, method, headers: headers as Record<string, string>, body })
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    return Promise.resolve(answer?.() ?? Response.error())
  }
  const api = (config: Partial<DovetailConfig> = {}): Api => {
    const environment = { ...browserEnvironment(), fetch: fetch as typeof globalThis.fetch }
    return createApi(createAsk(resolveConfig({ url: 'https://h/base', ...config }), environment))
  }
  return { sent, api }
}

const json = (value: unknown, init: ResponseInit = {}) => {
  return () => Response.json(value, init)
}
const status = json({ status: 'ok', version: '1', timestamp: 5 })

async function failure(promise: Promise<unknown>): Promise<DovetailError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(error instanceof DovetailError)) throw new Error(`not one of ours: ${String(error)}`)
  return error
}

afterEach(() => {
  vi.restoreAllMocks()
})

describe('what is sent', () => {
  test.each([
    ['nobody is asked', {}, {}],
    ['a token', { token: (): string => 't' }, { authorization: 'Bearer t' }],
    ['no token this time', { token: (): undefined => undefined }, {}],
    ['a link', { link: 'dvl_a' }, { authorization: 'Bearer dvl_a' }],
    [
      'both',
      { token: (): string => 't', link: 'dvl_a' },
      { authorization: 'Bearer t', 'dovetail-link': 'dvl_a' },
    ],
  ] as const)('CL89 the token goes into a header: %s', async (_, config, headers) => {
    const { sent, api } = server(status)
    await api(config).status()
    expect(sent).toEqual([{ url: 'https://h/base/api/realtime', method: 'GET', headers, body: undefined }])
  })

  test('CL89 a token that was refused is asked for once more, and once only', async () => {
    const refused = json({ code: 'token_expired', title: 'The token has ended' }, { status: 401 })
    const whys: string[] = []
    const token = (why: string): string => {
      whys.push(why)
      return why
    }
    const once = server(refused, status)
    expect(await once.api({ token }).status()).toMatchObject({ version: '1', serverTimeMs: 5 })
    expect(once.sent.map(({ headers }) => headers['authorization'])).toEqual([
      'Bearer connect',
      'Bearer refused',
    ])
    const always = server(refused)
    expect(await failure(always.api({ token }).status())).toMatchObject({
      code: 'token_expired',
      status: 401,
    })
    expect(whys).toEqual(['connect', 'refused', 'connect', 'refused'])
    const link = server(refused)
    expect((await failure(link.api({ link: 'dvl_a' }).status())).code).toBe('token_expired')
    expect(link.sent).toHaveLength(1)
  })

  test('CL89 what is made is made once, also when the token had to be fetched anew', async () => {
    const { sent, api } = server(
      json({ code: 'token_expired' }, { status: 401 }),
      json({ id: ID, notes: ['one'] }),
      json({ id: ID }),
    )
    const client = api({ token: () => 't' })
    expect(await client.create({ title: 'a' }, { import: 'grafana' })).toEqual({ id: ID, notes: ['one'] })
    expect(await client.create({})).toEqual({ id: ID, notes: [] })
    const keys = sent.map(({ headers }) => headers['idempotency-key'])
    expect([keys[0] === keys[1], keys[1] === keys[2]]).toEqual([true, false])
    expect(sent[0]).toMatchObject({
      url: 'https://h/base/api/docs?import=grafana',
      method: 'POST',
      body: '{"title":"a"}',
    })
  })

  test('CL89 each call goes where docs/HTTP.md says', async () => {
    const grants = [{ everyone: true, role: 'read' }] as const
    const { sent, api } = server(json({ documents: [], role: 'admin', owner: null, grants: null }))
    const client = api()
    await client.list({ after: 'a b', limit: 5 })
    await client.remove(ID)
    await client.undelete(ID)
    await client.grafana(ID)
    await client.access(ID)
    await client.setAccess(ID, { owner: null, grants }, '"v1"')
    await client.addPoints(ID, [{ v: 1 }])
    expect(sent.map(({ method, url }) => `${method} ${url.slice('https://h/base/api/docs'.length)}`)).toEqual(
      [
        'GET ?after=a+b&limit=5',
        `DELETE /${ID}`,
        `POST /${ID}/undelete`,
        `GET /${ID}/grafana`,
        `GET /${ID}/access`,
        `PUT /${ID}/access`,
        `POST /${ID}/points`,
      ],
    )
    expect(sent[5]?.headers).toMatchObject({ 'if-match': '"v1"', 'content-type': 'application/json' })
  })
})

describe('what is answered', () => {
  test('CL90 pages lead on, tags and links are told', async () => {
    const page = { documents: [{ id: ID }], next: '/api/docs?limit=1&after=abc' }
    expect((await server(json(page)).api().list()).next).toBe('abc')
    expect(
      (
        await server(json({ ...page, next: null }))
          .api()
          .list()
      ).next,
    ).toBeUndefined()
    const made = { owner: null, grants: [], links: { l: 'dvl_s' } }
    const { api } = server(json(made, { headers: { etag: '"v2"' } }))
    expect(await api().setAccess(ID, { owner: null, grants: [] })).toEqual({
      access: { role: 'admin', owner: null, grants: [], follows: null, etag: '"v2"' },
      links: { l: 'dvl_s' },
    })
    await server(() => new Response(null, { status: 204 }))
      .api()
      .remove(ID)
  })

  const html = (code: number) => () => new Response('<html>Sign in</html>', { status: code })
  const problem = (code: number, body: object) => json(body, { status: code })

  test.each<[string, () => Response | Promise<Response>, object]>([
    [
      'no answer',
      () => Promise.reject(new TypeError('failed to fetch')),
      { code: 'unreachable', passing: true },
    ],
    [
      'one that takes too long',
      () => Promise.reject(new DOMException('too long', 'TimeoutError')),
      { code: 'unreachable', passing: true },
    ],
    [
      'one that breaks off',
      () => new Response(new ReadableStream({ pull: (stream) => stream.error(new TypeError('cut')) })),
      { code: 'unreachable', passing: true },
    ],
    ['a page to sign in', html(200), { code: 'bad_answer', passing: false, status: 200 }],
    ['a page of a proxy', html(502), { code: 'bad_answer', passing: true, status: 502 }],
    ['nothing', () => new Response(''), { code: 'bad_answer' }],
    ['JSON of somebody else', json(['a']), { code: 'bad_answer' }],
    [
      'JSON of somebody else that failed',
      problem(404, { error: 'nope' }),
      { code: 'bad_answer', status: 404 },
    ],
    [
      'a problem',
      problem(404, { code: 'document_not_found', title: 'No such document' }),
      { code: 'document_not_found', message: 'No such document', passing: false, status: 404 },
    ],
    [
      'a problem with a detail only',
      problem(400, { code: 'bad_body', detail: 'line 3' }),
      { code: 'bad_body', message: 'line 3' },
    ],
    [
      'too many requests',
      problem(429, { code: 'too_many_requests' }),
      { passing: true, message: 'too_many_requests' },
    ],
    ['a server that starts', problem(503, { code: 'not_ready' }), { passing: true }],
  ])('CL90 every failure says what it is: %s', async (_, answer, expected) => {
    expect(await failure(server(answer).api().list())).toMatchObject(expected)
  })

  test('CL90 a token that cannot be had is told as that', async () => {
    const token = () => Promise.reject(new Error('signed out'))
    const { sent, api } = server(status)
    expect(await failure(api({ token }).status())).toMatchObject({ code: 'no_token', passing: true })
    expect(sent).toEqual([])
  })

  test('CL90 each call finds out an answer that is none', async () => {
    const { api } = server(json(null))
    const client = api()
    const calls = [
      client.list(),
      client.create({}),
      client.access(ID),
      client.setAccess(ID, { owner: null, grants: [] }),
      client.status(),
    ]
    for (const call of calls) expect((await failure(call)).code).toBe('bad_answer')
  })
})
