/* No staleTime in any of these hooks: the query client's Infinity holds. */

import { useMutation, useQuery } from '@tanstack/react-query'
import { useInvalidateUnlessLive } from '@unstale-examples/ui/live/live.tsx'
import { toast } from 'sonner'
import { projectService } from '../lib/api.ts'

export const useProjects = () =>
  useQuery({ queryKey: ['projects', 'list'], queryFn: ({ signal }) => projectService.getProjects(signal) })

export const useProject = (projectId: string) =>
  useQuery({
    queryKey: ['projects', 'detail', projectId],
    queryFn: ({ signal }) => projectService.getProject(projectId, signal),
    enabled: !!projectId,
  })

export const useProjectBundle = (projectId: string) =>
  useQuery({
    queryKey: ['projects', 'bundle', projectId],
    queryFn: ({ signal }) => projectService.getBundle(projectId, signal),
    enabled: !!projectId,
  })

export const useProjectMembers = (projectId: string) =>
  useQuery({
    queryKey: ['projectMembers', projectId],
    queryFn: ({ signal }) => projectService.getMembers(projectId, signal),
    enabled: !!projectId,
  })

export const usePeople = () => useQuery({ queryKey: ['people'], queryFn: ({ signal }) => projectService.getPeople(signal) })

export function useRenameProject(projectId: string) {
  const invalidateUnlessLive = useInvalidateUnlessLive()
  return useMutation({
    mutationFn: (name: string) => projectService.rename(projectId, name),
    onError: () => toast.error('Failed to rename the project'),
    onSettled: () => invalidateUnlessLive(['projects']),
  })
}

export function useMembership(projectId: string) {
  const invalidateUnlessLive = useInvalidateUnlessLive()
  return useMutation({
    mutationFn: ({ user, member }: { user: string; member: boolean }) =>
      member ? projectService.addMember(projectId, user) : projectService.removeMember(projectId, user),
    onError: () => toast.error('Failed to change the members'),
    onSettled: () => invalidateUnlessLive(['projectMembers', projectId], ['projects', 'bundle', projectId], ['projects', 'list']),
  })
}
