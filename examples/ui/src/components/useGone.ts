import { useQueryClient } from '@tanstack/react-query'
import type { QueryKey } from '@tanstack/react-query'
import { useEffect } from 'react'
import { toast } from 'sonner'
import { isGone } from '../lib/rest.ts'
import { navigate } from '../lib/router.tsx'

/** Leaves a detail page whose row was deleted, here or elsewhere. */
export function useGone(error: Error | null, queryKey: QueryKey, what: string, list: string): void {
  const queryClient = useQueryClient()
  const gone = isGone(error)

  useEffect(() => {
    if (!gone) return
    toast.info(`This ${what} was deleted`)
    navigate(list, { replace: true })
    queryClient.removeQueries({ queryKey, exact: true })
    /* The key is another object at each render, but a detail page lives and dies with its key. */
  }, [gone])
}
