/* Phase 2.2: listens to the server's events while somebody is signed in, and invalidates what they are about. */

import { useQueryClient } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import { createLive } from '@unstale-examples/ui/live/live.tsx'
import type { Live } from '@unstale-examples/ui/live/live.tsx'
import type { User } from '@unstale-examples/ui/lib/rest.ts'
import { mapChanges } from '@unstale/query/map'
import { useEffect, useMemo } from 'react'
import { entityChangedStream } from './entity-changed.ts'
import { EVENT_INVALIDATION_MAP } from './event-invalidation-map.ts'

/** What the server gives to somebody with such a cookie. What an administrator may see, only administrators are told. */
const scopesOf = ({ role }: User) => ['signed-in', role]

export function createEventStream(queryClient: QueryClient, url: string, user: User): Live {
  const stream = { url, scopes: scopesOf(user), transport: entityChangedStream, credentials: 'include' } as const
  return createLive(queryClient, stream, { map: mapChanges(EVENT_INVALIDATION_MAP) })
}

/** Connects when mounted for a user, reconnects by itself, disconnects on sign-out and for another user. */
export function useEventStream(url: string, user: User): Live {
  const queryClient = useQueryClient()
  const live = useMemo(() => createEventStream(queryClient, url, user), [queryClient, url, user.id, user.role])
  useEffect(() => live.start(), [live])
  return live
}
