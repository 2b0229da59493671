/* The example "registry", as its document asks: a page that keeps up by itself where it can (phase 1), two people who see each
 * other's changes (phase 2), and each row of the document's table of gaps. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { poll } from '../integration/lib/wait.ts'
import { Demo } from './lib/demo.ts'
import { arrive, signIn } from './lib/sign-in.ts'
import { profile, Tab } from './lib/tab.ts'

const start = (t: TestContext, unstale = true) => Demo.start(t, { example: 'registry', unstale })

const go = (tab: Tab, place: string) => tab.page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: place, exact: true }).click()
const stat = (tab: Tab, name: string) => tab.page.locator(`[data-stat="${name}"]`)
const offered = (tab: Tab) => tab.page.getByLabel('Repository', { exact: true }).locator('option')

async function create(tab: Tab, what: string, name: string): Promise<void> {
  await tab.page.getByRole('button', { name: `New ${what}` }).click()
  await tab.dialog.getByLabel('Name').fill(name)
  await tab.dialog.getByRole('button', { name: 'Create' }).click()
  await tab.dialog.waitFor({ state: 'detached' })
}

async function asked(demo: Demo, path: string): Promise<number> {
  const counts = await demo.counts()
  return Object.entries(counts).reduce((sum, [line, count]) => (line.startsWith(`GET ${path}`) ? sum + count : sum), 0)
}

/* ---- phase 1: without any server that pushes ---- */

/** A page that nothing is pushed to. */
async function alone(t: TestContext, demo: Demo, path: string): Promise<Tab> {
  const tab = await arrive(t, demo, 'Ada Lindgren', path)
  tab.announce(/events\/stream/)
  tab.announce(/ERR_|Failed to load/)
  return tab
}

test('gap 1, phase 1: a repository that is created or deleted is known to search, replication, scans and the dashboard at once', async (t) => {
  const demo = await start(t, false)
  const tab = await alone(t, demo, '/')
  await stat(tab, 'repositories').getByText('24').waitFor()
  await go(tab, 'Search')
  await tab.page.getByText('In 24 repositories.').waitFor()
  await go(tab, 'Replication')
  await poll('24 to choose from', async () => (await offered(tab).count()) === 24)
  await go(tab, 'Security scans')
  await poll('24 to choose from', async () => (await offered(tab).count()) === 24)

  await go(tab, 'Repositories')
  await create(tab, 'repository', 'a-new-one')
  await tab.row('a-new-one').waitFor()

  await go(tab, 'Search')
  await tab.page.getByText('In 25 repositories.').waitFor()
  await go(tab, 'Replication')
  await poll('25 to choose from', async () => (await offered(tab).count()) === 25)
  await go(tab, 'Security scans')
  await poll('25 to choose from', async () => (await offered(tab).count()) === 25)
  await go(tab, 'Dashboard')
  await stat(tab, 'repositories').getByText('25').waitFor()
  await tab.row('a-new-one').waitFor()

  await go(tab, 'Repositories')
  await tab.page.getByRole('button', { name: 'Delete a-new-one' }).click()
  await tab.row('a-new-one').waitFor({ state: 'detached' })
  await go(tab, 'Dashboard')
  await stat(tab, 'repositories').getByText('24').waitFor()
  await tab.row('a-new-one').waitFor({ state: 'detached' })
})

test('gap 2, phase 1: users, groups and service accounts that are created are counted on the dashboard', async (t) => {
  const demo = await start(t, false)
  const tab = await alone(t, demo, '/')
  await stat(tab, 'users').getByText('6').waitFor()
  await go(tab, 'Users')
  await create(tab, 'user', 'Gus Berg')
  await tab.page.getByRole('cell', { name: 'gus-berg' }).waitFor()
  await go(tab, 'Groups')
  await create(tab, 'group', 'Auditors')
  await tab.page.getByText('Auditors').waitFor()
  await go(tab, 'Service accounts')
  await create(tab, 'service account', 'nightly')
  await tab.page.getByText('nightly').waitFor()
  await go(tab, 'Dashboard')
  await stat(tab, 'users').getByText('7').waitFor()
  await stat(tab, 'groups').getByText('4').waitFor()
  await stat(tab, 'service_accounts').getByText('4').waitFor()
})

test('gap 3, phase 1: a person who joins a group is counted among its permissions, and a new user is offered to the groups', async (t) => {
  const demo = await start(t, false)
  const tab = await alone(t, demo, '/permissions')
  await tab.page.getByText('1 person').first().waitFor()
  await go(tab, 'Groups')
  await tab.row('g-release').getByRole('button', { name: /^Add/ }).click()
  await poll('a second member', async () => ((await tab.row('g-release').textContent()) ?? '').includes(','))
  await go(tab, 'Permissions')
  await poll('two people', async () => (await tab.page.getByText('1 person').count()) === 0)
})

test('gap 4, phase 1: the quality dashboard follows the repositories', async (t) => {
  const demo = await start(t, false)
  const tab = await alone(t, demo, '/quality-gates')
  await tab.page.getByText('24 repositories,').waitFor()
  await go(tab, 'Repositories')
  await create(tab, 'repository', 'a-new-one')
  await tab.row('a-new-one').waitFor()
  await go(tab, 'Quality gates')
  await tab.page.getByText('25 repositories,').waitFor()
})

test('what no push says is fresh for 30 s, and nothing is shown before the backend confirmed it', async (t) => {
  const demo = await start(t, false)
  const tab = await alone(t, demo, '/')
  await stat(tab, 'repositories').getByText('24').waitFor()
  await go(tab, 'Repositories')
  await tab.row('billing-maven').waitFor()
  await demo.forgetCounts()
  await go(tab, 'Dashboard')
  await stat(tab, 'repositories').waitFor()
  assert.equal(await asked(demo, '/api/admin/stats'), 0, 'fetched less than 30 s ago')

  await go(tab, 'Repositories')
  await demo.holdAnswers()
  await create(tab, 'repository', 'a-new-one')
  await demo.answersHeld(1)
  assert.equal(await tab.row('a-new-one').count(), 0)
  await demo.letAnswersGo()
  await tab.row('a-new-one').waitFor()
})

/* ---- phase 2: two people ---- */

test('gap 1, phase 2: what one creates and deletes shows to the other, wherever a repository is listed', async (t) => {
  const demo = await start(t)
  const ada = await signIn(t, demo, 'Ada Lindgren', '/repositories')
  const bo = await signIn(t, demo, 'Bo Achebe', '/search')
  await bo.page.getByText('In 24 repositories.').waitFor()
  await create(ada, 'repository', 'a-new-one')
  await bo.page.getByText('In 25 repositories.').waitFor()
  for (const place of ['Replication', 'Security scans']) {
    await go(bo, place)
    await poll('25 to choose from', async () => (await offered(bo).count()) === 25)
    await ada.page.getByRole('button', { name: 'Delete a-new-one' }).click()
    await poll('24 to choose from', async () => (await offered(bo).count()) === 24)
    await create(ada, 'repository', 'a-new-one')
    await poll('25 to choose from', async () => (await offered(bo).count()) === 25)
  }
  await go(bo, 'Dashboard')
  await bo.row('a-new-one').waitFor()
  await demo.sql("DELETE FROM repositories WHERE id = 'a-new-one'")
  await bo.row('a-new-one').waitFor({ state: 'detached' })
  await ada.row('a-new-one').waitFor({ state: 'detached' })
})

test('gap 2, phase 2: the counts of one administrator follow what the other writes', async (t) => {
  const demo = await start(t)
  const cem = await signIn(t, demo, 'Cem Kaya')
  const ada = await signIn(t, demo, 'Ada Lindgren', '/users')
  await stat(cem, 'users').getByText('6').waitFor()
  await create(ada, 'user', 'Gus Berg')
  await stat(cem, 'users').getByText('7').waitFor()
  await go(ada, 'Groups')
  await create(ada, 'group', 'Auditors')
  await stat(cem, 'groups').getByText('4').waitFor()
  await go(ada, 'Service accounts')
  await create(ada, 'service account', 'nightly')
  await stat(cem, 'service_accounts').getByText('4').waitFor()
})

test('gaps 3 and 4, phase 2: permissions follow the groups, and quality follows the repositories, also from a shell', async (t) => {
  const demo = await start(t)
  const cem = await signIn(t, demo, 'Cem Kaya', '/permissions')
  const ada = await signIn(t, demo, 'Ada Lindgren', '/groups')
  await cem.page.getByText('1 person').first().waitFor()
  await ada.row('g-release').getByRole('button', { name: /^Add/ }).click()
  await poll('two people', async () => (await cem.page.getByText('1 person').count()) === 0)
  await demo.sql("UPDATE group_members SET group_id = 'g-web' WHERE id = 'm1'")
  await cem.page.getByText('3 people').first().waitFor()
  await cem.page.getByText('1 person').first().waitFor()

  await go(cem, 'Quality gates')
  await cem.page.getByText('24 repositories,').waitFor()
  await demo.sql("UPDATE repositories SET health = 3 WHERE id = 'web-npm'")
  await cem.row('web-npm').getByText('3 %').waitFor()
})

test('one write costs one refetch, though the mutation, its page and the push all name the same keys', async (t) => {
  const demo = await start(t)
  const ada = await signIn(t, demo, 'Ada Lindgren', '/repositories')
  await demo.forgetCounts()
  await create(ada, 'repository', 'a-new-one')
  await ada.row('a-new-one').waitFor()
  await ada.quiet()
  assert.equal(await asked(demo, '/api/repositories'), 1)
})

test('while pushes arrive, data stays fresh for more than 30 s', async (t) => {
  const demo = await start(t)
  const tab = await arrive(t, demo, 'Ada Lindgren')
  await tab.ready()
  await tab.page.clock.install()
  await go(tab, 'Repositories')
  await tab.row('billing-maven').waitFor()
  await demo.forgetCounts()
  await tab.page.clock.fastForward(20_000)
  await tab.page.clock.fastForward(20_000)
  await go(tab, 'Dashboard')
  await stat(tab, 'repositories').waitFor()
  assert.equal(await asked(demo, '/api/admin/stats'), 0)
})

test('the stream comes back after the server was restarted, and tells what happened meanwhile', async (t) => {
  const demo = await start(t)
  const bo = await signIn(t, demo, 'Bo Achebe', '/repositories')
  bo.announce(/events\/stream/)
  bo.announce(/ERR_|Failed to load/)
  await demo.killUnstale()
  await bo.panel.getByText('Offline', { exact: true }).waitFor()
  await demo.sql("INSERT INTO repositories (id) VALUES ('a-new-one')")
  await demo.startUnstale()
  await bo.row('a-new-one').waitFor()
})

test('who signs out is disconnected, and the next one gets nothing of the last one’s', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, 'Ada Lindgren')
  await stat(tab, 'users').getByText('6').waitFor()
  await tab.page.getByRole('button', { name: 'Sign out' }).click()
  await tab.page.getByText('Who are you?').waitFor()
  await poll('no stream', async () => demo.gate.connections === 0)
  await tab.page.getByRole('button', { name: 'Bo Achebe' }).click()
  await tab.ready()
  await tab.page.getByText('Changed last').waitFor()
  assert.equal(await stat(tab, 'users').count(), 0)
  assert.equal(await tab.page.getByRole('link', { name: 'Users' }).count(), 0)
})

test('who reloads the page is still signed in, and listens to the stream that the document describes', async (t) => {
  const demo = await start(t)
  const bo = await signIn(t, demo, 'Bo Achebe', '/repositories')
  const [request] = await Promise.all([bo.page.waitForRequest(/\/api\/v1\/events\/stream/), bo.page.reload()])
  assert.equal(request.headers()['accept'], 'text/event-stream')
  await bo.ready()
  await demo.sql("INSERT INTO repositories (id) VALUES ('a-new-one')")
  await bo.row('a-new-one').waitFor()
})

test('the session is renewed in time, and ends for a user who is no more', async (t) => {
  const demo = await start(t)
  const tab = await Tab.blank(t, await profile(t))
  tab.announce(/\/api\/session$/)
  await tab.page.clock.install()
  await tab.page.goto(demo.url)
  await tab.page.getByRole('button', { name: 'Bo Achebe' }).click()
  await tab.page.getByText('Changed last').waitFor()
  const renewed = tab.page.waitForResponse((response) => response.url().endsWith('/api/session') && response.request().method() === 'GET')
  await tab.page.clock.fastForward(16 * 60_000)
  assert.match((await (await renewed).headerValue('set-cookie')) ?? '', /^session=/)
  await demo.sql("DELETE FROM users WHERE login = 'bo'")
  await tab.page.clock.fastForward(16 * 60_000)
  await tab.page.getByText('Who are you?').waitFor()
})

test('events of the administration reach administrators only', async (t) => {
  const demo = await start(t)
  const ada = await signIn(t, demo, 'Ada Lindgren')
  const bo = await signIn(t, demo, 'Bo Achebe')
  await demo.sql("INSERT INTO users (id, login, name) VALUES ('u-gus', 'gus', 'Gus Berg')")
  await stat(ada, 'users').getByText('7').waitFor()
  await demo.sql("UPDATE repositories SET health = 3 WHERE id = 'web-npm'")
  const told = async () => (await bo.happenings()).flatMap((one) => one.keys)
  await poll('the push that came later', async () => (await told()).some((one) => one.includes('recent-repositories')))
  const keys = await told()
  assert.deepEqual(keys.filter((one) => one.includes('admin-users')), [])

  /* … whatever a page asks for. */
  bo.announce(/v1\/stream/)
  const status = (of: Tab) =>
    of.page.evaluate(async (url) => {
      const abort = new AbortController()
      const response = await fetch(url, { credentials: 'include', signal: abort.signal })
      abort.abort()
      return response.status
    }, `${demo.gate.url}/v1/stream?scope=admin`)
  assert.equal(await status(bo), 403)
  assert.equal(await status(ada), 200)
})

test('what polled before still polls, and says so to nobody but itself', async (t) => {
  const demo = await start(t)
  const ada = await signIn(t, demo, 'Ada Lindgren', '/monitoring')
  await demo.forgetCounts()
  await poll('a second measurement', async () => (await asked(demo, '/api/admin/monitoring')) > 0)
  await go(ada, 'Backups')
  await ada.row('b1').waitFor()
  await demo.sql("INSERT INTO backups (id) VALUES ('b9')")
  await ada.row('b9').waitFor()
})
