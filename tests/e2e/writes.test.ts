/* What is written on the page shows at once, goes back when it fails, and is not disturbed by the push of its own change. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Demo, newest } from './lib/demo.ts'
import { broken, profile, type Row, Tab, workedOff } from './lib/tab.ts'

const LIST = 'GET /api/recordings?page=1'

const remove = (tab: Tab, id: string) => tab.row(id).getByRole('button', { name: /^Delete/ }).click()
const gone = (tab: Tab, id: string) => tab.row(id).waitFor({ state: 'detached' })

test('a deleted recording vanishes before the backend has answered, and its push brings nothing back', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  const pushes = await tab.counted('pushes')
  await demo.forgetCounts()
  await demo.holdAnswers()
  await remove(tab, 'r206')
  await gone(tab, 'r206')
  await demo.answersHeld(1)
  assert.equal(await tab.toast('Recording deleted').count(), 0, 'nothing was answered yet')

  await tab.becomes('the push of its own change', () => tab.counted('pushes'), pushes + 1)
  assert.equal((await demo.counts())[LIST], undefined, 'no refetch of the list while the answer is out')
  await demo.letAnswersGo()
  await tab.toast('Recording deleted').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await demo.counts(), {
    'DELETE /api/recordings/r206': 1,
    [LIST]: 1,
    'GET /api/projects?page=1&pageSize=500': 1,
  })
  assert.deepEqual(await tab.rows(), await demo.rows<Row>(newest()))
})

test('a deletion that fails comes back with a toast', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const tab = await Tab.open(t, context, demo, '/recordings')
  const other = await Tab.open(t, context, demo, '/recordings')
  tab.announce(/\/api\/recordings\/r206$/)
  const before = await tab.rows()
  await demo.failNextWrites(1)
  await demo.holdAnswers()
  await remove(tab, 'r206')
  await gone(tab, 'r206')
  await demo.letAnswersGo()
  await tab.toast('Failed to delete recording').waitFor()
  await tab.row('r206').waitFor()
  assert.deepEqual(await tab.rows(), before)
  await workedOff(demo, tab, other)
  assert.deepEqual(await other.rows(), before)
  assert.equal(await tab.toast('Recording deleted').count(), 0)
})

test('a change from elsewhere during a deletion that fails is not undone by its return', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  tab.announce(/\/api\/recordings\/r206$/)
  await demo.failNextWrites(1)
  await demo.holdAnswers()
  const pushes = await tab.counted('pushes')
  await remove(tab, 'r206')
  await gone(tab, 'r206')
  await demo.sql("UPDATE recordings SET title = 'Changed during the deletion' WHERE id = 'r207'")
  await tab.becomes('its push', () => tab.counted('pushes'), pushes + 1)
  await demo.letAnswersGo()
  await tab.toast('Failed to delete recording').waitFor()
  await tab.row('r207').getByText('Changed during the deletion').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await tab.rows(), await demo.rows<Row>(newest()))
})

test('a change of the status shows before the backend has answered, and in the other tab after', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const tab = await Tab.open(t, context, demo, '/recordings/r208')
  const other = await Tab.open(t, context, demo, '/recordings?status=failed')
  await demo.holdAnswers()
  await tab.page.getByLabel('Status').selectOption('failed')
  await tab.row('r208').getByText('failed').waitFor()
  await demo.letAnswersGo()
  await tab.toast('Recording updated').waitFor()
  await other.row('r208').waitFor()
  await workedOff(demo, tab, other)
  assert.equal(await demo.value("SELECT status FROM recordings WHERE id = 'r208'"), 'failed')
})

test('a recording that is deleted on its own page is gone from the list that follows', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  await tab.row('r208').getByRole('link').first().click()
  await tab.page.getByRole('button', { name: 'Delete' }).click()
  await tab.page.waitForURL('**/recordings')
  await gone(tab, 'r208')
  await tab.toast('Recording deleted').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await tab.rows(), await demo.rows<Row>(newest()))
})

const project = (tab: Tab, name: string) => tab.page.getByRole('main').getByRole('listitem').filter({ has: tab.page.getByRole('heading', { name, exact: true }) })

async function createProject(tab: Tab, name: string): Promise<void> {
  await tab.page.getByRole('button', { name: 'New project' }).click()
  await tab.dialog.getByLabel('Name').fill(name)
  await tab.dialog.getByRole('button', { name: 'Create' }).click()
}

/** Of the projects on the screen, as they stand there. */
const names = (tab: Tab) => tab.page.locator('.project-card h2').allInnerTexts()
const PROJECTS = 'GET /api/projects?page=1&pageSize=12'

test('a new project stands in its place before the backend has answered, and its push makes no second row', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/projects')
  const before = await names(tab)
  const expected = before.toSpliced(before.indexOf('Field notes 2026'), 0, 'estuary, a new one')
  await tab.page.evaluate(() => {
    const look = () => {
      const all = [...document.querySelectorAll('.project-card h2')].map((one) => one.textContent)
      if (all.filter((text) => text === 'estuary, a new one').length > 1) (window as unknown as { twice: boolean }).twice = true
    }
    new MutationObserver(look).observe(document.body, { subtree: true, childList: true, characterData: true })
  })
  const pushes = await tab.counted('pushes')
  await demo.forgetCounts()
  await demo.holdAnswers()
  await createProject(tab, 'estuary, a new one')
  await project(tab, 'estuary, a new one').waitFor()
  assert.deepEqual(await names(tab), expected)
  await tab.page.getByText('11 projects').waitFor()
  await demo.answersHeld(1)
  assert.equal(await tab.toast('Project created').count(), 0, 'nothing was answered yet')
  const card = project(tab, 'estuary, a new one')
  assert.equal(await card.getByRole('link').count(), 0, 'it has no page yet')
  assert.ok(await card.getByRole('button', { name: /^Rename/ }).isDisabled())

  await tab.becomes('the push of its own change', () => tab.counted('pushes'), pushes + 1)
  assert.equal((await demo.counts())[PROJECTS], undefined, 'no refetch of the list while the answer is out')
  await demo.letAnswersGo()
  await tab.toast('Project created').waitFor()
  await workedOff(demo, tab)
  assert.equal((await demo.counts())[PROJECTS], 1)
  assert.deepEqual(await names(tab), expected)
  assert.equal(await tab.page.evaluate(() => (window as unknown as { twice?: boolean }).twice), undefined, 'one row of it, all the time')
  await card.getByRole('link').click()
  await tab.page.getByRole('heading', { name: 'estuary, a new one' }).waitFor()
})

test('a project that is refused goes away with a message', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/projects')
  tab.announce(/\/api\/projects$/)
  const before = await names(tab)
  await demo.failNextWrites(1)
  await demo.holdAnswers()
  await createProject(tab, 'Never made')
  await project(tab, 'Never made').waitFor()
  await demo.letAnswersGo()
  await tab.toast('Failed to create project').waitFor()
  await project(tab, 'Never made').waitFor({ state: 'detached' })
  await tab.page.getByText('10 projects').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await names(tab), before)
  assert.equal(await tab.toast('Project created').count(), 0)
})

test('writes on the page while unstale is away show without its help', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  tab.announce(broken(demo))
  await demo.stopUnstale()
  await tab.reconnecting.waitFor()
  await remove(tab, 'r206')
  await tab.toast('Recording deleted').waitFor()
  await tab.becomes('the list', () => tab.rows(), () => demo.rows<Row>(newest()))
  await tab.page.getByRole('link', { name: 'Dashboard' }).click()
  await tab.page.locator('.tile', { hasText: 'Recordings' }).getByText('207').waitFor()
})
