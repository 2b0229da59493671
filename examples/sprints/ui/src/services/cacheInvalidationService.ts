/* The service of the application's document, on the SDK: the same name and the same two calls. Which keys a change makes stale is
 * the table below, as the document has it; connecting, backing off, resuming and fetching are the SDK's. */

import { createLive } from '@unstale-examples/ui/live/live.tsx'
import type { Live } from '@unstale-examples/ui/live/live.tsx'
import { mapChanges } from '@unstale/query/map'
import type { ChangeTable } from '@unstale/query/map'
import { persist, queryClient } from '../lib/queryClient.ts'

const projectOf = (scope: string) => decodeURIComponent(scope.slice('project:'.length))

export const INVALIDATIONS: ChangeTable = {
  project: ({ id }) => [...(id === undefined ? [] : [['projects', 'detail', id]]), ['projects', 'list']],
  sprint: ({ id, scope }) => [
    ...(id === undefined ? [] : [['sprints', 'detail', id]]),
    ['sprints', 'list', projectOf(scope)],
    ['projects', 'bundle', projectOf(scope)],
  ],
  task: ({ id, scope }) => [
    ...(id === undefined ? [] : [['tasks', 'detail', id]]),
    ['tasks', 'list', projectOf(scope)],
    ['tasks', 'sprint'],
  ],
  /* Who is there, everybody wants to know at once; the list of projects when it is looked at. */
  project_members: ({ scope }) => [
    { key: ['projectMembers', projectOf(scope)], then: 'refetch' },
    { key: ['projects', 'bundle', projectOf(scope)], then: 'refetch' },
    { key: ['projects', 'list'] },
  ],
}

/** Where the live connection is: REACT_APP_WS_URL, or what the backend names. */
export function liveUrl(named: string | null): string {
  return (import.meta.env['REACT_APP_WS_URL'] ?? named ?? '').replace(/^ws/, 'http')
}

class CacheInvalidationService {
  #current: { live: Live; stop: () => void } | null = null

  /** For one project at a time; another call ends what was before. `getToken`: the token that the backend gives. */
  connect(url: string, projectId: string, userId: string, getToken: () => Promise<string | null>): Live {
    this.disconnect()
    const live = createLive(
      queryClient,
      { url, scopes: [`project:${encodeURIComponent(projectId)}`], transport: 'websocket', changes: true, getToken },
      { map: mapChanges(INVALIDATIONS) },
    )
    const stopLive = live.start({ connect: false })
    const stopStoring = persist(live.client, userId)
    this.#current = {
      live,
      stop: () => {
        stopStoring()
        stopLive()
      },
    }
    return live
  }

  disconnect(): void {
    this.#current?.stop()
    this.#current = null
  }
}

export const cacheInvalidationService = new CacheInvalidationService()
