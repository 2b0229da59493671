import { QueryClientProvider } from '@tanstack/react-query'
import { useState } from 'react'
import { Shell } from '@unstale-examples/ui/components/Shell.tsx'
import type { Place, Route } from '@unstale-examples/ui/components/Shell.tsx'
import { createDataSync, DataSyncProvider } from '../hooks/useDataSync.tsx'
import { queryClient } from '../lib/queryClient.ts'
import { ChatsPage } from '../pages/chats/ChatsPage.tsx'
import { Dashboard } from '../pages/dashboard/Dashboard.tsx'
import { ProjectPage } from '../pages/projects/ProjectPage.tsx'
import { ProjectsPage } from '../pages/projects/ProjectsPage.tsx'
import { RecordingPage } from '../pages/recordings/RecordingPage.tsx'
import { RecordingsPage } from '../pages/recordings/RecordingsPage.tsx'
import { SearchPage } from '../pages/search/SearchPage.tsx'
import type { Config } from '@unstale-examples/ui/lib/rest.ts'

export function App({ config }: { config: Config }) {
  /* One user, one global channel: everybody who opens the page may know everything. */
  const [live] = useState(() => createDataSync(queryClient, config.unstale ?? ''))
  return (
    <QueryClientProvider client={queryClient}>
      <DataSyncProvider live={live}>
        <Shell name="Recordings" config={config} places={PLACES} routes={ROUTES} statement={STATEMENT} />
      </DataSyncProvider>
    </QueryClientProvider>
  )
}

const ROUTES: Route[] = [
  { pattern: '/', page: () => <Dashboard /> },
  { pattern: '/recordings', page: () => <RecordingsPage /> },
  { pattern: '/recordings/:id', page: (id) => <RecordingPage key={id} id={id} /> },
  { pattern: '/projects', page: () => <ProjectsPage /> },
  { pattern: '/projects/:id', page: (id) => <ProjectPage key={id} id={id} /> },
  { pattern: '/chats', page: () => <ChatsPage /> },
  { pattern: '/search', page: () => <SearchPage /> },
]

const PLACES: Place[] = [
  { href: '/', icon: 'dashboard', text: 'Dashboard' },
  { href: '/recordings', icon: 'recordings', text: 'Recordings' },
  { href: '/projects', icon: 'projects', text: 'Projects' },
  { href: '/chats', icon: 'chats', text: 'Chats' },
  { href: '/search', icon: 'search', text: 'Search' },
]

/* Does something each time: the newest recording that is not ready becomes ready. */
const STATEMENT =
  "UPDATE recordings SET status = 'ready' WHERE id = (SELECT id FROM recordings WHERE status <> 'ready' ORDER BY created_at DESC LIMIT 1)"
