import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createRoot } from 'react-dom/client'
import { ConnectionStatus } from '../clients/recordings/components/ConnectionStatus'
import { DataSyncProvider, useDataSyncStatus } from '../clients/recordings/hooks/useDataSync'
import { queryKeys } from '../clients/recordings/lib/queryKeys'
import { watch } from './queries'

const queryClient = new QueryClient()
watch(queryClient, [queryKeys.recordings.list(), queryKeys.projects.list(), queryKeys.conversations.list(), queryKeys.dashboard.stats, queryKeys.search.history])

const State = () => <p id="state">{useDataSyncStatus().connected ? 'connected' : 'not'}</p>

createRoot(document.getElementById('root')!).render(
  <QueryClientProvider client={queryClient}>
    <DataSyncProvider>
      <State />
      <ConnectionStatus />
    </DataSyncProvider>
  </QueryClientProvider>,
)
