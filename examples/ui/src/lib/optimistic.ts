/* Showing a write before it has happened, and taking that back when it does not.
 *
 * A prefix such as ['recordings'] stands for lists and details alike, so every function looks at what it finds: a page has
 * `items`, a row has `id`. */

import type { QueryClient, QueryKey } from '@tanstack/react-query'
import type { Page } from './rest.ts'

export type Snapshot = readonly (readonly [QueryKey, unknown])[]

interface Row {
  id: string
}

function isPage(data: unknown): data is Page<Row> {
  return typeof data === 'object' && data !== null && Array.isArray((data as { items?: unknown }).items)
}

/** Stops the fetches that would overwrite the optimistic state, and returns what to go back to. A first fetch goes on:
 *  nothing optimistic is shown there, and a cancelled first fetch would leave its page empty. */
export async function prepareOptimistic(queryClient: QueryClient, queryKey: QueryKey): Promise<Snapshot> {
  await queryClient.cancelQueries({ queryKey, predicate: (query) => query.state.data !== undefined })
  return queryClient.getQueriesData({ queryKey })
}

export function rollBack(queryClient: QueryClient, snapshot: Snapshot | undefined): void {
  for (const [key, data] of snapshot ?? []) queryClient.setQueryData(key, data)
}

export function removeItem(queryClient: QueryClient, queryKey: QueryKey, id: string): void {
  queryClient.setQueriesData({ queryKey }, (old: unknown) => {
    if (!isPage(old)) return old
    const items = old.items.filter((row) => row.id !== id)
    return items.length === old.items.length ? old : { ...old, items, total: old.total - 1 }
  })
}

export function patchItem(queryClient: QueryClient, queryKey: QueryKey, id: string, fields: object): void {
  queryClient.setQueriesData({ queryKey }, (old: unknown) => {
    if (isPage(old)) return { ...old, items: old.items.map((row) => (row.id === id ? { ...row, ...fields } : row)) }
    return (old as Row | undefined)?.id === id ? { ...(old as Row), ...fields } : old
  })
}

/** At the top of the lists for which `belongs` says yes. */
export function prependItem(queryClient: QueryClient, queryKey: QueryKey, row: Row, belongs: (key: QueryKey) => boolean): void {
  queryClient.setQueriesData({ queryKey, predicate: (query) => belongs(query.queryKey) }, (old: unknown) =>
    isPage(old) ? { ...old, items: [row, ...old.items], total: old.total + 1 } : old,
  )
}
