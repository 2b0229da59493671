import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { toast } from 'sonner'
import { api, isGone } from '../lib/api.ts'
import { patchItem, prepareOptimistic, removeItem, rollBack } from '@unstale-examples/ui/lib/optimistic.ts'
import { queryKeys } from '../lib/queryKeys.ts'
import type { Project, ProjectFilters } from '../types.ts'
import { useInvalidateUnlessLive } from './useDataSync.tsx'

/* Recordings carry the name of their project. */
const touched = [queryKeys.projects.all, queryKeys.recordings.all, queryKeys.dashboard.stats]

export function useProjects(filters: ProjectFilters, options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: queryKeys.projects.list(filters),
    queryFn: ({ signal }) => api.projects.list(filters, signal),
    placeholderData: keepPreviousData,
    ...options,
  })
}

/** All of them, for a choice. */
export function useAllProjects() {
  return useProjects({ page: 1, pageSize: 500 })
}

export function useProject(id: string) {
  return useQuery({
    queryKey: queryKeys.projects.detail(id),
    queryFn: ({ signal }) => api.projects.get(id, signal),
    retry: (failures, error) => failures < 1 && !isGone(error),
  })
}

/* Names sort the list, so a new one has no place before the server has said which: no optimistic row here. */
export function useCreateProject() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.projects.all,
    meta: { holds: touched },
    mutationFn: (fields: { name: string; description: string }) => api.projects.create(fields),
    onError: () => toast.error('Failed to create project'),
    onSuccess: (row) => {
      queryClient.setQueryData(queryKeys.projects.detail(row.id), row)
      toast.success('Project created')
    },
    onSettled: () => invalidateUnlessLive(...touched),
  })
}

export function useUpdateProject() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.projects.all,
    meta: { holds: touched },
    mutationFn: ({ id, fields }: { id: string; fields: Partial<Project> }) => api.projects.update(id, fields),
    onMutate: async ({ id, fields }) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.projects.all)
      patchItem(queryClient, queryKeys.projects.all, id, fields)
      return { snapshot }
    },
    onError: (_error, _variables, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to update project')
    },
    onSuccess: (row) => {
      patchItem(queryClient, queryKeys.projects.all, row.id, row)
      toast.success('Project updated')
    },
    onSettled: () => invalidateUnlessLive(...touched),
  })
}

export function useDeleteProject() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.projects.all,
    meta: { holds: touched },
    mutationFn: (id: string) => api.projects.delete(id),
    onMutate: async (id) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.projects.all)
      removeItem(queryClient, queryKeys.projects.all, id)
      return { snapshot }
    },
    onError: (_error, _id, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to delete project')
    },
    onSuccess: () => toast.success('Project deleted'),
    onSettled: () => invalidateUnlessLive(...touched),
  })
}
