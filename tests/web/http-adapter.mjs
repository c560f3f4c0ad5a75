// A network adapter for stock automerge-repo that needs no WebSocket: what docs/PROTOCOL-HTTP.md tells a client
// to do, and no more. It is made for the packages of one version, since each has a base class of its own.
//
//   send ─▶ waiting ─POST Dovetail-Seq: n─▶ server       one post at a time, again until it is answered
//   emit ◀─────────── GET ?after=n ◀──────── server      one poll at a time, acknowledging the last

import { decodeSequence } from './wire.mjs'

const SEQUENCE = 'application/cbor-seq'

/** A request that failed on its way is sent again after this long. */
const AGAIN_MS = 100

/** The session is over, or cannot be gone on with: another one is opened. */
class Over extends Error {}

export const httpAdapterOf = ({ NetworkAdapter, cbor }) =>
  class HttpClientAdapter extends NetworkAdapter {
    #run
    #isReady = false
    #readied
    #ready = new Promise((resolve) => (this.#readied = resolve))

    /** `url`: the server, as in `http://127.0.0.1:3000`. */
    constructor(url, retryMs = 5_000) {
      super()
      this.url = url
      this.retryMs = retryMs
    }

    isReady() {
      return this.#isReady
    }

    whenReady() {
      return this.#ready
    }

    connect(peerId, peerMetadata) {
      this.#run?.end()
      this.peerId = peerId
      this.peerMetadata = peerMetadata
      this.#run = new Run()
      this.#keepGoing(this.#run)
      // Documents need not wait for a server that is not there.
      setTimeout(() => this.#beReady(), 1_000).unref?.()
    }

    /** What is sent while there is no session is not sent: it is offered again in the next. */
    send(message) {
      this.#run?.post(cbor.encode(message))
    }

    disconnect() {
      this.#run?.end()
      this.#run = undefined
      this.#gone()
    }

    async #keepGoing(run) {
      while (!run.isOver) {
        try {
          await this.#session(run)
        } catch {
          // Over, or out of reach: the next one is tried in a moment.
        }
        if (run.isOver) return
        this.#gone()
        await pause(this.retryMs)
      }
    }

    async #session(run) {
      const opened = await run.fetch(`${this.url}/api/realtime/sync`, { method: 'POST' })
      if (opened.status !== 201) throw new Over(await opened.text())
      const { session, poll_ms, frames_max, body_bytes_max } = await opened.json()
      run.open(`${this.url}/api/realtime/sync/${session}`, { poll_ms, frames_max, body_bytes_max })
      run.post(
        cbor.encode({
          type: 'join',
          senderId: this.peerId,
          peerMetadata: this.peerMetadata,
          supportedProtocolVersions: ['1'],
        }),
      )
      await run.converse((message) => this.#receive(message))
    }

    #receive(message) {
      if (message.type === 'error') throw new Over(message.message)
      if (message.type !== 'peer') return this.emit('message', message)
      this.remotePeerId = message.senderId
      this.#beReady()
      this.emit('peer-candidate', { peerId: message.senderId, peerMetadata: message.peerMetadata })
    }

    #gone() {
      const peerId = this.remotePeerId
      this.remotePeerId = undefined
      if (peerId) this.emit('peer-disconnected', { peerId })
    }

    #beReady() {
      if (this.#isReady) return
      this.#isReady = true
      this.#readied()
      this.emit('ready', { network: this }) // versions before 2 wait for this
    }
  }

/** From `connect` to `disconnect`, with one session after the other. */
class Run {
  #abort = new AbortController()
  #session

  get isOver() {
    return this.#abort.signal.aborted
  }

  open(url, bounds) {
    this.#session = { url, ...bounds, waiting: [], seq: 0, cursor: 0, wake: () => {} }
  }

  post(frame) {
    this.#session?.waiting.push(frame)
    this.#session?.wake()
  }

  end() {
    // A word of farewell that nobody waits for. Should it be lost, the session ends by its silence.
    if (this.#session) fetch(this.#session.url, { method: 'DELETE' }).catch(() => {})
    this.#session = undefined
    this.#abort.abort()
  }

  fetch(url, options) {
    return fetch(url, { ...options, signal: this.#abort.signal })
  }

  /** Both ways, until either ends. */
  async converse(receive) {
    const session = this.#session
    try {
      await Promise.race([this.#posting(session), this.#polling(session, receive)])
    } finally {
      if (this.#session === session) this.#session = undefined
    }
  }

  async #posting(session) {
    while (this.#session === session) {
      if (session.waiting.length === 0) {
        await new Promise((resolve) => (session.wake = resolve))
        continue
      }
      const frames = taken(session)
      session.seq += 1
      const headers = { 'content-type': SEQUENCE, 'dovetail-seq': String(session.seq) }
      await this.#again(session, () =>
        this.fetch(session.url, { method: 'POST', headers, body: Buffer.concat(frames) }),
      )
    }
  }

  async #polling(session, receive) {
    while (this.#session === session) {
      const url = `${session.url}?after=${session.cursor}&wait=${session.poll_ms}ms`
      const answer = await this.#again(session, async () => {
        const response = await this.fetch(url)
        return { response, status: response.status, body: new Uint8Array(await response.arrayBuffer()) }
      })
      if (this.#session !== session) return
      const number = (name) => Number(answer.response.headers.get(name))
      // What has come already is known by its number.
      const known = session.cursor - number('dovetail-after')
      session.cursor = Math.max(session.cursor, number('dovetail-cursor'))
      for (const message of decodeSequence(answer.body).slice(known)) receive(message)
    }
  }

  /** Until it is answered: a network that loses requests and answers loses nothing by that. */
  async #again(session, request) {
    for (;;) {
      try {
        const answer = await request()
        if (answer.status === 200 || answer.status === 204) return answer
        if (answer.status !== 429) throw new Over(`the server answered ${answer.status}`)
      } catch (error) {
        if (error instanceof Over || this.#session !== session) throw error
        // Nobody listens there any more: a new session finds out when somebody does.
        if (error.cause?.code === 'ECONNREFUSED') throw new Over(error.message)
      }
      await pause(AGAIN_MS)
    }
  }
}

/** As many frames as fit into one post, and at least one. */
function taken({ waiting, frames_max, body_bytes_max }) {
  let bytes = 0
  const fits = (frame, n) => n === 0 || (n < frames_max && (bytes += frame.length) <= body_bytes_max / 2)
  const end = waiting.findIndex((frame, n) => !fits(frame, n))
  return waiting.splice(0, end < 0 ? waiting.length : end)
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
