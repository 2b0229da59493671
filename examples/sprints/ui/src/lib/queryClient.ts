/* The cache never goes stale by age: what is stale, the server says. It outlives the tab, and with it the position up to which the
 * server has said so; both are written in one snapshot. */

import { createSyncStoragePersister } from '@tanstack/query-sync-storage-persister'
import { QueryClient } from '@tanstack/react-query'
import { persistQueryClient } from '@tanstack/react-query-persist-client'
import type { PersistedClient, PersistQueryClientOptions } from '@tanstack/react-query-persist-client'
import type { UnstaleClient } from '@unstale/client'
import { livePersister } from '@unstale/query/persist'

export const CACHE_KEY = 'REACT_QUERY_OFFLINE_CACHE'

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: Infinity,
      gcTime: 24 * 60 * 60 * 1000,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      retry: 1,
    },
  },
})

/** Restores what was stored, then connects. Returns what ends the storing. `userId`: nobody is shown what another one stored. */
export function persist(client: UnstaleClient, userId: string): () => void {
  let ended = false
  const storage = {
    getItem: (key: string) => window.localStorage.getItem(key),
    removeItem: (key: string) => window.localStorage.removeItem(key),
    /* The persister writes a moment later; by then somebody else may be here. */
    setItem: (key: string, value: string) => {
      if (!ended) window.localStorage.setItem(key, value)
    },
  }
  const persister = createSyncStoragePersister({ storage, key: CACHE_KEY, throttleTime: 100 })
  const [stop] = persistQueryClient({
    /* Two versions of one package may be installed: the same class by another name. */
    queryClient: queryClient as unknown as PersistQueryClientOptions['queryClient'],
    persister: livePersister<PersistedClient>(persister, client, queryClient),
    maxAge: 24 * 60 * 60 * 1000,
    buster: userId,
  })
  return () => {
    ended = true
    stop()
  }
}

export function forget(): void {
  queryClient.clear()
  window.localStorage.removeItem(CACHE_KEY)
}
