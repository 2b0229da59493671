import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { toast } from 'sonner'
import { api } from '../lib/api.ts'
import { prepareOptimistic, removeItem, rollBack } from '@unstale-examples/ui/lib/optimistic.ts'
import { queryKeys } from '../lib/queryKeys.ts'
import { useInvalidateUnlessLive } from './useDataSync.tsx'

const holds = [queryKeys.search.history]

export function useSearchHistory() {
  return useQuery({
    queryKey: queryKeys.search.history,
    queryFn: ({ signal }) => api.search.history(signal),
  })
}

/** Runs a search and remembers it. Its answer is a moment's; what the page shows comes from the lists' own queries, which
 *  stay fresh. */
export function useRunSearch() {
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.search.history,
    meta: { holds },
    mutationFn: (q: string) => api.search.run(q),
    onError: () => toast.error('Failed to search'),
    onSettled: () => invalidateUnlessLive(...holds),
  })
}

export function useForgetSearch() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.search.history,
    meta: { holds },
    mutationFn: (id: string) => api.search.forget(id),
    onMutate: async (id) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.search.history)
      removeItem(queryClient, queryKeys.search.history, id)
      return { snapshot }
    },
    onError: (_error, _id, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to forget search')
    },
    onSettled: () => invalidateUnlessLive(...holds),
  })
}
