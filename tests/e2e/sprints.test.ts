/* The example "sprints", as its document asks: a cache that only the server makes stale, one connection for the open project, and a
 * membership that cuts off. On PostgreSQL. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { poll } from '../integration/lib/wait.ts'
import { Demo } from './lib/demo.ts'
import { arrive, signIn } from './lib/sign-in.ts'
import { profile, Tab } from './lib/tab.ts'

const ADA = 'Ada Lindgren'
const BO = 'Bo Achebe'
const start = (t: TestContext, options: { unstale?: boolean; env?: Record<string, string>; configure?: (yaml: string) => string } = {}) =>
  Demo.start(t, { example: 'sprints', ...options })

const go = (tab: Tab, place: string) => tab.page.getByRole('navigation', { name: 'Main' }).locator('ul').getByRole('link', { name: place }).click()
const asked = (counts: Record<string, number>, path: string) => counts[`GET ${path}`] ?? 0
const away = (tab: Tab) => tab.announce(/v1\/ws|ERR_|WebSocket/)

test('a project renamed in one tab is renamed in the other, and in its list', async (t) => {
  const demo = await start(t)
  const [ada, bo] = [await signIn(t, demo, ADA), await signIn(t, demo, BO)]
  await ada.page.getByRole('button', { name: 'Rename' }).click()
  await ada.dialog.getByLabel('Name').fill('Beehive')
  await ada.dialog.getByRole('button', { name: 'Rename' }).click()
  for (const tab of [ada, bo]) {
    await tab.page.getByRole('heading', { name: 'Beehive' }).waitFor()
    await tab.page.getByLabel('Project').locator('option', { hasText: 'Beehive' }).waitFor({ state: 'attached' })
  }
})

test('projects, sprints, tasks and members: each change reaches the pages that show it', async (t) => {
  const demo = await start(t)
  const [board, tasks, sprint, members] = [
    await signIn(t, demo, ADA),
    await signIn(t, demo, ADA, '/tasks'),
    await signIn(t, demo, ADA, '/sprints/s-hive-1'),
    await signIn(t, demo, ADA, '/members'),
  ]
  await demo.sql("UPDATE projects SET description = 'Described in a shell' WHERE id = 'p-hive'")
  await board.page.getByText('Described in a shell').waitFor()
  await demo.sql("INSERT INTO sprints (id, project_id, name) VALUES ('s-new', 'p-hive', 'Third storey')")
  await board.page.getByRole('link', { name: 'Third storey' }).waitFor()
  await demo.sql("DELETE FROM sprints WHERE id = 's-new'")
  await board.page.getByRole('link', { name: 'Third storey' }).waitFor({ state: 'detached' })
  await demo.sql("INSERT INTO tasks (id, project_id, sprint_id, title) VALUES ('t-new', 'p-hive', 's-hive-1', 'Made in a shell')")
  for (const tab of [tasks, sprint]) await tab.row('t-new').waitFor()
  await demo.sql("UPDATE tasks SET title = 'Changed in a shell' WHERE id = 't-new'")
  for (const tab of [tasks, sprint]) await tab.page.getByRole('link', { name: 'Changed in a shell' }).waitFor()
  await demo.sql("DELETE FROM tasks WHERE id = 't-new'")
  for (const tab of [tasks, sprint]) await tab.row('t-new').waitFor({ state: 'detached' })
  await demo.sql("INSERT INTO project_members (project_id, user_id) VALUES ('p-hive', 'u-cem')")
  for (const tab of [board, members]) await tab.row('u-cem').waitFor()
})

async function followsEach(demo: Demo, board: Tab, tasks: Tab): Promise<void> {
  await demo.sql("UPDATE projects SET description = 'Told by a trigger' WHERE id = 'p-hive'")
  await board.page.getByText('Told by a trigger').waitFor()
  await demo.sql("INSERT INTO sprints (id, project_id, name) VALUES ('s-new', 'p-hive', 'Third storey')")
  await board.page.getByRole('link', { name: 'Third storey' }).waitFor()
  await demo.sql("INSERT INTO tasks (id, project_id, title) VALUES ('t-new', 'p-hive', 'Made in a shell')")
  await tasks.row('t-new').waitFor()
  await demo.sql("DELETE FROM tasks WHERE id = 't-new'")
  await tasks.row('t-new').waitFor({ state: 'detached' })
  await demo.sql("INSERT INTO project_members (project_id, user_id) VALUES ('p-hive', 'u-cem')")
  await board.row('u-cem').waitFor()
}

test('the same by triggers, for a database that may not replicate', async (t) => {
  const demo = await start(t, { env: { UNSTALE_CAPTURE: 'notify' } })
  await followsEach(demo, await signIn(t, demo, ADA), await signIn(t, demo, ADA, '/tasks'))
})

test('the same by the triggers that the application has already', async (t) => {
  /* Whether such triggers tell everything nobody can check, so no right may depend on them: rights are for everybody here. */
  const configure = (yaml: string) =>
    yaml.replace(/^auth:\n[^]*?\n\n/m, 'auth: none\n\n').replace(/^( *)capture: .*$/m, '$1capture: notify\n$1channel: cache_invalidate')
  const demo = await start(t, { configure, unstale: false })
  await demo.sql(readFileSync(join(import.meta.dirname, '../../examples/sprints/triggers.sql'), 'utf8'))
  await demo.startUnstale()
  await followsEach(demo, await signIn(t, demo, ADA), await signIn(t, demo, ADA, '/tasks'))
})

test('nothing is fetched by age, by focus or by polling: only what the server says', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA, '/tasks')
  await tab.page.clock.install()
  await demo.forgetCounts()
  await tab.page.clock.fastForward(60 * 60 * 1000)
  await tab.page.evaluate(() => window.dispatchEvent(new Event('visibilitychange')))
  await demo.sql("UPDATE tasks SET done = true WHERE id = 't-hive-5'")
  await poll('the one fetch', async () => {
    await tab.page.clock.fastForward(1000)
    return asked(await demo.counts(), '/api/projects/p-hive/tasks') === 1
  })
  assert.equal(asked(await demo.counts(), '/api/projects'), 0)
})

test('away and back: the page has what happened meanwhile', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA, '/tasks')
  away(tab)
  await demo.killUnstale()
  await tab.reconnecting.waitFor()
  await demo.sql("UPDATE tasks SET title = 'Changed meanwhile' WHERE id = 't-hive-1'")
  await demo.startUnstale()
  await tab.page.getByRole('link', { name: 'Changed meanwhile' }).waitFor()
  await tab.reconnecting.waitFor({ state: 'detached' })
})

test('a cache that was kept over a closed tab shows at once, and what changed meanwhile is fetched', async (t) => {
  const demo = await start(t)
  const context = await profile(t)
  const first = await signIn(t, demo, ADA, '/tasks', context)
  await poll('a stored cache', () =>
    first.page.evaluate(() => (localStorage.getItem('REACT_QUERY_OFFLINE_CACHE') ?? '').includes('"unstale"')),
  )
  await first.page.close()
  await demo.sql("UPDATE tasks SET title = 'Changed while closed' WHERE id = 't-hive-1'")
  const second = await Tab.blank(t, context)
  await second.page.goto(`${demo.url}/tasks`)
  await second.page.getByRole('link', { name: 'Changed while closed' }).waitFor()
})

test('a member who is removed is cut off at that commit, and one who is added may open the project', async (t) => {
  const demo = await start(t)
  const [ada, bo] = [await signIn(t, demo, ADA, '/members'), await signIn(t, demo, BO, '/tasks')]
  bo.announce(/p-hive/)
  await ada.page.getByRole('button', { name: 'Remove Bo Achebe' }).click()
  await bo.page.getByText('You are in no project').waitFor()
  await ada.row('u-bo').waitFor({ state: 'detached' })

  await ada.page.getByRole('button', { name: 'Add Bo Achebe' }).click()
  await ada.row('u-bo').waitFor()
  const again = await signIn(t, demo, BO, '/tasks')
  await again.row('t-hive-1').waitFor()
})

test('who has other projects is told, and is shown one of those', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA)
  tab.announce(/p-site/)
  await tab.page.getByLabel('Project').selectOption('p-site')
  await tab.panel.getByText('project:p-site').waitFor()
  await demo.sql("DELETE FROM project_members WHERE project_id = 'p-site' AND user_id = 'u-ada'")
  await tab.toast('You are no longer a member of this project').waitFor()
  await tab.panel.getByText('project:p-hive').waitFor()
  assert.deepEqual(await tab.page.getByLabel('Project').locator('option').allTextContents(), ['Hive'])
})

test('a project of others is neither offered nor told', async (t) => {
  const demo = await start(t)
  const [ada, cem] = [await signIn(t, demo, ADA), await signIn(t, demo, 'Cem Kaya')]
  assert.deepEqual(await ada.page.getByLabel('Project').locator('option').allTextContents(), ['Hive', 'Site'])
  const before = await ada.counted('pushes')
  await demo.sql("UPDATE projects SET name = 'Secret wax' WHERE id = 'p-wax'")
  await cem.page.getByRole('heading', { name: 'Secret wax' }).waitFor()
  await demo.sql("UPDATE projects SET description = 'Not secret' WHERE id = 'p-hive'")
  await ada.page.getByText('Not secret').waitFor()
  assert.equal(await ada.counted('pushes'), before + 1)
})

test('another project is another connection; signing out is none', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA, '/tasks')
  tab.announce(/\/api\/session$/)
  await tab.page.getByLabel('Project').selectOption('p-site')
  await tab.panel.getByText('project:p-site').waitFor()
  await go(tab, 'Tasks')
  await tab.row('t-site-1').waitFor()
  await demo.sql("UPDATE tasks SET title = 'Of the other project' WHERE id = 't-site-1'")
  await tab.page.getByRole('link', { name: 'Of the other project' }).waitFor()
  await poll('one connection', () => demo.gate.connections === 1)
  await tab.page.getByRole('button', { name: 'Sign out' }).click()
  await poll('no connection', () => demo.gate.connections === 0)
  assert.equal(await tab.page.evaluate(() => localStorage.getItem('REACT_QUERY_OFFLINE_CACHE')), null, 'nothing is left for the next one')
})

test('what changed in a project while another one was open is fetched when it is opened again, also over a reload', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA, '/tasks')
  const open = async (project: string) => {
    await tab.page.getByLabel('Project').selectOption(project)
    await tab.panel.getByText(`project:${project}`).waitFor()
    await go(tab, 'Tasks')
    await tab.row(`t-${project.slice(2)}-1`).waitFor()
    await tab.ready()
  }
  await open('p-site')
  await demo.sql("UPDATE tasks SET title = 'Changed once' WHERE id = 't-hive-1'")
  await open('p-hive')
  await tab.page.getByRole('link', { name: 'Changed once' }).waitFor()

  await open('p-site')
  await demo.sql("UPDATE tasks SET title = 'Changed again' WHERE id = 't-hive-1'")
  await tab.page.reload()
  await tab.panel.getByText('project:p-hive').waitFor()
  await tab.page.getByRole('link', { name: 'Changed again' }).waitFor()
})

test('the application works without unstale, and "Refresh" fetches', async (t) => {
  const demo = await start(t, { unstale: false })
  const tab = await arrive(t, demo, ADA, '/tasks')
  away(tab)
  await tab.row('t-hive-1').waitFor()
  await tab.row('t-hive-1').getByRole('checkbox').click()
  await poll('the write shows', async () => !(await tab.row('t-hive-1').getByRole('checkbox').isChecked()))
  await demo.sql("UPDATE tasks SET title = 'Changed elsewhere' WHERE id = 't-hive-2'")
  await tab.page.getByRole('button', { name: 'Refresh' }).click()
  await tab.page.getByRole('link', { name: 'Changed elsewhere' }).waitFor()
})
