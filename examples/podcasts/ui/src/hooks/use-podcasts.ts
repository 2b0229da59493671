import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { toast } from 'sonner'
import { useInvalidateUnlessLive } from '@unstale-examples/ui/live/live.tsx'
import { ApiError } from '@unstale-examples/ui/lib/rest.ts'
import { apiClient } from '../clients/api-client.ts'
import type { JobType, Podcast, PodcastRow } from '../types.ts'

const LIST = apiClient.podcasts.list.queryOptions({ input: {} })
const one = (id: string) => apiClient.podcasts.get.queryOptions({ input: { id } })

const notGone = (failures: number, error: Error) => failures < 1 && !(error instanceof ApiError && error.status === 404)

export const usePodcasts = () => useQuery(LIST)
export const usePodcast = (id: string) => useQuery({ ...one(id), retry: notGone })

/** Shows "drafting" at once. What the job made comes with the push when it is done, so nothing is invalidated here. */
export function useGenerate() {
  const queryClient = useQueryClient()
  return useMutation({
    mutationFn: ({ id, jobType }: { id: string; jobType: JobType }) => apiClient.podcasts.generate(id, jobType),
    onMutate: async ({ id }) => {
      const { queryKey } = one(id)
      await queryClient.cancelQueries({ queryKey })
      await queryClient.cancelQueries({ queryKey: LIST.queryKey })
      const podcast = queryClient.getQueryData<Podcast>(queryKey)
      const list = queryClient.getQueryData<PodcastRow[]>(LIST.queryKey)
      if (podcast) queryClient.setQueryData<Podcast>(queryKey, { ...podcast, status: 'drafting' })
      if (list) {
        queryClient.setQueryData<PodcastRow[]>(
          LIST.queryKey,
          list.map((row) => (row.id === id ? { ...row, status: 'drafting' } : row)),
        )
      }
      return { podcast, list }
    },
    onError: (_error, { id }, context) => {
      if (context?.podcast) queryClient.setQueryData(one(id).queryKey, context.podcast)
      if (context?.list) queryClient.setQueryData(LIST.queryKey, context.list)
      toast.error('Generation could not be started')
    },
    onSuccess: () => toast.success('Generation started'),
  })
}

export function useCreatePodcast() {
  const invalidateUnlessLive = useInvalidateUnlessLive()
  return useMutation({
    mutationFn: apiClient.podcasts.create,
    onSuccess: () => toast.success('Podcast created'),
    onError: () => toast.error('Failed to create podcast'),
    onSettled: () => invalidateUnlessLive(LIST.queryKey),
  })
}

export function useDeletePodcast() {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()
  return useMutation({
    mutationFn: apiClient.podcasts.delete,
    onMutate: async (id) => {
      await queryClient.cancelQueries({ queryKey: LIST.queryKey })
      const list = queryClient.getQueryData<PodcastRow[]>(LIST.queryKey)
      if (list) queryClient.setQueryData<PodcastRow[]>(LIST.queryKey, list.filter((row) => row.id !== id))
      return { list }
    },
    onError: (_error, _id, context) => {
      if (context?.list) queryClient.setQueryData(LIST.queryKey, context.list)
      toast.error('Failed to delete podcast')
    },
    onSuccess: () => toast.success('Podcast deleted'),
    onSettled: () => invalidateUnlessLive(LIST.queryKey),
  })
}
