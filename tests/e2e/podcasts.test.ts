/* The example "podcasts", as its document asks: jobs of a worker, optimistic writes that the push confirms, and a connection that
 * says how it is. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { poll } from '../integration/lib/wait.ts'
import { Demo } from './lib/demo.ts'
import { profile, Tab } from './lib/tab.ts'
import { signIn } from './lib/sign-in.ts'

const ADA = 'Ada Lindgren'
const start = (t: TestContext, options: { workers?: boolean; env?: Record<string, string> } = {}) =>
  Demo.start(t, { example: 'podcasts', ...options })

/** The last change that was made before has gone to the tab and been worked off. */
async function workedOff(demo: Demo, ...tabs: Tab[]): Promise<void> {
  const before = await Promise.all(tabs.map((tab) => tab.counted('pushes')))
  await demo.sql("UPDATE documents SET body = body || '.' WHERE id IN ('doc-tides', 'doc-bells')")
  for (const [index, tab] of tabs.entries()) {
    await poll('the push of the last change', async () => (await tab.counted('pushes')) > (before[index] ?? 0))
    await tab.quiet()
  }
}

const of = (counts: Record<string, number>, path: string) => counts[`GET ${path}`]

test('"Generate" shows "drafting" at once, says "Generation started", and the push of the finished job brings script and audio', async (t) => {
  const demo = await start(t)
  const [tab, other] = [await signIn(t, demo, ADA, '/podcasts/pod-yeast'), await signIn(t, demo, ADA, '/podcasts/pod-yeast')]
  await demo.holdAnswers()
  await tab.page.getByRole('button', { name: 'Generate', exact: true }).click()
  await tab.row('pod-yeast').getByText('drafting').waitFor()
  await tab.page.getByText('Generating...').waitFor()
  await demo.letAnswersGo()
  await tab.toast('Generation started').waitFor()
  await other.row('pod-yeast').getByText('drafting').waitFor()

  demo.startWorkers()
  for (const each of [tab, other]) {
    await each.row('pod-yeast').getByText('ready').waitFor()
    await each.page.getByText('/audio/pod-yeast.mp3').waitFor()
    assert.ok((await each.page.locator('.segments li').count()) >= 3, 'the script is there')
  }
})

test('a finished job refreshes the list too, for each of the three kinds of job', async (t) => {
  const demo = await start(t, { workers: true, env: { WORK_MS: '50' } })
  const tab = await signIn(t, demo, ADA)
  for (const type of ['generate-podcast', 'generate-script', 'generate-audio']) {
    await demo.sql("UPDATE podcasts SET status = 'new' WHERE id = 'pod-maps'")
    await workedOff(demo, tab)
    await demo.forgetCounts()
    await demo.sql(`INSERT INTO jobs (user_id, podcast_id, type) VALUES ('u-ada', 'pod-maps', '${type}')`)
    await poll('the list is fetched again', async () => (of(await demo.counts(), '/api/podcasts') ?? 0) > 0)
    await tab.row('pod-maps').getByText('ready').waitFor()
  }
})

test('an update refreshes the podcast and not the list; an insert and a delete refresh the list', async (t) => {
  const demo = await start(t)
  const [list, detail] = [await signIn(t, demo, ADA), await signIn(t, demo, ADA, '/podcasts/pod-maps')]
  await demo.forgetCounts()
  await demo.sql("UPDATE podcasts SET title = 'Changed in a shell' WHERE id = 'pod-maps'")
  await detail.page.getByRole('heading', { name: 'Changed in a shell' }).waitFor()
  await workedOff(demo, list, detail)
  let counts = await demo.counts()
  assert.equal(of(counts, '/api/podcasts/pod-maps'), 1)
  assert.equal(of(counts, '/api/podcasts'), undefined)

  await demo.sql("INSERT INTO podcasts (id, user_id, title) VALUES ('pod-new', 'u-ada', 'Made in a shell')")
  await list.row('pod-new').waitFor()
  await demo.sql("DELETE FROM podcasts WHERE id = 'pod-new'")
  await list.row('pod-new').waitFor({ state: 'detached' })
  counts = await demo.counts()
  assert.equal(of(counts, '/api/podcasts'), 2)
})

test('documents alike', async (t) => {
  const demo = await start(t)
  const [list, detail] = [await signIn(t, demo, ADA, '/documents'), await signIn(t, demo, ADA, '/documents/doc-maps')]
  await demo.forgetCounts()
  await demo.sql("UPDATE documents SET body = 'Rewritten.' WHERE id = 'doc-maps'")
  await detail.page.getByText('Rewritten.').waitFor()
  assert.equal(of(await demo.counts(), '/api/documents'), undefined)
  await demo.sql("INSERT INTO documents (id, user_id, title) VALUES ('doc-new', 'u-ada', 'Made in a shell')")
  await list.row('doc-new').waitFor()
  await demo.sql("DELETE FROM documents WHERE id = 'doc-new'")
  await list.row('doc-new').waitFor({ state: 'detached' })
})

test('each user hears of their own rows and of nobody else\'s', async (t) => {
  const demo = await start(t)
  const [ada, bo] = [await signIn(t, demo, ADA), await signIn(t, demo, 'Bo Achebe')]
  const before = await bo.counted('pushes')
  await demo.sql("INSERT INTO podcasts (id, user_id, title) VALUES ('pod-ada', 'u-ada', 'Of Ada')")
  await ada.row('pod-ada').waitFor()
  await demo.sql("INSERT INTO podcasts (id, user_id, title) VALUES ('pod-bo', 'u-bo', 'Of Bo')")
  await bo.row('pod-bo').waitFor()
  assert.equal(await bo.counted('pushes'), before + 1)
  assert.equal(await bo.row('pod-ada').count(), 0)
})

test('a podcast that is created or deleted in one tab shows in the other, once', async (t) => {
  const demo = await start(t)
  const [one, other] = [await signIn(t, demo, ADA), await signIn(t, demo, ADA)]
  await demo.forgetCounts()
  await one.page.getByRole('button', { name: 'New podcast' }).click()
  await one.dialog.getByLabel('Title').fill('Made on a page')
  await one.dialog.getByLabel('Document').selectOption('doc-yeast')
  await one.dialog.getByRole('button', { name: 'Create' }).click()
  await one.toast('Podcast created').waitFor()
  for (const tab of [one, other]) await tab.page.getByRole('link', { name: 'Made on a page' }).waitFor()
  await workedOff(demo, one, other)
  assert.equal(of(await demo.counts(), '/api/podcasts'), 2, 'one refetch a tab: the write itself invalidates nothing')

  await one.page.getByRole('button', { name: 'Delete Made on a page' }).click()
  for (const tab of [one, other]) await tab.page.getByRole('link', { name: 'Made on a page' }).waitFor({ state: 'detached' })
})

test('a generation that cannot be started is taken back', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA)
  await demo.failNextWrites(1)
  tab.announce(/generate|status of 5/)
  await tab.row('pod-maps').getByRole('button', { name: 'Generate' }).click()
  await tab.toast('Generation could not be started').waitFor()
  await tab.row('pod-maps').getByText('new', { exact: true }).waitFor()
})

test('away, the page says "Reconnecting..."; back, it has caught up with what happened meanwhile', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA)
  tab.announce(/v1\/stream|ERR_/)
  await demo.killUnstale()
  await tab.reconnecting.waitFor()
  await demo.sql("INSERT INTO podcasts (id, user_id, title) VALUES ('pod-away', 'u-ada', 'Made meanwhile')")
  await demo.startUnstale()
  await tab.row('pod-away').waitFor()
  await tab.reconnecting.waitFor({ state: 'detached' })
})

test('a job that was done while unstale was away shows in the list when it is back, though the list is not marked by an update', async (t) => {
  const demo = await start(t, { workers: true, env: { WORK_MS: '100' } })
  const tab = await signIn(t, demo, ADA)
  tab.announce(/v1\/stream|ERR_/)
  await demo.stopUnstale()
  await tab.reconnecting.waitFor()
  await tab.row('pod-maps').getByRole('button', { name: 'Generate' }).click()
  await tab.toast('Generation started').waitFor()
  await poll('the job is done', async () => (await demo.value("SELECT count(*) FROM jobs WHERE status = 'completed'")) === '1')
  await tab.row('pod-maps').getByText('drafting').waitFor()
  await demo.startUnstale()
  await tab.row('pod-maps').getByText('ready').waitFor()
  await poll('it is told once', async () => (await demo.value('SELECT count(*) FROM jobs WHERE told = 1')) === '1')
})

test('after ten attempts the page says "Connection lost. Click to retry.", and a click retries', async (t) => {
  const demo = await start(t)
  const context = await profile(t)
  const tab = await signIn(t, demo, ADA, '/', context)
  tab.announce(/v1\/stream|ERR_/)
  await tab.page.clock.install()
  await demo.killUnstale()
  await tab.reconnecting.waitFor()
  const lost = tab.page.getByRole('button', { name: 'Connection lost. Click to retry.' })
  await poll('the page gives up', async () => {
    await tab.page.clock.fastForward(31_000)
    return (await lost.count()) > 0
  })
  await demo.startUnstale()
  await lost.click()
  await lost.waitFor({ state: 'detached' })
  await tab.page.getByText('Connecting...').waitFor({ state: 'detached' })
})

test('signing out ends the stream, and somebody else starts with nothing of the first one', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA)
  tab.announce(/\/api\/session$/)
  await poll('a stream', () => demo.gate.connections > 0)
  await tab.page.getByRole('button', { name: 'Sign out' }).click()
  await poll('no stream', () => demo.gate.connections === 0)
  await tab.page.getByRole('button', { name: 'Bo Achebe' }).click()
  await tab.row('pod-bells').waitFor()
  assert.equal(await tab.row('pod-maps').count(), 0)
})
