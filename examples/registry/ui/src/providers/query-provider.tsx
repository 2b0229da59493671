import { QueryClientProvider } from '@tanstack/react-query'
import type { QueryClient } from '@tanstack/react-query'
import type { Live } from '@unstale-examples/ui/live/live.tsx'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { createQueryClient } from './query-client.ts'

/* The query client looks at whatever stream there is at the moment. */
export const stream: { live: Live | null } = { live: null }

/** What is cached for one user ends with it: use a `key`. */
export function QueryProvider({ children }: { children: ReactNode }) {
  const [queryClient] = useState<QueryClient>(() => createQueryClient(() => stream.live?.client.getState().live ?? false))
  return <QueryClientProvider client={queryClient}>{children}</QueryClientProvider>
}
