/* A page without a framework: some rows, each a query, kept fresh. */

import { hashKey, MutationObserver, onlineManager, QueryClient, QueryObserver } from '@tanstack/query-core'
import { persistQueryClientRestore, persistQueryClientSubscribe } from '@tanstack/query-persist-client-core'
import { createClient } from '@unstale/client'
import { eventSourceTransport } from '@unstale/client/eventsource'
import { createSharedClient } from '@unstale/client/shared'
import { connectQueryClient } from '@unstale/query'
import { liveDefaults, optimistic } from '@unstale/query/helpers'
import { livePersister } from '@unstale/query/persist'
import { readConfig, type Shown } from './config.ts'

const config = readConfig()
const options = {
  url: '',
  scopes: config.scopes ?? ['all'],
  transport: config.transport === undefined ? ('auto' as const) : (config.transport as string) === 'eventsource' ? eventSourceTransport() : config.transport,
  backoffBase: config.backoffBase ?? 100,
  backoffCeiling: 1000,
  ...(config.fallbackAfter !== undefined && { fallbackAfter: config.fallbackAfter }),
  ...(config.token && {
    getToken: (reason: string) => {
      reasons.push(reason)
      return (globalThis as { tokenNow?: () => Promise<string> }).tokenNow?.() ?? ''
    },
  }),
}
const reasons: string[] = []
const client = config.shared !== undefined ? createSharedClient({ ...options, user: config.shared }) : createClient(options)
const queryClient = new QueryClient({ defaultOptions: { queries: { ...liveDefaults(client), retry: 2, retryDelay: 100, gcTime: Infinity } } })
connectQueryClient(queryClient, client, { minInterval: 200 })
/* Whether the API can be reached is not what is tested here. */
onlineManager.setOnline(true)

const shown = new Map<string, Shown[]>()

function watch(name: string): void {
  const observer = new QueryObserver(queryClient, {
    queryKey: ['rows', name],
    networkMode: 'always',
    queryFn: async () => (await fetch(`/api/rows?name=${name}`)).json(),
  })
  const history: Shown[] = []
  shown.set(name, history)
  observer.subscribe(({ data }) => {
    if (data !== undefined && JSON.stringify(data) !== JSON.stringify(history.at(-1)?.value)) history.push({ value: data, at: performance.now() })
  })
}

const removal = new MutationObserver(queryClient, {
  mutationFn: async (left: number[]) => {
    const answer = await fetch(`/api/rows?name=list&value=${JSON.stringify(left)}`, { method: 'POST' })
    if (!answer.ok) throw new Error('refused')
  },
  ...optimistic<number[]>(queryClient, client, { writes: [{ key: ['rows', 'list'], update: (_rows, left) => left }] }),
})

const KEY = 'cache'
let unsubscribe = () => {}
async function start(): Promise<void> {
  if (config.persist) {
    const persister = livePersister(
      {
        persistClient: (snapshot: object) => localStorage.setItem(KEY, JSON.stringify(snapshot)),
        restoreClient: () => JSON.parse(localStorage.getItem(KEY) ?? 'null') ?? undefined,
        removeClient: () => localStorage.removeItem(KEY),
      },
      client,
      queryClient,
    )
    await persistQueryClientRestore({ queryClient: queryClient as never, persister: persister as never })
    unsubscribe = persistQueryClientSubscribe({ queryClient: queryClient as never, persister: persister as never })
    /* A position that moves is worth a write too. */
    client.onPosition(() => void persister.persistClient({ ...JSON.parse(localStorage.getItem(KEY) ?? '{}'), ...dehydrated() }))
  } else if (!config.later) client.connect()
  for (const name of config.names ?? ['a']) watch(name)
}

function dehydrated(): object {
  return { timestamp: Date.now(), buster: '', clientState: { mutations: [], queries: queryClient.getQueryCache().getAll().filter(({ state }) => state.status === 'success').map(({ queryKey, queryHash, state }) => ({ queryKey, queryHash, state })) } }
}

const app = {
  client,
  queryClient,
  reasons,
  value: (name: string) => queryClient.getQueryData(['rows', name]),
  history: (name: string) => shown.get(name) ?? [],
  invalidated: (name: string) => queryClient.getQueryCache().get(hashKey(['rows', name]))?.state.isInvalidated,
  remove: (left: number[]) => removal.mutate(left).then(() => 'done', (error: Error) => error.message),
  unsubscribe: () => unsubscribe(),
}
await start()
;(globalThis as { app?: unknown }).app = app
