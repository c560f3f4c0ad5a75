// The real server with the app in it: on a free port of the loopback interface, with a data directory of its own.

import { spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BINARY =
  process.env.DOVETAIL_BIN ?? fileURLToPath(new URL('../../target/debug/dovetail', import.meta.url))

const SECRET = 'a secret that only these tests know, long enough'

/** The settings of a server that asks everybody who they are. */
export const ASKING = {
  DOVETAIL_JWT_SECRET: SECRET,
  DOVETAIL_JWT_AUDIENCE: 'dovetail',
  DOVETAIL_JWT_ISSUER: 'tests',
  DOVETAIL_ADMIN_GROUPS: 'admins',
}

/** A token for such a server. */
export function tokenOf(subject, { holdsForS = 3600, ...claims } = {}) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const body = { sub: subject, aud: 'dovetail', iss: 'tests', iat: now, exp: now + holdsForS, ...claims }
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(body)}`
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`
}

export class Server {
  #directory = mkdtempSync(join(tmpdir(), 'dovetail-browser-'))
  #process
  address = '127.0.0.1:0'

  constructor(env = {}) {
    this.env = env
  }

  get url() {
    return `http://${this.address}`
  }

  /** Resolves when it serves. A second start takes the same port and the same data. */
  async start() {
    const child = spawn(BINARY, ['serve', '--listen', this.address, '--data-dir', this.#directory], {
      env: { PATH: process.env.PATH, DOVETAIL_DISK_FREE_MIN: 'off', ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process = child
    this.log = ''
    child.stderr.on('data', (bytes) => (this.log += bytes))
    this.address = await new Promise((resolve, reject) => {
      let said = ''
      child.stdout.on('data', (bytes) => {
        said += bytes
        const found = /listening on http:\/\/(\S+)/.exec(said)
        if (found) resolve(found[1])
      })
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}\n${this.log}`)))
      child.once('error', reject)
    })
    return this
  }

  /** As a power cut would. */
  async kill() {
    const child = this.#process
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async end() {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** A plain request; the answer's JSON. */
  async ask(method, path, { body, subject, headers = {} } = {}) {
    const answer = await fetch(this.url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(subject === undefined ? {} : { authorization: `Bearer ${tokenOf(subject)}` }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    })
    const text = await answer.text()
    return { status: answer.status, headers: answer.headers, body: text ? JSON.parse(text) : undefined }
  }

  /** A dashboard that is made over HTTP. */
  async dashboard(content = {}, options) {
    const { status, body } = await this.ask('POST', '/api/docs', {
      ...options,
      body: { kind: 'dashboard', schemaVersion: 1, title: 'Hosts', widgets: {}, ...content },
    })
    if (status !== 201) throw new Error(JSON.stringify(body))
    return body.id
  }
}
