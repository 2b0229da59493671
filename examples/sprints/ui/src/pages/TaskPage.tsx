import { PageHead, Problem, Skeleton, useFlash } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { useGone } from '@unstale-examples/ui/components/useGone.ts'
import { ago } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useTask } from '../hooks/useTasks.ts'
import type { Task } from '../types.ts'

export function TaskPage({ id }: { id: string }) {
  const { data, error, refetch } = useTask(id)
  usePageTitle(data?.title ?? 'Task')
  useGone(error, ['tasks', 'detail', id], 'task', '/tasks')
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link href="/tasks">
          <Icon name="left" /> Tasks
        </Link>
      </nav>
      {data ? <Body task={data} /> : error ? <Problem error={error} onRetry={() => void refetch()} /> : <Skeleton rows={3} />}
    </>
  )
}

function Body({ task }: { task: Task }) {
  const flash = useFlash(task.updated_at)
  return (
    <>
      <PageHead title={task.title} lead={`Changed ${ago(task.updated_at)}`} />
      <section className={`card ${flash}`} data-id={task.id}>
        {task.done ? 'Done' : 'Not done'}
      </section>
    </>
  )
}
