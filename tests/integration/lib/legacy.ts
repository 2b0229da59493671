/* Clients of endpoints that look at bytes: what a dialect writes has to be what its document says, down to the blank. */

import { connect, type Socket } from 'node:net'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'
import type { Unstale } from './unstale.ts'
import { Watched } from './wait.ts'
import { frame, OP } from './ws.ts'

export type Headers = Record<string, string>

/** Server-sent events, block by block as they came, without the blank line. */
export class LegacySse extends Watched {
  status = 0
  type = ''
  text = ''
  ended = false
  readonly #request: ClientRequest
  #taken = 0

  constructor(server: Unstale, path: string, headers: Headers = {}) {
    super()
    const { host, port } = server.at
    this.#request = request({ host, port, path, headers, agent: false }, (answer: IncomingMessage) => {
      this.status = answer.statusCode ?? 0
      this.type = answer.headers['content-type'] ?? ''
      answer.setEncoding('utf8')
      answer.on('data', (text: string) => {
        this.text += text
        this.changed()
      })
      answer.on('close', () => {
        this.ended = true
        this.changed()
      })
      this.changed()
    })
    this.#request.on('error', () => {
      this.ended = true
      this.changed()
    })
    this.#request.end()
  }

  protected override described(): string {
    return `status ${this.status}, ended ${this.ended}: ${this.text}`
  }

  get blocks(): string[] {
    return this.text.split('\n\n').slice(0, -1)
  }

  /** The next block, retry lines passed over. */
  next(): Promise<string> {
    return this.until('the next block', () => {
      const blocks = this.blocks
      while (this.#taken < blocks.length) {
        const block = blocks[this.#taken++] as string
        if (!block.startsWith('retry: ')) return block
      }
      if (this.ended) throw new Error(`the stream ended. ${this.described()}`)
      return null
    })
  }

  async take(n: number): Promise<string[]> {
    const blocks: string[] = []
    while (blocks.length < n) blocks.push(await this.next())
    return blocks
  }

  end(): Promise<true> {
    return this.until('ended', () => this.ended || null) as Promise<true>
  }

  cut(): void {
    this.#request.destroy()
  }
}

interface Frame {
  op: number
  text: string
}

/** A WebSocket, message by message as they came. */
export class LegacyWs extends Watched {
  status = 0
  body = ''
  ended = false
  code = 0
  pings = 0
  readonly messages: string[] = []
  /** Pings are not answered. */
  mute = false
  readonly #socket: Socket
  #rest = Buffer.alloc(0)
  #taken = 0

  constructor(server: Unstale, path: string, headers: Headers = {}) {
    super()
    const { host, port } = server.at
    const more = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    this.#socket = connect(port, host)
    this.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more.join('')}\r\n`,
    )
    this.#socket.on('data', (bytes: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, bytes])
      this.#read()
      this.changed()
    })
    this.#socket.on('error', () => undefined)
    this.#socket.on('close', () => {
      this.ended = true
      this.changed()
    })
  }

  protected override described(): string {
    return `status ${this.status}, ended ${this.ended}, code ${this.code}, body ${this.body}, messages ${this.messages.join('\n')}`
  }

  #read(): void {
    if (this.status === 0) {
      const end = this.#rest.indexOf('\r\n\r\n')
      if (end < 0) return
      this.status = Number(this.#rest.subarray(9, 12).toString())
      this.#rest = this.#rest.subarray(end + 4)
    }
    if (this.status !== 101) {
      this.body = this.#rest.toString()
      return
    }
    for (let one = this.#frame(); one; one = this.#frame()) {
      if (one.op === OP.text) this.messages.push(one.text)
      if (one.op === OP.ping) {
        this.pings++
        if (!this.mute) this.send(frame(OP.pong))
      }
      if (one.op === OP.close) this.code = Buffer.from(one.text, 'latin1').readUInt16BE(0)
    }
  }

  #frame(): Frame | null {
    if (this.#rest.length < 2) return null
    const short = (this.#rest[1] as number) & 0x7f
    const head = short === 127 ? 10 : short === 126 ? 4 : 2
    if (this.#rest.length < head) return null
    const n = short === 127 ? Number(this.#rest.readBigUInt64BE(2)) : short === 126 ? this.#rest.readUInt16BE(2) : short
    if (this.#rest.length < head + n) return null
    const op = (this.#rest[0] as number) & 0x0f
    const text = this.#rest.subarray(head, head + n).toString(op === OP.close ? 'latin1' : 'utf8')
    this.#rest = this.#rest.subarray(head + n)
    return { op, text }
  }

  next(): Promise<string> {
    return this.until('the next message', () => {
      if (this.#taken < this.messages.length) return this.messages[this.#taken++]
      if (this.ended) throw new Error(`it ended. ${this.described()}`)
      return null
    })
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes)
  }

  end(): Promise<true> {
    return this.until('ended', () => this.ended || null) as Promise<true>
  }

  cut(): void {
    this.#socket.destroy()
  }
}

export async function sse(t: TestContext, server: Unstale, path: string, headers: Headers = {}): Promise<LegacySse> {
  const stream = new LegacySse(server, path, headers)
  cleanup(t, () => stream.cut())
  await stream.until('answered', () => stream.status !== 0 || stream.ended)
  return stream
}

export async function ws(t: TestContext, server: Unstale, path: string, headers: Headers = {}): Promise<LegacyWs> {
  const socket = new LegacyWs(server, path, headers)
  cleanup(t, () => socket.cut())
  await socket.until('answered', () => socket.status !== 0 || socket.ended)
  return socket
}

const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g
const CONNECTION = /c_[0-9a-f]+_[0-9a-f]+/g

/** What differs from run to run stands as TIME and CONNECTION. */
export function still(text: string): string {
  return text.replace(TIME, 'TIME').replace(CONNECTION, 'CONNECTION')
}
