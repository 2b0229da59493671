/* What the adapter tells about its work, for a debug panel or a test:
 *
 *   connectQueryClient(queryClient, client, { onEvent: reports((report) => …) })
 *
 * An entry of its own: the adapter tells what happens to which query, and only who wants it in words loads what tells causes. */

import type { Query, QueryKey } from '@tanstack/query-core'
import type { ReportedMark, WorkEvent } from './work.ts'

export type { ReportedMark } from './work.ts'

export interface QueryName {
  queryKey: QueryKey
  queryHash: string
}

/** Whether a marked query is fetched: `active` ones are, the others when they are shown, enabled, or never (`static`). */
export type Standing = 'active' | 'inactive' | 'disabled' | 'static'

export type QueryReport =
  | {
      type: 'marked'
      /** Counts up; the later reports name it as their cause. */
      id: number
      /** ms since 1970, here and below. */
      at: number
      marks: readonly ReportedMark[]
      /** The queries that the marks speak for, all invalidated now. `active` ones are refetched too, sooner or later. */
      queries: readonly (QueryName & { active: boolean; standing: Standing })[]
    }
  /** A fetch started that answers the marks of `causes`, whoever started it. */
  | (QueryName & { type: 'refetch'; at: number; causes: readonly number[] })
  /** That fetch settled. `again`: it will be repeated, since it failed or since a mark came meanwhile. */
  | (QueryName & { type: 'settled'; at: number; causes: readonly number[]; ok: boolean; ms: number; again: boolean })

const MAX_CAUSES = 50

/** For `onEvent`. A `report` that throws disturbs nothing. */
export function reports(report: (report: QueryReport) => void): (event: WorkEvent) => void {
  const accounts = new WeakMap<Query, { causes: readonly number[]; paying: readonly number[]; startedAt: number }>()
  let marked = 0
  const accountOf = (query: Query) => {
    const account = accounts.get(query) ?? { causes: [], paying: [], startedAt: 0 }
    accounts.set(query, account)
    return account
  }

  return (event) => {
    const at = Date.now()
    if (event.type === 'marked') {
      const { queries, marks } = event
      marked += 1
      for (const query of queries) {
        const account = accountOf(query)
        account.causes = merged(account.causes, [marked])
      }
      report({
        type: 'marked',
        id: marked,
        at,
        marks: marks.map(({ scope, key, from }) => ({ scope, key, from })),
        queries: queries.map((query) => {
          const standing = standingOf(query)
          return { ...nameOf(query), active: standing === 'active', standing }
        }),
      })
      return
    }
    const { query } = event
    const account = accountOf(query)
    if (event.type === 'refetch') {
      account.startedAt = performance.now()
      account.paying = merged(account.paying, account.causes)
      account.causes = []
      report({ type: 'refetch', at, ...nameOf(query), causes: account.paying })
      return
    }
    const { ok, again } = event
    const causes = account.paying
    if (!ok) account.causes = merged(causes, account.causes)
    account.paying = []
    report({ type: 'settled', at, ...nameOf(query), causes, ok, ms: Math.round(performance.now() - account.startedAt), again })
  }
}

function standingOf(query: Query): Standing {
  if (query.isStatic?.()) return 'static'
  if (query.isActive()) return 'active'
  return query.getObserversCount() > 0 ? 'disabled' : 'inactive'
}

function nameOf({ queryKey, queryHash }: Query): QueryName {
  return { queryKey, queryHash }
}

function merged(a: readonly number[], b: readonly number[]): readonly number[] {
  return [...new Set([...a, ...b])].slice(-MAX_CAUSES)
}
