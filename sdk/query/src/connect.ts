/* Joins a query client with an unstale client: events become marks, marks find their queries, queries become debts. */

import type { InvalidateOptions, InvalidateQueryFilters, Query, QueryClient, QueryKey } from '@tanstack/query-core'
import type { StaleEvent, UnstaleClient } from '@unstale/client'
import type { HoldFor } from './hold.ts'
import { keyCovers, scopeCovers } from './match.ts'
import type { QueryReport, ReportedMark, Standing } from './report.ts'
import { createScheduler } from './scheduler.ts'
import type { SchedulerClock } from './scheduler.ts'
import { createSeedLog } from './seeds.ts'
import { createWarnings } from './warnings.ts'

/** A key that the application derives itself from what the server tells; see `@unstale/query/map`. */
export interface MappedMark {
  key: QueryKey
  /** Also fetch it when no component shows it. */
  eager?: boolean
}

export interface ConnectOptions {
  /** The scope or scopes whose data a query shows; by default the query's `meta.scope`. A query without one is touched by
   *  the marks of every scope. */
  scopeOf?: (query: Query) => string | readonly string[] | undefined
  /** At least so many ms between two refetches of one query that marks cause; default 1000. */
  minInterval?: number
  /** Which queries wait for a pending mutation; default `keys`. */
  holdFor?: HoldFor
  /** How long `invalidateQueries` of the page, while it is live, waits for the push of the same write, ms; default 500. Also
   *  how long a push at most waits for the end of a mutation that does not say which keys it holds. */
  localWindow?: number
  /** `refetch`, the default, or `wait`: flag the queries of a hidden page and fetch them when it is shown. */
  whenHidden?: 'refetch' | 'wait'
  /** Instead of the server's keys: the keys that the application derives. Null where it cannot tell; then everything in
   *  the scope counts as stale. */
  map?: (event: StaleEvent) => readonly MappedMark[] | null
  /** Told about every mark and what came of it. */
  onEvent?: (report: QueryReport) => void
  clock?: SchedulerClock
  /** In [0, 1). */
  random?: () => number
}

export interface WaitingMark {
  scope: string
  key: readonly unknown[]
}

interface PendingMark extends ReportedMark {
  due: number
  eager?: boolean | undefined
}

/** What a persisted snapshot needs to know; see `@unstale/query/persist`. */
export interface Connected {
  waiting(): WaitingMark[]
  restore(marks: readonly WaitingMark[]): void
}

/** By query client: one of each, however often its modules are loaded into a page. */
export const connections = new WeakMap<QueryClient, Connected>()

const systemClock: SchedulerClock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}

/** Keeps the cache fresh until the returned function is called. Neither connects nor disconnects the client. */
export function connectQueryClient(
  queryClient: QueryClient,
  client: Pick<UnstaleClient, 'onReady' | 'onStale' | 'onReset' | 'getState'> & { readonly url?: string },
  options: ConnectOptions = {},
): () => void {
  const clock = options.clock ?? systemClock
  const random = options.random ?? Math.random
  const scheduler = createScheduler(queryClient, {
    minInterval: options.minInterval ?? 1000,
    holdFor: options.holdFor ?? 'keys',
    waitWhenHidden: options.whenHidden === 'wait',
    clock,
    report,
  })
  const localWindow = options.localWindow ?? 500
  const warnings = process.env.NODE_ENV === 'production' ? null : createWarnings(queryClient, client)
  const seeds = createSeedLog()
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
  function take(marks: readonly (ReportedMark & { eager?: boolean | undefined })[], spread: number): void {
    if (marks.length === 0) return
    if (pending.length === 0) queueMicrotask(flush)
    const due = clock.now() + random() * spread
    for (const mark of marks) pending.push({ ...mark, due })
  }

  function flush(): void {
    if (disposed) return
    const marks = pending
    pending = []
    const unclear = unclearMutation(queryClient) ? clock.now() + localWindow : 0
    const found = new Set<PendingMark>()
    mark(marks, queryClient.getQueryCache().getAll(), (query) => {
      const scopes = scopesOf(query, options)
      let due = Infinity
      let eager = false
      for (const one of marks) {
        if (!covers(one, query, scopes)) continue
        found.add(one)
        eager ||= one.eager === true
        due = Math.min(due, one.due)
      }
      return due < Infinity && { due: Math.max(due, unclear), eager }
    })
    for (const one of marks) {
      if (one.from !== 'restored') seeds.add(one)
      if (!found.has(one) && one.from === 'stale') warnings?.unmatched(one.key)
    }
  }

  function mark(marks: readonly ReportedMark[], among: readonly Query[], look: (query: Query) => { due: number; eager?: boolean } | false): void {
    flushes += 1
    const id = flushes
    const queries: Extract<QueryReport, { type: 'marked' }>['queries'][number][] = []
    for (const query of among) {
      const owed = look(query)
      if (!owed) continue
      scheduler.owe(query, owed.due, id, owed.eager)
      warnings?.marked(query)
      const standing = standingOf(query)
      queries.push({ queryKey: query.queryKey, queryHash: query.queryHash, active: standing === 'active', standing })
    }
    report({ type: 'marked', id, at: Date.now(), marks: marks.map(({ scope, key, from }) => ({ scope, key, from })), queries })
  }

  function fromServer(event: StaleEvent): readonly { key: QueryKey; eager?: boolean }[] {
    if (!options.map || event.keys.some((key) => key.length === 0)) return event.keys.map((key) => ({ key }))
    return options.map(event) ?? [{ key: [] }]
  }

  /* While pushes arrive, the page's own invalidation waits a moment for the push of the same write, so that both are one
   * fetch. Nothing is dropped: where no push comes, it is fetched when the moment is over. */
  const plainInvalidate = queryClient.invalidateQueries
  queryClient.invalidateQueries = function (filters: InvalidateQueryFilters = {}, how: InvalidateOptions = {}) {
    const type = filters.refetchType ?? filters.type ?? 'active'
    if (disposed || !client.getState().live || type !== 'active') return plainInvalidate.call(queryClient, filters, how)
    const queries = queryClient.getQueryCache().findAll(filters)
    const due = clock.now() + localWindow
    warnings?.invalidated(queries)
    mark([{ scope: '', key: filters.queryKey ?? [], from: 'local' }], queries, () => ({ due }))
    return Promise.resolve()
  } as typeof plainInvalidate

  const ours = queryClient.invalidateQueries
  const connected: Connected = {
    waiting: () => pending.map(({ scope, key }) => ({ scope, key })),
    restore: (marks) => take(marks.map(({ scope, key }) => ({ scope, key, from: 'restored' as const })), 0),
  }
  connections.set(queryClient, connected)

  /** Data that did not come from a fetch may be older than a mark that came before it was there. */
  function onSeed(query: Query, seededAt: number | null): void {
    const cause = seeds.find((one) => covers(one, query, scopesOf(query, options)), seededAt)
    if (cause && !scheduler.owes(query)) mark([{ ...cause, from: 'seeded' }], [query], () => ({ due: clock.now() }))
  }

  const unsubscribes = [
    queryClient.getQueryCache().subscribe((event) => {
      const { query } = event
      if (event.type === 'added' && query.state.data !== undefined) onSeed(query, query.state.dataUpdatedAt)
      else if (event.type === 'updated' && event.action.type === 'setState') onSeed(query, query.state.dataUpdatedAt)
      else if (event.type === 'updated' && event.action.type === 'success' && event.action.manual && query.state.dataUpdateCount < 2) onSeed(query, null)
    }),
    client.onStale((event) =>
      take(
        fromServer(event).map(({ key, eager }) => ({ scope: event.scope, key, eager, from: 'stale' as const })),
        event.spread,
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
    warnings?.dispose()
    if (queryClient.invalidateQueries === ours) queryClient.invalidateQueries = plainInvalidate
    if (connections.get(queryClient) === connected) connections.delete(queryClient)
    for (const unsubscribe of unsubscribes) unsubscribe()
    scheduler.dispose()
  }
}

function standingOf(query: Query): Standing {
  if (query.isStatic()) return 'static'
  if (query.isActive()) return 'active'
  return query.getObserversCount() > 0 ? 'disabled' : 'inactive'
}

/** A mutation on its way that does not say what it is about may be about anything. */
function unclearMutation(queryClient: QueryClient): boolean {
  return queryClient
    .getMutationCache()
    .getAll()
    .some(({ state, meta, options }) => state.status === 'pending' && !meta?.holds && !options.mutationKey)
}

function covers(mark: WaitingMark, query: Query, scopes: readonly string[] | null): boolean {
  return (scopes === null || scopes.some((scope) => scopeCovers(mark.scope, scope))) && keyCovers(mark.key, query.queryKey)
}

function scopesOf(query: Query, options: ConnectOptions): readonly string[] | null {
  const scope = options.scopeOf ? options.scopeOf(query) : query.meta?.scope
  if (typeof scope === 'string') return [scope]
  return Array.isArray(scope) && scope.length > 0 ? (scope as string[]) : null
}
