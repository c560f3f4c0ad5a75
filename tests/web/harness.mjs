// A server of our own and the peers of one test. Everything that a world started is gone when its test ends.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Peer } from './peer.mjs'
import { RawPeer } from './raw-peer.mjs'
import { tokenOf } from './token.mjs'
import { Relay } from './relay.mjs'
import { DEADLINE_MS, until } from './until.mjs'

export { CLIENTS, PAIRS, Peer, VERSIONS, WAYS, packagesOf } from './peer.mjs'
export { DEADLINE_MS, until } from './until.mjs'

/** The server under test; set `DOVETAIL_BIN` to try another one that has the same command line. */
const BINARY =
  process.env.DOVETAIL_BIN ?? fileURLToPath(new URL('../../target/debug/dovetail', import.meta.url))

/** Waits until every `[peer, handle]` has the same heads and knows that the server has them too. */
export function agree(...replicas) {
  const heads = () => replicas.map(([peer, handle]) => String(peer.heads(handle)))
  return until(
    'everybody has the same document and knows it saved',
    () => new Set(heads()).size === 1 && replicas.every(([peer, handle]) => peer.isSaved(handle)),
  )
}

/** A fresh server without documents, and a place to connect peers from. */
export async function world(t, options) {
  const made = new World()
  t.after(() => made.close())
  made.server = new Server(options)
  await made.server.start()
  return made
}

class World {
  #closing = []

  async peer(version, options) {
    const peer = await Peer.create(version, this.server.syncUrl, options)
    this.#closing.unshift(() => peer.close())
    return peer
  }

  /** A stock peer of somebody: its adapter can say who it is only by its address. */
  async peerOf(subject, version, options) {
    const peer = await Peer.create(version, this.urlOf(subject), options)
    this.#closing.unshift(() => peer.close())
    return peer
  }

  urlOf(subject) {
    return `${this.server.syncUrl}?token=${tokenOf(subject)}`
  }

  /** A request in somebody's name. */
  async ask(subject, method, path, body, headers = {}) {
    const answer = await fetch(`http://${this.server.address}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${tokenOf(subject)}`,
        'content-type': 'application/json',
        ...headers,
      },
      body: body && JSON.stringify(body),
    })
    const text = await answer.text()
    return { status: answer.status, body: text ? JSON.parse(text) : undefined }
  }

  async raw(options) {
    const peer = await RawPeer.open(options?.url ?? this.server.syncUrl, options)
    this.#closing.unshift(() => peer.close())
    return peer
  }

  async relay(rewrite, url = this.server.syncUrl) {
    const relay = await Relay.to(url, rewrite)
    this.#closing.unshift(() => relay.close())
    return relay
  }

  async peerThrough(relay, version, options) {
    const peer = await Peer.create(version, relay.url, options)
    this.#closing.unshift(() => peer.close())
    return peer
  }

  async close() {
    for (const close of this.#closing.splice(0)) await close()
    await this.server.stop('SIGKILL')
    rmSync(this.server.dataDir, { recursive: true, force: true })
  }
}

export class Server {
  /** `env`: settings beside those of every test, such as `DOVETAIL_JOIN_TIMEOUT`. */
  constructor({ env = {} } = {}) {
    this.env = env
    this.dataDir = mkdtempSync(join(tmpdir(), 'dovetail-web-'))
  }

  start() {
    return this.#run('127.0.0.1:0')
  }

  get syncUrl() {
    return `ws://${this.address}/sync`
  }

  /** Ends the process and resolves with its exit code, or with the name of the signal that ended it. */
  async stop(signal) {
    this.process.kill(signal)
    return this.exited
  }

  /** On the same data directory and the same port, so that clients find it again by themselves. */
  async restart(signal) {
    if (signal) await this.stop(signal)
    await this.#run(this.address)
  }

  async #run(listen) {
    const child = spawn(BINARY, ['serve', '--listen', listen, '--data-dir', this.dataDir], {
      env: { DOVETAIL_DISK_FREE_MIN: 'off', ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.process = child
    const end = () => child.kill('SIGKILL') // also when a test ends this process
    process.once('exit', end)
    child.once('exit', () => process.off('exit', end))
    this.exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? code))
      child.once('error', resolve) // there is no such program
    })
    this.log = ''
    child.stderr.on('data', (text) => (this.log += text))
    this.address = await this.#ready(child)
  }

  #ready(child) {
    return new Promise((resolve, reject) => {
      let printed = ''
      const fail = (why) => {
        clearTimeout(deadline)
        reject(new Error(`${BINARY} ${why}:\n${printed}${this.log}`))
      }
      const deadline = setTimeout(() => fail(`did not get ready in ${DEADLINE_MS} ms`), DEADLINE_MS)
      child.once('error', (error) => fail(error.message))
      child.once('exit', () => fail('ended before it was ready'))
      child.stdout.on('data', (text) => {
        printed += text
        const ready = /^listening on http:\/\/(\S+)$/m.exec(printed)
        if (!ready) return
        clearTimeout(deadline)
        resolve(ready[1])
      })
    })
  }
}
