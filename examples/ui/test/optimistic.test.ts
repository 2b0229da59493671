import assert from 'node:assert/strict'
import { beforeEach, test } from 'node:test'
import { QueryClient } from '@tanstack/react-query'
import { draftId, insertItem, isDraft, patchItem, placeByName, prepareOptimistic, prependItem, removeItem, rollBack } from '../src/lib/optimistic.ts'

let queryClient: QueryClient

const ALL = ['recordings']
const LIST = ['recordings', 'list', { page: 1 }]
const DETAIL = ['recordings', 'detail', 'r1']

beforeEach(() => {
  queryClient = new QueryClient()
  queryClient.setQueryData(LIST, {
    items: [
      { id: 'r1', title: 'a' },
      { id: 'r2', title: 'b' },
    ],
    total: 7,
    page: 1,
    pageSize: 20,
  })
  queryClient.setQueryData(DETAIL, { id: 'r1', title: 'a' })
  queryClient.setQueryData(['projects', 'list'], { items: [{ id: 'r1' }], total: 1 })
})

test('removing a row takes it out of lists and their totals, and leaves details and other resources alone', () => {
  removeItem(queryClient, ALL, 'r1')
  const list = queryClient.getQueryData<{ items: unknown[]; total: number }>(LIST)
  assert.deepEqual([list?.items, list?.total], [[{ id: 'r2', title: 'b' }], 6])
  assert.deepEqual(queryClient.getQueryData(DETAIL), { id: 'r1', title: 'a' })
  assert.deepEqual(queryClient.getQueryData(['projects', 'list']), { items: [{ id: 'r1' }], total: 1 })
})

test('removing a row that a list does not show keeps the list as it is', () => {
  const before = queryClient.getQueryData(LIST)
  removeItem(queryClient, ALL, 'r9')
  assert.equal(queryClient.getQueryData(LIST), before)
})

test('patching a row changes it in lists and in its detail', () => {
  patchItem(queryClient, ALL, 'r1', { title: 'new' })
  assert.deepEqual(queryClient.getQueryData<{ items: unknown[] }>(LIST)?.items[0], { id: 'r1', title: 'new' })
  assert.deepEqual(queryClient.getQueryData(DETAIL), { id: 'r1', title: 'new' })
})

test('a new row goes to the top of the lists that it belongs to', () => {
  queryClient.setQueryData(['recordings', 'list', { page: 2 }], { items: [], total: 7, page: 2, pageSize: 20 })
  prependItem(queryClient, ALL, { id: 'r0' }, (key) => (key[2] as { page?: number } | undefined)?.page === 1)
  const list = queryClient.getQueryData<{ items: { id: string }[]; total: number }>(LIST)
  assert.deepEqual([list?.items.map(({ id }) => id), list?.total], [['r0', 'r1', 'r2'], 8])
  assert.deepEqual(queryClient.getQueryData(['recordings', 'list', { page: 2 }]), { items: [], total: 7, page: 2, pageSize: 20 })
})

test('a page that is full stays so: what does not fit any more is on the next one', () => {
  queryClient.setQueryData(LIST, { items: [{ id: 'r1' }, { id: 'r2' }], total: 7, page: 1, pageSize: 2 })
  prependItem(queryClient, ALL, { id: 'r0' }, () => true)
  const list = queryClient.getQueryData<{ items: { id: string }[]; total: number }>(LIST)
  assert.deepEqual([list?.items.map(({ id }) => id), list?.total], [['r0', 'r1'], 8])
})

const named = (...names: string[]) => names.map((name) => ({ id: name, name }))

for (const [what, name, page, expected] of [
  ['between two of a page', 'cedar', { items: named('Birch', 'Dogwood'), page: 1, pageSize: 2, total: 4 }, 1],
  ['before all', 'Acorn', { items: named('Birch', 'Dogwood'), page: 1, pageSize: 2, total: 4 }, 0],
  ['behind a name that is the same', 'BIRCH', { items: named('Birch', 'Dogwood'), page: 1, pageSize: 2, total: 4 }, 1],
  ['letters beyond ASCII come last, as in the database', 'ärla', { items: named('Birch', 'Zelkova'), page: 1, pageSize: 3, total: 2 }, 2],
  ['at the end of the last page', 'Yew', { items: named('Walnut'), page: 3, pageSize: 2, total: 5 }, 1],
  ['the first of all', 'Yew', { items: [], page: 1, pageSize: 2, total: 0 }, 0],
  ['on a page before this one, or at its top', 'Acorn', { items: named('Birch', 'Dogwood'), page: 2, pageSize: 2, total: 4 }, 'elsewhere'],
  ['on a page behind this one', 'Yew', { items: named('Birch', 'Dogwood'), page: 1, pageSize: 2, total: 4 }, 'elsewhere'],
  ['on a page that is still to come', 'Yew', { items: named('Birch', 'Dogwood'), page: 1, pageSize: 2, total: 2 }, 'elsewhere'],
] as const)
  test(`a new row among rows by name: ${what}`, () => {
    assert.equal(placeByName({ id: 'x', name }, { ...page, items: [...page.items] }), expected)
  })

test('a row that belongs to another page counts in this one, and is not shown', () => {
  insertItem(queryClient, ALL, { id: 'r0' }, () => 'elsewhere')
  const list = queryClient.getQueryData<{ items: { id: string }[]; total: number }>(LIST)
  assert.deepEqual([list?.items.map(({ id }) => id), list?.total], [['r1', 'r2'], 8])
})

test('two drafts have two names, and the backend gives none like them', () => {
  const [one, other] = [draftId(), draftId()]
  assert.notEqual(one, other)
  assert.deepEqual([one, other, 'r1'].map((id) => isDraft({ id })), [true, true, false])
})

test('rolling back restores what was there before', async () => {
  const before = queryClient.getQueryData(LIST)
  const snapshot = await prepareOptimistic(queryClient, ALL)
  removeItem(queryClient, ALL, 'r1')
  patchItem(queryClient, ALL, 'r2', { title: 'new' })
  rollBack(queryClient, snapshot)
  assert.deepEqual(queryClient.getQueryData(LIST), before)
})

test('preparing cancels a refetch, and lets a first fetch go on', async () => {
  let answer: (row: unknown) => void = () => {}
  const first = queryClient.fetchQuery({
    queryKey: ['recordings', 'detail', 'r5'],
    queryFn: () => new Promise((resolve) => (answer = resolve)),
  })
  const again = queryClient.fetchQuery({
    queryKey: DETAIL,
    queryFn: ({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject)),
  })
  again.catch(() => {})
  await prepareOptimistic(queryClient, ALL)
  assert.equal(queryClient.getQueryState(DETAIL)?.fetchStatus, 'idle')
  assert.equal(queryClient.getQueryState(['recordings', 'detail', 'r5'])?.fetchStatus, 'fetching')
  answer({ id: 'r5' })
  assert.deepEqual(await first, { id: 'r5' })
})
