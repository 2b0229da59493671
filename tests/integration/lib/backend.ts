/* The application that the server asks: whose is this session? */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'

export interface Said {
  status: number
  body?: unknown
  headers?: Record<string, string>
}

export class Backend {
  readonly #server: Server
  readonly asked: IncomingMessage[] = []
  /** What it answers; "hold" answers when `release` is called. */
  answer: (request: IncomingMessage) => Said | 'hold'
  #held: ServerResponse[] = []
  #waiters: (() => void)[] = []

  constructor(answer: (request: IncomingMessage) => Said | 'hold') {
    this.answer = answer
    this.#server = createServer((request, response) => {
      this.asked.push(request)
      const said = this.answer(request)
      if (said === 'hold') this.#held.push(response)
      else this.#say(response, said)
      for (const waiter of this.#waiters.splice(0)) waiter()
    })
  }

  #say(response: ServerResponse, said: Said): void {
    response.writeHead(said.status, { 'Content-Type': 'application/json', ...said.headers })
    response.end(said.body === undefined ? '' : typeof said.body === 'string' ? said.body : JSON.stringify(said.body))
  }

  release(said: Said): void {
    for (const response of this.#held.splice(0)) this.#say(response, said)
  }

  async askedTimes(n: number): Promise<void> {
    while (this.asked.length < n) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  listen(port = 0): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.on('error', reject)
      this.#server.listen(port, '127.0.0.1', () => resolve(this))
    })
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  url(path = '/session'): string {
    return `http://127.0.0.1:${this.port}${path}`
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }
}

/** Gone after the test. */
export async function backend(t: TestContext, answer: (request: IncomingMessage) => Said | 'hold'): Promise<Backend> {
  const server = await new Backend(answer).listen()
  cleanup(t, () => server.close())
  return server
}
