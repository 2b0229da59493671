/* A page in React, of whichever version it is bundled with, under StrictMode; with signing in and out. */

import { QueryClient, QueryObserver } from '@tanstack/query-core'
import { createClient, type UnstaleClient } from '@unstale/client'
import { ConnectionIndicator, UnstaleProvider, useChanges, useConnectionState } from '@unstale/react'
import { createElement as h, StrictMode, useEffect, useMemo, useState, version } from 'react'
import { createRoot } from 'react-dom/client'

const clients: UnstaleClient[] = []
const changes: string[] = []

function session(user: string) {
  /* Waits so long that only the button brings it back. */
  const client = createClient({ url: '', scopes: [`user:${user}`], backoffBase: 30_000, random: () => 0.9 })
  clients.push(client)
  const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } })
  return { client, queryClient }
}

function Row({ name, queryClient }: { name: string; queryClient: QueryClient }) {
  const [data, setData] = useState<unknown>()
  useEffect(() => {
    const observer = new QueryObserver(queryClient, { queryKey: ['rows', name], queryFn: async () => (await fetch(`/api/rows?name=${name}`)).json() })
    return observer.subscribe((result) => setData(result.data))
  }, [name, queryClient])
  useChanges('*', ({ action }) => changes.push(action))
  const { status } = useConnectionState()
  return h('p', { id: 'row' }, `${name} ${JSON.stringify(data)} ${status}`)
}

function Signed({ user }: { user: string }) {
  const { client, queryClient } = useMemo(() => session(user), [user])
  return h(UnstaleProvider, { client, queryClient, options: { minInterval: 100 } }, h(ConnectionIndicator, { after: 300 }), h(Row, { name: user, queryClient }))
}

function Page() {
  const [user, setUser] = useState<string | null>('ann')
  useEffect(() => {
    ;(globalThis as { app?: unknown }).app = { setUser, clients, changes, version, open: () => clients.filter((one) => one.getState().status === 'connected').length }
  }, [])
  return user === null ? h('p', { id: 'row' }, 'signed out') : h(Signed, { user, key: user })
}

const root = document.getElementById('root')
if (root) createRoot(root).render(h(StrictMode, null, h(Page)))
