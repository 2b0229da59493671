import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { toast } from 'sonner'
import { api } from '../lib/api.ts'
import { draftId, patchItem, prepareOptimistic, prependItem, removeItem, rollBack } from '@unstale-examples/ui/lib/optimistic.ts'
import { queryKeys } from '../lib/queryKeys.ts'
import type { Conversation } from '../types.ts'
import { useInvalidateUnlessLive } from './useDataSync.tsx'

const holds = [queryKeys.conversations.all, queryKeys.dashboard.stats]

/* One key for all of them: few enough to filter and page in the browser. */
export function useConversations() {
  return useQuery({
    queryKey: queryKeys.conversations.list(),
    queryFn: ({ signal }) => api.conversations.list({ pageSize: 500 }, signal),
  })
}

export function useCreateConversation() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.conversations.all,
    meta: { holds },
    mutationFn: (title: string) => api.conversations.create({ title }),
    onMutate: async (title) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.conversations.all)
      const now = Date.now()
      const placeholder: Conversation = {
        id: draftId(),
        title,
        recording_id: null,
        recording_title: null,
        message_count: 0,
        last_message: '',
        created_at: now,
        updated_at: now,
      }
      prependItem(queryClient, queryKeys.conversations.all, placeholder, () => true)
      return { snapshot, placeholder }
    },
    onError: (_error, _title, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to create chat')
    },
    onSuccess: (row, _title, context) => {
      patchItem(queryClient, queryKeys.conversations.all, context.placeholder.id, row)
      toast.success('Chat created')
    },
    onSettled: () => invalidateUnlessLive(...holds),
  })
}

export function useUpdateConversation() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.conversations.all,
    meta: { holds },
    mutationFn: ({ id, title }: { id: string; title: string }) => api.conversations.update(id, { title }),
    onMutate: async ({ id, title }) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.conversations.all)
      patchItem(queryClient, queryKeys.conversations.all, id, { title })
      return { snapshot }
    },
    onError: (_error, _variables, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to update chat')
    },
    onSuccess: () => toast.success('Chat updated'),
    onSettled: () => invalidateUnlessLive(...holds),
  })
}

export function useDeleteConversation() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.conversations.all,
    meta: { holds },
    mutationFn: (id: string) => api.conversations.delete(id),
    onMutate: async (id) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.conversations.all)
      removeItem(queryClient, queryKeys.conversations.all, id)
      return { snapshot }
    },
    onError: (_error, _id, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to delete chat')
    },
    onSuccess: () => toast.success('Chat deleted'),
    onSettled: () => invalidateUnlessLive(...holds),
  })
}
