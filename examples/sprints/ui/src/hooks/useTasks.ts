import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { QueryClient, QueryKey } from '@tanstack/react-query'
import { useInvalidateUnlessLive } from '@unstale-examples/ui/live/live.tsx'
import { toast } from 'sonner'
import { taskService } from '../lib/api.ts'
import type { Task } from '../types.ts'

export const useTasks = (projectId: string) =>
  useQuery({
    queryKey: ['tasks', 'list', projectId],
    queryFn: ({ signal }) => taskService.getTasks(projectId, signal),
    enabled: !!projectId,
  })

export const useSprintTasks = (sprintId: string) =>
  useQuery({
    queryKey: ['tasks', 'sprint', sprintId],
    queryFn: ({ signal }) => taskService.getSprintTasks(sprintId, signal),
    enabled: !!sprintId,
  })

export const useTask = (taskId: string) =>
  useQuery({
    queryKey: ['tasks', 'detail', taskId],
    queryFn: ({ signal }) => taskService.getTask(taskId, signal),
    enabled: !!taskId,
  })

type Snapshot = [QueryKey, unknown][]

/** In every list and detail that holds it. */
function patch(queryClient: QueryClient, id: string, fields: Partial<Task>): void {
  const patched = (task: Task): Task => (task.id === id ? { ...task, ...fields } : task)
  queryClient.setQueriesData<Task | Task[]>({ queryKey: ['tasks'] }, (old) =>
    Array.isArray(old) ? old.map(patched) : old && patched(old),
  )
}

/** Creates, changes and deletes tasks of a project. A change shows before it is confirmed. */
export function useTaskWrites(projectId: string) {
  const queryClient = useQueryClient()
  const invalidateUnlessLive = useInvalidateUnlessLive()
  const settled = () => invalidateUnlessLive(['tasks'])
  const failed = () => toast.error('Failed to save the task')
  const create = useMutation({
    mutationFn: ({ title, sprint }: { title: string; sprint?: string }) => taskService.create(projectId, title, sprint),
    onError: failed,
    onSettled: settled,
  })
  const update = useMutation({
    mutationFn: ({ id, ...fields }: { id: string; done?: boolean; title?: string }) => taskService.update(id, fields),
    onMutate: async ({ id, ...fields }): Promise<Snapshot> => {
      await queryClient.cancelQueries({ queryKey: ['tasks'], predicate: ({ state }) => state.data !== undefined })
      const snapshot = queryClient.getQueriesData({ queryKey: ['tasks'] })
      patch(queryClient, id, fields)
      return snapshot
    },
    onError: (_error, _variables, snapshot) => {
      for (const [key, data] of snapshot ?? []) queryClient.setQueryData(key, data)
      failed()
    },
    onSettled: settled,
  })
  const remove = useMutation({ mutationFn: taskService.delete, onError: failed, onSettled: settled })
  return { create, update, remove }
}
