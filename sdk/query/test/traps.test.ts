/* What plain `invalidateQueries` gets wrong. Each trap is one story, told three times: with the adapter the page must end
 * up right; with `invalidateQueries` and each of the two `cancelRefetch` it must end up as the table says, which proves that
 * the story is a trap at all. */

import { InfiniteQueryObserver, MutationObserver } from '@tanstack/query-core'
import type { QueryClient } from '@tanstack/query-core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectQueryClient } from '../src/index.ts'
import { Backend, createQueryClient, FakeClient, pass, watch } from './fixture.ts'

type Connect = (queryClient: QueryClient, client: FakeClient) => void
type Story = (connect: Connect) => Promise<boolean>

const unstale: Connect = (queryClient, client) => void connectQueryClient(queryClient, client)
const plain =
  (cancelRefetch: boolean): Connect =>
  (queryClient, client) =>
    void client.onStale(({ keys }) => {
      for (const queryKey of keys) void queryClient.invalidateQueries({ queryKey }, { cancelRefetch })
    })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function trap(name: string, plainIsRight: { cancelling: boolean; joining: boolean }, story: Story): void {
  describe(name, () => {
    test('unstale gets it right', async () => expect(await story(unstale)).toBe(true))
    test(`cancelRefetch: true gets it ${plainIsRight.cancelling ? 'right' : 'wrong'}`, async () =>
      expect(await story(plain(true))).toBe(plainIsRight.cancelling))
    test(`cancelRefetch: false gets it ${plainIsRight.joining ? 'right' : 'wrong'}`, async () =>
      expect(await story(plain(false))).toBe(plainIsRight.joining))
  })
}

function setUp(connect: Connect) {
  const queryClient = createQueryClient()
  const client = new FakeClient()
  const backend = new Backend()
  connect(queryClient, client)
  const changed = () => {
    backend.change()
    client.stale('all', [['row']])
  }
  return { queryClient, client, backend, changed }
}

trap('a burst faster than the API does not starve the page', { cancelling: false, joining: true }, async (connect) => {
  const { queryClient, backend, changed } = setUp(connect)
  const page = watch(queryClient, backend, ['row'])
  await pass(1000)
  for (let i = 0; i < 40; i += 1) {
    changed()
    await pass(50)
  }
  return page.shown.length >= 3
})

trap('a burst costs few refetches and ends with the last value', { cancelling: false, joining: false }, async (connect) => {
  const { queryClient, backend, changed } = setUp(connect)
  const page = watch(queryClient, backend, ['row'])
  await pass(1000)
  for (let i = 0; i < 200; i += 1) {
    changed()
    await pass(10)
  }
  await pass(5000)
  return backend.count() <= 1 + 4 && page.data === backend.value()
})

trap('a change during a refetch is not answered by that refetch', { cancelling: true, joining: false }, async (connect) => {
  const { queryClient, backend, changed } = setUp(connect)
  const page = watch(queryClient, backend, ['row'])
  await pass(1000)
  changed()
  await pass(50)
  changed()
  await pass(5000)
  return page.data === 2
})

trap('a change during the first fetch is not lost', { cancelling: false, joining: false }, async (connect) => {
  const { queryClient, backend, changed } = setUp(connect)
  const page = watch(queryClient, backend, ['row'])
  await pass(50)
  changed()
  await pass(5000)
  return page.data === 1
})

trap('a change during the first fetch of a prefetched query is seen on mount', { cancelling: false, joining: false }, async (connect) => {
  const { queryClient, backend, changed } = setUp(connect)
  void queryClient.prefetchQuery({ queryKey: ['row'], queryFn: () => backend.read() })
  await pass(50)
  changed()
  await pass(1000)
  const page = watch(queryClient, backend, ['row'])
  await pass(5000)
  return page.data === 1
})

trap('setQueryData does not swallow the mark of an inactive query', { cancelling: false, joining: false }, async (connect) => {
  const { queryClient, backend, changed } = setUp(connect)
  const page = watch(queryClient, backend, ['row'])
  await pass(1000)
  page.unmount()
  changed()
  await pass(100)
  queryClient.setQueryData(['row'], 77)
  await pass(100)
  const again = watch(queryClient, backend, ['row'])
  await pass(5000)
  return again.data === 1
})

trap('cancelQueries of an optimistic write does not swallow a mark', { cancelling: false, joining: false }, async (connect) => {
  const { queryClient, backend, changed } = setUp(connect)
  const page = watch(queryClient, backend, ['row'])
  await pass(1000)
  changed()
  await pass(50)
  const rename = new MutationObserver<void, Error, void, { before: unknown }>(queryClient, {
    mutationKey: ['row'],
    mutationFn: async () => {
      await pass(0)
      throw new Error('refused')
    },
    onMutate: async () => {
      await queryClient.cancelQueries({ queryKey: ['row'] })
      const before = queryClient.getQueryData(['row'])
      queryClient.setQueryData(['row'], 77)
      return { before }
    },
    onError: (_error, _variables, context) => queryClient.setQueryData(['row'], context?.before),
  })
  rename.mutate().catch(() => {})
  await pass(5000)
  return page.data === 1
})

trap('a mark during an optimistic write does not bring back the old value', { cancelling: false, joining: false }, async (connect) => {
  const { queryClient, client, backend } = setUp(connect)
  const page = watch(queryClient, backend, ['row'])
  await pass(1000)
  page.shown.length = 0
  let finish = () => {}
  const rename = new MutationObserver(queryClient, {
    mutationKey: ['row'],
    mutationFn: () => new Promise<void>((resolve) => (finish = resolve)),
    onMutate: () => void queryClient.setQueryData(['row'], 1),
  })
  void rename.mutate()
  await pass(10)
  client.stale('all', [['row']])
  await pass(1000)
  backend.change()
  finish()
  client.stale('all', [['row']])
  await pass(5000)
  return page.shown.join() === '1' && page.data === 1
})

/* Cancelling loses the page that the user asked for, joining keeps the first page as it was. */
trap('fetching the next page does not pay for the pages before it', { cancelling: false, joining: false }, async (connect) => {
  const { queryClient, backend, changed } = setUp(connect)
  const observer = new InfiniteQueryObserver(queryClient, {
    queryKey: ['row'],
    queryFn: () => backend.read(),
    initialPageParam: 0,
    getNextPageParam: (_last, pages) => pages.length,
  })
  observer.subscribe(() => {})
  await pass(1000)
  void observer.fetchNextPage()
  await pass(50)
  changed()
  await pass(5000)
  return observer.getCurrentResult().data?.pages.join() === '1,1'
})

trap('a number in the key and the same text in the mark are equal', { cancelling: false, joining: false }, async (connect) => {
  const { queryClient, client, backend } = setUp(connect)
  const page = watch(queryClient, backend, ['row', 'detail', 42, { page: 3 }])
  await pass(1000)
  backend.change()
  client.stale('all', [['row', 'detail', '42', { page: '3' }]])
  await pass(5000)
  return page.data === 1
})
