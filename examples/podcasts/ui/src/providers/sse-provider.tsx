/* The one connection of the page, above everything that shows data. */

import { useQueryClient } from '@tanstack/react-query'
import { createLive, LiveContext } from '@unstale-examples/ui/live/live.tsx'
import type { User } from '@unstale-examples/ui/lib/rest.ts'
import { createContext, useContext, useMemo } from 'react'
import type { ReactNode } from 'react'
import { SSE_LIMITS, useSSE } from '../hooks/use-sse.ts'
import type { UseSSEReturn } from '../hooks/use-sse.ts'

const SSEContext = createContext<UseSSEReturn | null>(null)

export function SSEProvider({ url, user, children }: { url: string; user: User; children: ReactNode }) {
  const queryClient = useQueryClient()
  const live = useMemo(
    () =>
      createLive(queryClient, { url, scopes: [`user:${user.id}`], transport: 'sse', credentials: 'include', ...SSE_LIMITS }),
    [queryClient, url, user.id],
  )
  const value = useSSE({ enabled: true, live })
  return (
    <LiveContext value={live}>
      <SSEContext value={value}>{children}</SSEContext>
    </LiveContext>
  )
}

export function useSSEContext(): UseSSEReturn {
  const context = useContext(SSEContext)
  if (!context) throw new Error('useSSEContext must be used within SSEProvider')
  return context
}
