import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { createActivity } from '../src/live/activity.ts'
import type { Activity } from '../src/live/activity.ts'
import { newestWrite } from '../src/live/newestWrite.ts'

/* No frames are drawn here, as in a hidden tab. */
Object.assign(globalThis, { document: { visibilityState: 'hidden' } })

let queryClient: QueryClient
let activity: Activity

const LIST = ['recordings', 'list', { page: 1 }]
const name = () => ({ queryKey: LIST, queryHash: JSON.stringify(LIST) })

function push(id: number): void {
  const marks = [{ scope: 'all', key: ['recordings', 'list'], from: 'stale' as const }]
  activity.report({ type: 'marked', id, at: Date.now(), marks, queries: [{ ...name(), active: true, standing: 'active' }] })
}

function answer(causes: number[], updatedAt: number): void {
  activity.report({ type: 'refetch', at: Date.now(), causes, ...name() })
  queryClient.setQueryData(LIST, { items: [{ id: 'r1', updated_at: updatedAt }], total: 1 })
  activity.report({ type: 'settled', at: Date.now(), causes, ok: true, ms: 3, again: false, ...name() })
}

beforeEach(() => {
  queryClient = new QueryClient()
  queryClient.setQueryData(LIST, { items: [{ id: 'r1', updated_at: 1000 }], total: 1 })
  activity = createActivity(queryClient)
})

test('a push is followed from the mark to the frame', () => {
  push(1)
  const refetches = () => activity.getSnapshot().happenings[0]?.refetches.map(({ state }) => state)
  assert.deepEqual(refetches(), ['waiting'])
  const written = Date.now() - 40
  answer([1], written)
  const [happening] = activity.getSnapshot().happenings
  assert.deepEqual(refetches(), ['done'])
  assert.equal(happening?.writtenAt, written)
  assert.ok((happening?.paintedAt ?? 0) >= written + 40)
})

test('an answer without a newer row says nothing about when it was written', () => {
  push(1)
  answer([1], 1000)
  const [happening] = activity.getSnapshot().happenings
  assert.equal(happening?.writtenAt, null)
  assert.notEqual(happening?.paintedAt, null)
})

test('an own write that was on the screen before the refetch is not measured by it', () => {
  push(1)
  const written = Date.now()
  queryClient.setQueryData(LIST, { items: [{ id: 'r1', updated_at: written }], total: 1 })
  answer([1], written)
  assert.equal(activity.getSnapshot().happenings[0]?.writtenAt, null)
})

test('one fetch that answers three pushes counts once', () => {
  for (const id of [1, 2, 3]) push(id)
  answer([1, 2, 3], Date.now())
  const { pushes, fetches, happenings } = activity.getSnapshot()
  assert.deepEqual([pushes, fetches], [3, 1])
  assert.ok(happenings.every((one) => one.refetches[0]?.state === 'done'))
})

test('a push that comes during the refetch for another leaves that one done', () => {
  push(1)
  activity.report({ type: 'refetch', at: Date.now(), causes: [1], ...name() })
  push(2)
  activity.report({ type: 'settled', at: Date.now(), causes: [1], ok: true, ms: 3, again: true, ...name() })
  const states = () => activity.getSnapshot().happenings.map((one) => one.refetches[0]?.state)
  assert.deepEqual(states(), ['waiting', 'done'])
  answer([2], Date.now())
  assert.deepEqual(states(), ['done', 'done'])
})

test('a refetch that was due on a page that is left waits for its return', () => {
  const observer = new QueryObserver(queryClient, { queryKey: LIST, staleTime: Infinity })
  const states = () => activity.getSnapshot().happenings.map((one) => one.refetches[0]?.state)
  const leave = observer.subscribe(() => {})
  push(1)
  assert.deepEqual(states(), ['waiting'])
  leave()
  assert.deepEqual(states(), ['later'])
  answer([1], Date.now())
  assert.deepEqual(states(), ['done'])
})

test('only the newest pushes are kept', () => {
  for (let id = 1; id <= 100; id++) push(id)
  const { pushes, happenings } = activity.getSnapshot()
  assert.deepEqual([pushes, happenings.length, happenings[0]?.id], [100, 40, 100])
})

test('the newest write is found in pages, rows and statistics', () => {
  assert.equal(newestWrite({ items: [{ updated_at: 3 }, { updated_at: 9 }, { created_at: 4 }] }), 9)
  assert.equal(newestWrite({ id: 'r1', updated_at: 5, created_at: 2 }), 5)
  assert.equal(newestWrite({ totals: { updated_at: 7 }, recent: [] }), 7)
  assert.equal(newestWrite({ items: [] }), null)
  assert.equal(newestWrite(undefined), null)
})
