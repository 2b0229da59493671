/* Phase 1.1 and 1.2: what holds for every query and every mutation, and, while the event stream is connected, how long data stays
 * fresh (phase 2.3). */

import { MutationCache, QueryClient } from '@tanstack/react-query'

export const FRESH = 30_000
/** The server says what went stale, so time need not. */
export const FRESH_WHILE_PUSHED = 5 * 60_000

/** `isPushed`: whether every change reaches this page at the moment. */
export function createQueryClient(isPushed: () => boolean): QueryClient {
  const mutationCache = new MutationCache({
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ['admin-stats'] })
      void queryClient.invalidateQueries({ queryKey: ['recent-repositories'] })
    },
  })
  const queryClient = new QueryClient({
    mutationCache,
    defaultOptions: {
      queries: {
        staleTime: () => (isPushed() ? FRESH_WHILE_PUSHED : FRESH),
        retry: 1,
        refetchOnWindowFocus: true, // refetch on tab switch
        refetchOnReconnect: true, // refetch on network reconnect
      },
    },
  })
  return queryClient
}
