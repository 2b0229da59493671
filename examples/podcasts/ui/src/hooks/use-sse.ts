/* The hook of the application's document, on the SDK: the same name, the same options, the same four states. Connecting,
 * backing off and resuming are the SDK's; what is left is to say so, and to hand on the notice of a job that is done. */

import { useQueryClient } from '@tanstack/react-query'
import type { Live } from '@unstale-examples/ui/live/live.tsx'
import { useEffect, useRef, useSyncExternalStore } from 'react'
import type { JobCompletionEvent } from '../types.ts'
import { handleJobCompletion } from './sse-handlers.ts'

export type SSEConnectionState = 'connecting' | 'connected' | 'disconnected' | 'error'

export interface SSEOptions {
  enabled?: boolean
  onConnectionChange?: (state: SSEConnectionState) => void
}

export interface UseSSEReturn {
  connectionState: SSEConnectionState
  reconnect: () => void
}

const RECONNECT_BASE_DELAY = 1000
const RECONNECT_MAX_DELAY = 30_000
const RECONNECT_MAX_ATTEMPTS = 10

/** What the client of the SDK is made with, so that it gives up as the document says: the SDK counts what failed, and the first
 *  to fail is the connection itself. */
export const SSE_LIMITS = {
  backoffBase: RECONNECT_BASE_DELAY,
  backoffCeiling: RECONNECT_MAX_DELAY,
  maxAttempts: 1 + RECONNECT_MAX_ATTEMPTS,
} as const

export function useSSE({ live, enabled = true, onConnectionChange }: SSEOptions & { live: Live }): UseSSEReturn {
  const { client } = live
  const queryClient = useQueryClient()
  const connectionState = useSyncExternalStore(
    client.subscribe as (listener: () => void) => () => void,
    () => client.getState().status,
  )
  const told = useRef(onConnectionChange)
  told.current = onConnectionChange

  useEffect(() => (enabled ? live.start() : undefined), [enabled, live])

  useEffect(() => {
    told.current?.(connectionState)
  }, [connectionState])

  useEffect(
    () =>
      client.onNotice(({ type, data }) => {
        if (type !== 'job_completion') return
        handleJobCompletion({ type, ...(data as Omit<JobCompletionEvent, 'type'>) }, queryClient)
      }),
    [client, queryClient],
  )

  return { connectionState, reconnect: client.reconnect }
}
