/* A site of a test's own: pages, an API whose rows the test changes, and unstale behind the same origin.
 *
 * What lies between a page and unstale can fail here as it does elsewhere: a proxy that answers 502, one that buffers, a token
 * that has expired, a network that is cut. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from '../../integration/lib/cleanup.ts'
import { config, directory, launch, type Unstale } from '../../integration/lib/unstale.ts'
import { Watched } from '../../integration/lib/wait.ts'
import { bundle } from './bundle.ts'

export type Fault = 'none' | '502' | 'buffer'

export class Site extends Watched {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #t: TestContext
  #held: (() => void)[] | null = null
  unstale: Unstale | null = null
  url = ''
  fault: Fault = 'none'
  /** ms that the API takes, after it has read. */
  latency = 20
  failWrites = false
  /** Fetches of the API so far, by row. */
  readonly fetches = new Map<string, number>()
  readonly rows = new Map<string, unknown>()
  /** Streams that are open, and how many there ever were. */
  streams = 0
  opened = 0
  /** If not null, a stream is only opened for, and lasts as long as, one of these. */
  tokens: Set<string> | null = null
  readonly #byToken = new Map<Socket, string>()

  private constructor(t: TestContext) {
    super()
    this.#t = t
    this.#server = createServer((incoming, outgoing) => void this.#handle(incoming, outgoing))
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (incoming, socket: Socket, head: Buffer) => this.#upgrade(incoming, socket, head))
  }

  static async start(t: TestContext, options: { unstale?: boolean } = {}): Promise<Site> {
    const site = new Site(t)
    site.#server.listen(0, '127.0.0.1')
    await once(site.#server, 'listening')
    site.url = `http://127.0.0.1:${(site.#server.address() as AddressInfo).port}`
    cleanup(t, async () => {
      site.#server.close()
      site.cut()
      await once(site.#server, 'close')
    })
    if (options.unstale ?? true) await site.startUnstale()
    return site
  }

  readonly #dir: { path?: string } = {}
  async startUnstale(): Promise<void> {
    this.#dir.path ??= directory(this.#t)
    this.unstale = await launch(this.#t, config({ limits: { batch: '20ms', heartbeat: '1s', spread: '100ms' }, state: './unstale.state' }), { dir: this.#dir.path }).started()
  }

  /** A row changes, in the database and then, by its mark, at unstale. */
  async change(name: string, value: unknown, scope = 'all'): Promise<void> {
    this.rows.set(name, value)
    await this.unstale?.mark(scope, ['rows', name])
  }

  count(name: string): number {
    return this.fetches.get(name) ?? 0
  }

  /** Answers of the API wait here until `letGo`. */
  hold(): void {
    this.#held = []
  }
  letGo(): void {
    const held = this.#held ?? []
    this.#held = null
    for (const one of held) one()
  }
  get held(): number {
    return this.#held?.length ?? 0
  }

  /** Every connection breaks off. */
  cut(): void {
    for (const socket of [...this.#sockets]) socket.destroy()
  }

  /** A token is good no more; its streams are ended as unstale ends them. */
  expire(token: string): void {
    this.tokens?.delete(token)
    for (const [socket, used] of this.#byToken) {
      if (used !== token) continue
      /* Close frame with 4401. */
      socket.end(Buffer.from([0x88, 2, 0x11, 0x31]))
    }
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', this.url)
    if (pathname.startsWith('/v1/')) return this.#proxy(incoming, outgoing)
    if (pathname === '/api/rows') {
      const name = searchParams.get('name') ?? ''
      if (incoming.method === 'POST') {
        const failed = this.failWrites
        if (!failed) this.rows.set(name, JSON.parse(searchParams.get('value') ?? 'null'))
        await new Promise((resolve) => setTimeout(resolve, this.latency))
        outgoing.writeHead(failed ? 500 : 204).end()
        if (!failed) await this.unstale?.mark('all', ['rows', name])
        return
      }
      this.fetches.set(name, this.count(name) + 1)
      const answer = JSON.stringify(this.rows.get(name) ?? 0)
      this.changed()
      await new Promise((resolve) => setTimeout(resolve, this.latency))
      if (this.#held) await new Promise<void>((resolve) => (this.#held?.push(resolve), this.changed()))
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end(answer)
      return
    }
    if (pathname.endsWith('.js')) {
      outgoing.writeHead(200, { 'content-type': 'text/javascript' }).end(await bundle(pathname.slice(1, -3)))
      return
    }
    const script = searchParams.get('page')
    outgoing.writeHead(200, { 'content-type': 'text/html' })
    outgoing.end(`<!doctype html><link rel="icon" href="data:,"><title>test</title><div id="root"></div>${script ? `<script type="module" src="/${script}.js"></script>` : ''}`)
  }

  #proxy(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const token = incoming.headers.authorization?.replace('Bearer ', '') ?? ''
    if (this.fault === '502') return void outgoing.writeHead(502).end('<h1>Bad Gateway</h1>')
    if (this.tokens && !this.tokens.has(token)) return void outgoing.writeHead(401).end('{"error":"the token has expired"}')
    if (this.unstale?.exit !== null) return void outgoing.writeHead(502).end()
    const { host, port } = this.unstale.at
    const upstream = request({ host, port, path: incoming.url, method: incoming.method, headers: { accept: 'text/event-stream', host: `${host}:${port}` } }, (answer) => {
      answered = true
      this.opened += 1
      this.streams += 1
      outgoing.writeHead(answer.statusCode ?? 500, answer.headers)
      if (this.fault === 'buffer') outgoing.flushHeaders()
      else answer.pipe(outgoing)
    })
    let over = false
    let answered = false
    const end = () => {
      if (!over && answered) this.streams -= 1
      over = true
      upstream.destroy()
      outgoing.destroy()
      this.changed()
    }
    upstream.on('error', () => (outgoing.headersSent ? end() : outgoing.writeHead(502).end()))
    upstream.on('close', end)
    outgoing.on('close', end)
    incoming.pipe(upstream)
  }

  #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    if (this.fault === '502' || this.unstale?.exit !== null) return void socket.end('HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n')
    const { host, port } = this.unstale.at
    const upstream = connect(port, host)
    this.opened += 1
    this.streams += 1
    const { origin: _origin, ...headers } = incoming.headers
    const lines = Object.entries({ ...headers, host: `${host}:${port}` }).map(([name, value]) => `${name}: ${value}\r\n`)
    upstream.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join('')}\r\n`)
    upstream.write(head)
    socket.on('data', (bytes: Buffer) => {
      if (!this.tokens || this.#byToken.has(socket)) return
      const token = tokenIn(bytes)
      if (token === null) return
      this.#byToken.set(socket, token)
      if (!this.tokens.has(token)) this.expire(token)
    })
    socket.pipe(upstream)
    upstream.pipe(socket)
    upstream.on('error', () => {})
    upstream.on('close', () => socket.destroy())
    socket.on('close', () => {
      this.streams -= 1
      this.#byToken.delete(socket)
      upstream.destroy()
      this.changed()
    })
  }
}

/** In one small masked frame. */
function tokenIn(bytes: Buffer): string | null {
  const long = ((bytes[1] ?? 0) & 127) === 126 ? 2 : 0
  const mask = bytes.subarray(2 + long, 6 + long)
  const text = Buffer.from(bytes.subarray(6 + long).map((byte, i) => byte ^ (mask[i % 4] ?? 0))).toString()
  return /"token":"([^"]*)"/.exec(text)?.[1] ?? null
}
