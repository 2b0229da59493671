/* After a reconnect: everything, unless the server could say exactly what was missed; then the SDK has fetched just that. */

import { useQueryClient } from '@tanstack/react-query'
import { useLive } from '@unstale-examples/ui/live/live.tsx'
import { useEffect, useRef } from 'react'
import { useSSEContext } from '../providers/sse-provider.tsx'

export function useSSERecovery(): void {
  const queryClient = useQueryClient()
  const { client } = useLive()
  const { connectionState } = useSSEContext()
  const away = useRef(false)

  useEffect(() => {
    if (connectionState === 'disconnected' || connectionState === 'error') away.current = true
    if (connectionState !== 'connected' || !away.current) return
    away.current = false
    const exact = Object.values(client.getState().scopes).every((answer) => answer === 'exact')
    if (!exact) void queryClient.invalidateQueries()
  }, [connectionState, queryClient, client])
}
