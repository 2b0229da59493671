/* The one connection of the page: unstale client, query client, and the record of what it did. */

import { useQueryClient } from '@tanstack/react-query'
import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { createClient } from '@unstale/client'
import type { ClientOptions, ClientState, UnstaleClient } from '@unstale/client'
import { connectQueryClient } from '@unstale/query'
import type { ConnectOptions } from '@unstale/query'
import { reports } from '@unstale/query/report'
import { createContext, useCallback, useContext, useEffect, useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'
import { createActivity } from './activity.ts'
import type { Activity, History } from './activity.ts'

export interface Live {
  client: UnstaleClient
  activity: Activity
  /** Connects until the returned function is called; or leaves the connecting to somebody else, such as a persister. */
  start(options?: { connect?: boolean }): () => void
}

/** `url`: where unstale is; empty for the page's own origin. */
export function createLive(queryClient: QueryClient, options: ClientOptions, connect: ConnectOptions = {}): Live {
  const client = createClient(options)
  const activity = createActivity(queryClient)
  return {
    client,
    activity,
    start({ connect: now = true } = {}) {
      const disconnectQueries = connectQueryClient(queryClient, client, { onEvent: reports(activity.report), ...connect })
      if (now) client.connect()
      return () => {
        client.disconnect()
        disconnectQueries()
      }
    },
  }
}

/** For who starts its connection elsewhere than in a LiveProvider. */
export const LiveContext = createContext<Live | null>(null)

export function useLive(): Live {
  const live = useContext(LiveContext)
  if (!live) throw new Error('there is no LiveProvider above')
  return live
}

/** Keeps the cache fresh for as long as it is shown, and says whether it is. */
export function LiveProvider({ live, children }: { live: Live; children: ReactNode }) {
  useEffect(() => live.start(), [live])
  return <LiveContext value={live}>{children}</LiveContext>
}

export interface LiveStatus {
  connected: boolean
  /** Connected, and the server's capture of changes is up to date. */
  live: boolean
  state: ClientState
  reconnect: () => void
}

export function useLiveStatus(): LiveStatus {
  const { client } = useLive()
  const state = useSyncExternalStore(client.subscribe as (listener: () => void) => () => void, client.getState)
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
