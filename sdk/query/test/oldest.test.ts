/* The same traps, and a few stories more, with the first release that `peerDependencies` allows. It knows no static queries, says `error` of a fetch that was
 * cancelled, and keeps the observers of a query to itself. */

import { Query } from '@tanstack/query-core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { connectQueryClient } from '../src/index.ts'
import { reports } from '../src/report.ts'
import type { QueryReport } from '../src/report.ts'
import { Backend, createQueryClient, FakeClient, pass, watch } from './fixture.ts'
import './traps.test.ts'

vi.mock('@tanstack/query-core', () => import('query-core-first' as string))

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('it is that release', () => expect(Query.prototype).not.toHaveProperty('isStatic'))

test('marks are reported, and a refetch that was cancelled is repeated, but not in the moment of the write it was cancelled for', async () => {
  const queryClient = createQueryClient()
  const client = new FakeClient()
  const backend = new Backend()
  const told: QueryReport['type'][] = []
  connectQueryClient(queryClient, client, { onEvent: reports(({ type }) => told.push(type)) })
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
  expect([backend.count(), page.data]).toEqual([2, 77])
  await pass(500)
  expect([backend.count(), page.data]).toEqual([3, 1])
  expect(told).toEqual(['marked', 'refetch', 'settled', 'refetch', 'settled'])
})

test('while the page is not live data is not fresh for long', async () => {
  const queryClient = createQueryClient()
  const backend = new Backend()
  connectQueryClient(queryClient, new FakeClient())
  watch(queryClient, backend, ['row'])
  await pass(30_200)
  watch(queryClient, backend, ['row'])
  await pass(200)
  expect(backend.count()).toBe(2)
})
