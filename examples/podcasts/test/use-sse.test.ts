/* The document's hook, by itself: what it is given, what it says, when it gives up. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { createClient } from '@unstale/client'
import { createFakeServer, fakeClock } from '@unstale/testing'
import { Window } from 'happy-dom'
import { act, createElement } from 'react'
import { pageModule } from '../../ui/test/lib/page-module.ts'
import type * as Hook from '../ui/src/hooks/use-sse.ts'

const example = join(import.meta.dirname, '..')

/* React looks for a browser when it is loaded. */
const window = new Window()
Object.assign(globalThis, { window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true })
const { createRoot } = await import('react-dom/client')
after(() => window.happyDOM.close())

async function mounted(t: TestContext, enabled: boolean) {
  const { useSSE, SSE_LIMITS } = await pageModule<typeof Hook>(t, example, '/src/hooks/use-sse.ts')
  const [server, clock, queryClient] = [createFakeServer(), fakeClock(), new QueryClient()]
  /* The longest waits that chance may choose. */
  const client = createClient({ url: 'http://unstale.test', scopes: ['user:u1'], transport: server.transport, clock, random: () => 0.999, ...SSE_LIMITS })
  const live = {
    client,
    start: () => {
      client.connect()
      return client.disconnect
    },
  } as unknown as Parameters<typeof useSSE>[0]['live']
  const seen: { states: string[]; hook: Hook.UseSSEReturn | null } = { states: [], hook: null }
  const Page = () => {
    seen.hook = useSSE({ live, enabled, onConnectionChange: (state) => seen.states.push(state) })
    return null
  }
  const root = createRoot(document.createElement('div'))
  await act(async () => root.render(createElement(QueryClientProvider, { client: queryClient }, createElement(Page))))
  t.after(() => act(async () => root.unmount()))
  const pass = (ms: number) => act(() => clock.advance(ms))
  await pass(0)
  return { server, queryClient, seen, pass }
}

test('who is not to be connected is not', async (t) => {
  const { server, seen } = await mounted(t, false)
  assert.equal(server.connections.length, 0)
  assert.equal(seen.hook?.connectionState, 'disconnected')
})

test('each state is told to onConnectionChange', async (t) => {
  const { server, seen, pass } = await mounted(t, true)
  assert.deepEqual(seen.states.slice(-2), ['connecting', 'connected'])
  server.state = 'down'
  await act(async () => server.drop())
  assert.equal(seen.states.at(-1), 'disconnected')
  server.state = 'up'
  await pass(31_000)
  assert.equal(seen.states.at(-1), 'connected')
  assert.equal(seen.hook?.connectionState, 'connected')
})

test('after ten attempts that fail it gives up; reconnect begins anew', async (t) => {
  const { server, seen, pass } = await mounted(t, true)
  server.state = 'down'
  await act(async () => server.drop())
  const before = server.connections.length
  await pass(600_000)
  assert.equal(server.connections.length - before, 10)
  assert.equal(seen.states.at(-1), 'error')
  server.state = 'up'
  await act(async () => seen.hook?.reconnect())
  await pass(0)
  assert.equal(seen.states.at(-1), 'connected')
})

const PODCAST = [['podcasts', 'get'], { input: { id: 'p1' }, type: 'query' }]
const LIST = [['podcasts', 'list'], { input: {}, type: 'query' }]

for (const [jobType, stale] of [
  ['generate-podcast', [PODCAST, LIST]],
  ['generate-script', [PODCAST, LIST]],
  ['generate-audio', [PODCAST, LIST]],
  ['another', [PODCAST]],
] as const)
  test(`a finished job, ${jobType}, invalidates what it is about`, async (t) => {
    const { server, queryClient } = await mounted(t, true)
    for (const key of [PODCAST, LIST]) queryClient.setQueryData(key, {})
    server.notice('user:u1', 'job_completion', { jobId: 'j1', jobType, status: 'ready', podcastId: 'p1' })
    assert.deepEqual([PODCAST, LIST].filter((key) => queryClient.getQueryState(key)?.isInvalidated), stale)
  })
