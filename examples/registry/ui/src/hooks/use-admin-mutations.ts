/* Phase 1.4: what the pages of the administrators write, and what besides their own list shows it. Counts and recent
 * repositories are the mutation cache's business (providers/query-provider.tsx). */

import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { QueryKey } from '@tanstack/react-query'
import { toast } from 'sonner'

export const AFTER_USERS: readonly QueryKey[] = [['admin-users'], ['admin-groups']]
export const AFTER_GROUPS: readonly QueryKey[] = [['admin-groups'], ['admin-permissions']]
export const AFTER_PERMISSIONS: readonly QueryKey[] = [['admin-permissions']]
export const AFTER_SERVICE_ACCOUNTS: readonly QueryKey[] = [['service-accounts']]

/** A write after which these keys are invalidated; the data shows when the server has confirmed it, not before. */
export function useWrite<Variables, Answer>(write: (variables: Variables) => Promise<Answer>, after: readonly QueryKey[]) {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: write,
    onSuccess: () => {
      for (const queryKey of after) void queryClient.invalidateQueries({ queryKey })
    },
    onError: (error) => toast.error(error.message),
  })
}
