/* The one connection of the page: unstale client, query client, and the record of what it did. */

import type { QueryClient } from '@tanstack/react-query'
import { createClient } from '@unstale/client'
import type { UnstaleClient } from '@unstale/client'
import { connectQueryClient } from '@unstale/query'
import { reports } from '@unstale/query/report'
import { createActivity } from './activity.ts'
import type { Activity } from './activity.ts'

export interface Live {
  client: UnstaleClient
  activity: Activity
  /** Connects until the returned function is called. */
  start(): () => void
}

/** `url`: where unstale is; empty for the page's own origin. */
export function createLive(queryClient: QueryClient, url: string): Live {
  /* One user, one global channel: everybody who opens the page may know everything. */
  const client = createClient({ url, scopes: ['all'], transport: 'sse' })
  const activity = createActivity(queryClient)
  return {
    client,
    activity,
    start() {
      const disconnectQueries = connectQueryClient(queryClient, client, { onEvent: reports(activity.report) })
      client.connect()
      return () => {
        client.disconnect()
        disconnectQueries()
      }
    },
  }
}
