/* A WebSocket client that does only what it is told to: it need not read, nor answer pings. */

import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { Address } from './http.ts'
import { Watched } from './wait.ts'

interface Frame {
  opcode: number
  payload: Buffer
  at: number
}

export class RudeSocket extends Watched {
  readonly socket: Socket
  readonly frames: Frame[] = []
  readonly openedAt = Date.now()
  open = false
  endedAt = 0
  /** Whether pings are answered. */
  polite: boolean
  #rest: Buffer = Buffer.alloc(0)

  constructor(to: Address, query: string, polite: boolean) {
    super()
    this.polite = polite
    this.socket = connect(to.port, to.host)
    this.socket.write(
      `GET /v1/ws?${query} HTTP/1.1\r\nHost: ${to.host}:${to.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    )
    this.socket.on('data', (bytes: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, bytes])
      this.#take()
      this.changed()
    })
    this.socket.on('error', () => {})
    this.socket.on('close', () => {
      this.endedAt = Date.now()
      this.changed()
    })
  }

  protected override described(): string {
    return `open ${this.open}, ended ${this.endedAt > 0}, frames: ${this.frames.map(({ opcode }) => opcode).join(' ')}`
  }

  #take(): void {
    if (!this.open) {
      const end = this.#rest.indexOf('\r\n\r\n')
      if (end < 0) return
      this.open = this.#rest.subarray(0, 12).toString() === 'HTTP/1.1 101'
      this.#rest = this.#rest.subarray(end + 4)
    }
    while (this.#rest.length >= 2) {
      let length = (this.#rest[1] as number) & 127
      let at = 2
      if (length === 126) {
        if (this.#rest.length < 4) return
        length = this.#rest.readUInt16BE(2)
        at = 4
      } else if (length === 127) {
        if (this.#rest.length < 10) return
        length = Number(this.#rest.readBigUInt64BE(2))
        at = 10
      }
      if (this.#rest.length < at + length) return
      const frame = { opcode: (this.#rest[0] as number) & 15, payload: this.#rest.subarray(at, at + length), at: Date.now() }
      this.#rest = this.#rest.subarray(at + length)
      this.frames.push(frame)
      if (frame.opcode === 9 && this.polite) this.pong(frame.payload)
    }
  }

  get pings(): Frame[] {
    return this.frames.filter(({ opcode }) => opcode === 9)
  }

  /** The objects in text frames. */
  get messages(): { type: string; [more: string]: unknown }[] {
    return this.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => JSON.parse(payload.toString()) as { type: string })
  }

  /** Masked with zeros, which is a mask. */
  pong(payload: Buffer): void {
    this.socket.write(Buffer.concat([Buffer.from([0x8a, 0x80 | payload.length, 0, 0, 0, 0]), payload]))
  }

  async ready(): Promise<void> {
    await this.until('ready', () => this.messages.some(({ type }) => type === 'ready'))
  }

  async end(patience?: number): Promise<number> {
    await this.until('the end', () => this.endedAt > 0, patience)
    return this.endedAt
  }

  cut(): void {
    this.socket.destroy()
  }
}
