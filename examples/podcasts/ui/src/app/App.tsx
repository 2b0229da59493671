import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { SignedIn, SignIn } from '@unstale-examples/ui/components/SignIn.tsx'
import { Shell } from '@unstale-examples/ui/components/Shell.tsx'
import type { Place, Route } from '@unstale-examples/ui/components/Shell.tsx'
import type { Config, User } from '@unstale-examples/ui/lib/rest.ts'
import { navigate } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { ConnectionIndicator } from '../components/connection-indicator.tsx'
import { useSSERecovery } from '../hooks/use-sse-recovery.ts'
import { DocumentPage } from '../pages/DocumentPage.tsx'
import { DocumentsPage } from '../pages/DocumentsPage.tsx'
import { PodcastPage } from '../pages/PodcastPage.tsx'
import { PodcastsPage } from '../pages/PodcastsPage.tsx'
import { SSEProvider } from '../providers/sse-provider.tsx'

/* Nothing is asked for again without a reason: no refetchInterval, and the reason is a push. */
const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: 1 } } })

export function App({ config, signedIn }: { config: Config; signedIn: User | null }) {
  const [user, setUser] = useState(signedIn)
  if (!user) return <SignIn name="Content Studio" onUser={setUser} />
  const signOut = () => {
    setUser(null)
    /* What one may see is none of the next one's business. */
    queryClient.clear()
    navigate('/')
  }
  return (
    <QueryClientProvider client={queryClient}>
      <SSEProvider key={user.id} url={config.unstale ?? ''} user={user}>
        <Studio config={config} user={user} onSignOut={signOut} />
      </SSEProvider>
    </QueryClientProvider>
  )
}

function Studio({ config, user, onSignOut }: { config: Config; user: User; onSignOut: () => void }) {
  useSSERecovery()
  return (
    <Shell
      name="Content Studio"
      config={config}
      places={PLACES}
      routes={ROUTES}
      statement={STATEMENT}
      foot={<SignedIn user={user} onSignOut={onSignOut} />}
      status={<ConnectionIndicator />}
    />
  )
}

const PLACES: Place[] = [
  { href: '/', icon: 'recordings', text: 'Podcasts' },
  { href: '/documents', icon: 'projects', text: 'Documents' },
]

const ROUTES: Route[] = [
  { pattern: '/', page: () => <PodcastsPage /> },
  { pattern: '/podcasts/:id', page: (id) => <PodcastPage key={id} id={id} /> },
  { pattern: '/documents', page: () => <DocumentsPage /> },
  { pattern: '/documents/:id', page: (id) => <DocumentPage key={id} id={id} /> },
]

/* Does something each time, to the podcast that was touched longest ago. */
const STATEMENT = "UPDATE podcasts SET title = title || '!' WHERE id = (SELECT id FROM podcasts WHERE user_id = 'u-ada' ORDER BY updated_at LIMIT 1)"
