// @vitest-environment happy-dom
/* With the React that is installed; both versions run in a real browser in tests/sdk-e2e. */

import { QueryClient, QueryObserver } from '@tanstack/query-core'
import { act, createElement, StrictMode } from 'react'
import type { ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTestClient } from '../../testing/src/index.ts'
import { ConnectionIndicator, UnstaleProvider, useChanges, useConnectionState, useNotices, useUnstale } from '../src/index.ts'
import type { UnstaleProviderProps } from '../src/index.ts'

let host: HTMLElement
let root: ReturnType<typeof createRoot>

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  host = document.createElement('div')
  root = createRoot(host)
})
afterEach(async () => {
  await act(async () => root.unmount())
  await pass(1)
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const pass = (milliseconds: number) => act(() => vi.advanceTimersByTimeAsync(milliseconds))

async function show(props: Omit<UnstaleProviderProps, 'children'>, ...children: ReactNode[]): Promise<void> {
  await act(async () => root.render(createElement(StrictMode, null, createElement(UnstaleProvider, props, ...children))))
  await pass(1)
}

/** A component that shows the query `a`. */
function shown(queryClient: QueryClient): { fetches(): number; stop(): void } {
  let count = 0
  const stop = new QueryObserver(queryClient, { queryKey: ['a'], queryFn: () => (count += 1), staleTime: Infinity }).subscribe(() => {})
  return { fetches: () => count, stop }
}

function Status(): ReactNode {
  const { status, live } = useConnectionState()
  return `${status} ${live}`
}

test('connects once under StrictMode, and disconnects when the tree is gone', async () => {
  const { client, server, clock } = createTestClient()
  await show({ client }, createElement(Status))
  expect(server.connections).toHaveLength(1)
  expect(host.textContent).toBe('connected true')
  await act(async () => root.unmount())
  root = createRoot(host)
  await pass(1)
  expect(server.connections[0]?.open).toBe(false)
  expect(clock.pending).toBe(0)
})

test('another client for another user: the first one is left', async () => {
  const one = createTestClient()
  const two = createTestClient()
  await show({ client: one.client }, createElement(Status))
  await show({ client: two.client }, createElement(Status))
  expect(one.server.connections.map(({ open }) => open)).toEqual([false])
  expect(two.server.connections.map(({ open }) => open)).toEqual([true])
})

test('another user with the same query client: what the first one is told touches it no more', async () => {
  const one = createTestClient()
  const two = createTestClient()
  const queryClient = new QueryClient()
  const { fetches, stop } = shown(queryClient)
  await show({ client: one.client, queryClient })
  await show({ client: two.client, queryClient })
  await pass(3000)
  const before = fetches()
  one.server.stale('all', [['a']])
  await pass(3000)
  expect(fetches()).toBe(before)
  two.server.stale('all', [['a']])
  await pass(3000)
  expect(fetches()).toBe(before + 1)
  stop()
})

test('two trees may share a client: each query client is kept fresh, and the last to leave disconnects', async () => {
  const { client, server } = createTestClient()
  const mine = new QueryClient()
  const theirs = new QueryClient()
  const first = shown(mine)
  const second = shown(theirs)
  const other = createRoot(document.createElement('div'))
  await show({ client, queryClient: mine })
  await act(async () => other.render(createElement(UnstaleProvider, { client, queryClient: theirs })))
  await pass(3000)
  const before = [first.fetches(), second.fetches()]
  server.stale('all', [['a']])
  await pass(3000)
  expect([first.fetches(), second.fetches()]).toEqual(before.map((count) => count + 1))
  await act(async () => root.unmount())
  root = createRoot(host)
  await pass(1)
  server.stale('all', [['a']])
  await pass(3000)
  expect([first.fetches(), second.fetches()]).toEqual([before[0]! + 1, before[1]! + 2])
  expect(server.connections.map(({ open }) => open)).toEqual([true])
  await act(async () => other.unmount())
  await pass(1)
  expect(server.connections.map(({ open }) => open)).toEqual([false])
  first.stop()
  second.stop()
})

test('another query client takes the place of the first on the open connection', async () => {
  const { client, server } = createTestClient()
  const first = new QueryClient()
  const second = new QueryClient()
  await show({ client, queryClient: first })
  await show({ client, queryClient: second })
  const old = shown(first)
  const now = shown(second)
  await pass(3000)
  server.stale('all', [['a']])
  await pass(3000)
  expect([old.fetches(), now.fetches()]).toEqual([1, 2])
  expect(server.connections).toHaveLength(1)
  old.stop()
  now.stop()
})

test('connect={false} waits for somebody to sign in', async () => {
  const { client, server } = createTestClient()
  await show({ client, connect: false }, createElement(Status))
  expect(server.connections).toHaveLength(0)
  await show({ client, connect: true }, createElement(Status))
  expect(server.connections).toHaveLength(1)
})

test('keeps a query client fresh, from the position that came with the page', async () => {
  const { client, server } = createTestClient()
  const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } })
  queryClient.setQueryData(['a'], 0)
  const observer = new QueryObserver(queryClient, { queryKey: ['a'], queryFn: () => 1 })
  const stop = observer.subscribe(() => {})
  await show({ client, queryClient, resume: { position: 'p-1', scopes: ['all'] } })
  expect(server.connections[0]?.since).toBe('p-1')
  await pass(2000)
  expect(observer.getCurrentResult().data).toBe(0)
  server.stale('all', [['a']])
  await pass(2000)
  expect(observer.getCurrentResult().data).toBe(1)
  stop()
})

test('useChanges and useNotices call the last callback, and none after unmount', async () => {
  const { client, server } = createTestClient({ changes: true })
  const seen: string[] = []
  function Listener({ name }: { name: string }): ReactNode {
    useChanges('task:*', ({ id }) => seen.push(`${name} ${id}`))
    useNotices(({ type }) => seen.push(`${name} ${type}`), 'job')
    return useUnstale().url
  }
  const change = (id: string) => act(async () => server.stale('all', [['t']], { changes: [{ resource: 'task', action: 'updated', id }] }))
  await show({ client }, createElement(Listener, { name: 'one' }))
  await change('1')
  await show({ client }, createElement(Listener, { name: 'two' }))
  await change('2')
  await act(async () => server.notice('all', 'job'))
  await act(async () => server.notice('all', 'other'))
  await show({ client })
  await change('3')
  expect(seen).toEqual(['one 1', 'two 2', 'two job'])
})

test('the indicator appears after 3 s only, is announced, and can be used', async () => {
  const { client, server, clock } = createTestClient({ maxAttempts: 1 })
  await show({ client }, createElement(ConnectionIndicator, { texts: { retry: 'Nochmal' } }))
  const region = host.querySelector('[role=status]')
  expect(region?.getAttribute('aria-live')).toBe('polite')
  expect(region?.textContent).toBe('')
  server.state = 'down'
  await act(async () => server.drop())
  await pass(2999)
  expect(region?.textContent).toBe('')
  await pass(1)
  expect(region?.textContent).toBe('Not connectedNochmal')
  server.state = 'up'
  await act(async () => {
    host.querySelector('button')?.click()
    await clock.advance(0)
  })
  expect(region?.textContent).toBe('')
  await act(async () => server.current(false))
  await pass(3000)
  expect(region?.textContent).toBe('Updates are delayed')
})

test('on a server nothing opens and the state is constant', () => {
  const { client, server } = createTestClient()
  const html = renderToString(createElement(UnstaleProvider, { client }, createElement(Status), createElement(ConnectionIndicator)))
  expect(html).toContain('disconnected false')
  expect(server.connections).toHaveLength(0)
})

test('without a provider it says so', () => {
  expect(() => renderToString(createElement(Status))).toThrow('UnstaleProvider')
})
