/* Every page, as somebody who looks around sees it. Each test ends with an empty console: no error, no unhandled rejection. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { poll } from '../integration/lib/wait.ts'
import { Demo, newest } from './lib/demo.ts'
import { profile, type Row, Tab, workedOff } from './lib/tab.ts'

const PAGES: [path: string, heading: string | RegExp][] = [
  ['/', 'Dashboard'],
  ['/recordings', 'Recordings'],
  ['/recordings/r208', /./],
  ['/projects', 'Projects'],
  ['/projects/p01', 'Harbour Museum audio guide'],
  ['/chats', 'Chats'],
  ['/search', 'Search'],
]

for (const colorScheme of ['light', 'dark'] as const) {
  test(`every page opens by its address without an error, in ${colorScheme}`, async (t) => {
    const demo = await Demo.start(t)
    const tab = await Tab.blank(t, await profile(t, { colorScheme }))
    for (const [path, heading] of PAGES) {
      await tab.goto(demo, path)
      await tab.page.getByRole('heading', { level: 1, name: heading }).waitFor()
      const { wider, alerts } = await tab.page.evaluate(() => ({
        wider: document.documentElement.scrollWidth - window.innerWidth,
        alerts: document.querySelectorAll('[role=alert]').length,
      }))
      assert.ok(wider <= 0, `${path} is ${wider} px wider than the window`)
      assert.equal(alerts, 0, path)
    }
    await tab.page.goto(`${demo.url}/no/such/page`)
    await tab.page.getByText('There is no such page').waitFor()
  })
}

test('all pages are reached by links, without a reload, and go on being live', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/')
  await tab.page.evaluate('window.notReloaded = true')
  const menu = tab.page.getByRole('navigation', { name: 'Main' })
  for (const name of ['Recordings', 'Projects', 'Chats', 'Search', 'Dashboard']) {
    await menu.getByRole('listitem').getByRole('link', { name }).click()
    await tab.page.getByRole('heading', { level: 1, name }).waitFor()
    await tab.quiet()
  }
  await tab.page.locator('.recent').getByRole('link').first().click()
  await tab.page.waitForURL('**/recordings/*')
  await tab.page.goBack()
  await tab.page.getByRole('heading', { level: 1, name: 'Dashboard' }).waitFor()
  await demo.sql("UPDATE recordings SET title = 'Still live' WHERE id = 'r100'")
  await tab.page.locator('.recent').getByText('Still live').waitFor()
  assert.equal(await tab.page.evaluate('window.notReloaded'), true)
})

test('a narrow window shows the pages too, with the panel put away', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.blank(t, await profile(t))
  await tab.page.setViewportSize({ width: 390, height: 800 })
  for (const [path, heading] of PAGES) {
    await tab.page.goto(demo.url + path)
    await tab.page.getByRole('heading', { level: 1, name: heading }).waitFor()
    assert.equal(await tab.panel.count(), 0)
    const wider = await tab.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
    assert.ok(wider <= 0, `${path} is ${wider} px wider than the window`)
  }
  await tab.page.getByRole('button', { name: 'What just happened' }).click()
  await tab.panel.getByText('Live', { exact: true }).waitFor()
})

test('filters are kept over a reload', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/recordings')
  const failed = () => demo.rows<Row>(newest("status = 'failed' AND title LIKE '%with%'"))
  await tab.page.getByLabel('Status').selectOption('failed')
  await tab.page.getByLabel('Filter by title or project').fill('with')
  await tab.becomes('the failed ones', () => tab.rows(), failed)

  await tab.page.reload()
  await tab.ready()
  assert.equal(await tab.page.getByLabel('Status').inputValue(), 'failed')
  assert.equal(await tab.page.getByLabel('Filter by title or project').inputValue(), 'with')
  assert.deepEqual(await tab.rows(), await failed())

  await tab.page.getByRole('button', { name: 'Clear filters' }).click()
  await tab.row('r208').waitFor()
  await tab.page.reload()
  await tab.ready()
  assert.equal(await tab.page.getByLabel('Status').inputValue(), '')
})

test('a search shows what it found, stays fresh, and is remembered', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, '/search')
  await tab.page.getByLabel('Search for').fill('lighthouse')
  await tab.page.getByRole('button', { name: 'Search', exact: true }).click()
  await tab.page.getByText('0 results').waitFor()
  await tab.page.locator('.history').getByText('lighthouse', { exact: true }).waitFor()

  await demo.sql("UPDATE recordings SET title = 'The old lighthouse' WHERE id = 'r120'")
  await tab.page.getByRole('link', { name: 'The old lighthouse' }).waitFor()
  await tab.page.getByText('1 result', { exact: false }).waitFor()
  await tab.page.getByRole('button', { name: 'Forget lighthouse' }).click()
  await tab.page.locator('.history').getByText('lighthouse', { exact: true }).waitFor({ state: 'detached' })
  await workedOff(demo, tab)
})

test('a backend that cannot read the database is said, and asked again', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.blank(t, await profile(t))
  tab.announce(/\/api\/dashboard\/stats$/)
  let asked = 0
  await tab.page.route('**/api/dashboard/stats', (route) => {
    asked += 1
    return route.fulfill({ status: 500, json: { error: 'the disk is full' } })
  })
  await tab.page.goto(demo.url)
  await tab.page.getByText('the disk is full').waitFor()
  const again = tab.page.getByRole('button', { name: 'Try again' })
  const before = asked
  await again.click()
  await poll('it is asked again', () => asked > before)
  await tab.page.unroute('**/api/dashboard/stats')
  /* The SDK tries by itself, too, and may be the first. */
  await poll('the dashboard', async () => {
    if ((await tab.page.locator('.tile', { hasText: 'Recordings' }).getByText('208').count()) > 0) return true
    await again.click({ timeout: 1000 }).catch(() => undefined)
    return false
  })
})
