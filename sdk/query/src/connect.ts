/* Joins a query client with an unstale client: events become marks, marks find their queries, queries become debts. */

import type { Query, QueryClient } from '@tanstack/query-core'
import type { UnstaleClient } from '@unstale/client'
import type { HoldFor } from './hold.ts'
import { keyCovers, scopeCovers } from './match.ts'
import type { QueryReport, ReportedMark } from './report.ts'
import { createScheduler } from './scheduler.ts'
import type { SchedulerClock } from './scheduler.ts'

export interface ConnectOptions {
  /** The scope or scopes whose data a query shows; by default the query's `meta.scope`. A query without one is touched by
   *  the marks of every scope. */
  scopeOf?: (query: Query) => string | readonly string[] | undefined
  /** At least so many ms between two refetches of one query that marks cause; default 1000. */
  minInterval?: number
  /** Which queries wait for a pending mutation; default `keys`. */
  holdFor?: HoldFor
  /** Told about every mark and what came of it. */
  onEvent?: (report: QueryReport) => void
  clock?: SchedulerClock
  /** In [0, 1). */
  random?: () => number
}

interface PendingMark extends ReportedMark {
  due: number
}

const systemClock: SchedulerClock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}

/** Keeps the cache fresh until the returned function is called. Neither connects nor disconnects the client. */
export function connectQueryClient(
  queryClient: QueryClient,
  client: Pick<UnstaleClient, 'onReady' | 'onStale' | 'onReset' | 'getState'>,
  options: ConnectOptions = {},
): () => void {
  const clock = options.clock ?? systemClock
  const random = options.random ?? Math.random
  const scheduler = createScheduler(queryClient, {
    minInterval: options.minInterval ?? 1000,
    holdFor: options.holdFor ?? 'keys',
    clock,
    report,
  })
  let pending: PendingMark[] = []
  let flushes = 0
  let disposed = false

  function report(what: QueryReport): void {
    try {
      options.onEvent?.(what)
    } catch (error) {
      console.error('onEvent threw', error)
    }
  }

  /** The marks of one chunk of the stream arrive in one go; the cache is walked once for all of them. */
  function take(marks: readonly ReportedMark[], spread: number): void {
    if (marks.length === 0) return
    if (pending.length === 0) queueMicrotask(flush)
    const due = clock.now() + random() * spread
    for (const mark of marks) pending.push({ ...mark, due })
  }

  function flush(): void {
    if (disposed) return
    const marks = pending
    pending = []
    flushes += 1
    const id = flushes
    const queries: Extract<QueryReport, { type: 'marked' }>['queries'][number][] = []
    for (const query of queryClient.getQueryCache().getAll()) {
      const scopes = scopesOf(query, options)
      let due = Infinity
      for (const mark of marks) if (mark.due < due && covers(mark, query, scopes)) due = mark.due
      if (due === Infinity || !scheduler.owe(query, due, id)) continue
      queries.push({ queryKey: query.queryKey, queryHash: query.queryHash, active: query.isActive() })
    }
    report({ type: 'marked', id, at: Date.now(), marks: marks.map(({ scope, key, from }) => ({ scope, key, from })), queries })
  }

  const unsubscribes = [
    client.onStale(({ scope, keys, spread }) =>
      take(
        keys.map((key) => ({ scope, key, from: 'stale' as const })),
        spread,
      ),
    ),
    client.onReset(({ scopes, spread }) =>
      take(
        scopes.map((scope) => ({ scope, key: [], from: 'reset' as const })),
        spread,
      ),
    ),
    /* Whatever is in the cache or on its way was asked for before this `ready`. Only `exact` says that the marks which
     * follow are all that happened since; for the rest the change may lie between that fetch and the stream's opening. */
    client.onReady(({ scopes, spread }) =>
      take(
        Object.keys(scopes)
          .filter((scope) => scopes[scope] !== 'exact')
          .map((scope) => ({ scope, key: [], from: 'ready' as const })),
        spread,
      ),
    ),
  ]
  if (client.getState().connection !== null) take([{ scope: '*', key: [], from: 'attach' }], 0)

  return () => {
    disposed = true
    for (const unsubscribe of unsubscribes) unsubscribe()
    scheduler.dispose()
  }
}

function covers(mark: ReportedMark, query: Query, scopes: readonly string[] | null): boolean {
  return (scopes === null || scopes.some((scope) => scopeCovers(mark.scope, scope))) && keyCovers(mark.key, query.queryKey)
}

function scopesOf(query: Query, options: ConnectOptions): readonly string[] | null {
  const scope = options.scopeOf ? options.scopeOf(query) : query.meta?.scope
  if (typeof scope === 'string') return [scope]
  return Array.isArray(scope) && scope.length > 0 ? (scope as string[]) : null
}
