import { useMutation, useQuery } from '@tanstack/react-query'
import { useInvalidateUnlessLive } from '@unstale-examples/ui/live/live.tsx'
import { toast } from 'sonner'
import { sprintService } from '../lib/api.ts'

export const useSprints = (projectId: string) =>
  useQuery({
    queryKey: ['sprints', 'list', projectId],
    queryFn: ({ signal }) => sprintService.getSprints(projectId, signal),
    enabled: !!projectId,
  })

export const useSprint = (sprintId: string) =>
  useQuery({
    queryKey: ['sprints', 'detail', sprintId],
    queryFn: ({ signal }) => sprintService.getSprint(sprintId, signal),
    enabled: !!sprintId,
  })

export function useCreateSprint(projectId: string) {
  const invalidateUnlessLive = useInvalidateUnlessLive()
  return useMutation({
    mutationFn: (name: string) => sprintService.create(projectId, name),
    onError: () => toast.error('Failed to create the sprint'),
    onSettled: () => invalidateUnlessLive(['sprints', 'list', projectId], ['projects', 'bundle', projectId]),
  })
}
