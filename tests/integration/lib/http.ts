/* HTTP/1.1 by hand over a socket, so that a test can send any bytes at any moment. */

import { connect, type Socket } from 'node:net'
import { PATIENCE, Watched } from './wait.ts'

export interface Answer {
  status: number
  /** Names in small letters; a repeated one is joined by ", ". */
  headers: Map<string, string>
  body: string
}

export interface Address {
  host: string
  port: number
}

export interface Head {
  status: number
  headers: Map<string, string>
}

/** Null while the head is not whole. */
export function parseHead(bytes: Buffer): (Head & { length: number }) | null {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return null
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const match = /^HTTP\/1\.1 (\d{3}) [ -~]*$/.exec(first)
  if (!match) throw new Error(`no status line: ${JSON.stringify(first)}`)
  const headers = new Map<string, string>()
  for (const line of lines) {
    const colon = line.indexOf(': ')
    if (colon < 1) throw new Error(`no header: ${JSON.stringify(line)}`)
    const name = line.slice(0, colon).toLowerCase()
    const known = headers.get(name)
    headers.set(name, (known === undefined ? '' : `${known}, `) + line.slice(colon + 2))
  }
  return { status: Number(match[1]), headers, length: end + 4 }
}

/** One connection. Answers come in the order of the requests. */
export class Wire extends Watched {
  readonly socket: Socket
  readonly answers: Answer[] = []
  /** Methods of the requests whose answers are still to come, for those without a body. */
  readonly #expected: string[] = []
  #rest: Buffer = Buffer.alloc(0)
  #taken = 0
  ended = false
  error: Error | null = null

  constructor(to: Address) {
    super()
    this.socket = connect(to.port, to.host)
    this.socket.setNoDelay(true)
    this.socket.on('data', (bytes: Buffer) => {
      this.#rest = this.#rest.length ? Buffer.concat([this.#rest, bytes]) : bytes
      try {
        while (this.#take()) continue
      } catch (error) {
        this.error = error as Error
      }
      this.changed()
    })
    this.socket.on('error', (error) => {
      this.error = error
      this.ended = true
      this.changed()
    })
    this.socket.on('close', () => {
      this.ended = true
      this.changed()
    })
  }

  protected override described(): string {
    return `answers: ${JSON.stringify(this.answers.slice(-3))}, ended: ${this.ended}, rest: ${this.#rest.toString('latin1', 0, 200)}`
  }

  #take(): boolean {
    const head = parseHead(this.#rest)
    if (!head) return false
    const interim = head.status < 200
    const method = interim ? '' : (this.#expected[0] ?? '')
    const empty = interim || method === 'HEAD' || head.status === 204 || head.status === 304
    const length = empty ? 0 : Number(head.headers.get('content-length') ?? 'NaN')
    if (Number.isNaN(length)) throw new Error(`an answer without Content-Length: ${head.status}`)
    if (this.#rest.length < head.length + length) return false
    const body = this.#rest.subarray(head.length, head.length + length).toString('utf8')
    this.#rest = this.#rest.subarray(head.length + length)
    if (!interim) this.#expected.shift()
    this.answers.push({ status: head.status, headers: head.headers, body })
    return true
  }

  /** Raw bytes; `method` tells how the answer's body is framed. */
  send(bytes: string | Buffer, method?: string): this {
    if (method !== undefined) this.#expected.push(method)
    if (!this.socket.destroyed) this.socket.write(bytes)
    return this
  }

  /** The next answer that nobody took yet. */
  async answer(patience = PATIENCE): Promise<Answer> {
    const index = this.#taken++
    return this.until(
      `answer ${index}`,
      () => {
        const found = this.answers[index]
        if (found) return found
        if (this.error) throw this.error
        if (this.ended) throw new Error('the connection ended without an answer')
        return null
      },
      patience,
    )
  }

  async end(): Promise<void> {
    await this.until('the end of the connection', () => this.ended)
  }

  close(): void {
    this.socket.destroy()
  }
}

export interface Asked {
  method?: string
  headers?: Record<string, string>
  body?: string | Buffer
}

export function requestBytes(to: Address, path: string, asked: Asked = {}): Buffer {
  const body = asked.body === undefined ? null : Buffer.from(asked.body)
  const headers: Record<string, string> = {
    Host: `${to.host}:${to.port}`,
    ...(body ? { 'Content-Type': 'application/json', 'Content-Length': String(body.length) } : {}),
    ...asked.headers,
  }
  const head =
    `${asked.method ?? (body ? 'POST' : 'GET')} ${path} HTTP/1.1\r\n` +
    Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('') +
    '\r\n'
  return Buffer.concat([Buffer.from(head, 'latin1'), body ?? Buffer.alloc(0)])
}

/** One request on a connection of its own. */
export async function ask(to: Address, path: string, asked: Asked = {}): Promise<Answer> {
  const wire = new Wire(to)
  try {
    wire.send(requestBytes(to, path, asked), asked.method ?? (asked.body === undefined ? 'GET' : 'POST'))
    return await wire.answer()
  } finally {
    wire.close()
  }
}
