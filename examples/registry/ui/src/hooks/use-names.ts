import { useQuery } from '@tanstack/react-query'
import { api } from '../lib/api.ts'

/** The repositories to choose from; each page that needs them has a key of its own, and every one of these is told. */
export function useRepositoryNames(key: 'repositories-list' | 'repositories-for-scan' | 'repositories-all') {
  return useQuery({ queryKey: [key], queryFn: ({ signal }) => api.repositoryNames(key, signal) })
}
