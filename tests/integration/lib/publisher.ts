/* A publisher with one connection, which is made again when it breaks; what was not accepted is published again. */

import assert from 'node:assert/strict'
import { type Address, requestBytes, Wire } from './http.ts'
import { sleep } from './wait.ts'

export class Publisher {
  readonly #to: () => Address
  #wire: Wire | null = null
  /** Refused for now, or broken off. */
  retries = 0

  constructor(to: () => Address) {
    this.#to = to
  }

  async publish(items: unknown, path = '/v1/changes'): Promise<string> {
    const body = JSON.stringify(items)
    for (;;) {
      try {
        this.#wire ??= new Wire(this.#to())
        this.#wire.send(requestBytes(this.#to(), path, { body }), 'POST')
        const answer = await this.#wire.answer()
        if (answer.status === 202) return (JSON.parse(answer.body) as { position: string }).position
        assert.equal(answer.status, 503, answer.body)
        this.#drop()
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error
        this.#drop()
      }
      this.retries++
      await sleep(20)
    }
  }

  /** Many bodies at once, answered in order. */
  async pipeline(bodies: readonly unknown[], path = '/v1/changes'): Promise<string[]> {
    this.#wire ??= new Wire(this.#to())
    const wire = this.#wire
    for (const body of bodies) wire.send(requestBytes(this.#to(), path, { body: JSON.stringify(body) }), 'POST')
    const positions: string[] = []
    for (const _ of bodies) {
      const answer = await wire.answer()
      assert.equal(answer.status, 202, answer.body)
      positions.push((JSON.parse(answer.body) as { position: string }).position)
    }
    return positions
  }

  #drop(): void {
    this.#wire?.close()
    this.#wire = null
  }

  close(): void {
    this.#drop()
  }
}
