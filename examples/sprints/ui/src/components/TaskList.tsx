import { IconButton } from '@unstale-examples/ui/components/bits.tsx'
import { Link } from '@unstale-examples/ui/lib/router.tsx'
import { useTaskWrites } from '../hooks/useTasks.ts'
import type { Task } from '../types.ts'

export function TaskList({ tasks, project }: { tasks: Task[]; project: string }) {
  const { update, remove } = useTaskWrites(project)
  if (tasks.length === 0) return <p className="muted">No tasks.</p>
  return (
    <ul className="plain-list tasks">
      {tasks.map((task) => (
        <li key={task.id} data-id={task.id}>
          <label>
            <input
              type="checkbox"
              checked={task.done}
              onChange={(event) => update.mutate({ id: task.id, done: event.target.checked })}
            />
            <span className="sr-only">{task.title} is done</span>
          </label>
          <Link href={`/tasks/${task.id}`}>{task.title}</Link>
          <IconButton icon="trash" label={`Delete ${task.title}`} onClick={() => remove.mutate(task.id)} />
        </li>
      ))}
    </ul>
  )
}
