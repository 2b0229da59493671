import { useMutation, useQuery } from '@tanstack/react-query'
import { useInvalidateUnlessLive } from '@unstale-examples/ui/live/live.tsx'
import { toast } from 'sonner'
import { taskService } from '../lib/api.ts'

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

/** Creates, changes and deletes tasks of a project. */
export function useTaskWrites(projectId: string) {
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
    onError: failed,
    onSettled: settled,
  })
  const remove = useMutation({ mutationFn: taskService.delete, onError: failed, onSettled: settled })
  return { create, update, remove }
}
