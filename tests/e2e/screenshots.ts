/* The pictures of the README, made anew by: node --test tests/e2e/screenshots.ts */

import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { sleep } from '../integration/lib/wait.ts'
import { Demo } from './lib/demo.ts'
import { signIn } from './lib/sign-in.ts'
import { profile, Tab } from './lib/tab.ts'

const folder = join(import.meta.dirname, '..', '..', 'docs', 'images')

async function shoot(tab: Tab, name: string): Promise<void> {
  await tab.panel.locator('.happening').first().getByText('written → on screen').waitFor()
  /* The panel fades its entries in; the row is still lit. */
  await sleep(350)
  await tab.page.screenshot({ path: join(folder, `recordings-${name}.png`) })
}

/** As between two commands that somebody types: longer than the pause that a page makes between two refetches. */
const aMoment = () => sleep(2500)

test('the list, just after rows were changed in a shell', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t, { colorScheme: 'light' }), demo, '/recordings')
  await tab.page.setViewportSize({ width: 1360, height: 780 })
  await aMoment()
  await demo.sql("INSERT INTO conversations (id, title, recording_id) VALUES ('c99', 'What is left to do?', 'r205')")
  await aMoment()
  await demo.sql("UPDATE recordings SET status = 'ready' WHERE id = 'r206'")
  await tab.row('r206').getByText('ready').waitFor()
  await aMoment()
  await demo.sql("UPDATE recordings SET title = 'Renamed in a shell', status = 'ready' WHERE id = 'r207'")
  await tab.row('r207').getByText('Renamed in a shell').waitFor()
  await shoot(tab, 'list')
})

test('the dashboard, which follows', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t, { colorScheme: 'light' }), demo, '/')
  await tab.page.setViewportSize({ width: 1440, height: 780 })
  await aMoment()
  await demo.sql("UPDATE recordings SET status = 'transcribing' WHERE id = 'r205'")
  await tab.page.locator('.recent li').first().getByText('transcribing').waitFor()
  await aMoment()
  await demo.sql("UPDATE recordings SET title = 'The old canal', status = 'failed' WHERE id = 'r208'")
  await tab.page.locator('.recent').getByText('The old canal').waitFor()
  await shoot(tab, 'dashboard')
})

async function shootOf(t: TestContext, example: string, path: string): Promise<{ demo: Demo; tab: Tab }> {
  const demo = await Demo.start(t, { example, workers: true, env: { WORK_MS: '400', STEP_MS: '150' } })
  const tab = await signIn(t, demo, 'Ada Lindgren', path, await profile(t, { colorScheme: 'light' }))
  await tab.page.setViewportSize({ width: 1440, height: 780 })
  return { demo, tab }
}

test('the registry, where an administrator sees what another one does', async (t) => {
  const { demo, tab } = await shootOf(t, 'registry', '/')
  await aMoment()
  await demo.sql("INSERT INTO users (id, login, name) VALUES ('u-gus', 'gus', 'Gus Berg')")
  await tab.page.locator('[data-stat="users"]').getByText('7').waitFor()
  await aMoment()
  await demo.sql("INSERT INTO repositories (id, format, description) VALUES ('platform-cargo', 'cargo', 'Added in a shell')")
  await tab.row('platform-cargo').waitFor()
  await sleep(600)
  await tab.page.screenshot({ path: join(folder, 'registry-dashboard.png') })
  await tab.page.goto(`${demo.url}/repositories`)
  await tab.ready()
  await aMoment()
  await demo.sql("UPDATE repositories SET health = 41, description = 'Described in a shell' WHERE id = 'billing-maven-2'")
  await tab.row('billing-maven-2').getByText('Described in a shell').waitFor()
  await sleep(600)
  await tab.page.screenshot({ path: join(folder, 'registry-repositories.png') })
})

test('a podcast whose job has just finished', async (t) => {
  const { tab } = await shootOf(t, 'podcasts', '/podcasts/pod-yeast')
  await tab.page.getByRole('button', { name: 'Generate', exact: true }).click()
  await tab.page.getByText('/audio/pod-yeast.mp3').waitFor()
  await sleep(350)
  await tab.page.screenshot({ path: join(folder, 'podcasts-ready.png') })
})

test('a document while its chunks are embedded', async (t) => {
  const { tab } = await shootOf(t, 'documents', '/')
  await tab.row('doc_tariff').getByRole('button', { name: 'Process' }).click()
  await tab.row('doc_tariff').getByText(/^1\d \/ 24$/).first().waitFor()
  await tab.page.screenshot({ path: join(folder, 'documents-progress.png') })
})

test('tasks, one of which was just changed in psql', async (t) => {
  const { demo, tab } = await shootOf(t, 'sprints', '/tasks')
  await aMoment()
  await demo.sql("UPDATE tasks SET title = 'Renamed in psql', done = true WHERE id = 't-hive-4'")
  await tab.page.getByRole('link', { name: 'Renamed in psql' }).waitFor()
  await sleep(350)
  await tab.page.screenshot({ path: join(folder, 'sprints-tasks.png') })
})
