import { InfiniteQueryObserver, MutationObserver } from '@tanstack/query-core'
import type { QueryClient } from '@tanstack/query-core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectQueryClient } from '../src/index.ts'
import { reports as reporting } from '../src/report.ts'
import type { ConnectOptions, QueryReport } from '../src/index.ts'
import { Backend, createQueryClient, FakeClient, pass, sleep, watch } from './fixture.ts'

let queryClient: QueryClient
let client: FakeClient
let backend: Backend
let reports: QueryReport[]
let dispose: () => void

beforeEach(() => {
  vi.useFakeTimers()
  queryClient = createQueryClient()
  client = new FakeClient()
  backend = new Backend()
  reports = []
})
afterEach(() => {
  dispose()
  vi.useRealTimers()
})

function connect(options: ConnectOptions = {}): void {
  dispose = connectQueryClient(queryClient, client, { onEvent: reporting((report) => reports.push(report)), ...options })
}

function isInvalidated(...queryKey: unknown[]): boolean | undefined {
  return queryClient.getQueryState(queryKey)?.isInvalidated
}

describe('a mark', () => {
  test('refetches the active queries that it covers and no others', async () => {
    connect()
    watch(queryClient, backend, ['tasks', 'list', { page: 1 }], { name: 'list' })
    watch(queryClient, backend, ['tasks', 'detail', 7], { name: 'detail' })
    watch(queryClient, backend, ['users'], { name: 'users' })
    await pass(1000)
    client.stale('all', [['tasks', 'list']])
    await pass(5000)
    expect([backend.count('list'), backend.count('detail'), backend.count('users')]).toEqual([2, 1, 1])
  })

  test('is answered at once when nothing was refetched lately', async () => {
    connect()
    watch(queryClient, backend, ['row'])
    await pass(150)
    client.stale('all', [['row']])
    await pass(0)
    expect(backend.count()).toBe(2)
  })

  test('only flags an inactive query, which is refetched on mount', async () => {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    page.unmount()
    client.stale('all', [['row']])
    await pass(5000)
    expect(backend.count()).toBe(1)
    expect(isInvalidated('row')).toBe(true)
    watch(queryClient, backend, ['row'])
    await pass(5000)
    expect(backend.count()).toBe(2)
    expect(isInvalidated('row')).toBe(false)
  })

  test('is answered by a mount although refetchOnMount is false', async () => {
    connect()
    watch(queryClient, backend, ['row']).unmount()
    await pass(1000)
    client.stale('all', [['row']])
    await pass(100)
    watch(queryClient, backend, ['row'], { refetchOnMount: false })
    await pass(1000)
    expect(backend.count()).toBe(2)
  })

  test('waits for a disabled query to be enabled', async () => {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    const options = page.observer.options
    page.observer.setOptions({ ...options, enabled: false })
    client.stale('all', [['row']])
    await pass(5000)
    expect(backend.count()).toBe(1)
    page.observer.setOptions({ ...options, enabled: true })
    await pass(1000)
    expect(backend.count()).toBe(2)
  })

  test('does not refetch a static query', async () => {
    connect()
    watch(queryClient, backend, ['row'], { staleTime: 'static' })
    await pass(1000)
    client.stale('all', [['row']])
    await pass(5000)
    expect(backend.count()).toBe(1)
  })

  test('of a family applies to the queries of all its scopes', async () => {
    connect()
    watch(queryClient, backend, ['a'], { name: 'a', meta: { scope: 'project:1' } })
    watch(queryClient, backend, ['b'], { name: 'b', meta: { scope: ['user:1', 'project:2'] } })
    watch(queryClient, backend, ['c'], { name: 'c', meta: { scope: 'user:1' } })
    watch(queryClient, backend, ['d'], { name: 'd' })
    await pass(1000)
    const counts = () => ['a', 'b', 'c', 'd'].map((name) => backend.count(name))
    client.stale('project:*', [[]])
    await pass(2000)
    expect(counts()).toEqual([2, 2, 1, 2])
    client.stale('*', [['a'], ['c']])
    await pass(2000)
    expect(counts()).toEqual([3, 2, 2, 2])
  })
})

describe('the minimum interval', () => {
  test('lies between the starts of two refetches, and the last mark is answered', async () => {
    connect({ minInterval: 500 })
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    for (let i = 0; i < 100; i += 1) {
      backend.change()
      client.stale('all', [['row']])
      await pass(10)
    }
    await pass(5000)
    expect(backend.times().map(Math.round)).toEqual([0, 1000, 1500, 2000].map((at) => at + Math.round(backend.times()[0] ?? 0)))
    expect(page.data).toBe(100)
  })

  test('does not delay the fetches of the page itself, and those answer the mark', async () => {
    connect({ minInterval: 10_000 })
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    client.stale('all', [['row']])
    await pass(200)
    client.stale('all', [['row']])
    await pass(200)
    backend.change()
    void page.observer.refetch()
    await pass(30_000)
    expect(backend.count()).toBe(3)
    expect(page.data).toBe(1)
  })

  test('one fetch at a time, however slow the API', async () => {
    connect()
    backend.latency = 3000
    const page = watch(queryClient, backend, ['row'])
    for (let i = 0; i < 50; i += 1) {
      backend.change()
      client.stale('all', [['row']])
      await pass(100)
    }
    await pass(20_000)
    const times = backend.times()
    expect(times.slice(1).every((at, i) => at - (times[i] ?? 0) >= 3000)).toBe(true)
    expect(page.data).toBe(50)
  })
})

describe('ready', () => {
  test('fresh: a change between the fetch of the page and the opening of the stream is seen', async () => {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(200)
    backend.change()
    client.ready({ all: 'fresh' })
    await pass(1000)
    expect(page.data).toBe(1)
    expect(backend.count()).toBe(2)
  })

  test('fresh: a fetch in flight is repeated when it has settled', async () => {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(50)
    backend.change()
    client.ready({ all: 'fresh' })
    await pass(1000)
    expect(page.shown).toEqual([0, 1])
    expect(backend.count()).toBe(2)
  })

  test('fresh: a fetch that starts afterwards is not repeated', async () => {
    connect()
    client.ready({ all: 'fresh' })
    await pass(0)
    watch(queryClient, backend, ['row'])
    await pass(5000)
    expect(backend.count()).toBe(1)
  })

  test('exact: nothing is refetched but what the marks that follow name', async () => {
    connect()
    watch(queryClient, backend, ['a'], { name: 'a' })
    watch(queryClient, backend, ['b'], { name: 'b' })
    await pass(1000)
    client.ready({ all: 'exact' })
    client.stale('all', [['b']])
    await pass(5000)
    expect([backend.count('a'), backend.count('b')]).toEqual([1, 2])
  })

  test('only the scopes that are not exact are refetched, and what has no scope', async () => {
    connect({ scopeOf: (query) => (query.queryKey[1] ? String(query.queryKey[1]) : undefined) })
    watch(queryClient, backend, ['row', 'project:1'], { name: 'one' })
    watch(queryClient, backend, ['row', 'project:2'], { name: 'two' })
    watch(queryClient, backend, ['row'], { name: 'none' })
    await pass(1000)
    client.ready({ 'project:1': 'exact', 'project:2': 'reset' })
    await pass(5000)
    expect([backend.count('one'), backend.count('two'), backend.count('none')]).toEqual([1, 2, 2])
  })

  test('that came before the query client was connected is made up for', async () => {
    const page = watch(queryClient, backend, ['row'])
    await pass(200)
    client.ready({ all: 'fresh' })
    backend.change()
    connect()
    await pass(1000)
    expect(page.data).toBe(1)
  })

  test('query without data and without fetch is left alone', async () => {
    connect()
    watch(queryClient, backend, ['row'], { enabled: false })
    client.ready({ all: 'fresh' })
    await pass(1000)
    expect(backend.count()).toBe(0)
    expect(isInvalidated('row')).toBe(false)
  })
})

describe('spread', () => {
  test('a reset is answered at a random time within it', async () => {
    connect({ random: () => 0.5 })
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    backend.change()
    client.reset(['all'], 4000)
    await pass(1900)
    expect(backend.count()).toBe(1)
    expect(isInvalidated('row')).toBe(true)
    await pass(300)
    expect(page.data).toBe(1)
  })

  test('a mark without one does not wait for the reset', async () => {
    connect({ random: () => 0.9 })
    watch(queryClient, backend, ['row'])
    await pass(1000)
    client.reset(['all'], 60_000)
    await pass(100)
    client.stale('all', [['row']])
    await pass(100)
    expect(backend.count()).toBe(2)
    await pass(100_000)
    expect(backend.count()).toBe(2)
  })

  test('a reset does not put off a mark that waits for the minimum interval', async () => {
    connect({ random: () => 0.9 })
    watch(queryClient, backend, ['row'])
    await pass(1000)
    client.stale('all', [['row']])
    await pass(200)
    client.stale('all', [['row']])
    await pass(10)
    client.reset(['all'], 60_000)
    await pass(2000)
    expect(backend.count()).toBe(3)
  })

  test('the next page of an infinite query, fetched meanwhile, does not pay', async () => {
    connect({ random: () => 0.5 })
    const observer = new InfiniteQueryObserver(queryClient, {
      queryKey: ['row'],
      queryFn: () => backend.read(),
      initialPageParam: 0,
      getNextPageParam: (_last, pages) => pages.length,
    })
    observer.subscribe(() => {})
    await pass(1000)
    backend.change()
    client.reset(['all'], 4000)
    await pass(100)
    void observer.fetchNextPage()
    await pass(500)
    expect(observer.getCurrentResult().data?.pages).toEqual([0, 1])
    expect(isInvalidated('row')).toBe(true)
    await pass(2000)
    expect(observer.getCurrentResult().data?.pages).toEqual([1, 1])
  })

  test('a component that mounts meanwhile pays', async () => {
    connect({ random: () => 0.9 })
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    client.ready({ all: 'reset' }, 10_000)
    await pass(100)
    page.unmount()
    watch(queryClient, backend, ['row'])
    await pass(30_000)
    expect(backend.count()).toBe(2)
  })
})

describe('a pending mutation', () => {
  function mutate(options: { mutationKey?: unknown[]; meta?: Record<string, unknown> }) {
    const mutation = new MutationObserver(queryClient, { mutationFn: () => sleep(3000), ...options })
    void mutation.mutate()
  }

  test('holds the keys that its mutationKey is a prefix of until it settles', async () => {
    connect()
    watch(queryClient, backend, ['tasks', 1], { name: 'task' })
    watch(queryClient, backend, ['users', 1], { name: 'user' })
    await pass(1000)
    mutate({ mutationKey: ['tasks'] })
    await pass(100)
    client.stale('all', [['tasks'], ['users']])
    await pass(2000)
    expect([backend.count('task'), backend.count('user')]).toEqual([1, 2])
    await pass(2000)
    expect(backend.count('task')).toBe(2)
  })

  test('holds the keys of meta.holds', async () => {
    connect()
    watch(queryClient, backend, ['tasks', 1])
    await pass(1000)
    mutate({ mutationKey: ['anything'], meta: { holds: [['tasks']] } })
    client.stale('all', [['tasks']])
    await pass(2000)
    expect(backend.count()).toBe(1)
    await pass(2000)
    expect(backend.count()).toBe(2)
  })

  test.each([
    ['any', 1],
    ['none', 2],
    [() => [['tasks']], 1],
    [() => [['users']], 2],
  ] as const)('holdFor %s', async (holdFor, during) => {
    connect({ holdFor })
    watch(queryClient, backend, ['tasks', 1])
    await pass(1000)
    mutate({})
    client.stale('all', [['tasks']])
    await pass(2000)
    expect(backend.count()).toBe(during)
    await pass(2000)
    expect(backend.count()).toBe(2)
  })

  test('an optimistic write meanwhile does not clear the mark', async () => {
    connect()
    const page = watch(queryClient, backend, ['tasks'])
    await pass(1000)
    mutate({ mutationKey: ['tasks'] })
    client.stale('all', [['tasks']])
    await pass(10)
    queryClient.setQueryData(['tasks'], 55)
    expect(isInvalidated('tasks')).toBe(true)
    expect(page.data).toBe(55)
    await pass(4000)
    expect(page.data).toBe(0)
  })
})

test('a refetch that was cancelled is repeated, but not in the moment of the write it was cancelled for', async () => {
  connect()
  const page = watch(queryClient, backend, ['row'])
  await pass(10_000)
  backend.change()
  backend.latency = 3000
  client.stale('all', [['row']])
  await pass(2000)
  backend.latency = 100
  await queryClient.cancelQueries({ queryKey: ['row'] })
  queryClient.setQueryData(['row'], 77)
  await pass(999)
  expect(backend.count()).toBe(2)
  expect(page.data).toBe(77)
  expect(isInvalidated('row')).toBe(true)
  await pass(500)
  expect(page.data).toBe(1)
  expect(isInvalidated('row')).toBe(false)
})

test('a query that is no longer static is refetched', async () => {
  connect()
  const page = watch(queryClient, backend, ['row'], { staleTime: 'static' })
  await pass(1000)
  client.stale('all', [['row']])
  await pass(1000)
  page.observer.setOptions({ ...page.observer.options, staleTime: Infinity })
  await pass(1000)
  expect(backend.count()).toBe(2)
})

describe('a refetch that fails', () => {
  test('is repeated, more and more slowly, until the backend is back', async () => {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    backend.change()
    backend.failing = true
    client.stale('all', [['row']])
    await pass(10_000)
    expect(isInvalidated('row')).toBe(true)
    expect(backend.count()).toBeLessThan(6)
    backend.failing = false
    await pass(20_000)
    expect(page.data).toBe(1)
    expect(isInvalidated('row')).toBe(false)
  })

  test('is not repeated for ever, but the next mark tries again', async () => {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    backend.failing = true
    client.stale('all', [['row']])
    await pass(3_600_000)
    expect(backend.count()).toBe(1 + 1 + 5)
    backend.failing = false
    backend.change()
    client.stale('all', [['row']])
    await pass(1000)
    expect(page.data).toBe(1)
  })
})

describe('cost', () => {
  test('a burst in one chunk walks the cache once', async () => {
    connect()
    watch(queryClient, backend, ['row', 1])
    await pass(1000)
    const walk = vi.spyOn(queryClient.getQueryCache(), 'getAll')
    for (let i = 0; i < 100; i += 1) client.stale('all', [['row', i]])
    await pass(5000)
    expect(walk).toHaveBeenCalledTimes(1)
    expect(backend.count()).toBe(2)
  })

  test('queries that leave the cache leave the scheduler', async () => {
    connect()
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    client.stale('all', [['row']], 60_000)
    await pass(0)
    page.unmount()
    queryClient.clear()
    await pass(100_000)
    expect(backend.count()).toBe(1)
  })
})

describe('the disposer', () => {
  test('ends everything', async () => {
    connect()
    watch(queryClient, backend, ['row'])
    await pass(1000)
    client.stale('all', [['row']])
    await pass(10)
    client.stale('all', [['row']])
    await pass(10)
    dispose()
    const told = reports.length
    await pass(100_000)
    expect(backend.count()).toBe(2)
    expect(client.listeners).toBe(0)
    expect(reports).toHaveLength(told)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('between the mark and the flush, too', async () => {
    connect()
    watch(queryClient, backend, ['row'])
    await pass(1000)
    client.stale('all', [['row']])
    dispose()
    await pass(5000)
    expect(backend.count()).toBe(1)
    expect(isInvalidated('row')).toBe(false)
    expect(reports).toEqual([])
  })
})

describe('the reports', () => {
  test('tell which marks came, what they covered, what was refetched and how long it took', async () => {
    connect()
    watch(queryClient, backend, ['tasks', 1])
    watch(queryClient, backend, ['tasks', 2]).unmount()
    await pass(1000)
    client.stale('all', [['tasks']])
    await pass(50)
    client.stale('all', [['tasks', 1]])
    await pass(5000)
    const one = { queryKey: ['tasks', 1], queryHash: '["tasks",1]' }
    const two = { queryKey: ['tasks', 2], queryHash: '["tasks",2]' }
    const at = expect.any(Number)
    expect(reports).toEqual([
      {
        type: 'marked', id: 1, at,
        marks: [{ scope: 'all', key: ['tasks'], from: 'stale' }],
        queries: [{ ...one, active: true, standing: 'active' }, { ...two, active: false, standing: 'inactive' }],
      },
      { type: 'refetch', at, ...one, causes: [1] },
      { type: 'marked', id: 2, at, marks: [{ scope: 'all', key: ['tasks', 1], from: 'stale' }], queries: [{ ...one, active: true, standing: 'active' }] },
      { type: 'settled', at, ...one, causes: [1], ok: true, ms: 100, again: true },
      { type: 'refetch', at, ...one, causes: [2] },
      { type: 'settled', at, ...one, causes: [2], ok: true, ms: 100, again: false },
    ])
  })

  test('a listener that throws breaks nothing', async () => {
    const logged = vi.spyOn(console, 'error').mockImplementation(() => {})
    connect({ onEvent: () => { throw new Error('oops') } })
    const page = watch(queryClient, backend, ['row'])
    await pass(1000)
    backend.change()
    client.stale('all', [['row']])
    await pass(1000)
    expect(page.data).toBe(1)
    expect(logged).toHaveBeenCalled()
  })
})
