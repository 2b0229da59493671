/* What the page itself does beside the pushes: invalidates, mutates, hides, seeds, is restored. */

import { focusManager, hydrate, dehydrate, MutationObserver, QueryClient, QueryObserver } from '@tanstack/query-core'
import { persistQueryClientRestore, persistQueryClientSave } from '@tanstack/query-persist-client-core'
import type { UnstaleClient } from '@unstale/client'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createKeys, liveDefaults, liveMutationCache, optimistic } from '../src/helpers.ts'
import { connectQueryClient } from '../src/index.ts'
import { reports as reporting } from '../src/report.ts'
import type { ConnectOptions, QueryReport } from '../src/index.ts'
import { mapChanges, resourceKeys } from '../src/map.ts'
import { livePersister } from '../src/persist.ts'
import { Backend, createQueryClient, FakeClient, pass, sleep, watch } from './fixture.ts'

let queryClient: QueryClient
let client: FakeClient
let backend: Backend
let reports: QueryReport[]
let warned: string[]

beforeEach(() => {
  vi.useFakeTimers()
  queryClient = createQueryClient()
  client = new FakeClient()
  client.live = true
  backend = new Backend()
  reports = []
  warned = []
  vi.spyOn(console, 'warn').mockImplementation((text: string) => void warned.push(text))
})
afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
  focusManager.setFocused(undefined)
})

const connect = (options: ConnectOptions = {}) => connectQueryClient(queryClient, client, { onEvent: reporting((report) => reports.push(report)), ...options })

describe('a local invalidation and the push for the same write cost one refetch', () => {
  async function write(pushAfter: number, mutation: { mutationKey?: string[] }): Promise<number> {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(2000)
    const observer = new MutationObserver(queryClient, {
      ...mutation,
      mutationFn: async () => {
        backend.change()
        setTimeout(() => client.stale('all', [['row']]), pushAfter)
        await sleep(100)
      },
      onSettled: () => queryClient.invalidateQueries({ queryKey: ['row'] }),
    })
    void observer.mutate()
    await pass(5000)
    expect(page.data).toBe(1)
    return backend.count() - 1
  }
  test.each([
    ['before the answer to the write', 20],
    ['at the same time', 100],
    ['after the answer', 150],
    ['much later', 400],
  ])('when the push comes %s', async (_when, after) => expect(await write(after, {})).toBe(1))
  test('when the mutation names its key', async () => expect(await write(20, { mutationKey: ['row'] })).toBe(1))

  test('without a push it is fetched all the same, a moment later', async () => {
    connect()
    watch(queryClient, backend, ['row'])
    await pass(2000)
    void queryClient.invalidateQueries({ queryKey: ['row'] })
    await pass(499)
    expect(backend.count()).toBe(1)
    await pass(1)
    expect(backend.count()).toBe(2)
  })

  test('while the page is not live, and after dispose, it is as always', async () => {
    const plain = queryClient.invalidateQueries
    const dispose = connect()
    watch(queryClient, backend, ['row'])
    await pass(2000)
    client.live = false
    void queryClient.invalidateQueries({ queryKey: ['row'] })
    await pass(0)
    expect(backend.count()).toBe(2)
    dispose()
    expect(queryClient.invalidateQueries).toBe(plain)
  })
})

describe('a hidden page', () => {
  test('marks and fetches when it is shown', async () => {
    connect({ whenHidden: 'wait' })
    const page = watch(queryClient, backend, ['row'])
    await pass(2000)
    focusManager.setFocused(false)
    backend.change()
    client.stale('all', [['row']])
    await pass(60_000)
    expect(backend.count()).toBe(1)
    expect(queryClient.getQueryState(['row'])?.isInvalidated).toBe(true)
    focusManager.setFocused(true)
    await pass(200)
    expect(page.data).toBe(1)
    expect(backend.count()).toBe(2)
  })
  test('fetches at once by default', async () => {
    connect()
    watch(queryClient, backend, ['row'])
    await pass(2000)
    focusManager.setFocused(false)
    client.stale('all', [['row']])
    await pass(200)
    expect(backend.count()).toBe(2)
  })
})

describe('a query without data', () => {
  test('whose first fetch was cancelled is revived by a mark', async () => {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(50)
    await queryClient.cancelQueries({ queryKey: ['row'] })
    expect(queryClient.getQueryState(['row'])).toMatchObject({ status: 'pending', fetchStatus: 'idle' })
    backend.change()
    client.stale('all', [['row']])
    await pass(2000)
    expect(page.data).toBe(1)
  })

  test('that is marked and then seeded is not taken as fresh', async () => {
    connect()
    const observer = new QueryObserver(queryClient, { queryKey: ['row'], queryFn: () => backend.read(), enabled: false })
    const stop = observer.subscribe(() => {})
    backend.change()
    client.stale('all', [['row']])
    await pass(100)
    queryClient.setQueryData(['row'], 0)
    expect(queryClient.getQueryState(['row'])?.isInvalidated).toBe(true)
    stop()
    const page = watch(queryClient, backend, ['row'])
    await pass(2000)
    expect(page.data).toBe(1)
  })

  test('that did not exist when its mark came and is then seeded is not taken as fresh', async () => {
    connect()
    backend.change()
    client.stale('all', [['row', 'detail', '7']])
    await pass(100)
    queryClient.setQueryData(['row', 'detail', 7], 0)
    const page = watch(queryClient, backend, ['row', 'detail', 7])
    await pass(2000)
    expect(page.data).toBe(1)
    expect(reports.some((report) => report.type === 'marked' && report.marks[0]?.from === 'seeded')).toBe(true)
  })

  test('that did not exist when its mark came and begins with data of another query is not taken as fresh, unless that says how old it is', async () => {
    connect()
    queryClient.setQueryData(['rows'], [0])
    const from = Date.now()
    await pass(1000)
    backend.change()
    client.stale('all', [['row']])
    await pass(1000)
    const initialData = () => queryClient.getQueryData<number[]>(['rows'])?.[0]
    const detail = watch(queryClient, backend, ['row', 7], { initialData })
    new QueryObserver(queryClient, { queryKey: ['row', 8], queryFn: () => backend.read(), enabled: false }).subscribe(() => {})
    const late = watch(queryClient, backend, ['row', 8], { initialData })
    const old = watch(queryClient, backend, ['row', 9], { initialData, initialDataUpdatedAt: from })
    const young = watch(queryClient, backend, ['row', 10], { initialData: 5, initialDataUpdatedAt: Date.now() })
    await pass(2000)
    expect([detail.data, late.data, old.data, young.data]).toEqual([1, 1, 1, 5])
  })

  test('that did not exist when its scope was reset and is then seeded is not taken as fresh', async () => {
    connect()
    backend.change()
    client.reset(['all'])
    await pass(100)
    queryClient.setQueryData(['row', 'detail', 7], 0)
    const page = watch(queryClient, backend, ['row', 'detail', 7])
    await pass(2000)
    expect(page.data).toBe(1)
  })

  test('hydrated with data from before the mark is not taken as fresh; with later data it is', async () => {
    const server = createQueryClient()
    server.setQueryData(['row', 1], 0)
    const html = dehydrate(server)
    connect()
    await pass(1000)
    client.stale('all', [['row']])
    await pass(1000)
    server.setQueryData(['row', 2], 0)
    hydrate(queryClient, html)
    hydrate(queryClient, { ...dehydrate(server), queries: dehydrate(server).queries.filter(({ queryKey }) => queryKey[1] === 2) })
    expect(queryClient.getQueryState(['row', 1])?.isInvalidated).toBe(true)
    expect(queryClient.getQueryState(['row', 2])?.isInvalidated).toBe(false)
  })

  test('seeded without any mark costs nothing', async () => {
    connect()
    queryClient.setQueryData(['row'], 5)
    watch(queryClient, backend, ['row'])
    await pass(2000)
    expect(backend.count()).toBe(0)
  })
})

describe('what is not fetched is reported', () => {
  test('active, inactive, disabled and static', async () => {
    connect()
    const queryFn = () => backend.read()
    for (const [name, options] of Object.entries({ active: {}, disabled: { enabled: false }, static: { staleTime: 'static' as const } })) {
      queryClient.setQueryData(['row', name], 0)
      new QueryObserver(queryClient, { queryKey: ['row', name], queryFn, ...options }).subscribe(() => {})
    }
    queryClient.setQueryData(['row', 'inactive'], 0)
    client.stale('all', [['row']])
    await pass(2000)
    const [report] = reports
    const standings = report?.type === 'marked' ? report.queries.map(({ queryKey, standing }) => `${queryKey[1]} ${standing}`) : []
    expect(standings).toEqual(['active active', 'disabled disabled', 'static static', 'inactive inactive'])
    expect(backend.count()).toBe(1)
  })
})

describe('the persisted snapshot', () => {
  interface Stored { snapshot: string | null; writes: number }
  function persister(stored: Stored) {
    return {
      persistClient: (snapshot: object) => void ((stored.snapshot = JSON.stringify(snapshot)), (stored.writes += 1)),
      restoreClient: () => (stored.snapshot === null ? undefined : JSON.parse(stored.snapshot)),
      removeClient: () => void (stored.snapshot = null),
    }
  }
  const positioned = (position: string | null) => {
    const said: unknown[] = []
    return {
      said,
      getPosition: () => (position === null ? null : { position, scopes: ['all'] }),
      resume: (resume: unknown) => void said.push(resume),
      connect: () => void said.push('connect'),
    } as Pick<UnstaleClient, 'getPosition' | 'resume' | 'connect'> & { said: unknown[] }
  }

  test('holds position, scopes and waiting marks in one write, and connects after the restore', async () => {
    const stored: Stored = { snapshot: null, writes: 0 }
    connect()
    watch(queryClient, backend, ['row'])
    await pass(2000)
    client.stale('all', [['row']])
    await persistQueryClientSave({ queryClient: queryClient as never, persister: livePersister(persister(stored), positioned('e-7'), queryClient) as never })
    expect(stored.writes).toBe(1)
    expect(JSON.parse(stored.snapshot ?? '')).toMatchObject({
      clientState: { queries: [{ queryKey: ['row'] }] },
      unstale: { resume: { position: 'e-7', scopes: ['all'] }, waiting: [{ scope: 'all', key: ['row'] }] },
    })

    const next = createQueryClient()
    connectQueryClient(next, client)
    const resumed = positioned(null)
    await persistQueryClientRestore({ queryClient: next as never, persister: livePersister(persister(stored), resumed, next) as never })
    expect(next.getQueryData(['row'])).toBe(0)
    expect(resumed.said).toEqual([{ position: 'e-7', scopes: ['all'] }])
    await pass(1)
    expect(resumed.said).toEqual([{ position: 'e-7', scopes: ['all'] }, 'connect'])
    expect(next.getQueryState(['row'])?.isInvalidated).toBe(true)
  })

  test('a mark that was applied is flagged in the snapshot', async () => {
    const stored: Stored = { snapshot: null, writes: 0 }
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(2000)
    page.unmount()
    client.stale('all', [['row']])
    await pass(10)
    await persistQueryClientSave({ queryClient: queryClient as never, persister: livePersister(persister(stored), positioned('e-7'), queryClient) as never })
    const { clientState, unstale } = JSON.parse(stored.snapshot ?? '')
    expect(clientState.queries[0].state.isInvalidated).toBe(true)
    expect(unstale.waiting).toEqual([])
  })

  test('a mark that was applied is not forgotten when data is written into the restored cache before the query is shown', async () => {
    const stored: Stored = { snapshot: null, writes: 0 }
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(2000)
    page.unmount()
    backend.change()
    client.stale('all', [['row']])
    await pass(10)
    await persistQueryClientSave({ queryClient: queryClient as never, persister: livePersister(persister(stored), positioned('e-7'), queryClient) as never })

    const next = createQueryClient()
    connectQueryClient(next, client)
    await persistQueryClientRestore({ queryClient: next as never, persister: livePersister(persister(stored), positioned(null), next) as never })
    await pass(1)
    next.setQueryData(['row'], 77)
    const again = watch(next, backend, ['row'])
    await pass(2000)
    expect(again.data).toBe(1)
  })

  test('without one, or with one that cannot be read, it connects without a position', async () => {
    const none = positioned(null)
    await livePersister(persister({ snapshot: null, writes: 0 }), none, queryClient).restoreClient()
    await pass(1)
    expect(none.said).toEqual(['connect'])
    const broken = positioned(null)
    await expect(livePersister(persister({ snapshot: '{', writes: 0 }), broken, queryClient).restoreClient()).rejects.toThrow()
    await pass(1)
    expect(broken.said).toEqual(['connect'])
  })
})

describe('keys that the application derives', () => {
  const change = (action: string, id: string, data?: Record<string, unknown>) => ({ resource: 'task', action, id, ...(data && { data }) })

  test('a table: the most particular entry', async () => {
    connect({ map: mapChanges({ 'task.created': [['a']], 'task.*': [['b']], '*': [['c']] }) })
    for (const name of ['a', 'b', 'c', 'other']) watch(queryClient, backend, [name], { name })
    await pass(2000)
    client.stale('all', [['ignored']], 0, [change('created', '1')])
    await pass(500)
    expect(['a', 'b', 'c', 'other'].map((name) => backend.count(name))).toEqual([2, 1, 1, 1])
    client.stale('all', [['ignored']], 0, [change('updated', '1'), { resource: 'user', action: 'updated' }])
    await pass(2000)
    expect(['a', 'b', 'c', 'other'].map((name) => backend.count(name))).toEqual([2, 2, 2, 1])
  })

  test('a factory per resource', async () => {
    connect({ map: mapChanges({ task: resourceKeys('tasks') }) })
    for (const [name, key] of Object.entries({ list: ['tasks', 'list'], one: ['tasks', 'detail', 1], two: ['tasks', 'detail', 2] })) watch(queryClient, backend, key, { name })
    await pass(2000)
    client.stale('all', [['x']], 0, [change('updated', '1')])
    await pass(2000)
    expect(['list', 'one', 'two'].map((name) => backend.count(name))).toEqual([2, 2, 1])
  })

  test('a function that returns one key as oRPC and tRPC make them', async () => {
    const key = [['task', 'find'], { input: { id: '1' }, type: 'query' }] as const
    connect({ map: mapChanges(({ id }) => [['task', 'find'], { input: { id } }]) })
    watch(queryClient, backend, key, { name: 'one' })
    watch(queryClient, backend, [['task', 'find'], { input: { id: '2' }, type: 'query' }], { name: 'two' })
    await pass(2000)
    client.stale('all', [['x']], 0, [change('updated', '1')])
    await pass(2000)
    expect([backend.count('one'), backend.count('two')]).toEqual([2, 1])
  })

  test('refetch also fetches what no component shows', async () => {
    connect({ map: mapChanges({ task: ({ scope, id }) => [{ key: ['tasks', scope, id], then: 'refetch' }] }) })
    const page = watch(queryClient, backend, ['tasks', 'all', '1'])
    await pass(2000)
    page.unmount()
    client.stale('all', [['x']], 0, [change('updated', '1')])
    await pass(2000)
    expect(backend.count()).toBe(2)
  })

  test('patch writes what came with the change, and needs no fetch', async () => {
    const patch = (cached: unknown, { data }: { data?: object }) => ({ ...(cached as object), ...data })
    connect({ map: mapChanges({ task: ({ id }) => [{ key: ['tasks', id], patch, then: 'nothing' }] }, queryClient) })
    queryClient.setQueryData(['tasks', '1'], { title: 'a', status: 'open' })
    client.stale('all', [['x']], 0, [change('updated', '1', { status: 'done' })])
    await pass(2000)
    expect(queryClient.getQueryData(['tasks', '1'])).toEqual({ title: 'a', status: 'done' })
    expect(queryClient.getQueryState(['tasks', '1'])?.isInvalidated).toBe(false)
  })

  test('what is patched is as old as before, and as stale where the page itself had found it so', async () => {
    const patch = (cached: object, { data }: { data?: object }) => ({ ...cached, ...data })
    connect({ map: mapChanges({ task: ({ id }) => [{ key: ['tasks', id], patch, then: 'nothing' }] }, queryClient) })
    queryClient.setQueryData(['tasks', '1'], { title: 'a', status: 'open' })
    const dataUpdatedAt = Date.now()
    await queryClient.invalidateQueries({ queryKey: ['tasks', '1'], refetchType: 'none' })
    await pass(2000)
    client.stale('all', [['x']], 0, [change('updated', '1', { status: 'done' })])
    await pass(2000)
    expect(queryClient.getQueryState(['tasks', '1'])).toMatchObject({ data: { title: 'a', status: 'done' }, dataUpdatedAt, isInvalidated: true })
  })

  test('marks without changes, and the empty key, count for the whole scope', async () => {
    connect({ map: mapChanges({}) })
    watch(queryClient, backend, ['row'])
    await pass(2000)
    client.stale('all', [['x']])
    await pass(2000)
    client.stale('all', [[]], 0, [change('updated', '1')])
    await pass(2000)
    expect(backend.count()).toBe(3)
  })
})

describe('helpers', () => {
  test('while not live, staleTime is finite', () => {
    const defaults = liveDefaults(client)
    expect([defaults.staleTime(), defaults.refetchOnWindowFocus()]).toEqual([Infinity, false])
    client.live = false
    expect([defaults.staleTime(), defaults.refetchOnWindowFocus()]).toEqual([30_000, true])
    queryClient.setDefaultOptions({ queries: defaults })
    const observer = new QueryObserver(queryClient, { queryKey: ['row'], queryFn: () => 1, initialData: 1, initialDataUpdatedAt: Date.now() - 60_000 })
    expect(observer.getCurrentResult().isStale).toBe(true)
    client.live = true
    expect(queryClient.getQueryCache().find({ queryKey: ['row'] })?.isStaleByTime(defaults.staleTime())).toBe(false)
  })

  test('the mutation cache invalidates only while the page is not live', async () => {
    const cached: QueryClient = new QueryClient({ mutationCache: liveMutationCache(client, () => cached), defaultOptions: { queries: { staleTime: Infinity, retry: false } } })
    watch(cached, backend, ['row'])
    watch(cached, backend, ['other'], { name: 'other' })
    await pass(1000)
    const mutate = () => void new MutationObserver(cached, { mutationFn: async () => 1, meta: { invalidates: [['row']] } }).mutate()
    mutate()
    await pass(1000)
    expect(backend.count()).toBe(1)
    client.live = false
    mutate()
    await pass(1000)
    expect([backend.count(), backend.count('other')]).toEqual([2, 1])
  })

  describe('optimistic', () => {
    const remove = (fails: boolean) =>
      new MutationObserver(queryClient, {
        mutationFn: async (_id: number) => {
          await sleep(300)
          if (fails) throw new Error('refused')
          client.stale('all', [['list']])
        },
        ...optimistic<number>(queryClient, client, {
          writes: [
            { key: ['list'], update: (rows: number[], id) => rows.filter((row) => row !== id) },
            { key: (id) => ['detail', id], update: () => null },
          ],
        }),
      })
    async function page() {
      connect()
      let rows = [1, 2, 3]
      const observer = new QueryObserver(queryClient, { queryKey: ['list', { page: 1 }], queryFn: async () => (await backend.read('list'), rows) })
      observer.subscribe(() => {})
      queryClient.setQueryData(['detail', 2], { id: 2 })
      await pass(2000)
      return { observer, write: (next: number[]) => void (rows = next) }
    }

    test('shows at once, and a push confirms it by one fetch', async () => {
      const { observer, write } = await page()
      void remove(false).mutate(2)
      await pass(10)
      expect(observer.getCurrentResult().data).toEqual([1, 3])
      expect(queryClient.getQueryData(['detail', 2])).toBe(null)
      write([1, 3])
      await pass(5000)
      expect(observer.getCurrentResult().data).toEqual([1, 3])
      expect(backend.count('list')).toBe(2)
    })

    test('rolls back list and detail when it fails', async () => {
      const { observer } = await page()
      remove(true).mutate(2).catch(() => {})
      await pass(10)
      expect(observer.getCurrentResult().data).toEqual([1, 3])
      await pass(5000)
      expect(observer.getCurrentResult().data).toEqual([1, 2, 3])
      expect(queryClient.getQueryData(['detail', 2])).toEqual({ id: 2 })
    })

    test('a push in the middle neither brings the row back nor is lost', async () => {
      const { observer, write } = await page()
      remove(true).mutate(2).catch(() => {})
      await pass(10)
      write([1, 2, 3, 4])
      client.stale('all', [['list']])
      await pass(200)
      expect(observer.getCurrentResult().data).toEqual([1, 3])
      await pass(5000)
      expect(observer.getCurrentResult().data).toEqual([1, 2, 3, 4])
    })
  })

  test('typed keys', () => {
    const keys = createKeys({ tasks: { list: (project: string) => [project], detail: (id: number) => [id] } })
    const list: readonly ['tasks', 'list', ...string[]] = keys.tasks.list('42')
    expect(list).toEqual(['tasks', 'list', '42'])
    expect([keys.tasks.all, keys.tasks.list.all, keys.tasks.detail(7)]).toEqual([['tasks'], ['tasks', 'list'], ['tasks', 'detail', 7]])
  })
})

describe('development warnings come once each', () => {
  test('polling on a live key', async () => {
    connect()
    watch(queryClient, backend, ['row'], { refetchInterval: 60_000 })
    await pass(1000)
    for (let i = 0; i < 3; i += 1) {
      client.stale('all', [['row']])
      await pass(2000)
    }
    expect(warned).toEqual([expect.stringContaining('refetchInterval')])
  })

  test('invalidation in onSettled of a live key', async () => {
    connect()
    watch(queryClient, backend, ['row'])
    await pass(1000)
    client.stale('all', [['row']])
    await pass(2000)
    for (let i = 0; i < 2; i += 1) {
      void new MutationObserver(queryClient, { mutationFn: async () => 1, onSettled: () => queryClient.invalidateQueries({ queryKey: ['row'] }) }).mutate()
      await pass(2000)
    }
    expect(warned).toEqual([expect.stringContaining('onSettled')])
  })

  test('a second connection to the same address', async () => {
    const addressed = () => Object.assign(new FakeClient(), { url: 'http://one.test' })
    const one = addressed()
    const stop = connectQueryClient(queryClient, one)
    const another = connectQueryClient(createQueryClient(), one)
    await pass(10)
    expect(warned).toEqual([])
    another()
    const second = connectQueryClient(createQueryClient(), addressed())
    await pass(10)
    expect(warned).toEqual([expect.stringContaining('second connection')])
    stop()
    second()
    connectQueryClient(createQueryClient(), one)()
    await pass(10)
    expect(warned).toHaveLength(1)
  })

  test('but not where one user takes the place of another', async () => {
    const addressed = () => Object.assign(new FakeClient(), { url: 'http://one.test' })
    const before = connectQueryClient(queryClient, addressed())
    const now = connectQueryClient(createQueryClient(), addressed())
    before()
    await pass(10)
    expect(warned).toEqual([])
    now()
  })

  test('a pushed key that matches no query', async () => {
    connect()
    for (let i = 0; i < 2; i += 1) {
      client.stale('all', [['nobody', i]])
      await pass(10)
    }
    expect(warned).toEqual([expect.stringContaining('["nobody",0]')])
  })

  test('none in production', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    connect()
    vi.unstubAllEnvs()
    client.stale('all', [['nobody']])
    await pass(10)
    expect(warned).toEqual([])
  })
})
