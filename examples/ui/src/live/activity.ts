/* What just happened: each push, what it made stale, what was fetched again, and how long that took.
 *
 * Built from what the query adapter reports, so nothing is guessed: a refetch belongs to a push because the adapter names the
 * push as its cause. Two spans are measured, and they are not the same:
 *
 *   written → on screen   from the row's own updated_at, as the fetched answer carries it, to the frame that shows it. Only
 *                         known when an answer brought a row newer than any that it had before; the clocks of backend and
 *                         browser must agree, as they do on one machine.
 *   pushed → on screen    from the arrival of the push. Always known, so it stands in for deleted rows.
 */

import type { QueryClient } from '@tanstack/react-query'
import type { Key } from '@unstale/client'
import type { QueryReport } from '@unstale/query'
import { later, newestWrite } from './newestWrite.ts'

export interface Refetch {
  hash: string
  key: Key
  /** `later`: nobody looks at it now, it is fetched when somebody does. */
  state: 'waiting' | 'fetching' | 'done' | 'failed' | 'later'
  /** The newest write that the cached answer carried when the fetch started. An own write may be in it already. */
  before: number | null
}

export interface Happening {
  id: number
  at: number
  from: 'stale' | 'reset' | 'fresh' | 'attach'
  scopes: readonly string[]
  keys: readonly Key[]
  refetches: readonly Refetch[]
  /** When the newest change in it was written, and when the last of its refetches was painted. */
  writtenAt: number | null
  paintedAt: number | null
}

export interface History {
  /** Newest first, the newest MOST of them. */
  happenings: readonly Happening[]
  /** Pushes, and fetches that answered some: a fetch that answers three pushes is one. */
  pushes: number
  fetches: number
}

export interface Activity {
  /** The same object until something changes. */
  getSnapshot(): History
  subscribe(listener: () => void): () => void
  clear(): void
  /** For `reports`, connectQueryClient's onEvent. */
  report(report: QueryReport): void
}

const MOST = 40
const EMPTY: History = { happenings: [], pushes: 0, fetches: 0 }

export function createActivity(queryClient: QueryClient): Activity {
  let history = EMPTY
  const listeners = new Set<() => void>()

  function set(next: Partial<History>): void {
    history = { ...history, ...next }
    for (const listener of listeners) listener()
  }

  function cached(hash: string): unknown {
    return queryClient.getQueryCache().get(hash)?.state.data
  }

  function isOnScreen(hash: string): boolean {
    return queryClient.getQueryCache().get(hash)?.isActive() ?? false
  }

  function changeCaused(
    causes: readonly number[],
    hash: string,
    change: (refetch: Refetch, happening: Happening) => Happening,
  ): void {
    const happenings = history.happenings.map((happening) => {
      const refetch = causes.includes(happening.id) && happening.refetches.find((one) => one.hash === hash)
      return refetch ? change(refetch, happening) : happening
    })
    set({ happenings })
  }

  function answersPush(causes: readonly number[]): boolean {
    return history.happenings.some((one) => one.from === 'stale' && causes.includes(one.id))
  }

  function move(causes: readonly number[], hash: string, to: Pick<Refetch, 'state'> & Partial<Refetch>): void {
    changeCaused(causes, hash, (refetch, happening) => ({
      ...happening,
      refetches: happening.refetches.map((one) => (one === refetch ? { ...one, ...to } : one)),
    }))
  }

  function painted(causes: readonly number[], hash: string, newest: number | null): void {
    const now = Date.now()
    changeCaused(causes, hash, (refetch, happening) => {
      const isNew = newest !== null && newest > (refetch.before ?? 0) && newest <= now
      return { ...happening, paintedAt: now, writtenAt: later(happening.writtenAt, isNew ? newest : null) }
    })
  }

  /* Who leaves a page does not wait any more for what it shows. */
  queryClient.getQueryCache().subscribe(({ type, query }) => {
    if (type !== 'observerRemoved' || query.isActive()) return
    const waits = (one: Refetch) => one.hash === query.queryHash && one.state === 'waiting'
    const left = history.happenings.filter(({ refetches }) => refetches.some(waits)).map(({ id }) => id)
    if (left.length > 0) move(left, query.queryHash, { state: 'later' })
  })

  return {
    getSnapshot: () => history,
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    clear: () => set(EMPTY),
    report(report) {
      switch (report.type) {
        case 'marked': {
          const from = report.marks[0]?.from ?? 'stale'
          /* What the page did to itself did not happen elsewhere. */
          if (from === 'local' || from === 'seeded' || from === 'restored') return
          const happening: Happening = {
            id: report.id,
            at: report.at,
            from,
            scopes: [...new Set(report.marks.map((mark) => mark.scope))],
            keys: distinct(report.marks.map((mark) => mark.key)),
            refetches: report.queries.map(({ queryHash, queryKey, active }) => ({
              hash: queryHash,
              key: queryKey,
              state: active ? 'waiting' : 'later',
              before: null,
            })),
            writtenAt: null,
            paintedAt: null,
          }
          set({
            happenings: [happening, ...history.happenings].slice(0, MOST),
            pushes: history.pushes + (happening.from === 'stale' ? 1 : 0),
          })
          break
        }
        case 'refetch':
          move(report.causes, report.queryHash, { state: 'fetching', before: newestWrite(cached(report.queryHash)) })
          break
        case 'settled': {
          const { causes, queryHash, ok } = report
          /* If it is done again because of a later mark, that is the later one's refetch. */
          move(causes, queryHash, { state: ok ? 'done' : isOnScreen(queryHash) ? 'failed' : 'later' })
          if (answersPush(causes)) set({ fetches: history.fetches + 1 })
          if (ok) {
            const newest = newestWrite(cached(queryHash))
            afterPaint(() => painted(causes, queryHash, newest))
          }
          break
        }
      }
    },
  }
}

/** Once the frame that the present state leads to has been drawn; at once where no frame is drawn. */
function afterPaint(then: () => void): void {
  if (document.visibilityState === 'hidden') then()
  else requestAnimationFrame(() => setTimeout(then))
}

/** Without doubles, the widest first. */
function distinct(keys: readonly Key[]): Key[] {
  const distinctKeys = [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()]
  return distinctKeys.sort((a, b) => a.length - b.length)
}
