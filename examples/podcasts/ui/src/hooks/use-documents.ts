import { useMutation, useQuery } from '@tanstack/react-query'
import { toast } from 'sonner'
import { useInvalidateUnlessLive } from '@unstale-examples/ui/live/live.tsx'
import { apiClient } from '../clients/api-client.ts'

const LIST = apiClient.documents.list.queryOptions({ input: {} })

export const useDocuments = () => useQuery(LIST)
export const useDocument = (id: string) => useQuery(apiClient.documents.get.queryOptions({ input: { id } }))

export function useCreateDocument() {
  const invalidateUnlessLive = useInvalidateUnlessLive()
  return useMutation({
    mutationFn: apiClient.documents.create,
    onSuccess: () => toast.success('Document created'),
    onError: () => toast.error('Failed to create document'),
    onSettled: () => invalidateUnlessLive(LIST.queryKey),
  })
}

export function useDeleteDocument() {
  const invalidateUnlessLive = useInvalidateUnlessLive()
  return useMutation({
    mutationFn: apiClient.documents.delete,
    onSuccess: () => toast.success('Document deleted'),
    onError: () => toast.error('Failed to delete document'),
    onSettled: () => invalidateUnlessLive(LIST.queryKey),
  })
}
