// Another server before the server: passes everything on, WebSockets too, and can show another build of the app.

import { createServer, request } from 'node:http'
import { connect } from 'node:net'

/** What is put into the names of the newer build's script. */
const NEWER = 'newer-'

export class Proxy {
  #server
  #isNewer = false

  /** `url`: of the server behind it. Resolves when it serves. */
  static async before(url) {
    const made = new Proxy()
    const { hostname, port } = new URL(url)
    made.#server = createServer((asked, answer) => made.#pass(asked, answer, hostname, port))
    made.#server.on('upgrade', (asked, socket, head) => tunnel(asked, socket, head, hostname, port))
    await new Promise((resolve) => made.#server.listen(0, '127.0.0.1', resolve))
    made.url = `http://127.0.0.1:${made.#server.address().port}`
    return made
  }

  /** From now on there is another build: its main script has another name, and the worker knows that. */
  update() {
    this.#isNewer = true
  }

  close() {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #pass(asked, answer, hostname, port) {
    const isShell = this.#isNewer && /^\/(sw\.js|index\.html|d\/\w+)?$/.test(asked.url.split('?')[0])
    const headers = { ...asked.headers, ...(isShell ? { 'accept-encoding': 'identity' } : {}) }
    delete headers[isShell ? 'if-none-match' : '']
    const path = asked.url.replace(NEWER, '')
    const onward = request({ hostname, port, path, method: asked.method, headers }, (answered) => {
      if (!isShell) {
        answer.writeHead(answered.statusCode, answered.headers)
        answered.pipe(answer)
        return
      }
      const parts = []
      answered.on('data', (part) => parts.push(part))
      answered.on('end', () => {
        const text = Buffer.concat(parts)
          .toString()
          .replaceAll(/assets\/(?=start-|index-|main-)/g, `assets/${NEWER}`)
        const { etag: _etag, 'content-length': _length, ...kept } = answered.headers
        answer.writeHead(answered.statusCode, kept)
        answer.end(text)
      })
    })
    onward.on('error', () => answer.destroy())
    asked.pipe(onward)
  }
}

function tunnel(asked, socket, head, hostname, port) {
  const onward = connect(port, hostname, () => {
    const lines = asked.rawHeaders.flatMap((name, n, all) => (n % 2 === 0 ? [`${name}: ${all[n + 1]}`] : []))
    onward.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    onward.write(head)
    onward.pipe(socket).pipe(onward)
  })
  for (const end of [onward, socket]) {
    end.on('error', () => {
      onward.destroy()
      socket.destroy()
    })
  }
}
