/* The backend's procedures in the shape of an oRPC client for TanStack Query: each gives its key and its function. unstale.yaml
 * names the same keys. */

import type { QueryFunctionContext } from '@tanstack/react-query'
import { call } from '@unstale-examples/ui/lib/rest.ts'
import type { Document, DocumentRow, JobType, Podcast, PodcastRow, Segment } from '../types.ts'

function procedure<Input extends object, Output>(path: readonly string[], run: (input: Input, signal: AbortSignal) => Promise<Output>) {
  return {
    queryOptions: ({ input }: { input: Input }) => ({
      queryKey: [path, { input, type: 'query' }] as const,
      queryFn: ({ signal }: QueryFunctionContext) => run(input, signal),
    }),
  }
}

const one = (collection: string, id: string) => `/api/${collection}/${encodeURIComponent(id)}`

interface WirePodcast extends PodcastRow {
  segments: string
}

function podcastOf({ segments, audio_url, ...rest }: WirePodcast): Podcast {
  return { ...rest, segments: JSON.parse(segments) as Segment[], audioUrl: audio_url }
}

export const apiClient = {
  podcasts: {
    list: procedure(['podcasts', 'list'], (_input: object, signal) => call<PodcastRow[]>('GET', '/api/podcasts', { signal })),
    get: procedure(['podcasts', 'get'], ({ id }: { id: string }, signal) =>
      call<WirePodcast>('GET', one('podcasts', id), { signal }).then(podcastOf),
    ),
    create: (fields: { title: string; document_id: string | null }) => call<{ id: string }>('POST', '/api/podcasts', { body: fields }),
    delete: (id: string) => call<void>('DELETE', one('podcasts', id)),
    generate: (id: string, jobType: JobType) =>
      call<{ jobId: string }>('POST', `${one('podcasts', id)}/generate`, { body: { jobType } }),
  },
  documents: {
    list: procedure(['documents', 'list'], (_input: object, signal) => call<DocumentRow[]>('GET', '/api/documents', { signal })),
    get: procedure(['documents', 'get'], ({ id }: { id: string }, signal) => call<Document>('GET', one('documents', id), { signal })),
    create: (fields: { title: string; body: string }) => call<{ id: string }>('POST', '/api/documents', { body: fields }),
    delete: (id: string) => call<void>('DELETE', one('documents', id)),
  },
}
