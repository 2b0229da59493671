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

/** Where it belongs, as `at` says for a list and what it shows: at an index of its items, before or behind this page (where only the total
 *  tells of it), or null, not in this list at all. */
export type Place = number | 'elsewhere' | null

export function insertItem<R extends Row>(queryClient: QueryClient, queryKey: QueryKey, row: R, at: (key: QueryKey, page: Page<R>) => Place): void {
  for (const [key, old] of queryClient.getQueriesData({ queryKey })) {
    const place = isPage(old) ? at(key, old as Page<R>) : null
    if (place === null) continue
    queryClient.setQueryData(key, ({ ...page }: Page<R>) => {
      if (place !== 'elsewhere') page.items = page.items.toSpliced(place, 0, row).slice(0, page.pageSize)
      return { ...page, total: page.total + 1 }
    })
  }
}

/** At the top of the lists for which `belongs` says yes. */
export function prependItem(queryClient: QueryClient, queryKey: QueryKey, row: Row, belongs: (key: QueryKey) => boolean): void {
  insertItem(queryClient, queryKey, row, (key) => (belongs(key) ? 0 : null))
}

/** Where `row` stands on a page of rows that go by name, as the backend's database compares: without regard to the case of ASCII. */
export function placeByName<R extends Row & { name: string }>(row: R, { items, page, pageSize, total }: Page<R>): Place {
  const found = items.findIndex((other) => folded(row.name) < folded(other.name))
  const place = found === -1 ? items.length : found
  if (place === 0 && page > 1) return 'elsewhere'
  const last = page * pageSize >= total
  return place === items.length && (place === pageSize || !last) ? 'elsewhere' : place
}

function folded(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
}

let drafts = 0

/** What a row is called until the backend has given it a name. */
export function draftId(): string {
  return `draft-${++drafts}`
}

export function isDraft(row: { id: string }): boolean {
  return row.id.startsWith('draft-')
}
