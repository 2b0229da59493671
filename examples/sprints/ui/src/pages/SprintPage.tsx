import { PageHead, Problem, Skeleton, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { TaskList } from '../components/TaskList.tsx'
import { useSprint } from '../hooks/useSprints.ts'
import { useSprintTasks, useTaskWrites } from '../hooks/useTasks.ts'

export function SprintPage({ id, project }: { id: string; project: string }) {
  const sprint = useSprint(id)
  const tasks = useSprintTasks(id)
  const { create } = useTaskWrites(project)
  const [creating, setCreating] = useState(false)
  usePageTitle(sprint.data?.name ?? 'Sprint')
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link href="/">
          <Icon name="left" /> Project
        </Link>
      </nav>
      <PageHead title={sprint.data?.name ?? 'Sprint'} lead={sprint.data?.started ? 'Started' : 'Planned'}>
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New task
        </button>
      </PageHead>
      <section className="card" aria-label="Tasks">
        {tasks.error ? (
          <Problem error={tasks.error} onRetry={() => void tasks.refetch()} />
        ) : tasks.data ? (
          <TaskList tasks={tasks.data} project={project} />
        ) : (
          <Skeleton rows={4} />
        )}
      </section>
      {creating && (
        <TextDialog
          title="New task"
          label="Title"
          submit="Create"
          onClose={() => setCreating(false)}
          onText={(title) => create.mutate({ title, sprint: id })}
        />
      )}
    </>
  )
}
