/* Both packages against a server that is played by hand: from the bytes of the stream to what is on the screen. */

import { createClient } from '@unstale/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { FakeServer, sse } from '../../client/test/fake_server.ts'
import { connectQueryClient } from '../src/index.ts'
import { Backend, createQueryClient, pass, watch } from './fixture.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

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
