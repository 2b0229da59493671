/* The backend's REST routes. */

import { call, getConfig, isGone, resource } from '@unstale-examples/ui/lib/rest.ts'
import type { Page } from '@unstale-examples/ui/lib/rest.ts'
import type { Conversation, DashboardStats, Project, ProjectFilters, Recording, RecordingFilters, Search } from '../types.ts'

export { isGone }

export const api = {
  config: getConfig,
  recordings: resource<Recording, RecordingFilters>('recordings'),
  projects: resource<Project, ProjectFilters>('projects'),
  conversations: resource<Conversation, { pageSize?: number }>('conversations'),
  dashboard: {
    stats: (signal?: AbortSignal) => call<DashboardStats>('GET', '/api/dashboard/stats', signal && { signal }),
  },
  search: {
    /** Answers, and remembers the search in the history. */
    run: (q: string) => call<{ q: string; total: number }>('GET', '/api/search', { query: { q } }),
    history: (signal?: AbortSignal) =>
      call<Page<Search>>('GET', '/api/search/history', { query: { pageSize: 50 }, ...(signal && { signal }) }),
    forget: (id: string) => call<void>('DELETE', `/api/search/history/${encodeURIComponent(id)}`),
  },
}
