import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { Toaster } from 'sonner'
import { ActivityPanel } from '@unstale-examples/ui/components/ActivityPanel.tsx'
import { ConnectionStatus, LiveSign } from '@unstale-examples/ui/components/ConnectionStatus.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import type { IconName } from '@unstale-examples/ui/components/Icon.tsx'
import { Empty } from '@unstale-examples/ui/components/bits.tsx'
import { ThemeSwitch } from '@unstale-examples/ui/components/ThemeSwitch.tsx'
import { DataSyncProvider } from '../hooks/useDataSync.tsx'
import { Link, matchPath, usePath } from '@unstale-examples/ui/lib/router.tsx'
import { createLive } from '@unstale-examples/ui/live/live.tsx'
import { ChatsPage } from '../pages/chats/ChatsPage.tsx'
import { Dashboard } from '../pages/dashboard/Dashboard.tsx'
import { ProjectPage } from '../pages/projects/ProjectPage.tsx'
import { ProjectsPage } from '../pages/projects/ProjectsPage.tsx'
import { RecordingPage } from '../pages/recordings/RecordingPage.tsx'
import { RecordingsPage } from '../pages/recordings/RecordingsPage.tsx'
import { SearchPage } from '../pages/search/SearchPage.tsx'
import type { Config } from '@unstale-examples/ui/lib/rest.ts'

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000, // Fresh for 30 s, if no push says otherwise
      gcTime: 5 * 60_000,
      refetchOnWindowFocus: true,
      retry: 1,
    },
  },
})

export function App({ config }: { config: Config }) {
  /* One user, one global channel: everybody who opens the page may know everything. */
  const [live] = useState(() => createLive(queryClient, { url: config.unstale ?? '', scopes: ['all'], transport: 'sse' }))
  return (
    <QueryClientProvider client={queryClient}>
      <DataSyncProvider live={live}>
        <Shell config={config} />
      </DataSyncProvider>
    </QueryClientProvider>
  )
}

const ROUTES: { pattern: string; page: (id: string) => React.ReactNode }[] = [
  { pattern: '/', page: () => <Dashboard /> },
  { pattern: '/recordings', page: () => <RecordingsPage /> },
  { pattern: '/recordings/:id', page: (id) => <RecordingPage key={id} id={id} /> },
  { pattern: '/projects', page: () => <ProjectsPage /> },
  { pattern: '/projects/:id', page: (id) => <ProjectPage key={id} id={id} /> },
  { pattern: '/chats', page: () => <ChatsPage /> },
  { pattern: '/search', page: () => <SearchPage /> },
]

const PLACES: { href: string; icon: IconName; text: string }[] = [
  { href: '/', icon: 'dashboard', text: 'Dashboard' },
  { href: '/recordings', icon: 'recordings', text: 'Recordings' },
  { href: '/projects', icon: 'projects', text: 'Projects' },
  { href: '/chats', icon: 'chats', text: 'Chats' },
  { href: '/search', icon: 'search', text: 'Search' },
]

/* Does something each time: the newest recording that is not ready becomes ready. */
const STATEMENT =
  "UPDATE recordings SET status = 'ready' WHERE id = (SELECT id FROM recordings WHERE status <> 'ready' ORDER BY created_at DESC LIMIT 1)"

function Shell({ config }: { config: Config }) {
  const [panel, setPanel] = useState(() => window.matchMedia('(min-width: 70rem)').matches)
  const path = usePath()
  const main = useRef<HTMLElement>(null)
  const shown = useRef(path)

  useEffect(() => {
    if (shown.current !== path) main.current?.focus()
    shown.current = path
  }, [path])

  return (
    <div className={`shell ${panel ? 'with-panel' : ''}`}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <Navigation path={path} panel={panel} onPanel={() => setPanel(!panel)} />
      <main id="main" ref={main} tabIndex={-1}>
        <Page path={path} />
      </main>
      {panel && <ActivityPanel database={config.database} statement={STATEMENT} onClose={() => setPanel(false)} />}
      <ConnectionStatus />
      <Toaster position="bottom-center" toastOptions={{ className: 'toast' }} />
    </div>
  )
}

function Page({ path }: { path: string }) {
  for (const { pattern, page } of ROUTES) {
    const id = matchPath(pattern, path)
    if (id !== null) return page(id)
  }
  return (
    <Empty icon="search" title="There is no such page">
      <Link href="/">To the dashboard</Link>
    </Empty>
  )
}

function Navigation({ path, panel, onPanel }: { path: string; panel: boolean; onPanel: () => void }) {
  return (
    <nav className="navigation" aria-label="Main">
      <Link href="/" className="brand">
        <img src="/icon.svg" alt="" width="28" height="28" />
        <span>Recordings</span>
      </Link>
      <ul>
        {PLACES.map(({ href, icon, text }) => {
          const here = href === '/' ? path === '/' : path.startsWith(href)
          return (
            <li key={href}>
              <Link href={href} aria-current={here ? 'page' : undefined}>
                <Icon name={icon} />
                <span>{text}</span>
              </Link>
            </li>
          )
        })}
      </ul>
      <div className="navigation-foot">
        <button
          type="button"
          className="panel-switch"
          aria-pressed={panel}
          aria-label="What just happened"
          title="What just happened"
          onClick={onPanel}
        >
          <Icon name="pulse" />
          <LiveSign />
        </button>
        <ThemeSwitch />
      </div>
    </nav>
  )
}
