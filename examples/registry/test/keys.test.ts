/* What is named where, as the document has it. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MutationObserver, QueryObserver } from '@tanstack/react-query'
import { AFTER_GROUPS, AFTER_USERS } from '../ui/src/hooks/use-admin-mutations.ts'
import { EVENT_INVALIDATION_MAP } from '../ui/src/hooks/event-invalidation-map.ts'
import { repositoriesChanged } from '../ui/src/hooks/use-repository-mutations.ts'
import { backups, dependencyTrackStatus, monitoring, search } from '../ui/src/lib/queries.ts'
import { createQueryClient, FRESH, FRESH_WHILE_PUSHED } from '../ui/src/providers/query-client.ts'

const KEYS = ['repositories', 'repositories-list', 'repositories-for-scan', 'repositories-all', 'recent-repositories', 'quality-health-dashboard', 'admin-stats', 'admin-users']

function filled(pushed = false) {
  const queryClient = createQueryClient(() => pushed)
  for (const key of KEYS) queryClient.setQueryData([key], key)
  const stale = () => KEYS.filter((key) => queryClient.getQueryState([key])?.isInvalidated)
  return { queryClient, stale }
}

test('the defaults: fresh for 30 s, one retry, refetch on focus and on reconnect', () => {
  const { queries } = createQueryClient(() => false).getDefaultOptions()
  const { staleTime, ...rest } = queries ?? {}
  assert.deepEqual(rest, { retry: 1, refetchOnWindowFocus: true, refetchOnReconnect: true })
  assert.equal((staleTime as () => number)(), 30_000)
  assert.equal(FRESH, 30_000)
})

test('while pushes arrive data is fresh for five minutes, and again for 30 s without them', () => {
  let pushed = true
  const queryClient = createQueryClient(() => pushed)
  const staleTime = queryClient.getDefaultOptions().queries?.staleTime as () => number
  assert.equal(staleTime(), FRESH_WHILE_PUSHED)
  assert.equal(FRESH_WHILE_PUSHED, 5 * 60_000)
  pushed = false
  assert.equal(staleTime(), 30_000)
})

test('what a page sets for itself stays: Dependency-Track 60 s, search 30 s, monitoring and backups poll', () => {
  const queryClient = createQueryClient(() => true)
  const of = (options: object) => queryClient.defaultQueryOptions(options as { queryKey: unknown[] })
  assert.equal(of(dependencyTrackStatus).staleTime, 60_000)
  assert.equal(of(search('web')).staleTime, 30_000)
  const polls = (options: object) => (new QueryObserver(queryClient, options as never).options as { refetchInterval?: unknown }).refetchInterval
  assert.deepEqual([polls(monitoring), polls(backups)], [5_000, 10_000])
  assert.equal(polls(search('web')), undefined)
})

test('any mutation that succeeds makes the counts and the recent repositories stale, one that fails does not', async () => {
  const { queryClient, stale } = filled()
  await assert.rejects(new MutationObserver(queryClient, { mutationFn: () => Promise.reject(new Error('no')) }).mutate())
  assert.deepEqual(stale(), [])
  await new MutationObserver(queryClient, { mutationFn: () => Promise.resolve() }).mutate()
  assert.deepEqual(stale(), ['recent-repositories', 'admin-stats'])
})

test('a repository mutation makes all five repository keys and the quality dashboard stale', () => {
  const { queryClient, stale } = filled()
  repositoriesChanged(queryClient)
  assert.deepEqual(stale(), ['repositories', 'repositories-list', 'repositories-for-scan', 'repositories-all', 'recent-repositories', 'quality-health-dashboard'])
})

test('users name the groups, groups name the permissions, and each its own list', () => {
  assert.deepEqual(AFTER_USERS, [['admin-users'], ['admin-groups']])
  assert.deepEqual(AFTER_GROUPS, [['admin-groups'], ['admin-permissions']])
})

test('the map of events begins with what the document prints', () => {
  const printed = {
    'user.created': [['admin-users'], ['admin-stats']],
    'user.updated': [['admin-users'], ['admin-stats']],
    'user.deleted': [['admin-users'], ['admin-stats']],
    'repository.created': [['repositories'], ['repositories-list'], ['recent-repositories'], ['admin-stats']],
    'repository.deleted': [['repositories'], ['repositories-list'], ['recent-repositories'], ['admin-stats']],
    'service-account.created': [['service-accounts'], ['admin-stats']],
  }
  for (const [type, keys] of Object.entries(printed)) assert.deepEqual(EVENT_INVALIDATION_MAP[type]?.slice(0, keys.length), keys, type)
})

test('every event that the server can send is about something', () => {
  const rules = readFileSync(join(import.meta.dirname, '..', 'unstale.yaml'), 'utf8').split(/^rules:/m)[1] ?? ''
  const names = [...rules.matchAll(/^    name: (\S+)$/gm)].map(([, name]) => name)
  assert.equal(names.length, 10)
  const types = names.flatMap((name) => ['created', 'updated', 'deleted'].map((action) => `${name}.${action}`))
  assert.deepEqual(Object.keys(EVENT_INVALIDATION_MAP).sort(), types.sort())
  for (const [type, keys] of Object.entries(EVENT_INVALIDATION_MAP)) assert.ok(keys.length > 0, type)
})
