/* What is named where, as the document has it. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mapChanges } from '@unstale/query/map'
import { INVALIDATIONS } from '../ui/src/hooks/handleInvalidation.ts'
import { queryClient } from '../ui/src/lib/queryClient.ts'
import { queryKeys } from '../ui/src/lib/queryKeys.ts'

test('the defaults: fresh for 30 s, cached for 5 min, refetch on focus, one retry', () => {
  assert.deepEqual(queryClient.getDefaultOptions().queries, { staleTime: 30_000, gcTime: 5 * 60_000, refetchOnWindowFocus: true, retry: 1 })
})

test('the keys, with page and filters in them', () => {
  const filters = { page: 2, status: 'failed' }
  assert.deepEqual(queryKeys.recordings.all, ['recordings'])
  assert.deepEqual(queryKeys.recordings.list(filters), ['recordings', 'list', filters])
  assert.deepEqual(queryKeys.recordings.detail('r1'), ['recordings', 'detail', 'r1'])
  assert.deepEqual(queryKeys.projects.all, ['projects'])
  assert.deepEqual(queryKeys.projects.list(filters), ['projects', 'list', filters])
  assert.deepEqual(queryKeys.projects.detail('p1'), ['projects', 'detail', 'p1'])
  assert.deepEqual(queryKeys.conversations.all, ['conversations'])
  assert.deepEqual(queryKeys.conversations.list(), ['conversations', 'list'])
  assert.deepEqual(queryKeys.dashboard.stats, ['dashboard', 'stats'])
  assert.deepEqual(queryKeys.search.history, ['search', 'history'])
})

const map = mapChanges(INVALIDATIONS)

function keysOf(resource: string, action: string, id?: string): string[] {
  const marks = map({ scope: 'all', keys: [], spread: 0, changes: [{ resource, action, ...(id !== undefined && { id }) }] })
  return (marks ?? []).map(({ key }) => JSON.stringify(key)).sort()
}

const keys = (...all: unknown[][]) => all.map((key) => JSON.stringify(key)).sort()

const LIST = ['recordings', 'list']
const STATS = ['dashboard', 'stats']
const CHATS = ['conversations']

test('each resource reaches what shows it, and recordings and projects the dashboard', () => {
  for (const action of ['updated', 'status_changed'])
    assert.deepEqual(keysOf('recordings', action, 'r1'), keys(LIST, ['recordings', 'detail', 'r1'], STATS))
  assert.deepEqual(keysOf('recordings', 'created', 'r1'), keys(LIST, STATS, ['projects']))
  assert.deepEqual(keysOf('recordings', 'deleted', 'r1'), keys(LIST, ['recordings', 'detail', 'r1'], STATS, ['projects'], CHATS))
  assert.deepEqual(keysOf('projects', 'updated', 'p1'), keys(['projects', 'list'], ['projects', 'detail', 'p1'], STATS))
  assert.deepEqual(keysOf('projects', 'deleted', 'p1'), keys(['projects', 'list'], ['projects', 'detail', 'p1'], STATS, ['recordings']))
  assert.deepEqual(keysOf('conversations', 'updated', 'c1'), keys(CHATS))
  assert.deepEqual(keysOf('conversations', 'created', 'c1'), keys(CHATS, STATS))
  for (const action of ['created', 'deleted']) assert.deepEqual(keysOf('search_history', action, 's1'), keys(['search', 'history']))
  assert.deepEqual(keysOf('something_else', 'created', 'x'), [])
})

test('without an id, which is a reset, a resource reaches all that it may be part of', () => {
  assert.deepEqual(keysOf('recordings', 'updated'), keys(['recordings'], STATS, ['projects'], CHATS))
  assert.deepEqual(keysOf('projects', 'updated'), keys(['projects'], STATS, ['recordings']))
  assert.deepEqual(keysOf('conversations', 'updated'), keys(CHATS, STATS))
})
