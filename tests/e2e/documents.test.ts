/* The example "documents", as its document asks: progress of background workers on the page, one project at a time. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { poll } from '../integration/lib/wait.ts'
import { Demo } from './lib/demo.ts'
import { arrive, signIn } from './lib/sign-in.ts'
import type { Tab } from './lib/tab.ts'

const ADA = 'Ada Lindgren'
const start = (t: TestContext, options: { unstale?: boolean; workers?: boolean; env?: Record<string, string> } = {}) =>
  Demo.start(t, { example: 'documents', ...options })

const go = (tab: Tab, place: string) => tab.page.getByRole('navigation', { name: 'Main' }).locator('ul').getByRole('link', { name: place }).click()
const progress = (tab: Tab, id: string) => tab.row(id).locator('.embedding .number').first()
const asked = (counts: Record<string, number>, path: string) => counts[`GET ${path}`] ?? 0

test('two workers bring a document from "uploaded" to "ready", and the page shows each step in both sessions', async (t) => {
  const demo = await start(t, { workers: true, env: { STEP_MS: '60' } })
  const [ada, bo] = [await signIn(t, demo, ADA), await signIn(t, demo, 'Bo Achebe')]
  await bo.page.getByLabel('Project').selectOption('proj_harbour')
  await ada.row('doc_1902').getByRole('button', { name: 'Process' }).click()
  for (const tab of [ada, bo]) {
    await progress(tab, 'doc_1902').getByText('10 / 10').waitFor()
    await tab.row('doc_1902').getByText('ready').waitFor()
  }
  await go(bo, 'Extraction')
  await bo.page.getByText('Arrivals 1902.txt is ready').waitFor()
  await bo.page.getByRole('region', { name: 'Jobs' }).getByText('completed').waitFor()
})

test('the progress bar is fed by what the push brings: no fetch of the list for any of its steps', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA)
  await demo.forgetCounts()
  for (let done = 1; done <= 5; done++) {
    await demo.sql(`UPDATE documents SET embedded_chunks = ${done} WHERE id = 'doc_1902'`)
    await progress(tab, 'doc_1902').getByText(`${done} / 10`).waitFor()
  }
  assert.equal(asked(await demo.counts(), '/api/documents?project=proj_harbour'), 0)
})

test('what the push brought is still there when one comes back to the page, without a fetch', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA, '/documents/doc_1902')
  await go(tab, 'Documents')
  await progress(tab, 'doc_1902').getByText('0 / 10').waitFor()
  await demo.forgetCounts()
  await demo.sql("UPDATE documents SET embedded_chunks = 4 WHERE id = 'doc_1902'")
  await progress(tab, 'doc_1902').getByText('4 / 10').waitFor()
  await go(tab, 'Extraction')
  await tab.page.getByRole('region', { name: 'Jobs' }).waitFor()
  const pushes = await tab.counted('pushes')
  await demo.sql("UPDATE documents SET embedded_chunks = 6 WHERE id = 'doc_1902'")
  await tab.becomes('the push while nobody looks', () => tab.counted('pushes'), pushes + 1)
  await go(tab, 'Documents')
  await progress(tab, 'doc_1902').getByText('6 / 10').waitFor()
  assert.equal(asked(await demo.counts(), '/api/documents?project=proj_harbour'), 0)
  /* A mark that came before is none the less. */
  await go(tab, 'Extraction')
  await demo.sql("UPDATE documents SET name = 'Renamed meanwhile' WHERE id = 'doc_1902'")
  await tab.becomes('its push', () => tab.counted('pushes'), pushes + 2)
  await demo.sql("UPDATE documents SET embedded_chunks = 7 WHERE id = 'doc_1902'")
  await tab.becomes('the one after it', () => tab.counted('pushes'), pushes + 3)
  await go(tab, 'Documents')
  await tab.page.getByRole('link', { name: 'Renamed meanwhile' }).waitFor()
  await progress(tab, 'doc_1902').getByText('7 / 10').waitFor()
})

test('a page of one document follows that document: status, chunks and facts', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA, '/documents/doc_1902')
  await demo.sql("UPDATE documents SET status = 'extracting' WHERE id = 'doc_1902'")
  await tab.row('doc_1902').getByText('extracting').waitFor()
  await demo.sql("UPDATE chunks SET embedded = 1 WHERE document_id = 'doc_1902'")
  await poll('every chunk is embedded', async () => (await tab.page.locator('table.chunks').getByText('yes').count()) === 10)
  await tab.page.getByText('10 chunks of this project changed').waitFor()
  await demo.sql("INSERT INTO graph_objects (id, project_id, document_id, kind, label) VALUES ('o9', 'proj_harbour', 'doc_1902', 'ship', 'Albatross')")
  await tab.page.getByText('Albatross').waitFor()
  tab.announce(/documents\/doc_1902/)
  await demo.sql("DELETE FROM documents WHERE id = 'doc_1902'")
  await tab.toast('This document was deleted').waitFor()
})

test('who leaves a page is not called any more, and comes back to what is true by then', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA, '/documents/doc_1902')
  await go(tab, 'Documents')
  await progress(tab, 'doc_1902').getByText('0 / 10').waitFor()
  await demo.sql("UPDATE chunks SET embedded = 1 WHERE document_id = 'doc_1902'")
  await demo.sql("UPDATE documents SET embedded_chunks = 10 WHERE id = 'doc_1902'")
  await progress(tab, 'doc_1902').getByText('10 / 10').waitFor()
  await tab.page.getByRole('link', { name: 'Arrivals 1902.txt' }).click()
  await poll('every chunk is embedded', async () => (await tab.page.locator('table.chunks').getByText('yes').count()) === 10)
})

test('another project is another subscription: its changes come, those of the first do not', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA)
  await tab.page.getByLabel('Project').selectOption('proj_rail')
  await tab.row('doc_points').waitFor()
  await tab.panel.getByText('project:proj_rail').waitFor()
  const before = await tab.counted('pushes')
  await demo.sql("UPDATE documents SET name = 'Not looked at' WHERE id = 'doc_1902'")
  await demo.sql("UPDATE documents SET name = 'Looked at' WHERE id = 'doc_points'")
  await tab.page.getByRole('link', { name: 'Looked at', exact: true }).waitFor()
  assert.equal(await tab.counted('pushes'), before + 1)
})

test('a project of others is neither offered nor told', async (t) => {
  const demo = await start(t)
  const [ada, bo] = [await signIn(t, demo, ADA), await signIn(t, demo, 'Bo Achebe')]
  assert.deepEqual(await ada.page.getByLabel('Project').locator('option').allTextContents(), ['Harbour records', 'Rail incidents'])
  await bo.page.getByLabel('Project').selectOption('proj_hidden')
  await bo.row('doc_board').waitFor()
  await bo.panel.getByText('project:proj_hidden').waitFor()
  const before = await ada.counted('pushes')
  await demo.sql("UPDATE documents SET name = 'Secret' WHERE id = 'doc_board'")
  await bo.page.getByRole('link', { name: 'Secret' }).waitFor()
  await demo.sql("UPDATE documents SET name = 'Not secret' WHERE id = 'doc_1902'")
  await ada.page.getByRole('link', { name: 'Not secret' }).waitFor()
  assert.equal(await ada.counted('pushes'), before + 1)
})

test('after a reconnect the page fetches what changed meanwhile', async (t) => {
  const demo = await start(t)
  const tab = await signIn(t, demo, ADA)
  tab.announce(/v1\/stream|ERR_/)
  await demo.killUnstale()
  await tab.reconnecting.waitFor()
  await demo.sql("UPDATE documents SET name = 'Renamed meanwhile', embedded_chunks = 7 WHERE id = 'doc_1902'")
  await demo.startUnstale()
  await tab.page.getByRole('link', { name: 'Renamed meanwhile' }).waitFor()
  await progress(tab, 'doc_1902').getByText('7 / 10').waitFor()
})

test('the application works when the stream does not: it loads, it writes, and shows its own writes', async (t) => {
  const demo = await start(t, { unstale: false })
  const tab = await arrive(t, demo, ADA)
  tab.announce(/v1\/stream|ERR_/)
  await tab.row('doc_1902').waitFor()
  await tab.row('doc_1902').getByRole('button', { name: 'Process' }).click()
  await tab.row('doc_1902').getByText('embedding').waitFor()
})
