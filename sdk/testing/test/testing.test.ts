import { expect, test } from 'vitest'
import { QueryClient, QueryObserver } from '@tanstack/query-core'
import { connectQueryClient } from '@unstale/query'
import { createTestClient, fakeClock } from '../src/index.ts'

test('an application is told what the test says, and refetches that', async () => {
  const { client, server, clock } = createTestClient()
  const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } })
  connectQueryClient(queryClient, client, { clock, random: () => 0 })
  let value = 0
  const observer = new QueryObserver(queryClient, { queryKey: ['tasks', 7], queryFn: () => value })
  observer.subscribe(() => {})
  client.connect()
  await clock.advance(2000)
  expect(client.getState()).toMatchObject({ status: 'connected', live: true, transport: 'fake' })
  value = 1
  server.stale('all', [['tasks', '7']])
  await clock.advance(2000)
  expect(await observer.fetchOptimistic(observer.options as never).then(({ data }) => data)).toBe(1)
  client.disconnect()
})

test('a server that goes away comes back with the waits of the client, and the client resumes', async () => {
  const { client, server, clock } = createTestClient()
  client.connect()
  await clock.advance(0)
  server.stale('all', [['a']])
  server.state = 'down'
  server.drop()
  await clock.advance(500)
  expect(client.getState()).toMatchObject({ status: 'disconnected', attempts: 2 })
  server.state = 'up'
  await clock.advance(1000)
  expect(client.getState().status).toBe('connected')
  expect(server.connections.at(-1)).toMatchObject({ since: 'fake-2', open: true })
  client.disconnect()
  expect(clock.pending).toBe(0)
})

test('a scope of which the position does not speak is fresh', async () => {
  const { client, server, clock } = createTestClient({ scopes: ['a', 'b'], resume: { position: 'p-1', scopes: ['a'] } })
  client.connect()
  await clock.advance(0)
  expect(server.connections[0]?.since).toBe('p-1')
  expect(client.getState().scopes).toEqual({ a: 'exact', b: 'fresh' })
  client.disconnect()
})

test('scopes, notices, changes, tokens and capture that falls behind', async () => {
  const { client, server, clock } = createTestClient({ scopes: ['project:1'], getToken: () => 't' })
  const seen: unknown[] = []
  client.onNotice(({ type }) => seen.push(type))
  client.subscribe('task:7', ({ action }) => seen.push(action))
  client.connect()
  await clock.advance(0)
  client.addScopes(['project:2'])
  await clock.advance(0)
  server.notice('project:2', 'job')
  server.notice('project:3', 'nobody')
  server.stale('project:*', [['tasks']], { changes: [{ resource: 'task', action: 'updated', id: '7' }] })
  server.current(false)
  expect(seen).toEqual(['job', 'updated'])
  expect(client.getState()).toMatchObject({ live: false, current: false, scopes: { 'project:1': 'fresh', 'project:2': 'fresh' } })
  expect(server.connections[0]).toMatchObject({ token: 't', sent: [{ type: 'subscribe' }] })
  client.disconnect()
})

test('the clock runs timers in order and only when told', async () => {
  const clock = fakeClock(1000)
  const ran: number[] = []
  clock.setTimeout(() => ran.push(clock.now()), 20)
  clock.setTimeout(() => ran.push(clock.now()), 10)
  clock.clearTimeout(clock.setTimeout(() => ran.push(-1), 5))
  await clock.advance(15)
  expect(ran).toEqual([1010])
  await clock.advance(15)
  expect(ran).toEqual([1010, 1020])
  expect(clock.now()).toBe(1030)
})
