/* What an event brings along of a document is put into the cache, too, so that who comes back to a page sees what it showed last: no
 * step of the progress makes the list stale, and nothing would fetch it. */

import type { QueryClient } from '@tanstack/react-query'
import type { StaleEvent } from '@unstale/client'
import type { MappedMark } from '@unstale/query'
import type { Document } from '../types.ts'

/** For `map`: the server's keys, and those of fetches that began before the event, whose answers may be older than it. */
export function patchDocuments(queryClient: QueryClient, { keys, changes = [] }: StaleEvent): MappedMark[] {
  const marks: MappedMark[] = keys.map((key) => ({ key }))
  for (const { resource, id, data } of changes) {
    if (resource !== 'document' || !data) continue
    for (const query of queryClient.getQueryCache().findAll({ queryKey: ['documents'] })) {
      const { dataUpdatedAt, fetchStatus, isInvalidated } = query.state
      const cached = query.state.data as Document | Document[] | undefined
      if (fetchStatus !== 'idle') marks.push({ key: query.queryKey })
      if (!cached || ![cached].flat().some((row) => row.id === id)) continue
      const patched = (row: Document): Document => (row.id === id ? { ...row, ...data } : row)
      query.setData(Array.isArray(cached) ? cached.map(patched) : patched(cached), { manual: true, updatedAt: dataUpdatedAt })
      /* It is as stale as before. */
      if (isInvalidated) query.invalidate()
    }
  }
  return marks
}
