/* The browser's EventSource, and the map of the document. */
import { QueryClient } from '@tanstack/react-query'
import { EVENT_INVALIDATION_MAP } from '../clients/registry/event-invalidation-map'
import { watch } from './queries'

const queryClient = new QueryClient()
watch(queryClient, [['admin-users'], ['admin-stats'], ['repositories'], ['repositories-list'], ['recent-repositories'], ['service-accounts']])

const source = new EventSource('/api/v1/events/stream')
source.addEventListener('entity.changed', ({ data }) => {
  for (const queryKey of EVENT_INVALIDATION_MAP[JSON.parse(data).type] ?? []) queryClient.invalidateQueries({ queryKey })
})
source.onopen = () => document.body.append('open ')
