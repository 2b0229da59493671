import type { QueryClient } from '@tanstack/react-query';
import type { JobCompletionEvent, EntityChangeEvent } from '@repo/api/contracts';
import { apiClient } from '@/clients/api-client';

// ============================================================================
// Query Key Helpers
// ============================================================================

const getPodcastQueryKey = (podcastId: string) =>
  apiClient.podcasts.get.queryOptions({ input: { id: podcastId } }).queryKey;

const getPodcastsListQueryKey = () =>
  apiClient.podcasts.list.queryOptions({ input: {} }).queryKey;

const getDocumentQueryKey = (documentId: string) =>
  apiClient.documents.get.queryOptions({ input: { id: documentId } }).queryKey;

const getDocumentsListQueryKey = () =>
  apiClient.documents.list.queryOptions({ input: {} }).queryKey;

// ============================================================================
// Event Handlers
// ============================================================================

export function handleJobCompletion(
  event: JobCompletionEvent,
  queryClient: QueryClient
): void {
  const { jobType, podcastId } = event;

  // Invalidate specific podcast
  if (podcastId) {
    queryClient.invalidateQueries({
      queryKey: getPodcastQueryKey(podcastId),
    });
  }

  // Invalidate list for job types that affect list display
  switch (jobType) {
    case 'generate-podcast':
    case 'generate-script':
    case 'generate-audio':
      queryClient.invalidateQueries({
        queryKey: getPodcastsListQueryKey(),
      });
      break;
  }
}

export function handleEntityChange(
  event: EntityChangeEvent,
  queryClient: QueryClient
): void {
  const { entityType, changeType, entityId } = event;

  switch (entityType) {
    case 'podcast':
      queryClient.invalidateQueries({
        queryKey: getPodcastQueryKey(entityId),
      });
      if (changeType === 'insert' || changeType === 'delete') {
        queryClient.invalidateQueries({
          queryKey: getPodcastsListQueryKey(),
        });
      }
      break;

    case 'document':
      queryClient.invalidateQueries({
        queryKey: getDocumentQueryKey(entityId),
      });
      if (changeType === 'insert' || changeType === 'delete') {
        queryClient.invalidateQueries({
          queryKey: getDocumentsListQueryKey(),
        });
      }
      break;
  }
}
