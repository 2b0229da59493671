/* When a marked query is fetched again.
 *
 * TanStack's own `invalidateQueries` cannot be used for this. With `cancelRefetch: true` a burst starts a fetch with every
 * mark and finishes none; with `false` the mark joins a fetch that may have read the database before the change; during the
 * first fetch either of them is forgotten; and `setQueryData` clears the flag. So each marked query has a debt here:
 *
 *   owed       a mark came, and no fetch has started since. Cleared only by the start of a fetch.
 *   answering  the fetch in flight started after marks; its success pays them, anything else makes them owed again.
 *
 * A fetch in flight is never cancelled and never joined: what is owed when it settles is fetched then. While something is
 * owed or being answered the query stays flagged as invalidated, whoever clears the flag, so that an inactive query is
 * refetched by TanStack itself when it is next mounted.
 *
 * That a fetch started is learnt from the cache, not from our own calls: a component that mounts pays a debt just as well.
 * A fetch of one more page of an infinite query does not, the other pages stay as old as they are.
 */

import { focusManager } from '@tanstack/query-core'
import type { Query, QueryCacheNotifyEvent, QueryClient } from '@tanstack/query-core'
import { heldNow } from './hold.ts'
import type { HoldFor } from './hold.ts'
import type { WorkEvent } from './work.ts'

export interface SchedulerClock {
  /** Any origin, but it must not go back. */
  now(): number
  setTimeout(callback: () => void, milliseconds: number): unknown
  clearTimeout(timer: unknown): void
}

export interface SchedulerSettings {
  /** At least so many ms between two refetches of one query that marks cause; default 1000. */
  minInterval?: number
  /** Which queries wait for a pending mutation; default `keys`. */
  holdFor?: HoldFor
  /** `refetch`, the default, or `wait`: flag the queries of a hidden page and fetch them when it is shown. */
  whenHidden?: 'refetch' | 'wait'
}

export interface Scheduler {
  /** `due` is a time of the clock. `eager`: also when no component shows it. */
  owe(query: Query, due: number, eager?: boolean | undefined): void
  /** Owed or being answered. */
  owes(query: Query): boolean | undefined
  dispose(): void
}

interface Debt {
  owed: boolean
  answering: boolean
  eager: boolean | undefined
  inFlight: boolean
  due: number
  /** When a fetch was last started from here. */
  ranAt: number
  /** Fetches in a row that should have paid but failed. */
  failures: number
}

/** TanStack's own retries come first; after so many repetitions the query stays as it is, in error and flagged, until
 *  the next mark, mount or focus. */
const MAX_REPETITIONS = 5
/** ms; doubles with each failure. */
const REPETITION = 1000

export function createScheduler(
  queryClient: QueryClient,
  { minInterval = 1000, holdFor = 'keys', whenHidden }: SchedulerSettings,
  now: () => number,
  timers: Pick<SchedulerClock, 'setTimeout' | 'clearTimeout'>,
  tell: (event: WorkEvent) => void,
): Scheduler {
  const debts = new Map<Query, Debt>()
  let timer: unknown = null
  let pumpQueued = false

  function pumpSoon(): void {
    if (pumpQueued) return
    pumpQueued = true
    queueMicrotask(pump)
  }

  /** Starts every fetch that is due, and sets the timer for the next. */
  function pump(): void {
    pumpQueued = false
    timers.clearTimeout(timer)
    const start = now()
    if (whenHidden === 'wait' && !focusManager.isFocused()) return
    const held = heldNow(queryClient, holdFor)
    let next = Infinity
    for (const [query, debt] of debts) {
      if (!debt.owed || debt.failures > MAX_REPETITIONS) continue
      if (query.state.fetchStatus !== 'idle' || held(query) || !mayFetch(query, debt.eager)) continue
      const due = Math.max(debt.due, debt.ranAt + Math.max(minInterval, debt.failures && REPETITION * 2 ** debt.failures))
      if (due > start) next = Math.min(next, due)
      else {
        debt.ranAt = start
        query.fetch(undefined, { cancelRefetch: false }).catch(() => {})
      }
    }
    if (next < Infinity) timer = timers.setTimeout(pump, Math.ceil(next - start))
  }

  /** `how` is the action that ended it; neither of `success` and `error` when it was cancelled, or an `error` that leaves none behind. */
  function settled(query: Query, debt: Debt, how: string): void {
    debt.inFlight = false
    const { answering } = debt
    const ok = how === 'success'
    debt.answering = false
    debt.owed ||= answering && !ok
    if (ok) debt.failures = 0
    else if (how !== 'error' || query.state.status !== how) debt.due = Math.max(debt.due, now() + minInterval) /* Whoever cancelled it is about to write something; do not run straight into that. */
    else if (answering) debt.failures += 1
    if (answering) tell({ type: 'settled', query, ok, again: debt.owed && debt.failures <= MAX_REPETITIONS })
    if (debt.owed) pumpSoon()
  }

  function onCacheEvent(event: QueryCacheNotifyEvent): void {
    const { query } = event
    const debt = debts.get(query)
    if (!debt) return
    if (event.type === 'removed') debts.delete(query)
    /* It is shown now, or enabled. */
    if (event.type !== 'updated') return pumpSoon()
    const { action } = event
    if (action.type === 'fetch') {
      debt.inFlight = true
      if (debt.owed && !fetchesOnePage(action.meta)) {
        debt.owed = debt.eager = false
        debt.answering = true
        tell({ type: 'refetch', query })
      }
    } else if (action.type === 'success' ? !action.manual : action.type === 'error' || (debt.inFlight && query.state.fetchStatus === 'idle')) settled(query, debt, action.type)
    if (debt.owed || debt.answering) flag(query)
  }

  const unsubscribes = [
    focusManager.subscribe(pumpSoon),
    queryClient.getQueryCache().subscribe(onCacheEvent),
    queryClient.getMutationCache().subscribe(pumpSoon),
  ]

  return {
    owe(query, due, eager) {
      const debt: Debt = debts.get(query) ?? { owed: false, answering: false, inFlight: query.state.fetchStatus !== 'idle', eager, due, ranAt: -Infinity, failures: 0 }
      debts.set(query, debt)
      debt.due = debt.owed ? Math.min(debt.due, due) : due
      debt.owed = true
      debt.eager ||= eager
      debt.failures = Math.min(debt.failures, MAX_REPETITIONS)
      flag(query)
      pumpSoon()
    },
    owes(query) {
      const debt = debts.get(query)
      return debt?.owed || debt?.answering
    },
    dispose() {
      for (const unsubscribe of unsubscribes) unsubscribe()
      timers.clearTimeout(timer)
      debts.clear()
    },
  }
}

/** What has no data has nothing to be flagged; it is fetched when it is shown anyway. But it must not pass for fresh when
 *  somebody writes data into it that may be older than the mark, so this is called again then. */
function flag(query: Query): void {
  if (query.state.status !== 'pending') query.invalidate()
}

/** Whether anybody wants it: shown, or asked for in so many words and not switched off. The first releases of TanStack Query 5 know no
 *  static ones. */
function mayFetch(query: Query, eager: boolean | undefined): unknown {
  return !query.isStatic?.() && (query.isActive() || (eager && !query.isDisabled() && query.options.queryFn))
}

/** The mark that `fetchNextPage` and `fetchPreviousPage` leave on their fetch. */
function fetchesOnePage(meta: unknown): unknown {
  return (meta as { fetchMore?: unknown } | null | undefined)?.fetchMore
}
