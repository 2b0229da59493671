/* What tabs of one browser have in common: Web Locks and BroadcastChannels, in memory, in the order of microtasks. */

import { vi } from 'vitest'

interface Waiter {
  grant(): void
}

class FakeLocks {
  readonly #held = new Map<string, (error: unknown) => void>()
  readonly #waiting = new Map<string, Waiter[]>()

  request(name: string, options: LockOptions, callback: (lock: object | null) => unknown): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const waiting = this.#waiting.get(name) ?? []
      this.#waiting.set(name, waiting)
      const lost = (error: unknown) => reject(error)
      const waiter: Waiter = {
        grant: () => {
          this.#held.set(name, lost)
          void (async () => resolve(await callback({ name })))().catch(reject).then(() => {
            if (this.#held.get(name) !== lost) return
            this.#held.delete(name)
            waiting.shift()?.grant()
          })
        },
      }
      if (options.steal) {
        this.#held.get(name)?.(new DOMException('stolen', 'AbortError'))
        queueMicrotask(waiter.grant)
      } else if (!this.#held.has(name)) waiter.grant()
      else if (options.ifAvailable) queueMicrotask(() => resolve(callback(null)))
      else {
        waiting.push(waiter)
        options.signal?.addEventListener('abort', () => {
          const at = waiting.indexOf(waiter)
          if (at >= 0) waiting.splice(at, 1)
          reject(new DOMException('aborted', 'AbortError'))
        })
      }
    })
  }
}

export class FakeChannel {
  static readonly open = new Set<FakeChannel>()
  readonly name: string
  onmessage: ((event: { data: unknown }) => void) | null = null

  constructor(name: string) {
    this.name = name
    FakeChannel.open.add(this)
  }
  postMessage(data: unknown): void {
    const copy = structuredClone(data)
    for (const one of FakeChannel.open) {
      if (one !== this && one.name === this.name) queueMicrotask(() => FakeChannel.open.has(one) && one.onmessage?.({ data: copy }))
    }
  }
  close(): void {
    FakeChannel.open.delete(this)
  }
}

/** For one test. */
export function stubBrowser(): void {
  FakeChannel.open.clear()
  vi.stubGlobal('navigator', { locks: new FakeLocks() })
  vi.stubGlobal('BroadcastChannel', FakeChannel)
}
