/* A backend whose answers take time, a client whose events the test makes up, and pages that watch queries. */

import { QueryClient, QueryObserver } from '@tanstack/query-core'
import type { QueryKey, QueryObserverOptions } from '@tanstack/query-core'
import type { Change, ReadyEvent, ResetEvent, ScopeAnswer, StaleEvent, UnstaleClient } from '@unstale/client'
import { vi } from 'vitest'

type Adapted = Pick<UnstaleClient, 'onReady' | 'onStale' | 'onReset' | 'getState'>

export class FakeClient implements Adapted {
  readonly #ready = new Set<(event: ReadyEvent) => void>()
  readonly #stale = new Set<(event: StaleEvent) => void>()
  readonly #reset = new Set<(event: ResetEvent) => void>()
  connection: string | null = null
  /** Connected and current. */
  live = false

  onReady(listener: (event: ReadyEvent) => void) {
    return subscribe(this.#ready, listener)
  }
  onStale(listener: (event: StaleEvent) => void) {
    return subscribe(this.#stale, listener)
  }
  onReset(listener: (event: ResetEvent) => void) {
    return subscribe(this.#reset, listener)
  }
  getState() {
    const status = this.connection === null ? 'disconnected' : 'connected'
    const base = { live: this.live, current: true, scopes: {}, attempts: 0, retryAt: null, failure: null, transport: null }
    return { ...base, status, connection: this.connection } as const
  }

  ready(scopes: Record<string, ScopeAnswer>, spread = 0): void {
    this.connection = 'c_1'
    const event = { connection: 'c_1', scopes, position: 'e-1', heartbeat: 25, current: true, spread }
    for (const listener of this.#ready) listener(event)
  }
  stale(scope: string, keys: QueryKey[], spread = 0, changes?: Change[]): void {
    for (const listener of this.#stale) listener({ scope, keys, spread, ...(changes && { changes }) })
  }
  reset(scopes: string[], spread = 0): void {
    for (const listener of this.#reset) listener({ scopes, reason: 'test', spread })
  }
  get listeners(): number {
    return this.#ready.size + this.#stale.size + this.#reset.size
  }
}

function subscribe<T>(set: Set<T>, listener: T): () => void {
  set.add(listener)
  return () => {
    set.delete(listener)
  }
}

/** Reads its rows when a request arrives and answers `latency` later, so an answer can be older than its arrival. */
export class Backend {
  latency = 100
  failing = false
  readonly requests: { name: string; at: number }[] = []
  readonly #rows = new Map<string, number>()

  change(name = 'row'): void {
    this.#rows.set(name, this.value(name) + 1)
  }
  value(name = 'row'): number {
    return this.#rows.get(name) ?? 0
  }
  count(name = 'row'): number {
    return this.requests.filter((request) => request.name === name).length
  }
  times(name = 'row'): number[] {
    return this.requests.filter((request) => request.name === name).map((request) => request.at)
  }
  async read(name = 'row'): Promise<number> {
    this.requests.push({ name, at: performance.now() })
    const { failing } = this
    const value = this.value(name)
    await sleep(this.latency)
    if (failing) throw new Error('backend down')
    return value
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

export function createQueryClient(): QueryClient {
  return new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, gcTime: Infinity, retry: false } } })
}

/** A component that shows a query. */
export function watch(
  queryClient: QueryClient,
  backend: Backend,
  queryKey: QueryKey,
  options: Partial<QueryObserverOptions<number>> & { name?: string } = {},
) {
  const { name = 'row', ...rest } = options
  const observer = new QueryObserver<number>(queryClient, { queryKey, queryFn: () => backend.read(name), ...rest })
  const shown: (number | undefined)[] = []
  const unsubscribe = observer.subscribe(({ data }) => {
    if (data !== shown.at(-1)) shown.push(data)
  })
  return {
    /** Each value that was on the screen. */
    shown,
    get data(): number | undefined {
      return observer.getCurrentResult().data
    },
    unmount: unsubscribe,
    observer,
  }
}

export async function pass(milliseconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds)
}
