/* A TCP proxy that can stop forwarding without closing, as a network does that loses its way: the ends notice nothing
 * but silence. */

import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'

export class Freezer {
  readonly #server: Server
  readonly #pairs = new Set<[Socket, Socket]>()
  readonly #target: () => number
  #frozen = false
  /** Connections that were accepted. */
  accepted = 0

  constructor(target: () => number) {
    this.#target = target
    this.#server = createServer((near) => this.#accept(near))
  }

  #accept(near: Socket): void {
    this.accepted++
    const far = connect(this.#target(), '127.0.0.1')
    const pair: [Socket, Socket] = [near, far]
    this.#pairs.add(pair)
    for (const [one, other] of [pair, [far, near] as const]) {
      one.setNoDelay(true)
      one.on('data', (bytes: Buffer) => {
        if (!other.write(bytes)) one.pause()
      })
      other.on('drain', () => {
        if (!this.#frozen) one.resume()
      })
      one.on('error', () => {})
      one.on('close', () => {
        this.#pairs.delete(pair)
        other.destroy()
      })
      if (this.#frozen) one.pause()
    }
  }

  listen(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.on('error', reject)
      this.#server.listen(0, '127.0.0.1', () => resolve(this))
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** New connections are accepted, and nothing comes of them. */
  freeze(): void {
    this.#frozen = true
    for (const pair of this.#pairs) for (const socket of pair) socket.pause()
  }

  thaw(): void {
    this.#frozen = false
    for (const pair of this.#pairs) for (const socket of pair) socket.resume()
  }

  /** All connections break off. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy()
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.cut()
    })
  }
}

/** Closed after the test. */
export async function freezer(t: TestContext, target: () => number): Promise<Freezer> {
  const proxy = await new Freezer(target).listen()
  cleanup(t, () => proxy.close())
  return proxy
}
