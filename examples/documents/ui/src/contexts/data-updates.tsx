/* `DataUpdatesProvider` and `useDataUpdates` of the application's document, on the SDK: one stream a page, for the project that is
 * open. Whoever subscribes to a pattern is called with what the server sent along; what has to be fetched again, the SDK fetches. */

import { useQueryClient } from '@tanstack/react-query'
import { createLive, LiveContext } from '@unstale-examples/ui/live/live.tsx'
import { session } from '@unstale-examples/ui/lib/rest.ts'
import type { ConnectionStatus } from '@unstale/client'
import { createContext, useContext, useEffect, useMemo, useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'
import { patchDocuments } from '../lib/patchDocuments.ts'

export interface EntityEvent {
  type: 'entity.created' | 'entity.updated' | 'entity.deleted' | 'entity.batch' | 'entity.reset'
  entity: string
  /** Null for a batch. */
  id: string | null
  ids?: readonly string[]
  projectId: string
  /** A part of the row, or nothing. */
  data?: Readonly<Record<string, any>>
  timestamp: string
}

export interface DataUpdates {
  /** `document:*`, `chunk:*`, `document:doc_1` or `*`; returns what ends it. */
  subscribe: (pattern: string, callback: (event: EntityEvent) => void) => () => void
  connectionState: ConnectionStatus
}

const DataUpdatesContext = createContext<DataUpdates | null>(null)

const scopeOf = (projectId: string) => `project:${projectId}`

export interface DataUpdatesProviderProps {
  /** Where unstale is; empty for the page's own origin. */
  url?: string
  projectId: string
  children: ReactNode
}

export function DataUpdatesProvider({ url = '', projectId, children }: DataUpdatesProviderProps) {
  const queryClient = useQueryClient()
  const live = useMemo(
    () =>
      createLive(
        queryClient,
        {
          url,
          scopes: [scopeOf(projectId)],
          transport: 'sse',
          changes: true,
          /* The cookie's token, as the backend renews it. */
          getToken: async () => (await session.get())?.token ?? null,
        },
        { map: (event) => patchDocuments(queryClient, event) },
      ),
    /* Another project is another subscription of the same client, not another client. */
    [queryClient, url],
  )
  const { client } = live
  useEffect(() => live.start(), [live])
  useEffect(() => client.setScopes([scopeOf(projectId)]), [client, projectId])

  const connectionState = useSyncExternalStore(
    client.subscribe as (listener: () => void) => () => void,
    () => client.getState().status,
  )
  const subscribe = useMemo<DataUpdates['subscribe']>(
    () => (pattern, callback) =>
      client.subscribe(pattern, ({ action, resource, id, ids, data }) =>
        callback({
          type: ids ? 'entity.batch' : (`entity.${action}` as EntityEvent['type']),
          entity: resource,
          id: id ?? null,
          ...(ids && { ids }),
          projectId,
          ...(data && { data }),
          timestamp: new Date().toISOString(),
        }),
      ),
    [client, projectId],
  )
  const value = useMemo(() => ({ subscribe, connectionState }), [subscribe, connectionState])
  return (
    <LiveContext value={live}>
      <DataUpdatesContext value={value}>{children}</DataUpdatesContext>
    </LiveContext>
  )
}

export function useDataUpdates(): DataUpdates {
  const updates = useContext(DataUpdatesContext)
  if (!updates) throw new Error('useDataUpdates must be used within DataUpdatesProvider')
  return updates
}
