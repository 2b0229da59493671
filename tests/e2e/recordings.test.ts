/* The example "recordings", as its document asks: one WebSocket at /api/ws/sync, messages that name a resource, an action and an id,
 * and everything fetched again when the connection is back. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { poll } from '../integration/lib/wait.ts'
import { Demo, newest } from './lib/demo.ts'
import { profile, type Row, Tab, workedOff } from './lib/tab.ts'

const LIST = 'GET /api/recordings?page=1'
const CHOICE = 'GET /api/projects?page=1&pageSize=500'
const STATS = 'GET /api/dashboard/stats'
const SYNC = /\/api\/ws\/sync/

interface Message {
  type: string
  resource?: string
  action?: string
  id?: string
  data?: unknown
}

/** A tab, and what its WebSockets were told. */
async function listening(t: TestContext, demo: Demo, path: string): Promise<{ tab: Tab; addresses: string[]; messages: Message[] }> {
  const tab = await Tab.blank(t, await profile(t))
  const addresses: string[] = []
  const messages: Message[] = []
  tab.page.on('websocket', (socket) => {
    addresses.push(socket.url())
    socket.on('framereceived', ({ payload }) => messages.push(JSON.parse(String(payload)) as Message))
  })
  await tab.goto(demo, path)
  return { tab, addresses, messages }
}

async function rename(tab: Tab, id: string, title: string): Promise<void> {
  await tab.row(id).getByRole('button', { name: /^Rename/ }).click()
  await tab.dialog.getByLabel('Title').fill(title)
  await tab.dialog.getByRole('button', { name: 'Rename' }).click()
}

test('one WebSocket at /api/ws/sync tells type, resource, action and id: created, updated, deleted, status_changed', async (t) => {
  const demo = await Demo.start(t)
  const { tab, addresses, messages } = await listening(t, demo, '/recordings')
  assert.deepEqual(addresses, [`${demo.gate.url.replace('http', 'ws')}/api/ws/sync`])

  const told = async (statement: string, ...expected: Message[]) => {
    messages.length = 0
    await demo.sql(statement)
    await workedOff(demo, tab)
    assert.deepEqual(messages.filter(({ resource }) => resource !== 'search_history'), expected)
  }
  const said = (resource: string, action: string, id: string) => ({ type: 'invalidate', resource, action, id })
  await told("INSERT INTO recordings (id, title) VALUES ('rx', 'New')", said('recordings', 'created', 'rx'))
  await told("UPDATE recordings SET size_bytes = 1 WHERE id = 'rx'", said('recordings', 'updated', 'rx'))
  await told("UPDATE recordings SET status = 'ready' WHERE id = 'rx'", said('recordings', 'updated', 'rx'), said('recordings', 'status_changed', 'rx'))
  await told("DELETE FROM recordings WHERE id = 'rx'", said('recordings', 'deleted', 'rx'))
  await told("INSERT INTO projects (id, name) VALUES ('px', 'New')", said('projects', 'created', 'px'))
  await told("INSERT INTO conversations (id, title) VALUES ('cx', 'New')", said('conversations', 'created', 'cx'))
  await told("DELETE FROM conversations WHERE id = 'cx'", said('conversations', 'deleted', 'cx'))
})

test('nothing polls: there is no refetchInterval and no setInterval in the pages', () => {
  const folder = join(import.meta.dirname, '..', '..', 'examples', 'recordings', 'ui', 'src')
  const sources = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file))
  assert.ok(sources.length > 15)
  for (const file of sources) assert.doesNotMatch(readFileSync(join(folder, file), 'utf8'), /refetchInterval|setInterval/, file)
})

test('after a crash of the server "Reconnecting..." stands there, and when it is back everything shown is fetched once', async (t) => {
  const demo = await Demo.start(t)
  const { tab, addresses } = await listening(t, demo, '/recordings')
  tab.announce(SYNC)
  await workedOff(demo, tab)
  await demo.killUnstale()
  await tab.reconnecting.waitFor()
  await tab.panel.getByText('Offline', { exact: true }).waitFor()
  await demo.sql("UPDATE recordings SET title = 'While nobody listened' WHERE id = 'r208'")
  await demo.forgetCounts()
  await demo.startUnstale()

  await tab.row('r208').getByText('While nobody listened').waitFor()
  await tab.reconnecting.waitFor({ state: 'detached' })
  await workedOff(demo, tab)
  assert.deepEqual(await demo.counts(), { [LIST]: 1, [CHOICE]: 1 })
  assert.ok(addresses.length >= 2)
})

test('a row changed between the fetch and the opening of the WebSocket is seen', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.blank(t, await profile(t))
  demo.gate.hold('requests')
  await tab.page.goto(`${demo.url}/recordings`)
  await tab.row('r208').waitFor()
  await demo.gate.someoneWaits()
  await demo.sql("UPDATE recordings SET title = 'Before it was open' WHERE id = 'r208'")
  assert.notEqual((await tab.rows())[0]?.title, 'Before it was open')
  demo.gate.release()
  await tab.row('r208').getByText('Before it was open').waitFor()
})

test('the dashboard follows recordings and projects, one fetch for each change', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/')
  for (const statement of [
    "INSERT INTO projects (id, name) VALUES ('px', 'New')",
    "UPDATE projects SET name = 'Renamed' WHERE id = 'px'",
    "INSERT INTO recordings (id, title, project_id) VALUES ('rx', 'New', 'px')",
    "DELETE FROM recordings WHERE id = 'rx'",
    "DELETE FROM projects WHERE id = 'px'",
  ]) {
    await workedOff(demo, tab)
    await demo.forgetCounts()
    await demo.sql(statement)
    await poll('the numbers are fetched', async () => ((await demo.counts())[STATS] ?? 0) > 0)
    await workedOff(demo, tab)
    assert.deepEqual(await demo.counts(), { [STATS]: 1 }, statement)
  }
})

test('a recording that moves is fresh in both projects', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  await demo.sql("UPDATE recordings SET project_id = 'p01' WHERE id = 'r208'")
  const [from, to] = [await Tab.open(t, context, demo, '/projects/p01'), await Tab.open(t, context, demo, '/projects/p02')]
  await demo.sql("UPDATE recordings SET project_id = 'p02' WHERE id = 'r208'")
  await from.row('r208').waitFor({ state: 'detached' })
  await to.row('r208').waitFor()
  await workedOff(demo, from, to)
  for (const [tab, id] of [[from, 'p01'], [to, 'p02']] as const) {
    const total = await demo.value(`SELECT count(*) FROM recordings WHERE project_id = '${id}'`)
    assert.match((await tab.page.locator('.page-head .lead').textContent()) ?? '', new RegExp(`^${total} recordings`))
  }
})

test('more rows than the server remembers are each resource without an id, one push, and one fetch of what is shown', async (t) => {
  const demo = await Demo.start(t)
  const { tab, messages } = await listening(t, demo, '/recordings')
  await workedOff(demo, tab)
  await demo.forgetCounts()
  messages.length = 0
  const pushes = await tab.counted('pushes')
  await demo.sql(
    "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)" +
      " INSERT INTO recordings (id, title) SELECT 'burst' || i, 'Burst ' || i FROM n",
  )
  await tab.becomes('the list', async () => (await tab.rows()).every((row) => row.title.startsWith('Burst')), true)
  await tab.quiet()
  assert.equal((await tab.counted('pushes')) - pushes, 1)
  assert.deepEqual(await demo.counts(), { [LIST]: 1, [CHOICE]: 1 })
  const said = (resource: string) => ({ type: 'invalidate', resource, action: 'updated' })
  const byName = (a: Message, b: Message) => String(a.resource).localeCompare(String(b.resource))
  assert.deepEqual(messages.sort(byName), ['conversations', 'projects', 'recordings', 'search_history'].map(said))
})

test('one recording renamed in two tabs at the same time reads the same in both, and as in the database', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const [first, second] = [await Tab.open(t, context, demo, '/recordings'), await Tab.open(t, context, demo, '/recordings')]
  await demo.holdAnswers()
  await rename(first, 'r207', 'By the first')
  await first.row('r207').getByText('By the first').waitFor()
  await rename(second, 'r207', 'By the second')
  await second.row('r207').getByText('By the second').waitFor()
  await demo.answersHeld(2)
  await demo.letAnswersGo()

  for (const tab of [first, second]) await tab.toast('Recording updated').waitFor()
  await workedOff(demo, first, second)
  /* A refetch that a write cancelled is done again a moment later. */
  for (const tab of [first, second]) await tab.becomes('the list', () => tab.rows(), () => demo.rows<Row>(newest()))
})

test('a recording that one tab deletes while the other renames it is gone from both', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const [first, second] = [await Tab.open(t, context, demo, '/recordings'), await Tab.open(t, context, demo, '/recordings')]
  second.announce(/\/api\/recordings\/r207$/)
  await demo.holdAnswers()
  await first.row('r207').getByRole('button', { name: /^Delete/ }).click()
  await demo.answersHeld(1)
  await rename(second, 'r207', 'Too late')
  await demo.letAnswersGo()
  await first.toast('Recording deleted').waitFor()
  await second.toast('Failed to update recording').waitFor()
  await workedOff(demo, first, second)
  for (const tab of [first, second]) await tab.becomes('the list', () => tab.rows(), () => demo.rows<Row>(newest()))
})

test('a rename and a new recording that fail go back, with a toast', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  tab.announce(/\/api\/recordings(\/r207)?$/)
  const before = await tab.rows()
  await demo.failNextWrites(2)
  await demo.holdAnswers()
  await rename(tab, 'r207', 'Never stored')
  await tab.row('r207').getByText('Never stored').waitFor()
  await demo.letAnswersGo()
  await tab.toast('Failed to update recording').waitFor()
  await tab.becomes('the list', () => tab.rows(), before)

  await demo.holdAnswers()
  await tab.page.getByRole('button', { name: 'New recording' }).click()
  await tab.dialog.getByLabel('Title').fill('Never made')
  await tab.dialog.getByRole('button', { name: 'Create' }).click()
  await tab.page.getByRole('row', { name: /^Never made/ }).waitFor()
  await demo.letAnswersGo()
  await tab.toast('Failed to create recording').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await tab.rows(), before)
})

test('of several recordings deleted quickly none comes back', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  const deleted = ['r208', 'r207', 'r206', 'r205']
  await tab.page.evaluate(
    (ids) => {
      const gone: string[] = []
      const look = () => {
        for (const id of ids) {
          const shown = document.querySelector(`tr[data-id="${id}"]`) !== null
          if (!shown && !gone.includes(id)) gone.push(id)
          else if (shown && gone.includes(id)) (window as unknown as { cameBack: string }).cameBack = id
        }
      }
      new MutationObserver(look).observe(document.body, { subtree: true, childList: true })
    },
    deleted,
  )
  for (const id of deleted) await tab.row(id).getByRole('button', { name: /^Delete/ }).click()
  for (const id of deleted) await tab.row(id).waitFor({ state: 'detached' })
  await poll('they are deleted', async () => (await demo.value("SELECT count(*) FROM recordings WHERE id IN ('r208', 'r207', 'r206', 'r205')")) === '0')
  await workedOff(demo, tab)
  await tab.becomes('the list', () => tab.rows(), () => demo.rows<Row>(newest()))
  assert.equal(await tab.page.evaluate('window.cameBack'), undefined)
})

test('a worker transcribes what is queued: notices move the bar without a fetch, status_changed brings the rest', async (t) => {
  const demo = await Demo.start(t, { workers: true, env: { STEP_MS: '800' } })
  const { tab, messages } = await listening(t, demo, '/recordings/r100')
  await workedOff(demo, tab)
  await demo.forgetCounts()
  /* Until the worker is there it may miss it; what is queued again is as new. */
  await poll('the worker takes it', async () => {
    if ((await demo.value("SELECT status FROM recordings WHERE id = 'r100'")) === 'transcribing') return true
    await demo.sql("UPDATE recordings SET status = 'uploaded' WHERE id = 'r100' AND status <> 'transcribing'; UPDATE recordings SET status = 'queued' WHERE id = 'r100' AND status = 'uploaded'")
    return false
  })
  const bar = tab.page.getByRole('progressbar', { name: 'Transcribed' })
  await bar.waitFor()
  await tab.quiet()
  const percent = () => bar.getAttribute('value').then(Number)
  const [seen, fetched] = [await percent(), (await demo.counts())['GET /api/recordings/r100']]
  await poll('the bar moves', async () => (await percent()) > seen)
  assert.equal((await demo.counts())['GET /api/recordings/r100'], fetched, 'nothing was fetched for it')
  await tab.row('r100').getByText('ready').waitFor()
  await bar.waitFor({ state: 'detached' })
  const notices = messages.filter(({ type }) => type === 'transcription_progress').map(({ data }) => data)
  assert.deepEqual(notices.at(-1), { recordingId: 'r100', percent: 100 })
  assert.ok(messages.some(({ action, id }) => action === 'status_changed' && id === 'r100'))
})

test('projects and chats that are created and deleted in one tab show in the other', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  for (const [path, what, field, confirm] of [
    ['/projects', 'project', 'Name', true],
    ['/chats', 'chat', 'What do you want to know?', false],
  ] as const) {
    const [writer, reader] = [await Tab.open(t, context, demo, path), await Tab.open(t, context, demo, path)]
    const shown = (tab: Tab) => tab.page.getByRole('main').getByRole('listitem').filter({ hasText: 'Aa, made here' })
    await writer.page.getByRole('button', { name: `New ${what}` }).click()
    await writer.dialog.getByLabel(field).fill('Aa, made here')
    await writer.dialog.getByRole('button', { name: 'Create' }).click()
    for (const tab of [writer, reader]) await shown(tab).waitFor()

    await writer.page.getByRole('button', { name: 'Delete Aa, made here' }).click()
    if (confirm) await writer.dialog.getByRole('button', { name: 'Delete' }).click()
    for (const tab of [writer, reader]) await shown(tab).waitFor({ state: 'detached' })
    await workedOff(demo, writer, reader)
  }
})
