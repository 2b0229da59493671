/* The queries that set for themselves how old their data may get; neither phase changes them. */

import { queryOptions } from '@tanstack/react-query'
import { api } from './api.ts'

export const dependencyTrackStatus = queryOptions({ queryKey: ['dt-status'], queryFn: ({ signal }) => api.dependencyTrack(signal), staleTime: 60_000 })

export const search = (q: string) => queryOptions({ queryKey: ['search', q], queryFn: ({ signal }) => api.search(q, signal), staleTime: 30_000 })

export const monitoring = queryOptions({ queryKey: ['monitoring'], queryFn: ({ signal }) => api.monitoring(signal), refetchInterval: 5_000 })

export const backups = queryOptions({
  queryKey: ['backups'],
  queryFn: ({ signal }) => api.backups.list({ pageSize: 100 }, signal).then(({ items }) => items),
  refetchInterval: 10_000,
})
