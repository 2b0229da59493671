/* What happens to which query, as it happens; `@unstale/query/report` makes reports of it. */

import type { Query } from '@tanstack/query-core'

export interface ReportedMark {
  scope: string
  key: readonly unknown[]
  /** `stale`: the server marked it. `reset` and `fresh` (in `ready`): the server cannot tell what went stale. `attach`: the client
   *  was connected before the query client was. `local`: `invalidateQueries` of the page itself. `seeded`: data was written
   *  into the cache that may be older than a mark. `restored`: the mark waited in the persisted snapshot, or its query
   *  was flagged there. */
  from: 'stale' | 'reset' | 'fresh' | 'attach' | 'local' | 'seeded' | 'restored'
}

export type WorkEvent =
  | { type: 'marked'; marks: readonly ReportedMark[]; queries: readonly Query[] }
  /** A fetch started that answers marks, whoever started it. */
  | { type: 'refetch'; query: Query }
  /** That fetch settled. */
  | { type: 'settled'; query: Query; ok: boolean; again: boolean }
