/* Phases 1.3 and 1.4: a page that writes repositories names everything that shows them, its own list and the others'. */

import { useMutation, useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import { toast } from 'sonner'
import { api } from '../lib/api.ts'
import type { Repository } from '../lib/api.ts'

export function repositoriesChanged(queryClient: QueryClient): void {
  void queryClient.invalidateQueries({ queryKey: ['repositories'] })
  void queryClient.invalidateQueries({ queryKey: ['repositories-list'] })
  void queryClient.invalidateQueries({ queryKey: ['repositories-for-scan'] })
  void queryClient.invalidateQueries({ queryKey: ['repositories-all'] })
  void queryClient.invalidateQueries({ queryKey: ['recent-repositories'] })
  void queryClient.invalidateQueries({ queryKey: ['quality-health-dashboard'] })
}

export function useCreateRepository() {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (fields: Partial<Repository>) => api.repositories.create(fields),
    onSuccess: () => repositoriesChanged(queryClient),
    onError: (error) => toast.error(error.message),
  })
}

export function useUpdateRepository() {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: ({ id, fields }: { id: string; fields: Partial<Repository> }) => api.repositories.update(id, fields),
    onSuccess: () => repositoriesChanged(queryClient),
    onError: (error) => toast.error(error.message),
  })
}

export function useDeleteRepository() {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: (id: string) => api.repositories.delete(id),
    onSuccess: () => repositoriesChanged(queryClient),
    onError: (error) => toast.error(error.message),
  })
}
