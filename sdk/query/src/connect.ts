/* Joins a query client with an unstale client: events become marks, marks find their queries, queries become debts. */

import { Query } from '@tanstack/query-core'
import type { InvalidateOptions, InvalidateQueryFilters, QueryClient, QueryKey } from '@tanstack/query-core'
import type { ScopeAnswer, StaleEvent, UnstaleClient } from '@unstale/client'
import { pendingMutations } from './hold.ts'
import { keyCovers, scopeCovers } from './match.ts'
import { createScheduler } from './scheduler.ts'
import type { SchedulerClock, SchedulerSettings } from './scheduler.ts'
import { createSeedLog } from './seeds.ts'
import { createWarnings } from './warnings.ts'
import type { ReportedMark, WorkEvent } from './work.ts'

/** A key that the application derives itself from what the server tells; see `@unstale/query/map`. */
export interface MappedMark {
  key: QueryKey
  /** Also fetch it when no component shows it. */
  eager?: boolean
}

export interface ConnectOptions extends SchedulerSettings {
  /** The scope or scopes whose data a query shows; by default the query's `meta.scope`. A query without one is touched by
   *  the marks of every scope. */
  scopeOf?: (query: Query) => string | readonly string[] | undefined
  /** How long `invalidateQueries` of the page, while it is live, waits for the push of the same write, ms; default 500. Also
   *  how long a push at most waits for the end of a mutation that does not say which keys it holds. */
  localWindow?: number
  /** Instead of the server's keys: the keys that the application derives. Null where it cannot tell; then everything in
   *  the scope counts as stale. */
  map?: (event: StaleEvent) => readonly MappedMark[] | null
  /** While the page is not live nobody says what went stale. So long is data then at most taken for fresh when a component
   *  mounts, the window is focused or the network is back, whatever its `staleTime`, ms; default 30000. */
  staleAfter?: number
  /** Told about every mark and what came of it; see `@unstale/query/report`. */
  onEvent?: (event: WorkEvent) => void
  clock?: SchedulerClock
  /** In [0, 1). */
  random?: () => number
}

export interface WaitingMark {
  scope: string
  key: readonly unknown[]
}

interface EagerMark extends ReportedMark {
  eager?: boolean | undefined
}

interface DueMark extends EagerMark {
  due: number
}

/** What a persisted snapshot needs to know; see `@unstale/query/persist`. */
export interface Connected {
  waiting(): WaitingMark[]
  restore(marks: readonly WaitingMark[]): void
}

/** By query client: one of each, however often its modules are loaded into a page. */
export const connections = new WeakMap<QueryClient, Connected>()

/** Keeps the cache fresh until the returned function is called. Neither connects nor disconnects the client. */
export function connectQueryClient(
  queryClient: QueryClient,
  client: Pick<UnstaleClient, 'onReady' | 'onStale' | 'onReset' | 'getState'> & { readonly url?: string },
  options: ConnectOptions = {},
): () => void {
  const { clock, random = Math.random, localWindow = 500, staleAfter = 30_000 } = options
  const now = () => (clock ?? performance).now()
  const scheduler = createScheduler(queryClient, options, now, (clock ?? globalThis) as SchedulerClock, tell)
  const warnings = process.env.NODE_ENV === 'production' ? null : createWarnings(queryClient, client)
  const seeds = createSeedLog()
  let pending: DueMark[] = []
  let disposed = false

  function tell(event: WorkEvent): void {
    try {
      options.onEvent?.(event)
    } catch (error) {
      console.error(error)
    }
  }

  /** The marks of one chunk of the stream arrive in one go; the cache is walked once for all of them. */
  function take(marks: readonly EagerMark[], spread: number): void {
    if (!pending[0] && marks[0]) queueMicrotask(flush)
    const due = now() + random() * (spread || 0)
    for (const mark of marks) pending.push({ ...mark, due })
  }

  function takeAll(scopes: readonly string[], from: ReportedMark['from'], spread: number): void {
    take(scopes.map((scope) => ({ scope, key: [], from })), spread)
  }

  function flush(): void {
    if (disposed) return
    const marks = pending
    pending = []
    /* A mutation on its way that does not say what it is about may be about anything. */
    if (pendingMutations(queryClient).some(({ meta, options }) => !meta?.holds && !options.mutationKey)) {
      for (const one of marks) one.due = Math.max(one.due, now() + localWindow)
    }
    const all = queryClient.getQueryCache().getAll()
    mark(marks, all, speaksFor)
    for (const one of marks) if (one.from !== 'restored') seeds.add(one)
    if (warnings) {
      for (const one of marks) if (one.from === 'stale' && !all.some((query) => speaksFor(query)(one))) warnings.unmatched(one.key)
    }
  }

  function mark(marks: readonly DueMark[], among: readonly Query[], isFor: (query: Query) => (mark: DueMark) => boolean = () => () => true): void {
    const queries = among.filter((query) => {
      const ours = marks.filter(isFor(query))
      for (const { due, eager } of ours) scheduler.owe(query, due, eager)
      return ours[0]
    })
    if (warnings) queries.forEach(warnings.marked)
    tell({ type: 'marked', marks, queries })
  }

  /** Which marks are about the query. */
  function speaksFor(query: Query): (mark: WaitingMark) => boolean {
    const scopes = [options.scopeOf ? options.scopeOf(query) : query.meta?.scope].flat().filter((scope) => typeof scope === 'string')
    return ({ scope, key }) => keyCovers(key, query.queryKey) && (!scopes[0] || scopes.some((one) => scopeCovers(scope, one)))
  }

  function fromServer(event: StaleEvent): readonly { key: QueryKey; eager?: boolean }[] {
    if (!options.map || event.keys.some((key) => !key.length)) return event.keys.map((key) => ({ key }))
    return options.map(event) ?? [{ key: [] }]
  }

  /* While pushes arrive, the page's own invalidation waits a moment for the push of the same write, so that both are one
   * fetch. Nothing is dropped: where no push comes, it is fetched when the moment is over. */
  const plainInvalidate = queryClient.invalidateQueries
  queryClient.invalidateQueries = function (filters: InvalidateQueryFilters = {}, how?: InvalidateOptions) {
    if (disposed || !client.getState().live || (filters.refetchType ?? filters.type ?? 'active') !== 'active') return plainInvalidate.call(queryClient, filters, how)
    const queries = queryClient.getQueryCache().findAll(filters)
    warnings?.invalidated(queries)
    mark([{ scope: '', key: filters.queryKey ?? [], from: 'local', due: now() + localWindow }], queries)
    return Promise.resolve()
  } as typeof plainInvalidate

  const ours = queryClient.invalidateQueries
  const connected: Connected = {
    waiting: () => pending,
    restore: (marks) => take(marks.map((one) => ({ ...one, from: 'restored' })), 0),
  }
  connections.set(queryClient, connected)

  /** TanStack asks this at each mount, focus and reconnect. */
  function limit(query: Query): void {
    query.isStaleByTime = (staleTime = 0) =>
      Query.prototype.isStaleByTime.call(query, disposed || staleTime === 'static' || client.getState().live ? staleTime : Math.min(staleTime, staleAfter))
  }
  queryClient.getQueryCache().getAll().forEach(limit)

  /** Data that did not come from a fetch may be older than a mark that came before it was there. `ageless`: so may it be whatever `writtenAt` says. */
  function onSeed(query: Query, writtenAt: number, ageless: boolean): void {
    const cause = seeds.find(speaksFor(query), writtenAt, ageless)
    if (cause && !scheduler.owes(query)) mark([{ ...cause, from: 'seeded', due: 0 }], [query])
  }

  const unsubscribes = [
    queryClient.getQueryCache().subscribe((event) => {
      const { query } = event
      const { data, dataUpdatedAt, dataUpdateCount, isInvalidated } = query.state
      const { type, manual } = ('action' in event ? event.action : event) as { type: string; manual?: boolean }
      if (type === 'added') {
        limit(query)
        /* By the page that wrote the snapshot; the next write into the cache would clear it. */
        if (isInvalidated) mark([{ scope: '*', key: [], from: 'restored', due: 0 }], [query])
      }
      /* `initialData` that does not say how old it is passes for new, and is often taken from another query. */
      if (data !== undefined && /^(added|setState)$/.test(type)) onSeed(query, dataUpdatedAt, !dataUpdateCount && !query.options.initialDataUpdatedAt)
      else if (manual && dataUpdateCount < 2) onSeed(query, Infinity, true)
    }),
    client.onStale((event) =>
      take(
        fromServer(event).map(({ key, eager }) => ({ scope: event.scope, key, eager, from: 'stale' })),
        event.spread,
      ),
    ),
    client.onReset(({ scopes, spread }) => takeAll(scopes, 'reset', spread)),
    /* Whatever is in the cache or on its way was asked for before this `ready`. Only `exact` says that the marks which
     * follow are all that happened since; for the rest the change may lie between that fetch and the stream's opening. */
    client.onReady(({ scopes, spread }) => {
      for (const scope in scopes) {
        const answer = scopes[scope] as ScopeAnswer
        if (answer !== 'exact') takeAll([scope], answer, spread)
      }
    }),
  ]
  if (client.getState().connection) takeAll(['*'], 'attach', 0)

  return () => {
    disposed = true
    warnings?.dispose()
    if (queryClient.invalidateQueries === ours) queryClient.invalidateQueries = plainInvalidate
    if (connections.get(queryClient) === connected) connections.delete(queryClient)
    for (const unsubscribe of unsubscribes) unsubscribe()
    scheduler.dispose()
  }
}
