/* What the adapter tells about its work, for a debug panel or a test. */

import type { QueryKey } from '@tanstack/query-core'

export interface QueryName {
  queryKey: QueryKey
  queryHash: string
}

export interface ReportedMark {
  scope: string
  key: readonly unknown[]
  /** `stale`: the server marked it. `reset` and `ready`: the server cannot tell what went stale. `attach`: the client
   *  was connected before the query client was. `local`: `invalidateQueries` of the page itself. `seeded`: data was written
   *  into the cache that may be older than a mark. `restored`: the mark waited in the persisted snapshot. */
  from: 'stale' | 'reset' | 'ready' | 'attach' | 'local' | 'seeded' | 'restored'
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
