/* Both packages against a server that is played by hand: from the bytes of the stream to what is on the screen. */

import { focusManager } from '@tanstack/query-core'
import { createClient } from '@unstale/client'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { FakeServer, sse } from '../../client/test/fake_server.ts'
import { connectQueryClient } from '../src/index.ts'
import { Backend, createQueryClient, pass, watch } from './fixture.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  focusManager.setFocused(undefined)
  vi.useRealTimers()
})

test('a page stays right through marks, a restart with exact resume, and a crash with reset', async () => {
  const server = new FakeServer()
  const backend = new Backend()
  const queryClient = createQueryClient()
  const client = createClient({ url: '', scopes: ['all'], fetch: server.fetch, random: () => 0.5 })
  const dispose = connectQueryClient(queryClient, client, { random: () => 0.5 })
  const list = watch(queryClient, backend, ['recordings', 'list'], { name: 'list' })
  const detail = watch(queryClient, backend, ['recordings', 'detail', 7], { name: 'detail' })
  const counts = () => [backend.count('list'), backend.count('detail')]
  await pass(200)

  backend.change('list')
  client.connect()
  server.last.ready({ all: 'fresh' })
  await pass(200)
  expect(counts()).toEqual([2, 2])
  expect(list.data).toBe(1)

  await pass(15_000)
  backend.change('detail')
  server.last.write(sse('stale', { scope: 'all', keys: [['recordings', 'detail', '7']], spread: 0 }) + sse('position', { position: 'e-2' }))
  await pass(200)
  expect(counts()).toEqual([2, 3])
  expect(detail.data).toBe(1)

  server.last.end()
  backend.change('list')
  await pass(500)
  expect(server.last.query).toBe('scope=all&since=e-2')
  server.last.ready({ all: 'exact' }, { position: 'e-2' })
  server.last.event('stale', { scope: 'all', keys: [['recordings', 'list']], spread: 0 })
  await pass(15_000)
  expect(counts()).toEqual([3, 3])
  expect(list.data).toBe(2)

  server.last.end()
  backend.change('list')
  backend.change('detail')
  await pass(500)
  server.last.ready({ all: 'reset' }, { position: 'f-0', spread: 2000 })
  await pass(900)
  expect(counts()).toEqual([3, 3])
  await pass(300)
  expect(counts()).toEqual([4, 4])
  expect([list.data, detail.data]).toEqual([3, 2])

  dispose()
  client.disconnect()
  expect(vi.getTimerCount()).toBe(0)
})

describe('while the server says that its capture is not current', () => {
  function setUp() {
    const server = new FakeServer()
    const backend = new Backend()
    const queryClient = createQueryClient()
    /* As a QueryClientProvider does. */
    queryClient.mount()
    const client = createClient({ url: '', scopes: ['all'], fetch: server.fetch })
    const dispose = connectQueryClient(queryClient, client)
    onTestFinished(() => {
      dispose()
      client.disconnect()
      queryClient.unmount()
    })
    client.connect()
    server.last.ready({ all: 'fresh' }, { heartbeat: 0 })
    const current = async (current: boolean) => {
      server.last.event('heartbeat', { time: '', current, position: 'e-1' })
      await pass(0)
      expect(client.getState().live).toBe(current)
    }
    const focus = async () => {
      focusManager.setFocused(false)
      focusManager.setFocused(true)
      await pass(200)
    }
    return { backend, queryClient, current, focus }
  }

  test('data that would be fresh for ever is fetched again on mount and on focus after 30 s, and no longer when it is current again', async () => {
    const { backend, queryClient, current, focus } = setUp()
    await pass(10)
    const shown = watch(queryClient, backend, ['shown'], { name: 'shown' })
    const left = watch(queryClient, backend, ['left'], { name: 'left', staleTime: Infinity })
    const counts = () => [backend.count('shown'), backend.count('left')]
    await pass(200)
    left.unmount()
    await pass(600_000)
    await focus()
    watch(queryClient, backend, ['left'], { name: 'left', staleTime: Infinity }).unmount()
    await pass(200)
    expect(counts()).toEqual([1, 1])

    await current(false)
    await focus()
    expect(counts()).toEqual([2, 1])
    watch(queryClient, backend, ['left'], { name: 'left', staleTime: Infinity })
    await pass(200)
    expect(counts()).toEqual([2, 2])
    await focus()
    expect(counts()).toEqual([2, 2])
    await pass(30_000)
    await focus()
    expect(counts()).toEqual([3, 3])

    await current(true)
    await pass(600_000)
    await focus()
    expect(counts()).toEqual([3, 3])
    expect(shown.data).toBe(0)
  })

  test('a shorter staleTime and a static one stay what they are', async () => {
    const { backend, queryClient, current, focus } = setUp()
    await current(false)
    watch(queryClient, backend, ['short'], { name: 'short', staleTime: 5000 })
    watch(queryClient, backend, ['static'], { name: 'static', staleTime: 'static' })
    await pass(6000)
    await focus()
    await pass(600_000)
    await focus()
    expect([backend.count('short'), backend.count('static')]).toEqual([3, 1])
  })

  test('queries that were there before it was connected are not left out, and after dispose nothing is left', async () => {
    const queryClient = createQueryClient()
    const backend = new Backend()
    watch(queryClient, backend, ['row'])
    await pass(200)
    const client = createClient({ url: '', scopes: ['all'], fetch: new FakeServer().fetch })
    const query = queryClient.getQueryCache().find({ queryKey: ['row'] })
    const dispose = connectQueryClient(queryClient, client, { staleAfter: 60_000 })
    await pass(59_000)
    expect(query?.isStaleByTime(Infinity)).toBe(false)
    await pass(1000)
    expect(query?.isStaleByTime(Infinity)).toBe(true)
    const another = connectQueryClient(queryClient, client, { staleAfter: Infinity })
    dispose()
    expect(query?.isStaleByTime(Infinity)).toBe(false)
    expect(query?.isStaleByTime(100)).toBe(true)
    another()
  })
})
