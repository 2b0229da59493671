/* What a finished job makes stale. Changed rows are no matter of the page: unstale.yaml says which keys they make stale. */

import type { QueryClient } from '@tanstack/react-query'
import { apiClient } from '../clients/api-client.ts'
import type { JobCompletionEvent } from '../types.ts'

const getPodcastQueryKey = (podcastId: string) => apiClient.podcasts.get.queryOptions({ input: { id: podcastId } }).queryKey
const getPodcastsListQueryKey = () => apiClient.podcasts.list.queryOptions({ input: {} }).queryKey

export function handleJobCompletion(event: JobCompletionEvent, queryClient: QueryClient): void {
  const { jobType, podcastId } = event
  if (podcastId) void queryClient.invalidateQueries({ queryKey: getPodcastQueryKey(podcastId) })
  switch (jobType) {
    case 'generate-podcast':
    case 'generate-script':
    case 'generate-audio':
      void queryClient.invalidateQueries({ queryKey: getPodcastsListQueryKey() })
      break
  }
}
