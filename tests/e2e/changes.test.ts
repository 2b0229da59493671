/* What somebody else wrote, in a shell or in another tab, is on the screen, and nothing was fetched for it but what it made
 * stale. Mostly on the document's WebSocket, as the example is; which project a recording left, and how many rows a transaction
 * changed, only unstale's own stream can say. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Demo, newest } from './lib/demo.ts'
import { key, native, profile, type Row, Tab, workedOff } from './lib/tab.ts'

const LIST = 'GET /api/recordings?page=1'
const STATS = 'GET /api/dashboard/stats'

test('a row changed in a shell shows in two tabs without a reload, and only the stale queries are fetched again', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const first = await Tab.open(t, context, demo, '/recordings')
  const second = await Tab.open(t, context, demo, '/recordings')
  await Promise.all([first, second].map((tab) => tab.page.evaluate('window.notReloaded = true')))
  await demo.forgetCounts()

  await demo.sql("UPDATE recordings SET title = 'Renamed in a shell' WHERE id = 'r205'")
  for (const tab of [first, second]) {
    await tab.row('r205').getByText('Renamed in a shell').waitFor()
    assert.equal(await tab.page.evaluate('window.notReloaded'), true)
  }
  await workedOff(demo, first, second)
  assert.deepEqual(await demo.counts(), { [LIST]: 2 }, 'the list, once in each tab; no project, no chat, no dashboard')
})

test('of two details only that of the changed row is fetched again', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const changed = await Tab.open(t, context, demo, '/recordings/r200')
  const other = await Tab.open(t, context, demo, '/recordings/r100')
  await demo.forgetCounts()

  await demo.sql("UPDATE recordings SET status = 'failed' WHERE id = 'r200'")
  await changed.row('r200').getByText('failed').waitFor()
  await workedOff(demo, changed, other)
  assert.deepEqual(await demo.counts(), { 'GET /api/recordings/r200': 1 })
})

test('a recording that moves is fresh in both projects, and in no other', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  await demo.sql("UPDATE recordings SET project_id = 'p01' WHERE id = 'r208'")
  const [from, to, other] = [
    await Tab.open(t, context, demo, native('/projects/p01')),
    await Tab.open(t, context, demo, native('/projects/p02')),
    await Tab.open(t, context, demo, native('/projects/p03')),
  ]
  const lead = (tab: Tab) => tab.page.locator('.page-head .lead').textContent()
  const before = await lead(other)
  await demo.forgetCounts()

  await demo.sql("UPDATE recordings SET project_id = 'p02' WHERE id = 'r208'")
  await from.row('r208').waitFor({ state: 'detached' })
  await to.row('r208').waitFor()
  await workedOff(demo, from, to, other)
  for (const [tab, id] of [[from, 'p01'], [to, 'p02']] as const) {
    const total = await demo.value(`SELECT count(*) FROM recordings WHERE project_id = '${id}'`)
    assert.match((await lead(tab)) ?? '', new RegExp(`^${total} recordings`))
  }
  assert.equal(await lead(other), before)
  const counts = await demo.counts()
  assert.equal(counts['GET /api/projects/p01'], 1)
  assert.equal(counts['GET /api/projects/p02'], 1)
  assert.equal(counts['GET /api/projects/p03'], undefined)
})

test('of many visited pages only the visible one is fetched again, the others when they are shown', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  const page = (number: number) => tab.page.getByText(`Page ${number} of 11`, { exact: true }).waitFor()
  const turn = async (to: 'Next' | 'Previous', number: number) => {
    await tab.page.getByRole('button', { name: `${to} page` }).click()
    await page(number)
    await tab.quiet()
  }
  await turn('Next', 2)
  await turn('Next', 3)
  await demo.forgetCounts()

  await demo.sql("UPDATE recordings SET title = 'On a page that nobody looks at' WHERE id = 'r207'")
  await workedOff(demo, tab)
  assert.deepEqual(await demo.counts(), { 'GET /api/recordings?page=3': 1 })
  // By its key, not by its place: the poll may have found both commits at once, then they are one push.
  const pushed = (await tab.happenings()).find((one) => one.keys.includes(key('recordings', 'list')))
  assert.match(pushed?.foot ?? '', /2 off screen, fetched when opened/)

  await turn('Previous', 2)
  await turn('Previous', 1)
  await tab.row('r207').getByText('On a page that nobody looks at').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await demo.counts(), {
    'GET /api/recordings?page=3': 1,
    'GET /api/recordings?page=2': 1,
    'GET /api/recordings?page=1': 1,
  })
})

test('a filtered list gains the row that begins to match and loses the one that does not any more', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings?status=queued')
  const expected = () => demo.rows<Row>(newest("status = 'queued'"))
  await tab.becomes('the queued ones', () => tab.rows(), expected)

  await demo.sql("UPDATE recordings SET status = 'queued' WHERE id = 'r150'")
  await tab.row('r150').waitFor()
  await demo.sql("UPDATE recordings SET status = 'ready' WHERE id = 'r150'")
  await tab.row('r150').waitFor({ state: 'detached' })
  await tab.becomes('the queued ones', () => tab.rows(), expected)
})

test('1,000 rows changed in one transaction are one push, and fetch the list once or twice', async (t) => {
  const demo = await Demo.start(t)
  await demo.sql(
    'WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)' +
      " INSERT INTO recordings (id, title) SELECT 'burst' || i, 'Burst ' || i FROM n",
  )
  const context = await profile(t)
  const list = await Tab.open(t, context, demo, native('/recordings'))
  const board = await Tab.open(t, context, demo, native('/'))
  await demo.forgetCounts()
  const pushes = await list.counted('pushes')

  await demo.sql("UPDATE recordings SET title = title || ', changed', status = 'failed' WHERE id LIKE 'burst%'")
  await list.becomes('the list', async () => (await list.rows()).every((row) => row.title.endsWith(', changed')), true)
  const failed = await demo.value("SELECT printf('%,d', count(*)) FROM recordings WHERE status = 'failed'")
  await board.page.locator('[data-status="failed"]', { hasText: failed }).waitFor()
  assert.equal((await list.counted('pushes')) - pushes, 1)
  await workedOff(demo, list, board)
  const counts = await demo.counts()
  assert.deepEqual(Object.keys(counts).sort(), [STATS, LIST].sort())
  for (const [what, count] of Object.entries(counts)) assert.ok(count <= 2, `${what} was asked ${count} times`)
})

test('the detail of a recording that is deleted in a shell gives way to the list', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings/r201')
  tab.announce(/\/api\/recordings\/r201$/)

  await demo.sql("DELETE FROM recordings WHERE id = 'r201'")
  await tab.page.waitForURL('**/recordings')
  await tab.toast('This recording was deleted').waitFor()
  await tab.row('r202').waitFor()
  await tab.quiet()
  assert.ok(!(await tab.rows()).some((row) => row.id === 'r201'))
  await tab.page.goBack()
  assert.doesNotMatch(tab.page.url(), /r201/, 'the way back does not lead to what is gone')
})

test('what is created, renamed and deleted in one tab shows in the other, and in the numbers of the dashboard', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const writer = await Tab.open(t, context, demo, '/recordings')
  const reader = await Tab.open(t, context, demo, '/recordings')
  const board = await Tab.open(t, context, demo, '/')
  const total = async () => Number(await board.page.locator('.tile', { hasText: 'Recordings' }).locator('strong').textContent())
  const before = await total()

  await writer.page.getByRole('button', { name: 'New recording' }).click()
  await writer.dialog.getByLabel('Title').fill('Made in the first tab')
  await writer.dialog.getByRole('button', { name: 'Create' }).click()
  await writer.toast('Recording created').waitFor()
  await reader.page.getByRole('row', { name: /^Made in the first tab/ }).waitFor()
  await board.becomes('one more', total, before + 1)
  await board.page.locator('.recent').getByText('Made in the first tab').waitFor()

  await writer.page.getByRole('button', { name: 'Rename Made in the first tab' }).click()
  await writer.dialog.getByLabel('Title').fill('Named in the first tab')
  await writer.dialog.getByRole('button', { name: 'Rename' }).click()
  await reader.page.getByRole('row', { name: /^Named in the first tab/ }).waitFor()
  await board.page.locator('.recent').getByText('Named in the first tab').waitFor()

  await writer.page.getByRole('button', { name: 'Delete Named in the first tab' }).click()
  await reader.page.getByRole('row', { name: /^Named in the first tab/ }).waitFor({ state: 'detached' })
  await board.becomes('as many as before', total, before)
  await workedOff(demo, writer, reader, board)
  const expected = await demo.rows<Row>(newest())
  assert.deepEqual(await writer.rows(), expected)
  assert.deepEqual(await reader.rows(), expected)
})

test('chats, projects and searches follow as well', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const chats = await Tab.open(t, context, demo, '/chats')
  const projects = await Tab.open(t, context, demo, '/projects')
  const searches = await Tab.open(t, context, demo, '/search')

  await demo.sql("INSERT INTO conversations (id, title, recording_id) VALUES ('cx', 'Asked in a shell', 'r208')")
  await chats.row('cx').getByText('Asked in a shell').waitFor()
  await demo.sql("UPDATE recordings SET title = 'What the chat is about' WHERE id = 'r208'")
  await chats.row('cx').getByText('What the chat is about').waitFor()

  await demo.sql("UPDATE projects SET name = 'Another name' WHERE id = 'p04'")
  await projects.row('p04').getByText('Another name').waitFor()
  await demo.sql("DELETE FROM projects WHERE id = 'p04'")
  await projects.row('p04').waitFor({ state: 'detached' })

  await demo.sql("INSERT INTO search_history (id, query) VALUES ('sx', 'searched in a shell')")
  await searches.page.locator('.history').getByText('searched in a shell').waitFor()
})

test('the panel shows a push: its keys, what was fetched again, and how long it took from the write to the screen', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  const refetches = await tab.counted('refetches')

  const began = Date.now()
  await demo.sql("UPDATE recordings SET status = 'ready' WHERE id = 'r206'")
  await tab.row('r206').getByText('ready').waitFor()
  await tab.panel.locator('.happening').first().getByText('written → on screen').waitFor()
  const took = Date.now() - began
  await tab.quiet()

  const [newest] = await tab.happenings()
  assert.ok(newest)
  assert.match(newest.title, /r206/)
  assert.deepEqual(newest.keys.sort(), [key('dashboard', 'stats'), key('recordings', 'detail', 'r206'), key('recordings', 'list')].sort())
  assert.deepEqual(newest.refetches, [{ key: key('recordings', 'list', { page: 1 }), state: 'fetched again' }])
  const span = /^(\d+) ms written → on screen/.exec(newest.foot)
  assert.ok(span, newest.foot)
  assert.ok(Number(span[1]) <= took, `${span[1]} ms of ${took} ms`)
  assert.equal((await tab.counted('refetches')) - refetches, 1)
})
