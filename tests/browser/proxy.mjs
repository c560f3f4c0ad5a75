// Something between the browser and the server, as there is in front of most servers: a proxy on a port of its own.
//
// Requests and WebSockets go through as they are, but for what a test sets: `build` gives the app's files from another folder, as a
// server with another build would; `cut` lets nothing else through, as when the server behind it is gone; `answer` replaces answers.

import { readFile } from 'node:fs/promises'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'

const KINDS = { js: 'text/javascript', css: 'text/css', wasm: 'application/wasm', svg: 'image/svg+xml' }

export class Proxy {
  /** A folder with another build of the app. */
  build
  /** Whether only the files of `build` are answered. */
  cut = false
  /** Gives `{ status, type, body }` for a request, or nothing for the server's own answer. */
  answer = () => undefined
  #open = new Set()

  constructor(server) {
    this.server = server
  }

  async start() {
    this.listener = createServer((asked, given) => {
      this.#http(asked, given).catch((error) => given.destroy(error))
    })
    this.listener.on('upgrade', (asked, socket, head) => this.#upgrade(asked, socket, head))
    this.listener.on('connection', (socket) => this.#remember(socket))
    await new Promise((resolve) => this.listener.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${this.listener.address().port}`
    return this
  }

  /** From now on the server behind it cannot be reached; what is open ends. */
  cutOff() {
    this.cut = true
    for (const socket of this.#open) socket.destroy()
  }

  async end() {
    const ended = new Promise((resolve) => this.listener.close(resolve))
    for (const socket of this.#open) socket.destroy()
    await ended
  }

  async #http(asked, given) {
    const path = new URL(asked.url, this.url).pathname
    const replaced = this.answer(asked, path) ?? (this.build && (await this.#file(asked, path)))
    if (replaced) {
      const { status = 200, type, body } = replaced
      given.writeHead(status, { 'content-type': type, 'cache-control': 'no-cache' }).end(body)
      return
    }
    if (this.cut) {
      given.destroy()
      return
    }
    const onward = request(this.#onward(asked), (answer) => {
      given.writeHead(answer.statusCode, answer.headers)
      answer.pipe(given)
    })
    onward.on('error', () => given.destroy())
    asked.pipe(onward)
  }

  /** A file of the other build; the page for whoever goes to an address of it. */
  async #file(asked, path) {
    const isPage = asked.headers.accept?.includes('text/html')
    const name = isPage ? 'index.html' : path === '/' ? 'index.html' : path.slice(1)
    const type = KINDS[name.split('.').at(-1)] ?? 'text/html'
    if (!/^(index\.html|sw\.js|theme\.js|icon\.svg|assets\/[\w.-]+)$/.test(name)) return undefined
    try {
      return { type, body: await readFile(join(this.build, name)) }
    } catch {
      return undefined
    }
  }

  #upgrade(asked, socket, head) {
    if (this.cut) {
      socket.destroy()
      return
    }
    const [host, port] = this.server.address.split(':')
    const onward = connect(Number(port), host, () => {
      const lines = asked.rawHeaders.flatMap((name, at, all) => (at % 2 ? [] : `${name}: ${all[at + 1]}`))
      onward.write(`GET ${asked.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
      onward.write(head)
      onward.pipe(socket).pipe(onward)
    })
    this.#remember(onward)
    onward.on('close', () => socket.destroy())
    socket.on('close', () => onward.destroy())
  }

  #onward({ method, url, headers }) {
    const [host, port] = this.server.address.split(':')
    return { host, port, method, path: url, headers }
  }

  #remember(socket) {
    this.#open.add(socket)
    // Whoever goes away in the middle is no fault.
    socket.on('error', () => {})
    socket.on('close', () => this.#open.delete(socket))
  }
}
