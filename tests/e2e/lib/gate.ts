/* Stands between the pages and unstale: keeps one address for them over restarts, and can hold bytes back, so that a test
 * decides when a page's stream begins. While there is no server behind it, a connection ends without an answer. */

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import type { Address } from '../../integration/lib/http.ts'
import { Watched } from '../../integration/lib/wait.ts'

export type Held = 'nothing' | 'requests' | 'answers'

export class Gate extends Watched {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #held: Held = 'nothing'
  #release: (() => void)[] = []
  /** Where connections go. */
  target: Address | null = null
  /** Connections whose bytes lie here. */
  waiting = 0
  url = ''

  private constructor() {
    super()
    this.#server = createServer((client) => this.#accept(client))
  }

  static async open(): Promise<Gate> {
    const gate = new Gate()
    gate.#server.listen(0, '127.0.0.1')
    await once(gate.#server, 'listening')
    gate.url = `http://127.0.0.1:${(gate.#server.address() as AddressInfo).port}`
    return gate
  }

  /** How many go through at the moment. */
  get connections(): number {
    return this.#sockets.size / 2
  }

  #accept(client: Socket): void {
    if (!this.target) {
      client.destroy()
      return
    }
    const server = connect(this.target.port, this.target.host)
    for (const [one, other] of [[client, server], [server, client]] as const) {
      this.#sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => {})
      one.on('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
    }
    this.#pass(client, server, 'requests')
    this.#pass(server, client, 'answers')
  }

  #pass(from: Socket, to: Socket, bytes: Held): void {
    if (this.#held !== bytes) {
      from.pipe(to)
      return
    }
    from.once('readable', () => {
      if (this.#held === bytes) {
        this.waiting += 1
        this.changed()
      }
    })
    this.#release.push(() => from.pipe(to))
  }

  /** Of the connections that are opened from now on. */
  hold(bytes: Held): void {
    this.#held = bytes
  }

  async someoneWaits(): Promise<void> {
    await this.until('bytes that wait at the gate', () => this.waiting > 0)
  }

  release(): void {
    this.#held = 'nothing'
    this.waiting = 0
    const all = this.#release
    this.#release = []
    for (const one of all) one()
  }

  /** Every connection breaks off. */
  cut(): void {
    for (const socket of [...this.#sockets]) socket.destroy()
  }

  async close(): Promise<void> {
    this.#server.close()
    this.cut()
    await once(this.#server, 'close')
  }
}
