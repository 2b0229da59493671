import { QueryClientProvider, useQueryClient } from '@tanstack/react-query'
import { Empty, Skeleton } from '@unstale-examples/ui/components/bits.tsx'
import { SignedIn, SignIn } from '@unstale-examples/ui/components/SignIn.tsx'
import { Shell } from '@unstale-examples/ui/components/Shell.tsx'
import type { Place, Route } from '@unstale-examples/ui/components/Shell.tsx'
import { LiveContext } from '@unstale-examples/ui/live/live.tsx'
import type { Config, User } from '@unstale-examples/ui/lib/rest.ts'
import { navigate } from '@unstale-examples/ui/lib/router.tsx'
import { useEffect } from 'react'
import { toast } from 'sonner'
import { AuthProvider, useAuth } from '../contexts/AuthContext.tsx'
import { useProjects } from '../hooks/useProjects.ts'
import { queryClient } from '../lib/queryClient.ts'
import { BoardPage } from '../pages/BoardPage.tsx'
import { MembersPage } from '../pages/MembersPage.tsx'
import { SprintPage } from '../pages/SprintPage.tsx'
import { TaskPage } from '../pages/TaskPage.tsx'
import { TasksPage } from '../pages/TasksPage.tsx'
import { liveUrl } from '../services/cacheInvalidationService.ts'

export function App({ config, signedIn }: { config: Config; signedIn: User | null }) {
  return (
    <QueryClientProvider client={queryClient}>
      <AuthProvider url={liveUrl(config.unstale)} initial={signedIn}>
        <Gate config={config} />
      </AuthProvider>
    </QueryClientProvider>
  )
}

function Gate({ config }: { config: Config }) {
  const { user, signedIn } = useAuth()
  return user ? <Projects config={config} user={user} /> : <SignIn name="DevHive" onUser={signedIn} />
}

function Projects({ config, user }: { config: Config; user: User }) {
  const { live, currentProjectId, openProject, signedOut } = useAuth()
  const cache = useQueryClient()
  const { data, refetch } = useProjects()
  const project = data?.find(({ id }) => id === currentProjectId)

  /* The first one, until somebody chooses; and another one when this one is no longer among them. */
  useEffect(() => {
    if (data && !project) openProject(data[0]?.id ?? null)
  }, [data, project, openProject])

  useEffect(
    () =>
      live?.client.onRevoked(() => {
        toast.info('You are no longer a member of this project')
        cache.removeQueries({ predicate: ({ queryKey }) => currentProjectId !== null && queryKey.includes(currentProjectId) })
        navigate('/')
        void refetch()
      }),
    [live, cache, currentProjectId, refetch],
  )

  const signOut = () => {
    signedOut()
    navigate('/')
  }
  if (!data) return <Skeleton />
  if (data.length === 0) {
    return (
      <Empty icon="projects" title="You are in no project">
        <SignedIn user={user} onSignOut={signOut} />
      </Empty>
    )
  }
  if (!project || !live) return <Skeleton />
  const foot = (
    <>
      <label className="project-switch">
        Project
        <select
          value={project.id}
          onChange={(event) => {
            openProject(event.target.value)
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
      <button type="button" className="button-quiet" onClick={() => void cache.invalidateQueries()}>
        Refresh
      </button>
      <SignedIn user={user} onSignOut={signOut} />
    </>
  )
  return (
    <LiveContext value={live}>
      <Shell
        name="DevHive"
        config={config}
        places={PLACES}
        routes={routesOf(project.id)}
        statement={STATEMENT}
        foot={foot}
      />
    </LiveContext>
  )
}

const PLACES: Place[] = [
  { href: '/', icon: 'dashboard', text: 'Project' },
  { href: '/tasks', icon: 'recordings', text: 'Tasks' },
  { href: '/members', icon: 'chats', text: 'Members' },
]

const routesOf = (project: string): Route[] => [
  { pattern: '/', page: () => <BoardPage project={project} /> },
  { pattern: '/sprints/:id', page: (id) => <SprintPage key={id} id={id} project={project} /> },
  { pattern: '/tasks', page: () => <TasksPage project={project} /> },
  { pattern: '/tasks/:id', page: (id) => <TaskPage key={id} id={id} /> },
  { pattern: '/members', page: () => <MembersPage project={project} /> },
]

/* Does something each time. */
const STATEMENT = "UPDATE tasks SET done = NOT done WHERE id = 't-hive-1'"
