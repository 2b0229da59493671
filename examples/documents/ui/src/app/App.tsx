import { QueryClient, QueryClientProvider, useQuery } from '@tanstack/react-query'
import { Empty, Skeleton } from '@unstale-examples/ui/components/bits.tsx'
import { SignedIn, SignIn } from '@unstale-examples/ui/components/SignIn.tsx'
import { Shell } from '@unstale-examples/ui/components/Shell.tsx'
import type { Place, Route } from '@unstale-examples/ui/components/Shell.tsx'
import type { Config, User } from '@unstale-examples/ui/lib/rest.ts'
import { navigate } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { DataUpdatesProvider } from '../contexts/data-updates.tsx'
import { queries } from '../lib/api.ts'
import { DocumentPage } from '../pages/DocumentPage.tsx'
import { DocumentsPage } from '../pages/DocumentsPage.tsx'
import { JobsPage } from '../pages/JobsPage.tsx'
import type { Project } from '../types.ts'

const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: 1 } } })

export function App({ config, signedIn }: { config: Config; signedIn: User | null }) {
  const [user, setUser] = useState(signedIn)
  if (!user) return <SignIn name="Documents" onUser={setUser} />
  const signOut = () => {
    setUser(null)
    /* What one may see is none of the next one's business. */
    queryClient.clear()
    navigate('/')
  }
  return (
    <QueryClientProvider client={queryClient}>
      <Projects key={user.id} config={config} user={user} onSignOut={signOut} />
    </QueryClientProvider>
  )
}

function Projects({ config, user, onSignOut }: { config: Config; user: User; onSignOut: () => void }) {
  const { data } = useQuery(queries.projects())
  const [chosen, choose] = useState<string | null>(null)
  const project = data?.find(({ id }) => id === chosen) ?? data?.[0]
  if (!data) return <Skeleton />
  if (!project) return <Empty icon="projects" title="You are in no project" />
  const foot = (
    <>
      <label className="project-switch">
        Project
        <select
          value={project.id}
          onChange={(event) => {
            choose(event.target.value)
            navigate('/')
          }}
        >
          {data.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <SignedIn user={user} onSignOut={onSignOut} />
    </>
  )
  return (
    <DataUpdatesProvider url={config.unstale ?? ''} projectId={project.id}>
      <Shell name="Documents" config={config} places={PLACES} routes={routesOf(project)} statement={STATEMENT} foot={foot} />
    </DataUpdatesProvider>
  )
}

const PLACES: Place[] = [
  { href: '/', icon: 'projects', text: 'Documents' },
  { href: '/extraction', icon: 'pulse', text: 'Extraction' },
]

const routesOf = (project: Project): Route[] => [
  { pattern: '/', page: () => <DocumentsPage project={project} /> },
  { pattern: '/documents/:id', page: (id) => <DocumentPage key={id} id={id} /> },
  { pattern: '/extraction', page: () => <JobsPage project={project} /> },
]

/* Does something each time: the worker finds it and begins anew. */
const STATEMENT = "UPDATE documents SET embedded_chunks = (embedded_chunks + 1) % (chunks + 1) WHERE id = 'doc_1901'"
