import { useState } from 'react'
import { createRoot } from 'react-dom/client'
import { DataUpdatesProvider, subscribed, useDataUpdates } from '../clients/documents/data-updates'
import { DocumentsTable, EmbeddingProgress } from '../clients/documents/documents-table'

const onReconnect = (): void => void fetch('/api/rows?name=refetch')

const State = () => <p id="state">{useDataUpdates().connectionState}</p>

function App() {
  const [shown, setShown] = useState(true)
  Object.assign(window, { subscribed, hide: () => setShown(false) })
  return (
    <DataUpdatesProvider projectId="proj_123" onReconnect={onReconnect}>
      <State />
      {shown && <DocumentsTable />}
      {shown && <EmbeddingProgress documentId="doc_456" />}
    </DataUpdatesProvider>
  )
}

createRoot(document.getElementById('root')!).render(<App />)
