/* Keys derived by the application, as an alternative to those that the server's rules name.
 *
 *   connectQueryClient(queryClient, client, { map: mapChanges({ 'document.*': … }, queryClient) })
 *
 * What is derived is marks again, so all that holds for marks holds for it: bursts, mutations, hidden tabs, first fetches. */

import type { QueryClient, QueryKey } from '@tanstack/query-core'
import type { Change, StaleEvent } from '@unstale/client'
import type { MappedMark } from './connect.ts'

export interface ScopedChange<Data = Readonly<Record<string, unknown>>> extends Omit<Change, 'data'> {
  scope: string
  data?: Data
}

export interface Rule<Data = Readonly<Record<string, unknown>>> {
  key: QueryKey
  /** `invalidate`, the default: what is shown is fetched now and the rest when it is shown. `refetch`: all of it, now. */
  then?: 'invalidate' | 'refetch' | 'nothing'
  /** Writes what came with the change into cached data, which stays as old and as stale as it was; gives undefined to leave it
   *  alone. */
  patch?: (cached: any, change: ScopedChange<Data>) => unknown
}

export type Derive<Data = Readonly<Record<string, unknown>>> = (change: ScopedChange<Data>) => readonly (QueryKey | Rule<Data>)[] | QueryKey

/** By `resource.action`, `resource.*` (or `resource`), and `*`: keys, or a function that gives keys or rules. The most
 *  particular entry alone is used. */
export type ChangeTable = Readonly<Record<string, readonly QueryKey[] | Derive>>

/** For `map`. Changes of resources without an entry are nobody's. */
export function mapChanges(table: ChangeTable | Derive, queryClient?: QueryClient): (event: StaleEvent) => readonly MappedMark[] | null {
  return ({ scope, changes }) => {
    /* Data and rows are left out when there are too many: then nothing but the scope is known. */
    if (!changes) return null
    return changes.flatMap((change) => {
      const { resource, action } = change
      const entry =
        typeof table === 'function' ? table : (table[`${resource}.${action}`] ?? table[`${resource}.*`] ?? table[resource] ?? table['*'])
      if (!entry) return []
      const scoped = { ...change, scope }
      const derived: readonly unknown[] = typeof entry === 'function' ? entry(scoped) : entry
      const rules = isKey(derived) ? [derived] : derived
      return rules.flatMap((one) => marksOf(Array.isArray(one) ? { key: one } : (one as unknown as Rule), scoped, queryClient))
    })
  }
}

function marksOf({ key, then = 'invalidate', patch }: Rule, change: ScopedChange, queryClient: QueryClient | undefined): MappedMark[] {
  let late = false
  if (patch && queryClient) {
    for (const query of queryClient.getQueryCache().findAll({ queryKey: key })) {
      const { data, dataUpdatedAt, fetchStatus, isInvalidated } = query.state
      const patched = data === undefined ? undefined : patch(data, change)
      /* An answer that is on its way may be older than the patch and would be put over it. */
      if (fetchStatus !== 'idle') late = true
      if (patched === undefined) continue
      /* The rest of it is as old, and as stale, as before. */
      queryClient.setQueryData(query.queryKey, patched, { updatedAt: dataUpdatedAt })
      if (isInvalidated) query.invalidate()
    }
  }
  return then === 'nothing' && !late ? [] : [{ key, eager: then === 'refetch' }]
}

/** One key, as `queryOptions().queryKey` gives it, and not a list of keys or rules. */
function isKey(derived: readonly unknown[]): derived is QueryKey {
  const [first] = derived
  return typeof first === 'string' || typeof first === 'number' || (Array.isArray(first) && first.length > 0 && first.every((part) => typeof part === 'string') && derived.length > 1 && !Array.isArray(derived[1]))
}

/** The keys of a resource that has a list and details: `['tasks','list',…]`, `['tasks','detail',id]`. */
export function resourceKeys(name: string, { list = 'list', detail = 'detail' } = {}): Derive {
  return ({ id, ids, action }) => {
    const rows = ids ?? (id === undefined ? [] : [id])
    if (rows.length === 0) return [[name]]
    const details = action === 'created' ? [] : rows.map((row) => [name, detail, row])
    return [[name, list], ...details]
  }
}
