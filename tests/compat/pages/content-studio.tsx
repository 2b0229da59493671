import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { apiClient } from '../clients/content-studio/clients/api-client'
import { SSEProvider, useSSEContext } from '../clients/content-studio/providers/sse-provider'
import { ConnectionIndicator } from '../clients/content-studio/shared/components/connection-indicator'
import { useSSERecovery } from '../clients/content-studio/shared/hooks/use-sse-recovery'
import { watch } from './queries'

const queryClient = new QueryClient()
const { podcasts, documents } = apiClient
watch(queryClient, [
  podcasts.get.queryOptions({ input: { id: 'p1' } }).queryKey,
  podcasts.list.queryOptions({ input: {} }).queryKey,
  documents.get.queryOptions({ input: { id: 'd1' } }).queryKey,
  documents.list.queryOptions({ input: {} }).queryKey,
])

function State() {
  useSSERecovery()
  return <p id="state">{useSSEContext().connectionState}</p>
}

createRoot(document.getElementById('root')!).render(
  <QueryClientProvider client={queryClient}>
    <SSEProvider>
      <State />
      <ConnectionIndicator />
    </SSEProvider>
  </QueryClientProvider>,
)
