import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { QueryKey } from '@tanstack/react-query'
import { toast } from 'sonner'
import { api, isGone } from '../lib/api.ts'
import { draftId, patchItem, prepareOptimistic, prependItem, removeItem, rollBack } from '@unstale-examples/ui/lib/optimistic.ts'
import { queryKeys } from '../lib/queryKeys.ts'
import type { Recording, RecordingFilters } from '../types.ts'
import { useInvalidateUnlessLive } from './useDataSync.tsx'

/* While one of these is on its way, pushes about what it touches wait, so that no refetch shows the state before it. */
const holds = [queryKeys.recordings.all, queryKeys.dashboard.stats]

export function useRecordings(filters: RecordingFilters, options: { enabled?: boolean } = {}) {
  return useQuery({
    queryKey: queryKeys.recordings.list(filters),
    queryFn: ({ signal }) => api.recordings.list(filters, signal),
    placeholderData: keepPreviousData,
    ...options,
  })
}

export function useRecording(id: string) {
  return useQuery({
    queryKey: queryKeys.recordings.detail(id),
    queryFn: ({ signal }) => api.recordings.get(id, signal),
    /* A row that is gone will not come back by asking twice. */
    retry: (failures, error) => failures < 1 && !isGone(error),
  })
}

export function useDeleteRecording() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.recordings.all,
    meta: { holds },
    mutationFn: (id: string) => api.recordings.delete(id),
    onMutate: async (id) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.recordings.all)
      removeItem(queryClient, queryKeys.recordings.all, id)
      return { snapshot }
    },
    onError: (_error, _id, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to delete recording')
    },
    onSuccess: () => toast.success('Recording deleted'),
    onSettled: () => invalidateUnlessLive(...holds),
  })
}

export function useUpdateRecording() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.recordings.all,
    meta: { holds },
    mutationFn: ({ id, fields }: { id: string; fields: Partial<Recording> }) => api.recordings.update(id, fields),
    onMutate: async ({ id, fields }) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.recordings.all)
      patchItem(queryClient, queryKeys.recordings.all, id, fields)
      return { snapshot }
    },
    onError: (_error, _variables, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to update recording')
    },
    onSuccess: (row) => {
      patchItem(queryClient, queryKeys.recordings.all, row.id, row)
      toast.success('Recording updated')
    },
    onSettled: () => invalidateUnlessLive(...holds),
  })
}

export interface NewRecording {
  title: string
  project_id: string | null
}

export function useCreateRecording() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()

  return useMutation({
    mutationKey: queryKeys.recordings.all,
    meta: { holds },
    mutationFn: (fields: NewRecording) => api.recordings.create(fields),
    onMutate: async (fields) => {
      const snapshot = await prepareOptimistic(queryClient, queryKeys.recordings.all)
      const placeholder = draft(fields)
      prependItem(queryClient, queryKeys.recordings.all, placeholder, (key) => belongsTo(key, fields))
      return { snapshot, placeholder }
    },
    onError: (_error, _fields, context) => {
      rollBack(queryClient, context?.snapshot)
      toast.error('Failed to create recording')
    },
    onSuccess: (row, _fields, context) => {
      patchItem(queryClient, queryKeys.recordings.all, context.placeholder.id, row)
      toast.success('Recording created')
    },
    onSettled: () => invalidateUnlessLive(...holds),
  })
}

function draft(fields: NewRecording): Recording {
  const now = Date.now()
  return {
    ...fields,
    id: draftId(),
    project_name: null,
    status: 'uploaded',
    duration_s: 0,
    size_bytes: 0,
    created_at: now,
    updated_at: now,
  }
}

/** The newest recording stands at the top of every first page whose filters let it in. */
function belongsTo(key: QueryKey, fields: NewRecording): boolean {
  const filters = (key[2] ?? {}) as RecordingFilters
  return (
    (filters.page ?? 1) === 1 &&
    !filters.q &&
    (!filters.status || filters.status === 'uploaded') &&
    (!filters.project || filters.project === fields.project_id)
  )
}
