// The real server on a free port, with a data directory of its own, ended with the test.

import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BINARY =
  process.env['DOVETAIL_BIN'] ??
  fileURLToPath(new URL('../../../../../target/debug/dovetail', import.meta.url))

export class Server {
  readonly #directory = mkdtempSync(join(tmpdir(), 'dovetail-client-'))
  readonly #env: Readonly<Record<string, string>>
  readonly #args: readonly string[]
  #process: ChildProcess | undefined
  address = '127.0.0.1:0'

  constructor(env: Readonly<Record<string, string>> = {}, args: readonly string[] = []) {
    this.#env = env
    this.#args = args
  }

  get url(): string {
    return `http://${this.address}`
  }

  /** Resolves when it serves; a second start takes the same port and the same data. */
  async start(): Promise<this> {
    const child = spawn(
      BINARY,
      ['serve', '--listen', this.address, '--data-dir', this.#directory, ...this.#args],
      {
        env: { PATH: process.env['PATH'], DOVETAIL_DISK_FREE_MIN: 'off', ...this.#env },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    this.#process = child
    this.address = await new Promise<string>((resolve, reject) => {
      let said = ''
      child.stdout.on('data', (bytes: Buffer) => {
        said += bytes.toString()
        const found = /listening on http:\/\/(\S+)/.exec(said)
        if (found?.[1]) resolve(found[1])
      })
      child.once('exit', (code) => reject(new Error(`the server ended with ${code}: ${said}`)))
      child.once('error', reject)
    })
    return this
  }

  /** As a power cut would. */
  async kill(): Promise<void> {
    const child = this.#process
    if (!child || child.exitCode !== null) return
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }

  async end(): Promise<void> {
    await this.kill()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
