// What stands before the server while it is measured: the bare pages of the bench under `/bench/`, and where one was named, an app
// that is not the one in the server's binary. Everything else goes to the server and comes from it as it is.
//
// Always true: all of it has one origin, so the app and the bare pages share what a browser keeps.

import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import { extname, join, normalize } from 'node:path'

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}

/** What the server answers itself, whatever app stands before it. */
const COMPUTED = /^\/(api|sync|health|ready|metrics|openapi\.json)(\/|\?|$)/

export class Front {
  #server

  /** `server`: gives its host and port. `pages`, `app`: folders. */
  static async open({ server, pages, app }) {
    const front = new Front()
    const to = () => {
      const [host, port] = server().split(':')
      return { host, port: Number(port) }
    }
    front.#server = createServer((asked, answer) => {
      const kept = fileFor(asked, { pages, app })
      if (kept) send(asked, answer, kept)
      else pass(to(), asked, answer)
    })
    front.#server.on('upgrade', (asked, socket, head) => tunnel(to(), asked, socket, head))
    await new Promise((resolve) => front.#server.listen(0, '127.0.0.1', resolve))
    front.url = `http://127.0.0.1:${front.#server.address().port}`
    return front
  }

  close() {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}

/** The file that answers, if it is none of the server's. */
function fileFor({ method, url }, { pages, app }) {
  if (method !== 'GET') return undefined
  const path = normalize(decodeURIComponent(new URL(url, 'http://x').pathname))
  if (path.startsWith('/bench/')) return join(pages, path.slice('/bench/'.length))
  if (!app || COMPUTED.test(url)) return undefined
  const file = join(app, path)
  return extname(path) !== '' && isFile(file) ? file : join(app, 'index.html')
}

const isFile = (path) => existsSync(path) && statSync(path).isFile()

/** As the server sends it: compressed beforehand, and for ever where the content is in the name. */
function send(asked, answer, file) {
  if (!isFile(file)) return answer.writeHead(404).end()
  const takes = asked.headers['accept-encoding'] ?? ''
  const encoding = /\bbr\b/.test(takes) && isFile(`${file}.br`) ? 'br' : undefined
  const body = readFileSync(encoding ? `${file}.br` : file)
  answer.writeHead(200, {
    'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
    'content-length': body.length,
    'cache-control': file.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    vary: 'accept-encoding',
    ...(encoding ? { 'content-encoding': encoding } : {}),
  })
  answer.end(body)
}

function pass(to, asked, answer) {
  const { method, url: path, headers } = asked
  const onward = request({ ...to, method, path, headers }, (got) => {
    answer.writeHead(got.statusCode, got.headers)
    got.pipe(answer)
  })
  onward.on('error', () => (answer.headersSent ? answer.destroy() : answer.writeHead(502).end()))
  asked.pipe(onward)
}

/** A WebSocket: bytes in both directions. */
function tunnel(to, { method, url, rawHeaders }, socket, head) {
  const onward = connect({ ...to, noDelay: true }, () => {
    const lines = [`${method} ${url} HTTP/1.1`]
    for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
    onward.write(`${lines.join('\r\n')}\r\n\r\n`)
    onward.write(head)
    socket.pipe(onward).pipe(socket)
  })
  socket.setNoDelay(true)
  for (const [end, other] of [
    [onward, socket],
    [socket, onward],
  ]) {
    end.on('error', () => other.destroy())
    end.on('close', () => other.destroy())
  }
}
