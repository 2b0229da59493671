/* A client of the WebSocket that can send any bytes at any moment, stop reading, and be cut at any byte. Strict: what the
 * server may not send is an error. */

import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { type Address, parseHead } from './http.ts'
import { EventStream, type StreamEvent, streamQuery, type Subscription } from './sse.ts'

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

export interface FrameShape {
  fin?: boolean
  /** The three reserved bits, as 1 to 7. */
  reserved?: number
  masked?: boolean
  /** Bytes in which the length is written, as few as it takes if absent. */
  lengthBytes?: 0 | 2 | 8
  /** What the header says instead of the payload's length. */
  claims?: bigint
}

let masks = 1

/** One frame of a client; any that one could send. */
export function frame(op: number, payload: string | Buffer = '', shape: FrameShape = {}): Buffer {
  const bytes = Buffer.from(payload)
  const length = shape.claims ?? BigInt(bytes.length)
  const wide = shape.lengthBytes ?? (length < 126n ? 0 : length < 65536n ? 2 : 8)
  const masked = shape.masked ?? true
  const head = Buffer.alloc(2 + wide + (masked ? 4 : 0))
  head[0] = (shape.fin === false ? 0 : 0x80) | ((shape.reserved ?? 0) << 4) | op
  head[1] = (masked ? 0x80 : 0) | (wide === 0 ? Number(length) : wide === 2 ? 126 : 127)
  if (wide === 2) head.writeUInt16BE(Number(length), 2)
  if (wide === 8) head.writeBigUInt64BE(length, 2)
  if (masked) {
    // Any mask will do, that of zeros is left out.
    masks = (Math.imul(masks, 1664525) + 1013904223) >>> 0 || 1
    head.writeUInt32BE(masks, 2 + wide)
    const mask = head.subarray(2 + wide)
    for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ (mask[i & 3] as number)
  }
  return Buffer.concat([head, bytes])
}

export function text(message: unknown, shape: FrameShape = {}): Buffer {
  return frame(OP.text, typeof message === 'string' ? message : JSON.stringify(message), shape)
}

/** A message in pieces of `size` bytes, with `between` (whole frames) between any two. */
export function fragments(message: unknown, size: number, between: Buffer = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message))
  const frames: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) {
    if (at > 0) frames.push(between)
    frames.push(frame(at === 0 ? OP.text : OP.continuation, bytes.subarray(at, at + size), { fin: at + size >= bytes.length }))
  }
  return Buffer.concat(frames)
}

export function closing(code?: number, reason: string | Buffer = ''): Buffer {
  if (code === undefined) return frame(OP.close)
  const head = Buffer.alloc(2)
  head.writeUInt16BE(code)
  return frame(OP.close, Buffer.concat([head, Buffer.from(reason)]))
}

export interface WebSocketAsked extends Subscription {
  protocols?: string
  /** Sent in the same packet as the handshake, behind it. */
  early?: Buffer
  /** Pings are not answered. */
  mute?: boolean
}

export function upgradeBytes(to: Address, asked: WebSocketAsked = {}): Buffer {
  const headers: Record<string, string> = {
    Host: `${to.host}:${to.port}`,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': KEY,
    'Sec-WebSocket-Version': '13',
    ...(asked.protocols === undefined ? {} : { 'Sec-WebSocket-Protocol': asked.protocols }),
    ...(asked.lastEventId === undefined ? {} : { 'Last-Event-ID': asked.lastEventId }),
    ...asked.headers,
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const query = streamQuery(asked)
  const head = `GET /v1/ws${query === '' ? '' : `?${query}`} HTTP/1.1\r\n${lines.join('')}\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), asked.early ?? Buffer.alloc(0)])
}

export interface Said {
  error: string
  scope?: string
}

/** How the server ended it: the close frame, if there was one. */
export interface Closed {
  code: number | null
  reason: string
}

export class WebSocketStream extends EventStream {
  readonly socket: Socket
  /** The `error` messages. */
  readonly errors: Said[] = []
  readonly pongs: string[] = []
  pings = 0
  closed: Closed | null = null
  /** Everything in the order in which it came, for order between kinds. */
  readonly order: string[] = []
  #rest: Buffer = Buffer.alloc(0)
  readonly #limit: number
  readonly #mute: boolean
  #errorsTaken = 0

  constructor(to: Address, asked: WebSocketAsked = {}) {
    super()
    this.#limit = asked.limit ?? Infinity
    this.#mute = asked.mute ?? false
    this.socket = connect(to.port, to.host)
    this.socket.setNoDelay(true)
    if (asked.paused) this.socket.pause()
    this.socket.write(upgradeBytes(to, asked))
    this.socket.on('data', (bytes: Buffer) => this.#read(bytes))
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') this.error = error
    })
    this.socket.on('close', () => {
      this.ended = true
      this.changed()
    })
  }

  protected override described(): string {
    return `${super.described()}, closed ${JSON.stringify(this.closed)}, errors ${JSON.stringify(this.errors.slice(-3)).slice(0, 500)}`
  }

  #read(bytes: Buffer): void {
    if (this.ended || this.error) return
    try {
      this.#rest = this.#rest.length ? Buffer.concat([this.#rest, bytes]) : bytes
      if (this.status === 0) {
        const head = parseHead(this.#rest)
        if (!head) return
        this.status = head.status
        this.headers = head.headers
        this.#rest = this.#rest.subarray(head.length)
        if (this.status === 101) this.#accepted()
      }
      if (this.status !== 101) {
        this.refusal += this.#rest.toString('utf8')
        this.#rest = Buffer.alloc(0)
      } else {
        while (this.#frame()) continue
        if (this.bytes + this.#rest.length >= this.#limit) this.cut()
      }
    } catch (error) {
      this.error = error as Error
    }
    this.changed()
  }

  #accepted(): void {
    const accept = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    if (this.headers.get('sec-websocket-accept') !== accept) throw new Error('another Sec-WebSocket-Accept')
    if (this.headers.get('upgrade')?.toLowerCase() !== 'websocket') throw new Error('no Upgrade in the answer')
    if (this.headers.get('connection')?.toLowerCase() !== 'upgrade') throw new Error('no Connection in the answer')
    if (this.headers.has('sec-websocket-extensions')) throw new Error('an extension')
  }

  #frame(): boolean {
    const bytes = this.#rest
    if (bytes.length < 2 || this.ended) return false
    const [first, second] = [bytes[0] as number, bytes[1] as number]
    const wide = second < 126 ? 0 : second === 126 ? 2 : 8
    if (second & 0x80) throw new Error('a masked frame of a server')
    if (bytes.length < 2 + wide) return false
    const length = wide === 0 ? second : wide === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if ((wide === 2 && length < 126) || (wide === 8 && length < 65536)) throw new Error('a length that is not minimal')
    const total = 2 + wide + length
    if (bytes.length < total) return false
    if (this.bytes + total > this.#limit) {
      this.cut()
      return false
    }
    this.bytes += total
    this.#rest = bytes.subarray(total)
    if (this.closed) throw new Error('a frame behind the close')
    this.#take(first, bytes.subarray(2 + wide, total))
    return true
  }

  #take(first: number, payload: Buffer): void {
    switch (first) {
      case 0x80 | OP.text:
        this.#message(payload)
        break
      case 0x80 | OP.ping:
        this.pings++
        this.order.push('ping')
        if (!this.#mute) this.send(frame(OP.pong, payload))
        break
      case 0x80 | OP.pong:
        this.pongs.push(payload.toString('latin1'))
        this.order.push('pong')
        break
      case 0x80 | OP.close:
        this.closed = payload.length === 0 ? { code: null, reason: '' } : { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() }
        this.order.push('close')
        break
      default:
        throw new Error(`a frame that begins with 0x${first.toString(16)}`)
    }
  }

  #message(payload: Buffer): void {
    const { type, ...rest } = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload)) as Record<string, unknown>
    this.order.push(String(type))
    if (type === 'error') {
      this.errors.push(rest as unknown as Said)
      return
    }
    if (!['ready', 'stale', 'notice', 'reset', 'heartbeat', 'position', 'revoked'].includes(String(type))) throw new Error(`no message of ours: ${String(type)}`)
    const id = type === 'ready' || type === 'heartbeat' || type === 'position' ? (rest['position'] as string) : null
    if (type === 'notice') {
      // There the type of the notice has another name.
      const { notice, ...others } = rest
      this.came({ event: type, data: { ...others, type: notice }, id } as StreamEvent)
    } else {
      this.came({ event: type, data: rest, id } as unknown as StreamEvent)
    }
  }

  // ---- saying something ----

  send(bytes: Buffer): this {
    if (!this.socket.destroyed) this.socket.write(bytes)
    return this
  }

  say(message: unknown): this {
    return this.send(text(message))
  }

  subscribe(scopes: unknown, since?: string): this {
    return this.say({ type: 'subscribe', scopes, ...(since === undefined ? {} : { since }) })
  }

  unsubscribe(...scopes: string[]): this {
    return this.say({ type: 'unsubscribe', scopes })
  }

  /** Everything that was sent before has been taken in: a ping's answer is here. */
  async heard(): Promise<void> {
    const before = this.pongs.length
    this.send(frame(OP.ping, `heard ${before}`))
    await this.until('a pong', () => {
      if (this.error) throw this.error
      if (this.ended) throw new Error(`it ended. ${this.described()}`)
      return this.pongs.length > before
    })
  }

  /** The next `error` that nobody took yet. */
  async refusedWith(): Promise<Said> {
    const index = this.#errorsTaken++
    return this.until(`error ${index}`, () => {
      if (this.error) throw this.error
      const said = this.errors[index]
      if (!said && this.ended) throw new Error(`it ended. ${this.described()}`)
      return said
    })
  }

  /** Stops reading: the kernel's buffers fill up. */
  pause(): void {
    this.socket.pause()
  }

  read(): void {
    this.socket.resume()
  }

  cut(): void {
    this.#rest = Buffer.alloc(0)
    this.ended = true
    this.socket.destroy()
    this.changed()
  }

  /** The close frame, and the end of the connection behind it. */
  async over(patience?: number): Promise<Closed> {
    await this.until('over', () => this.ended, patience)
    if (this.error) throw this.error
    if (!this.closed) throw new Error(`it ended without a close. ${this.described()}`)
    return this.closed
  }
}
