/* Four clients in Chromium, as their documents print them, through a change, a restart and a reset. */

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { Page } from 'playwright-core'
import { profile } from '../e2e/lib/tab.ts'
import { cleanup } from '../integration/lib/cleanup.ts'
import { poll } from '../integration/lib/wait.ts'
import { type Door, Site, token } from './lib/site.ts'

async function visit(t: TestContext, page: string, door: Door = 'nobody signs in'): Promise<{ site: Site; page: Page }> {
  const site = await Site.start(t, door)
  return { site, page: await look(t, site, page) }
}

async function look(t: TestContext, site: Site, page: string): Promise<Page> {
  const tab = await (await profile(t)).newPage()
  await tab.goto(`${site.url}/?page=${page}#${token()}`)
  return tab
}

/** Every query was fetched, and nothing more comes by itself. */
async function quiet(site: Site, keys: readonly (readonly unknown[])[]): Promise<void> {
  let last = ''
  await poll('all is fetched and quiet', async () => {
    const now = JSON.stringify([...site.fetches])
    const same = now === last
    last = now
    await new Promise((resolve) => setTimeout(resolve, 150))
    return same && keys.every((key) => site.count(key) > 0)
  })
}

const everything = (scope: string) => ({ scope, keys: [[]] })

test('registry: the browser’s EventSource and EVENT_INVALIDATION_MAP', async (t) => {
  const { site, page } = await visit(t, 'registry.ts')
  const [users, stats, accounts] = [['admin-users'], ['admin-stats'], ['service-accounts']]
  const repositories = [['repositories'], ['repositories-list'], ['recent-repositories']]
  const all = [users, stats, accounts, ...repositories]
  await page.getByText('open').waitFor()
  await quiet(site, all)
  await site.refetches([users, stats], () => site.change('users', 'created', 'uuid'))
  await site.refetches([...repositories, stats], () => site.change('repositories', 'deleted', 'repo-key'))
  await site.refetches([accounts, stats], () => site.change('service_accounts', 'created', 's1'))
  await site.refetches(all, () => site.unstale!.publish(everything('admin')))
  // The browser comes back by itself and says where it was: nothing was missed, so nothing is fetched …
  await site.refetches([users, stats], async () => {
    await site.restart()
    await page.getByText('open open').waitFor()
    await site.change('users', 'updated', 'uuid')
  })
})

test('registry: an EventSource that is one connection too many comes in when there is room', async (t) => {
  /* They say nothing for as long as the browser takes to start. */
  const site = await Site.start(t, 'nobody signs in', { connections: 3, head_time: '5m' })
  const sockets = Array.from({ length: 3 }, () => connect(site.unstale!.at.port, site.unstale!.at.host))
  cleanup(t, async () => sockets.forEach((socket) => socket.destroy()))
  await poll('no room', async () => (await site.unstale!.metric('unstale_connections')) === 3)
  await look(t, site, 'registry.ts')
  const all = [['admin-users'], ['admin-stats'], ['repositories'], ['repositories-list'], ['recent-repositories'], ['service-accounts']]
  await quiet(site, all)
  await poll('the page is refused', async () => (await site.unstale!.metric('unstale_connections_refused_total')) > 0)
  await site.refetches(all, async () => sockets.forEach((socket) => socket.destroy()))
  await site.refetches([['admin-users'], ['admin-stats']], () => site.change('users', 'created', 'uuid'))
})

test('recordings: useDataSync', async (t) => {
  const { site, page } = await visit(t, 'recordings.tsx')
  const [recordings, projects, conversations] = [['recordings', 'list', null], ['projects', 'list', null], ['conversations', 'list']]
  const [stats, history] = [['dashboard', 'stats'], ['search', 'history']]
  const all = [recordings, projects, conversations, stats, history]
  await page.getByText('connected', { exact: true }).waitFor()
  await quiet(site, all)
  await site.refetches([recordings, stats], () => site.change('recordings', 'deleted', 'r1'))
  await site.refetches([projects, stats], () => site.change('projects', 'created', 'p1'))
  await site.refetches([conversations], () => site.change('conversations', 'updated', 'c1'))
  await site.refetches([history], () => site.change('search_history', 'created', 'h1'))
  await site.refetches(all, () => site.unstale!.publish(everything('all')))
  await site.refetches(all, async () => {
    await site.restart(() => page.getByText('Reconnecting...').waitFor())
    await page.getByText('connected', { exact: true }).waitFor()
  })
  await quiet(site, all)
  await site.refetches([recordings, stats], () => site.change('recordings', 'created', 'r2'))
  assert.equal(await page.getByText('Reconnecting...').count(), 0)
})

test('content-studio: useSSE, its handlers, its recovery and its indicator', async (t) => {
  const { site, page } = await visit(t, 'content-studio.tsx', 'sessions')
  const key = (name: string, verb: string, input: object) => [[name, verb], { input, type: 'query' }]
  const [podcast, podcasts] = [key('podcasts', 'get', { id: 'p1' }), key('podcasts', 'list', {})]
  const [document, documents] = [key('documents', 'get', { id: 'd1' }), key('documents', 'list', {})]
  const all = [podcast, podcasts, document, documents]
  const mine = { user_id: '7' }
  await page.getByText('connected', { exact: true }).waitFor()
  await quiet(site, all)
  await site.refetches([podcast], () => site.change('podcasts', 'updated', 'p1', mine))
  await site.refetches([podcast, podcasts], () => site.change('podcasts', 'deleted', 'p1', mine))
  await site.refetches([document, documents], () => site.change('papers', 'created', 'd1', mine))
  const job = { jobId: 'j1', jobType: 'generate-podcast', status: 'ready', podcastId: 'p1' }
  await site.refetches([podcast, podcasts], () => site.unstale!.publish({ scope: 'user:7', type: 'job_completion', data: job }, '/v1/notices'))
  await site.refetches([], () => site.change('podcasts', 'updated', 'p1', { user_id: '8' }))
  // A reset ends the stream; the client comes back. Its recovery looks for "disconnected" just before "connected", and useSSE goes
  // by way of "connecting", so nothing is fetched: the document's own gap, which every server would have.
  await site.unstale!.publish(everything('user:7'))
  await page.getByText('Reconnecting...').waitFor()
  await page.getByText('connected', { exact: true }).waitFor()
  await site.restart(() => page.getByText(/Reconnecting...|Connecting.../).waitFor())
  await page.getByText('connected', { exact: true }).waitFor()
  await quiet(site, all)
  await site.refetches([podcast], () => site.change('podcasts', 'updated', 'p1', mine))
})

test('documents: DocumentsTable and EmbeddingProgress', async (t) => {
  const { site, page } = await visit(t, 'documents.tsx', 'tokens')
  const bar = page.locator('progress')
  const value = async (): Promise<string | null> => bar.getAttribute('value')
  const progress = (done: number) => site.change('documents', 'updated', 'doc_456', { project_id: 'proj_123', embedded_chunks: done, chunks: 10 })
  await page.getByText('connected', { exact: true }).waitFor()
  assert.equal(await page.evaluate('subscribed()'), 2)
  await progress(5)
  await poll('the bar is at 5', async () => (await value()) === '5')
  assert.equal(await bar.getAttribute('max'), '10')
  assert.match(await page.locator('#table').innerText(), /"id":"doc_456","embeddedChunks":5,"chunks":10/)
  assert.match(await page.locator('#table').innerText(), /"id":"doc_789","embeddedChunks":0/)
  // Of another project nothing comes.
  await site.change('documents', 'updated', 'doc_456', { project_id: 'other', embedded_chunks: 9, chunks: 10 })
  await site.unstale!.publish(everything('project:proj_123'))
  await poll('refetched after a reset', async () => site.count('refetch') === 1)
  await site.restart(() => page.locator('#connecting').waitFor())
  await poll('refetched after a restart', async () => site.count('refetch') === 2)
  await progress(7)
  await poll('the bar is at 7', async () => (await value()) === '7')
  await page.evaluate('hide()')
  await poll('nobody listens', async () => (await page.evaluate('subscribed()')) === 0)
})
