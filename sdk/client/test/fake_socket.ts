/* The server's end of WebSockets, played by hand. */

export class FakeSocket {
  static readonly all: FakeSocket[] = []
  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1)
    if (!socket) throw new Error('no socket was opened')
    return socket
  }

  readonly url: URL
  readonly sent: Record<string, unknown>[] = []
  readyState = 0
  closed = false
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null

  readonly protocols: readonly string[]

  constructor(url: string, protocols: readonly string[] = []) {
    this.url = new URL(url)
    this.protocols = protocols
    FakeSocket.all.push(this)
  }

  /** Everything after the question mark, decoded, in order. */
  get query(): string {
    return decodeURIComponent(this.url.search.slice(1))
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text))
  }
  close(): void {
    this.closed = true
    this.readyState = 3
  }

  /* The server's part. */
  open(): this {
    this.readyState = 1
    this.onopen?.()
    return this
  }
  event(type: string, body: object): this {
    this.onmessage?.({ data: JSON.stringify({ ...body, type }) })
    return this
  }
  ready(scopes: Record<string, string>, more: Record<string, unknown> = {}): this {
    if (this.readyState === 0) this.open()
    return this.event('ready', { connection: 'c_1', scopes, position: 'e-1', heartbeat: 25, current: true, spread: 0, ...more })
  }
  end(code: number, reason = ''): void {
    this.readyState = 3
    this.onclose?.({ code, reason })
  }
}

export const FakeWebSocket = FakeSocket as unknown as new (url: string) => WebSocket
