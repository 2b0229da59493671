/* Joins a query client with an unstale client: events become marks, marks find their queries, queries become debts. */

import type { InvalidateOptions, InvalidateQueryFilters, Query, QueryClient, QueryKey } from '@tanstack/query-core'
import type { StaleEvent, UnstaleClient } from '@unstale/client'
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

/** Keeps the cache fresh until the returned function is called. Neither connects nor disconnects the client. */
export function connectQueryClient(
  queryClient: QueryClient,
  client: Pick<UnstaleClient, 'onReady' | 'onStale' | 'onReset' | 'getState'> & { readonly url?: string },
  options: ConnectOptions = {},
): () => void {
  const { clock, random = Math.random, localWindow = 500 } = options
  const now = () => (clock ?? performance).now()
  const scheduler = createScheduler(queryClient, options, now, (clock ?? globalThis) as SchedulerClock, tell)
  const warnings = process.env.NODE_ENV === 'production' ? null : createWarnings(queryClient, client)
  const seeds = createSeedLog()
  let pending: PendingMark[] = []
  let disposed = false

  function tell(event: WorkEvent): void {
    try {
      options.onEvent?.(event)
    } catch (error) {
      console.error(error)
    }
  }

  /** The marks of one chunk of the stream arrive in one go; the cache is walked once for all of them. */
  function take(marks: readonly (ReportedMark & { eager?: boolean | undefined })[], spread: number): void {
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
    const unclear = pendingMutations(queryClient).some(({ meta, options }) => !meta?.holds && !options.mutationKey)
    const earliest = unclear ? now() + localWindow : 0
    const all = queryClient.getQueryCache().getAll()
    mark(marks, all, (query) => {
      const scopes = scopesOf(query, options)
      const ours = marks.filter((one) => covers(one, query, scopes))
      return ours[0] && { due: Math.max(earliest, Math.min(...ours.map(({ due }) => due))), eager: ours.some(({ eager }) => eager) }
    })
    for (const one of marks) if (one.from !== 'restored') seeds.add(one)
    if (warnings) {
      for (const one of marks) if (one.from === 'stale' && !all.some((query) => covers(one, query, scopesOf(query, options)))) warnings.unmatched(one.key)
    }
  }

  function mark(marks: readonly ReportedMark[], among: readonly Query[], look: (query: Query) => { due: number; eager?: boolean } | undefined): void {
    const queries = among.filter((query) => {
      const owed = look(query)
      if (!owed) return false
      scheduler.owe(query, owed.due, owed.eager)
      warnings?.marked(query)
      return true
    })
    tell({ type: 'marked', marks, queries })
  }

  function fromServer(event: StaleEvent): readonly { key: QueryKey; eager?: boolean }[] {
    if (!options.map || event.keys.some((key) => key.length === 0)) return event.keys.map((key) => ({ key }))
    return options.map(event) ?? [{ key: [] }]
  }

  /* While pushes arrive, the page's own invalidation waits a moment for the push of the same write, so that both are one
   * fetch. Nothing is dropped: where no push comes, it is fetched when the moment is over. */
  const plainInvalidate = queryClient.invalidateQueries
  queryClient.invalidateQueries = function (filters: InvalidateQueryFilters = {}, how?: InvalidateOptions) {
    if (disposed || !client.getState().live || (filters.refetchType ?? filters.type ?? 'active') !== 'active') return plainInvalidate.call(queryClient, filters, how)
    const queries = queryClient.getQueryCache().findAll(filters)
    const due = now() + localWindow
    warnings?.invalidated(queries)
    mark([{ scope: '', key: filters.queryKey ?? [], from: 'local' }], queries, () => ({ due }))
    return Promise.resolve()
  } as typeof plainInvalidate

  const ours = queryClient.invalidateQueries
  const connected: Connected = {
    waiting: () => pending.map(({ scope, key }) => ({ scope, key })),
    restore: (marks) => take(marks.map((one) => ({ ...one, from: 'restored' })), 0),
  }
  connections.set(queryClient, connected)

  /** Data that did not come from a fetch may be older than a mark that came before it was there. */
  function onSeed(query: Query, seededAt: number | null): void {
    const cause = seeds.find((one) => covers(one, query, scopesOf(query, options)), seededAt)
    if (cause && !scheduler.owes(query)) mark([{ ...cause, from: 'seeded' }], [query], () => ({ due: 0 }))
  }

  const unsubscribes = [
    queryClient.getQueryCache().subscribe((event) => {
      const { query } = event
      const { data, dataUpdatedAt, dataUpdateCount } = query.state
      const action = event.type === 'updated' ? event.action : null
      if ((event.type === 'added' && data !== undefined) || action?.type === 'setState') onSeed(query, dataUpdatedAt)
      else if (action?.type === 'success' && action.manual && dataUpdateCount < 2) onSeed(query, null)
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
      for (const scope in scopes) if (scopes[scope] !== 'exact') takeAll([scope], scopes[scope] === 'reset' ? 'reset' : 'ready', spread)
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

function covers(mark: WaitingMark, query: Query, scopes: readonly string[] | null): boolean {
  return (scopes === null || scopes.some((scope) => scopeCovers(mark.scope, scope))) && keyCovers(mark.key, query.queryKey)
}

function scopesOf(query: Query, options: ConnectOptions): readonly string[] | null {
  const scopes = [options.scopeOf ? options.scopeOf(query) : query.meta?.scope].flat().filter((scope) => typeof scope === 'string')
  return scopes[0] ? scopes : null
}
