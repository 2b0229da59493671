/* Keeps the cache fresh for as long as the application is shown, and says whether it is. */

import { useQueryClient } from '@tanstack/react-query'
import type { QueryKey } from '@tanstack/react-query'
import type { ClientState } from '@unstale/client'
import { createContext, useCallback, useContext, useEffect, useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'
import type { History } from '../live/activity.ts'
import type { Live } from '../live/live.ts'

const LiveContext = createContext<Live | null>(null)

function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('there is no DataSyncProvider above')
  return live
}

export function DataSyncProvider({ live, children }: { live: Live; children: ReactNode }) {
  useEffect(() => live.start(), [live])
  return <LiveContext value={live}>{children}</LiveContext>
}

interface DataSyncStatus {
  connected: boolean
  /** Connected, and the server's capture of changes is up to date. */
  live: boolean
  state: ClientState
  reconnect: () => void
}

export function useDataSyncStatus(): DataSyncStatus {
  const { client } = useLive()
  const state = useSyncExternalStore(client.subscribe, client.getState)
  return { connected: state.status === 'connected', live: state.live, state, reconnect: client.reconnect }
}

export function useActivity(): History & { clear: () => void } {
  const { activity } = useLive()
  const history = useSyncExternalStore(activity.subscribe, activity.getSnapshot)
  return { ...history, clear: activity.clear }
}

/** What a mutation does about other queries when it has settled: nothing while pushes arrive, since its own change comes back
 *  as one; without them it has to say by itself what it made stale. */
export function useInvalidateUnlessLive(): (...keys: QueryKey[]) => void {
  const queryClient = useQueryClient()
  const { client } = useLive()
  return useCallback(
    (...keys) => {
      if (client.getState().live) return
      for (const queryKey of keys) void queryClient.invalidateQueries({ queryKey })
    },
    [queryClient, client],
  )
}
