import { SignedIn, SignIn } from '@unstale-examples/ui/components/SignIn.tsx'
import { Shell } from '@unstale-examples/ui/components/Shell.tsx'
import type { Place, Route } from '@unstale-examples/ui/components/Shell.tsx'
import { LiveContext } from '@unstale-examples/ui/live/live.tsx'
import type { Config, User } from '@unstale-examples/ui/lib/rest.ts'
import { session } from '@unstale-examples/ui/lib/rest.ts'
import { navigate } from '@unstale-examples/ui/lib/router.tsx'
import { useCallback, useEffect, useState } from 'react'
import { useEventStream } from '../hooks/use-event-stream.ts'
import { QueryProvider, stream } from '../providers/query-provider.tsx'
import { UserContext } from '../providers/user.tsx'
import { GroupsPage } from './(app)/(admin)/groups/page.tsx'
import { PermissionsPage } from './(app)/(admin)/permissions/page.tsx'
import { ServiceAccountsPage } from './(app)/(admin)/service-accounts/page.tsx'
import { BackupsPage, MonitoringPage } from './(app)/(admin)/operations/page.tsx'
import { UsersPage } from './(app)/(admin)/users/page.tsx'
import { DashboardPage } from './(app)/dashboard/page.tsx'
import { QualityGatesPage } from './(app)/quality-gates/page.tsx'
import { ReplicationPage } from './(app)/replication/page.tsx'
import { RepositoriesPage } from './(app)/repositories/page.tsx'
import { SearchPage } from './(app)/search/page.tsx'
import { SecurityScansPage } from './(app)/security-scans/page.tsx'

export function App({ config, signedIn }: { config: Config; signedIn: User | null }) {
  const [user, setUser] = useState(signedIn)
  const signOut = useCallback(() => {
    setUser(null)
    navigate('/')
  }, [])
  if (!user) return <SignIn name="Registry" onUser={setUser} />
  return (
    <QueryProvider key={user.id}>
      <AuthenticatedLayout config={config} user={user} onSignOut={signOut} />
    </QueryProvider>
  )
}

const PAGES: { place: Place; page: () => React.ReactNode; admin?: boolean }[] = [
  { place: { href: '/', icon: 'dashboard', text: 'Dashboard' }, page: () => <DashboardPage /> },
  { place: { href: '/repositories', icon: 'projects', text: 'Repositories' }, page: () => <RepositoriesPage /> },
  { place: { href: '/search', icon: 'search', text: 'Search' }, page: () => <SearchPage /> },
  { place: { href: '/replication', icon: 'copy', text: 'Replication' }, page: () => <ReplicationPage /> },
  { place: { href: '/security-scans', icon: 'pulse', text: 'Security scans' }, page: () => <SecurityScansPage /> },
  { place: { href: '/quality-gates', icon: 'recordings', text: 'Quality gates' }, page: () => <QualityGatesPage /> },
  { place: { href: '/users', icon: 'chats', text: 'Users' }, page: () => <UsersPage />, admin: true },
  { place: { href: '/groups', icon: 'chats', text: 'Groups' }, page: () => <GroupsPage />, admin: true },
  { place: { href: '/permissions', icon: 'pencil', text: 'Permissions' }, page: () => <PermissionsPage />, admin: true },
  { place: { href: '/service-accounts', icon: 'chats', text: 'Service accounts' }, page: () => <ServiceAccountsPage />, admin: true },
  { place: { href: '/monitoring', icon: 'pulse', text: 'Monitoring' }, page: () => <MonitoringPage />, admin: true },
  { place: { href: '/backups', icon: 'history', text: 'Backups' }, page: () => <BackupsPage />, admin: true },
]

/* Does something each time: another repository's health goes down. */
const STATEMENT = "UPDATE repositories SET health = health - 1 WHERE id = (SELECT id FROM repositories ORDER BY updated_at LIMIT 1)"

/* The cookie is good for an hour. */
const RENEW_EVERY = 15 * 60_000

/** Renews the session in time; whoever is signed in no more, or in another role, begins anew. */
function useSession(user: User, onSignOut: () => void): void {
  useEffect(() => {
    const timer = setInterval(() => {
      session.get().then(
        (now) => now?.role !== user.role && onSignOut(),
        () => {} /* The backend is away; next time. */,
      )
    }, RENEW_EVERY)
    return () => clearInterval(timer)
  }, [user, onSignOut])
}

function AuthenticatedLayout({ config, user, onSignOut }: { config: Config; user: User; onSignOut: () => void }) {
  const live = useEventStream(config.unstale ?? '', user)
  useSession(user, onSignOut)
  stream.live = live
  const pages = PAGES.filter(({ admin }) => !admin || user.role === 'admin')
  const routes: Route[] = pages.map(({ place, page }) => ({ pattern: place.href, page }))
  return (
    <UserContext value={user}>
      <LiveContext value={live}>
        <Shell
          name="Registry"
          config={config}
          places={pages.map(({ place }) => place)}
          routes={routes}
          statement={STATEMENT}
          foot={<SignedIn user={user} onSignOut={onSignOut} />}
        />
      </LiveContext>
    </UserContext>
  )
}
