import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { QueryKey } from '@tanstack/react-query'
import { toast } from 'sonner'
import { api, isGone } from '../lib/api.ts'
import { draftId, insertItem, isDraft, patchItem, placeByName, prepareOptimistic, removeItem, rollBack } from '@unstale-examples/ui/lib/optimistic.ts'
import type { Page } from '@unstale-examples/ui/lib/rest.ts'
import { queryKeys } from '../lib/queryKeys.ts'
import type { Project, ProjectFilters } from '../types.ts'
import { useInvalidateUnlessLive } from './useDataSync.tsx'

/* Recordings carry the name of their project. */
const touched = [queryKeys.projects.all, queryKeys.recordings.all, queryKeys.dashboard.stats]

export function useProjects(filters: ProjectFilters, options: { select?: (page: Page<Project>) => Page<Project> } = {}) {
  return useQuery({
    queryKey: queryKeys.projects.list(filters),
    queryFn: ({ signal }) => api.projects.list(filters, signal),
    placeholderData: keepPreviousData,
    ...options,
  })
}

/** All of them, for a choice; of what is not yet there, none. */
export function useAllProjects() {
  return useProjects({ page: 1, pageSize: 500 }, { select: withoutDrafts })
}

function withoutDrafts(page: Page<Project>): Page<Project> {
  return { ...page, items: page.items.filter((row) => !isDraft(row)) }
}

export function useProject(id: string) {
  return useQuery({
    queryKey: queryKeys.projects.detail(id),
    queryFn: ({ signal }) => api.projects.get(id, signal),
    retry: (failures, error) => failures < 1 && !isGone(error),
  })
}

export interface NewProject {
  name: string
  description: string
}

export function useCreateProject() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.projects.all,
    meta: { holds: touched },
    mutationFn: (fields: NewProject) => api.projects.create(fields),
    onMutate: async (fields) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.projects.all)
      const placeholder = draft(fields)
      insertItem(queryClient, queryKeys.projects.all, placeholder, (key, page) =>
        belongsTo(key, fields) ? placeByName(placeholder, page) : null,
      )
      return { snapshot, placeholder }
    },
    onError: (_error, _fields, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to create project')
    },
    onSuccess: (row, _fields, context) => {
      patchItem(queryClient, queryKeys.projects.all, context.placeholder.id, row)
      queryClient.setQueryData(queryKeys.projects.detail(row.id), row)
      toast.success('Project created')
    },
    onSettled: () => invalidateUnlessLive(...touched),
  })
}

function draft(fields: NewProject): Project {
  const now = Date.now()
  return { ...fields, id: draftId(), recordings: 0, duration_s: 0, created_at: now, updated_at: now }
}

/** As the backend searches: in name and description. */
function belongsTo(key: QueryKey, { name, description }: NewProject): boolean {
  const { q = '' } = (key[2] ?? {}) as ProjectFilters
  return [name, description].some((text) => text.toLowerCase().includes(q.toLowerCase()))
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
