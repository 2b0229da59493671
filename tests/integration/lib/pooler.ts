/* A pooler in transaction mode, as PgBouncer is one: a client has a connection to the server for the length of a
 * transaction, the one that was given back last. What the server says while nobody has it is dropped. Only simple
 * queries, no passwords. */

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type, 0, 'latin1')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

/** Calls `each` for each whole message; returns what is left. */
function messages(bytes: Buffer, each: (type: string, whole: Buffer) => void): Buffer {
  let rest = bytes
  while (rest.length >= 5) {
    const end = rest.readInt32BE(1) + 1
    if (rest.length < end) break
    each(String.fromCharCode(rest[0] as number), rest.subarray(0, end))
    rest = rest.subarray(end)
  }
  return rest
}

class Backend {
  readonly socket: Socket
  /** What the server said about itself before the first query. */
  readonly hello: Buffer[] = []
  ready = false
  client: Client | null = null
  #rest: Buffer = Buffer.alloc(0)

  constructor(port: number, startup: Buffer, pool: Pooler) {
    this.socket = connect(port, '127.0.0.1', () => this.socket.write(startup))
    this.socket.on('error', () => {})
    this.socket.on('close', () => pool.lost(this))
    this.socket.on('data', (bytes: Buffer) => {
      this.#rest = messages(Buffer.concat([this.#rest, bytes]), (type, whole) => {
        if (!this.ready) {
          if (type === 'Z') this.ready = true
          else if (type === 'S' || type === 'R') this.hello.push(Buffer.from(whole))
          if (type === 'Z') pool.pump()
          return
        }
        const client = this.client
        client?.socket.write(whole)
        if (type === 'Z' && whole[5] === 'I'.charCodeAt(0)) {
          this.client = null
          if (client) client.backend = null
          pool.free(this)
        }
      })
    })
  }
}

class Client {
  readonly socket: Socket
  backend: Backend | null = null
  greeted = false
  readonly waiting: Buffer[] = []
  #rest: Buffer = Buffer.alloc(0)
  startup: Buffer | null = null

  constructor(socket: Socket, pool: Pooler) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (bytes: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, bytes])
      if (!this.startup) this.#start()
      if (!this.startup) return
      this.#rest = messages(this.#rest, (type, whole) => {
        if (type === 'X') socket.end()
        else this.waiting.push(Buffer.from(whole))
      })
      pool.pump()
    })
  }

  #start(): void {
    while (this.#rest.length >= 8) {
      const length = this.#rest.readInt32BE(0)
      if (this.#rest.length < length) return
      const code = this.#rest.readInt32BE(4)
      const whole = Buffer.from(this.#rest.subarray(0, length))
      this.#rest = this.#rest.subarray(length)
      if (code === 196608) {
        this.startup = whole
        return
      }
      this.socket.write('N') /* no TLS, no GSS */
    }
  }
}

export class Pooler {
  readonly #server: Server
  readonly #clients: Client[] = []
  readonly #backends = new Set<Backend>()
  #idle: Backend[] = []
  readonly #port: number

  constructor(port: number) {
    this.#port = port
    this.#server = createServer((socket) => {
      const client = new Client(socket, this)
      this.#clients.push(client)
      socket.on('close', () => {
        this.#clients.splice(this.#clients.indexOf(client), 1)
        client.backend?.socket.destroy()
      })
    })
  }

  listen(): Promise<number> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => resolve((this.#server.address() as AddressInfo).port))
    })
  }

  free(backend: Backend): void {
    this.#idle.push(backend)
    this.pump()
  }

  lost(backend: Backend): void {
    this.#backends.delete(backend)
    this.#idle = this.#idle.filter((other) => other !== backend)
    backend.client?.socket.destroy()
  }

  #backend(startup: Buffer): Backend | null {
    const idle = this.#idle.pop()
    if (idle) return idle
    if ([...this.#backends].some((backend) => !backend.ready)) return null
    const made = new Backend(this.#port, startup, this)
    this.#backends.add(made)
    return null
  }

  pump(): void {
    for (const backend of this.#backends) if (backend.ready && !backend.client && !this.#idle.includes(backend)) this.#idle.push(backend)
    for (const client of this.#clients) {
      if (!client.startup || (client.greeted && client.waiting.length === 0)) continue
      const backend = client.backend ?? this.#backend(client.startup)
      if (!backend) continue
      if (!client.greeted) {
        const key = Buffer.alloc(8)
        key.writeInt32BE(1_000_000 + Math.floor(Math.random() * 1_000_000), 0)
        client.greeted = true
        for (const line of backend.hello) client.socket.write(line)
        client.socket.write(message('K', key))
        client.socket.write(message('Z', Buffer.from('I')))
        this.#idle.push(backend)
        continue
      }
      client.backend = backend
      backend.client = client
      for (const query of client.waiting.splice(0)) backend.socket.write(query)
    }
  }

  close(): void {
    for (const client of [...this.#clients]) client.socket.destroy()
    for (const backend of [...this.#backends]) backend.socket.destroy()
    this.#server.close()
  }
}

/** In front of a server on this port; its own port. */
export async function pooler(t: TestContext, port: number): Promise<number> {
  const made = new Pooler(port)
  cleanup(t, () => made.close())
  return made.listen()
}
