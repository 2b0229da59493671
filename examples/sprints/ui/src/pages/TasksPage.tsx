import { PageHead, Problem, Skeleton, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { TaskList } from '../components/TaskList.tsx'
import { useTasks, useTaskWrites } from '../hooks/useTasks.ts'

export function TasksPage({ project }: { project: string }) {
  usePageTitle('Tasks')
  const { data, error, refetch } = useTasks(project)
  const { create } = useTaskWrites(project)
  const [creating, setCreating] = useState(false)
  return (
    <>
      <PageHead title="Tasks" lead="Of all sprints, and of none.">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New task
        </button>
      </PageHead>
      <section className="card" aria-label="Tasks">
        {error ? (
          <Problem error={error} onRetry={() => void refetch()} />
        ) : data ? (
          <TaskList tasks={data} project={project} />
        ) : (
          <Skeleton />
        )}
      </section>
      {creating && (
        <TextDialog
          title="New task"
          label="Title"
          submit="Create"
          onClose={() => setCreating(false)}
          onText={(title) => create.mutate({ title })}
        />
      )}
    </>
  )
}
