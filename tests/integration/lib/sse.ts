/* A client of the SSE stream that can stop reading, be cut at any byte, and resume. Strict: what the server's grammar
 * does not have is an error. */

import { connect, type Socket } from 'node:net'
import { type Address, parseHead } from './http.ts'
import { Watched } from './wait.ts'

export type Key = readonly unknown[]

export interface ReadyData {
  connection: string
  scopes: Record<string, 'fresh' | 'exact' | 'reset'>
  position: string
  heartbeat: number
  current: boolean
  spread: number
}
export interface Change {
  resource: string
  action: string
  id?: unknown
  data?: Record<string, unknown>
}
export interface StaleData {
  scope: string
  keys: Key[]
  spread: number
  changes?: Change[]
}
export interface NoticeData {
  id: string
  scope: string
  type: string
  data: unknown
}
export interface ResetData {
  scopes: string[]
  reason: string
  spread: number
}
export interface HeartbeatData {
  time: string
  current: boolean
  position: string
}

export type StreamEvent = { id: string | null } & (
  | { event: 'ready'; data: ReadyData }
  | { event: 'stale'; data: StaleData }
  | { event: 'notice'; data: NoticeData }
  | { event: 'reset'; data: ResetData }
  | { event: 'heartbeat'; data: HeartbeatData }
  | { event: 'position'; data: { position: string } }
  | { event: 'revoked'; data: { scope: string } }
  | { event: 'closed'; data: { code: number; error: string } }
)
export type EventName = StreamEvent['event']
export type Named<N extends EventName> = Extract<StreamEvent, { event: N }>

const NAMES = new Set<string>(['ready', 'stale', 'notice', 'reset', 'heartbeat', 'position', 'revoked', 'closed'])

export interface Subscription {
  scopes?: string[]
  since?: string | undefined
  lastEventId?: string | undefined
  fresh?: string[]
  changes?: boolean
  headers?: Record<string, string>
  /** More parameters. */
  query?: Record<string, string>
  /** Reads nothing until `read()`. */
  paused?: boolean
  /** Dies after so many bytes of the body. */
  limit?: number
}

export function streamQuery(asked: Subscription): string {
  return [
    ...(asked.scopes ?? []).map((scope) => `scope=${encodeURIComponent(scope)}`),
    ...(asked.fresh ?? []).map((scope) => `fresh=${encodeURIComponent(scope)}`),
    ...(asked.since === undefined ? [] : [`since=${encodeURIComponent(asked.since)}`]),
    ...(asked.changes ? ['changes=1'] : []),
    ...Object.entries(asked.query ?? {}).map(([name, value]) => `${name}=${encodeURIComponent(value)}`),
  ].join('&')
}

export function streamPath(asked: Subscription): string {
  return `/v1/stream?${streamQuery(asked)}`
}

export function sequenceOf(position: string): number {
  const match = /^[0-9a-z]+-(\d+)$/.exec(position)
  if (!match) throw new Error(`no position: ${position}`)
  return Number(match[1])
}

export function epochOf(position: string): string {
  return position.slice(0, position.indexOf('-'))
}

/** What comes in on a stream, whatever carries it. */
export abstract class EventStream extends Watched {
  readonly events: StreamEvent[] = []
  status = 0
  headers = new Map<string, string>()
  /** The body of an answer that is not a stream. */
  refusal = ''
  /** What was granted last. */
  position: string | null = null
  ended = false
  error: Error | null = null
  bytes = 0
  onEvent: ((event: StreamEvent) => void) | null = null
  #taken = 0

  /** The client is gone; what it has not parsed yet it never will. */
  abstract cut(): void

  protected override described(): string {
    const shown = JSON.stringify(this.events.slice(-5)).slice(0, 1500)
    return `status ${this.status}, position ${this.position}, ended ${this.ended}, ${this.events.length} events: ${shown}`
  }

  protected came(event: StreamEvent): void {
    if (event.id !== null) this.position = event.id
    this.events.push(event)
    this.onEvent?.(event)
  }

  #alive(): void {
    if (this.error) throw this.error
    if (this.ended) throw new Error(`the stream ended. ${this.described()}`)
  }

  /** The next event of that name (or of any) that nobody took yet; earlier ones of other names are passed over. */
  async next(): Promise<StreamEvent>
  async next<N extends EventName>(name: N): Promise<Named<N>>
  async next(name?: EventName): Promise<StreamEvent> {
    return this.until(`the next ${name ?? 'event'}`, () => {
      while (this.#taken < this.events.length) {
        const event = this.events[this.#taken++] as StreamEvent
        if (name === undefined || event.event === name) return event
      }
      this.#alive()
      return null
    })
  }

  /** Everything since the last `next`, taken. */
  take(): StreamEvent[] {
    const from = this.#taken
    this.#taken = this.events.length
    return this.events.slice(from)
  }

  /** All events up to where `position` is reached. */
  async reaches(position: string): Promise<StreamEvent[]> {
    await this.until(`at ${position}`, () => {
      if (this.position !== null && epochOf(this.position) === epochOf(position) && sequenceOf(this.position) >= sequenceOf(position))
        return true
      this.#alive()
      return false
    })
    return this.take()
  }

  async opened(): Promise<Named<'ready'>> {
    return this.next('ready')
  }

  async end(): Promise<void> {
    await this.until('ended', () => this.ended)
  }
}

export class Stream extends EventStream {
  readonly socket: Socket
  readonly retries: number[] = []
  /** The server ended the stream between two events. */
  cleanEnd = false
  #rest: Buffer = Buffer.alloc(0)
  #event: string | null = null
  #data: string[] = []
  #id: string | null = null
  readonly #limit: number

  constructor(to: Address, asked: Subscription) {
    super()
    this.#limit = asked.limit ?? Infinity
    this.socket = connect(to.port, to.host)
    if (asked.paused) this.socket.pause()
    const headers: Record<string, string> = {
      Host: `${to.host}:${to.port}`,
      Accept: 'text/event-stream',
      ...(asked.lastEventId === undefined ? {} : { 'Last-Event-ID': asked.lastEventId }),
      ...asked.headers,
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    this.socket.write(`GET ${streamPath(asked)} HTTP/1.1\r\n${lines.join('')}\r\n`)
    this.socket.on('data', (bytes: Buffer) => this.#read(bytes))
    this.socket.on('end', () => {
      this.cleanEnd = this.#rest.length === 0 && this.#event === null && this.#data.length === 0
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') this.error = error
    })
    this.socket.on('close', () => {
      this.ended = true
      this.changed()
    })
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
      }
      if (this.status !== 200) {
        this.refusal += this.#rest.toString('utf8')
        this.#rest = Buffer.alloc(0)
      } else {
        this.#lines()
      }
    } catch (error) {
      this.error = error as Error
    }
    this.changed()
  }

  #lines(): void {
    let from = 0
    for (;;) {
      const end = this.#rest.indexOf(10, from)
      if (end < 0) break
      const length = end + 1 - from
      if (this.bytes + length > this.#limit) {
        this.cut()
        return
      }
      this.bytes += length
      this.#line(this.#rest.subarray(from, end).toString('utf8'))
      from = end + 1
    }
    this.#rest = this.#rest.subarray(from)
    if (this.bytes + this.#rest.length >= this.#limit) this.cut()
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch()
      return
    }
    const match = /^(event|data|id|retry): (.*)$/.exec(line)
    if (!match) throw new Error(`no line of a stream: ${JSON.stringify(line)}`)
    const value = match[2] as string
    if (match[1] === 'event') this.#event = value
    else if (match[1] === 'data') this.#data.push(value)
    else if (match[1] === 'id') this.#id = value
    else {
      if (!/^\d+$/.test(value)) throw new Error(`no time: ${line}`)
      this.retries.push(Number(value))
    }
  }

  #dispatch(): void {
    const name = this.#event
    const data = this.#data.join('\n')
    const id = this.#id
    this.#event = this.#id = null
    this.#data = []
    if (name === null && data === '') return
    if (name === null || !NAMES.has(name)) throw new Error(`no event of ours: ${name} ${data}`)
    this.came({ event: name, data: JSON.parse(data), id } as StreamEvent)
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

  async refused(): Promise<{ status: number; error: string }> {
    await this.until('refused', () => this.status !== 0 && this.status !== 200 && this.refusal !== '')
    return { status: this.status, error: (JSON.parse(this.refusal) as { error: string }).error }
  }
}

/** Nothing is out of which the position was not said; heartbeats come when they come. */
export function isWhole(events: readonly StreamEvent[]): boolean {
  return events.findLast(({ event }) => event !== 'heartbeat')?.event === 'position'
}

/** The keys of all stale events, as text, sorted; with the scope where `scope` is not given. */
export function staleKeys(events: readonly StreamEvent[], scope?: string): string[] {
  const keys: string[] = []
  for (const event of events)
    if (event.event === 'stale' && (scope === undefined || event.data.scope === scope))
      for (const key of event.data.keys) keys.push(scope === undefined ? `${event.data.scope} ${JSON.stringify(key)}` : JSON.stringify(key))
  return keys.sort()
}

export function named<N extends EventName>(events: readonly StreamEvent[], name: N): Named<N>['data'][] {
  return events.filter((event): event is Named<N> => event.event === name).map((event) => event.data as Named<N>['data'])
}
