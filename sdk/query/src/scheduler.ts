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
import type { QueryReport } from './report.ts'

export interface SchedulerClock {
  /** Any origin, but it must not go back. */
  now(): number
  setTimeout(callback: () => void, milliseconds: number): unknown
  clearTimeout(timer: unknown): void
}

export interface SchedulerSettings {
  minInterval: number
  holdFor: HoldFor
  /** Nothing is fetched while the page is hidden. */
  waitWhenHidden: boolean
  clock: SchedulerClock
  report: (report: QueryReport) => void
}

export interface Scheduler {
  /** `due` is a time of the clock; `cause` appears in the reports. `eager`: also when no component shows it. */
  owe(query: Query, due: number, cause: number, eager?: boolean): void
  /** Owed or being answered. */
  owes(query: Query): boolean
  dispose(): void
}

interface Debt {
  owed: boolean
  answering: boolean
  inFlight: boolean
  eager: boolean
  due: number
  /** When the fetch in flight started. */
  startedAt: number
  /** When a fetch was last started from here. */
  ranAt: number
  /** Fetches in a row that should have paid but failed. */
  failures: number
  causes: number[]
  paying: number[]
}

/** TanStack's own retries come first; after so many repetitions the query stays as it is, in error and flagged, until
 *  the next mark, mount or focus. */
const MAX_REPETITIONS = 5
const FIRST_REPETITION = 2000
const MAX_CAUSES = 50

export function createScheduler(queryClient: QueryClient, settings: SchedulerSettings): Scheduler {
  const { clock, minInterval, report } = settings
  const debts = new Map<Query, Debt>()
  let timer: unknown = null
  let pumpQueued = false
  let disposed = false

  function pumpSoon(): void {
    if (pumpQueued || disposed) return
    pumpQueued = true
    queueMicrotask(() => {
      pumpQueued = false
      pump()
    })
  }

  /** Starts every fetch that is due, and sets the timer for the next. */
  function pump(): void {
    if (disposed) return
    if (timer !== null) clock.clearTimeout(timer)
    timer = null
    const now = clock.now()
    if (settings.waitWhenHidden && !focusManager.isFocused()) return
    const held = heldNow(queryClient, settings.holdFor)
    let next = Infinity
    for (const [query, debt] of [...debts]) {
      if (!debt.owed || debt.failures > MAX_REPETITIONS) continue
      if (query.state.fetchStatus !== 'idle' || held(query) || !mayFetch(query, debt.eager)) continue
      const due = Math.max(debt.due, debt.ranAt + minInterval, debt.ranAt + repetitionDelay(debt.failures))
      if (due > now) {
        next = Math.min(next, due)
        continue
      }
      debt.ranAt = now
      query.fetch(undefined, { cancelRefetch: false }).catch(() => {})
    }
    if (next < Infinity) timer = clock.setTimeout(pump, Math.ceil(next - now))
  }

  function started(query: Query, debt: Debt): void {
    debt.inFlight = true
    debt.startedAt = clock.now()
    if (!debt.owed) return
    debt.owed = debt.eager = false
    debt.answering = true
    debt.paying = mergeCauses(debt.paying, debt.causes)
    debt.causes = []
    report({ type: 'refetch', at: Date.now(), ...nameOf(query), causes: debt.paying })
  }

  function settled(query: Query, debt: Debt, outcome: 'success' | 'error' | 'cancelled'): void {
    debt.inFlight = false
    const { answering, paying } = debt
    debt.answering = false
    debt.paying = []
    if (outcome === 'success') debt.failures = 0
    else if (answering) {
      debt.owed = true
      debt.causes = mergeCauses(paying, debt.causes)
    }
    if (outcome === 'error' && answering) debt.failures += 1
    /* Whoever cancelled it is about to write something; do not run straight into that. */
    if (outcome === 'cancelled') debt.due = Math.max(debt.due, clock.now() + minInterval)
    if (answering) {
      const again = debt.owed && debt.failures <= MAX_REPETITIONS
      const ms = Math.round(clock.now() - debt.startedAt)
      report({ type: 'settled', at: Date.now(), ...nameOf(query), causes: paying, ok: outcome === 'success', ms, again })
    }
    if (debt.owed) pumpSoon()
  }

  function onCacheEvent(event: QueryCacheNotifyEvent): void {
    const { query } = event
    const debt = debts.get(query)
    if (!debt) return
    switch (event.type) {
      case 'removed':
        debts.delete(query)
        return
      case 'observerAdded':
      case 'observerOptionsUpdated':
        if (debt.owed) pumpSoon()
        return
      case 'updated':
        break
      default:
        return
    }
    const { action } = event
    if (action.type === 'fetch') {
      if (fetchesOnePage(action.meta)) debt.inFlight = true
      else started(query, debt)
    } else if (action.type === 'success' && !action.manual) settled(query, debt, 'success')
    else if (action.type === 'error') settled(query, debt, 'error')
    else if (debt.inFlight && query.state.fetchStatus === 'idle') settled(query, debt, 'cancelled')
    flag(query, debt)
  }

  /** What has no data has nothing to be flagged; it is fetched when it is shown anyway. But it must not pass for fresh
   *  when somebody writes data into it that may be older than the mark. */
  function flag(query: Query, debt: Debt): void {
    if ((debt.owed || debt.answering) && !query.state.isInvalidated && query.state.status !== 'pending') query.invalidate()
  }

  const unsubscribes = [
    focusManager.subscribe(pumpSoon),
    queryClient.getQueryCache().subscribe(onCacheEvent),
    queryClient.getMutationCache().subscribe(() => {
      if (debts.size > 0) pumpSoon()
    }),
  ]

  return {
    owe(query, due, cause, eager = false) {
      let debt = debts.get(query)
      if (!debt) {
        debt = {
          owed: false,
          answering: false,
          inFlight: query.state.fetchStatus !== 'idle',
          eager,
          due,
          startedAt: clock.now(),
          ranAt: -Infinity,
          failures: 0,
          causes: [],
          paying: [],
        }
        debts.set(query, debt)
      }
      debt.due = debt.owed ? Math.min(debt.due, due) : due
      debt.owed = true
      debt.eager ||= eager
      debt.failures = Math.min(debt.failures, MAX_REPETITIONS)
      debt.causes = mergeCauses(debt.causes, [cause])
      if (query.state.fetchStatus !== 'idle' || query.state.status !== 'pending') query.invalidate()
      pumpSoon()
    },
    owes(query) {
      const debt = debts.get(query)
      return debt !== undefined && (debt.owed || debt.answering)
    },
    dispose() {
      disposed = true
      for (const unsubscribe of unsubscribes) unsubscribe()
      if (timer !== null) clock.clearTimeout(timer)
      debts.clear()
    },
  }
}

/** Whether anybody wants it: shown, or asked for in so many words and not switched off. */
function mayFetch(query: Query, eager: boolean): boolean {
  return !query.isStatic() && (query.isActive() || (eager && !query.isDisabled() && query.options.queryFn !== undefined))
}

function repetitionDelay(failures: number): number {
  return failures === 0 ? 0 : FIRST_REPETITION * 2 ** (failures - 1)
}

function mergeCauses(a: readonly number[], b: readonly number[]): number[] {
  return [...new Set([...a, ...b])].slice(-MAX_CAUSES)
}

function nameOf(query: Query): { queryKey: Query['queryKey']; queryHash: string } {
  return { queryKey: query.queryKey, queryHash: query.queryHash }
}

/** The mark that `fetchNextPage` and `fetchPreviousPage` leave on their fetch. */
function fetchesOnePage(meta: unknown): boolean {
  return typeof meta === 'object' && meta !== null && 'fetchMore' in meta && Boolean(meta.fetchMore)
}
