/* The hooks of the application for its live connection: one WebSocket at /api/ws/sync for the whole page. With `?transport=native`
 * in its address the page listens to unstale's own stream instead, where the server names the keys and a restart is resumed
 * exactly. */

import type { QueryClient } from '@tanstack/react-query'
import { createLive } from '@unstale-examples/ui/live/live.tsx'
import type { Live } from '@unstale-examples/ui/live/live.tsx'
import { mapChanges } from '@unstale/query/map'
import { INVALIDATIONS } from './handleInvalidation.ts'
import { invalidationSocket } from './invalidations.ts'

export { LiveProvider as DataSyncProvider, useInvalidateUnlessLive, useLiveStatus as useDataSyncStatus } from '@unstale-examples/ui/live/live.tsx'

/** The document's: 1 s at first, doubling to 30 s. */
const BACKOFF = { backoffBase: 1000, backoffCeiling: 30_000 } as const

export function createDataSync(queryClient: QueryClient, url: string): Live {
  const stream = { url, scopes: ['all'], ...BACKOFF }
  const native = new URLSearchParams(window.location.search).get('transport') === 'native'
  if (native) return createLive(queryClient, { ...stream, transport: 'sse' })
  return createLive(queryClient, { ...stream, transport: invalidationSocket }, { map: mapChanges(INVALIDATIONS) })
}
