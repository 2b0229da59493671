/* A server at the other end of an injected `fetch`. Each request becomes an exchange that the test answers by hand. */

export class Exchange {
  readonly url: URL
  readonly init: RequestInit
  #resolve: (response: Response) => void
  #reject: (error: unknown) => void
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null

  constructor(url: string, init: RequestInit, resolve: (response: Response) => void, reject: (error: unknown) => void) {
    this.url = new URL(url, 'http://page.test')
    this.init = init
    this.#resolve = resolve
    this.#reject = reject
    init.signal?.addEventListener('abort', () => {
      const error = new DOMException('aborted', 'AbortError')
      this.#reject(error)
      try {
        this.#controller?.error(error)
      } catch {
        /* The stream had ended. */
      }
    })
  }

  get aborted(): boolean {
    return this.init.signal?.aborted ?? false
  }

  /** Everything after the question mark, decoded, in order. */
  get query(): string {
    return decodeURIComponent(this.url.search.slice(1))
  }

  accept(headers: Record<string, string> = { 'content-type': 'text/event-stream' }): this {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller
      },
    })
    this.#resolve(new Response(body, { status: 200, headers }))
    return this
  }

  refuse(status: number, body = '', headers: Record<string, string> = {}): void {
    this.#resolve(new Response(body, { status, headers }))
  }

  fail(message: string): void {
    this.#reject(new TypeError(message))
  }

  write(text: string): this {
    if (!this.#controller) this.accept()
    this.#controller?.enqueue(new TextEncoder().encode(text))
    return this
  }

  event(name: string, data: unknown): this {
    return this.write(sse(name, data))
  }

  ready(scopes: Record<string, string>, more: Record<string, unknown> = {}): this {
    return this.event('ready', {
      connection: 'c_1',
      scopes,
      position: 'e-1',
      heartbeat: 25,
      current: true,
      spread: 0,
      ...more,
    })
  }

  end(): void {
    this.#controller?.close()
  }
}

export function sse(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}

export class FakeServer {
  readonly exchanges: Exchange[] = []

  readonly fetch = (url: string, init: RequestInit): Promise<Response> =>
    new Promise((resolve, reject) => {
      this.exchanges.push(new Exchange(url, init, resolve, reject))
    })

  get last(): Exchange {
    const exchange = this.exchanges.at(-1)
    if (!exchange) throw new Error('no request was made')
    return exchange
  }
}
