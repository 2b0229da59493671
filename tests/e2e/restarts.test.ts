/* unstale comes and goes while the database changes and pages are open. What resumes exactly is unstale's own
 * stream; what the document's WebSocket does instead is in recordings.test.ts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PATIENCE, poll } from '../integration/lib/wait.ts'
import { Demo, newest } from './lib/demo.ts'
import { broken, type Happening, key, native, profile, type Row, STREAMS, Tab, workedOff } from './lib/tab.ts'

const BY_STATUS = 'SELECT status, count(*) AS n FROM recordings GROUP BY status ORDER BY status'

/** What the dashboard says, without the states that no recording has. */
async function byStatus(tab: Tab): Promise<{ status: string; n: number }[]> {
  const seen = await tab.page
    .locator('b[data-status]')
    .evaluateAll((all) => all.map((b) => ({ status: b.getAttribute('data-status') ?? '', n: Number(b.textContent?.replaceAll(',', '')) })))
  return seen.filter(({ n }) => n > 0).sort((a, b) => (a.status < b.status ? -1 : 1))
}

/** Between two attempts of a client that failed several times, and until a reset that is spread over time. */
const BACKOFF = 3 * PATIENCE

const reconnections = (all: Happening[]) => all.filter((one) => one.title.startsWith('Connected'))

for (const [stream, at] of STREAMS) {
  test(`after a crash and a restart in the middle of changes both tabs show what the database holds, ${stream}`, async (t) => {
    const demo = await Demo.start(t)
    const context = await profile(t)
    const list = await Tab.open(t, context, demo, at('/recordings'))
    const board = await Tab.open(t, context, demo, at('/'))
    for (const tab of [list, board]) tab.announce(broken(demo))

    let changes = 0
    let goOn = true
    const worker = (async () => {
      while (goOn) {
        const n = (changes += 1)
        await demo.sql(
          `UPDATE recordings SET title = 'Change ${n}', status = ${n % 2 ? "'failed'" : "'queued'"} WHERE id = 'r${200 + (n % 9)}';` +
            (n % 10 === 0 ? `INSERT INTO recordings (id, title) VALUES ('w${n}', 'Written by a worker');` : '') +
            (n % 25 === 0 ? `DELETE FROM recordings WHERE id = 'w${n - 5}' OR id = 'r${190 - n / 25}';` : ''),
        )
      }
    })()
    const passed = async (more: number) => {
      const until = changes + more
      await poll(`${more} more changes`, () => changes >= until)
    }
    try {
      for (let round = 0; round < 3; round++) {
        await passed(20)
        await demo.killUnstale()
        await passed(20)
        if (round < 2) await demo.startUnstale()
      }
    } finally {
      goOn = false
      await worker
    }
    await Promise.all([list.quiet(), board.quiet()])
    await demo.sql("UPDATE recordings SET title = 'The last word' WHERE id = 'r208'")
    await demo.startUnstale()

    for (const tab of [list, board]) await tab.panel.getByText('Live', { exact: true }).waitFor({ timeout: BACKOFF })
    await list.becomes('the list', () => list.rows(), () => demo.rows<Row>(newest()), BACKOFF)
    await board.becomes('the dashboard', () => byStatus(board), () => demo.rows(BY_STATUS), BACKOFF)
    await workedOff(demo, list, board)
    assert.deepEqual(await list.rows(), await demo.rows<Row>(newest()))
    assert.deepEqual(await byStatus(board), await demo.rows(BY_STATUS))
  })
}

test('after an orderly restart a tab resumes exactly and fetches only what went stale meanwhile', async (t) => {
  const demo = await Demo.start(t)
  const context = await profile(t)
  const list = await Tab.open(t, context, demo, native('/recordings'))
  const chats = await Tab.open(t, context, demo, native('/chats'))
  for (const tab of [list, chats]) tab.announce(new RegExp(`^${demo.gate.url}`))
  await workedOff(demo, list, chats)

  await demo.stopUnstale()
  await list.reconnecting.waitFor()
  await demo.forgetCounts()
  await demo.sql("UPDATE recordings SET status = 'failed' WHERE id = 'r203'")
  await demo.startUnstale()

  await list.row('r203').getByText('failed').waitFor()
  for (const tab of [list, chats]) await tab.panel.getByText('scope all, exact').waitFor()
  await workedOff(demo, list, chats)
  assert.deepEqual(await demo.counts(), { 'GET /api/recordings?page=1': 1 })
  for (const tab of [list, chats]) assert.equal(reconnections(await tab.happenings()).length, 1, 'only the first connection had to check')
})

test('nothing is fetched after an orderly restart when nothing changed', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, native('/recordings'))
  tab.announce(new RegExp(`^${demo.gate.url}`))
  await workedOff(demo, tab)
  await demo.forgetCounts()
  await demo.stopUnstale()
  await tab.reconnecting.waitFor()
  await demo.startUnstale()
  await tab.panel.getByText('scope all, exact').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await demo.counts(), {})
})

test('"Reconnecting..." stands there while unstale is away, and goes when it is back', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, native('/recordings'))
  tab.announce(new RegExp(`^${demo.gate.url}`))
  assert.equal(await tab.reconnecting.count(), 0)

  await demo.killUnstale()
  await tab.reconnecting.waitFor()
  await tab.panel.getByText('Offline', { exact: true }).waitFor()

  await demo.startUnstale()
  /* If it is still there: the page may have come back by itself just now. */
  await tab.panel.getByRole('button', { name: 'Try now' }).evaluateAll((buttons) => buttons.forEach((button) => (button as HTMLElement).click()))
  await tab.reconnecting.waitFor({ state: 'detached', timeout: BACKOFF })
  await tab.panel.getByText('Live', { exact: true }).waitFor()
  await demo.sql("UPDATE recordings SET title = 'Seen by the new connection' WHERE id = 'r204'")
  await tab.row('r204').getByText('Seen by the new connection').waitFor()
})

test('a connection that breaks off is opened again and resumes exactly', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, native('/recordings'))
  tab.announce(new RegExp(`^${demo.gate.url}`))
  await workedOff(demo, tab)
  await demo.forgetCounts()
  const { target } = demo.gate
  demo.gate.target = null
  demo.gate.cut()
  await tab.reconnecting.waitFor()
  await demo.sql("UPDATE recordings SET title = 'Changed while the line was cut' WHERE id = 'r204'")
  demo.gate.target = target

  await tab.row('r204').getByText('Changed while the line was cut').waitFor()
  await tab.panel.getByText('scope all, exact').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await demo.counts(), { 'GET /api/recordings?page=1': 1 })
})

test('a page that was opened without unstale works, and becomes live when it comes', async (t) => {
  const demo = await Demo.start(t, { unstale: false })
  const context = await profile(t)
  const tab = await Tab.blank(t, context)
  tab.announce(new RegExp(`^${demo.gate.url}`))
  await tab.page.goto(demo.url + native('/recordings'))
  await tab.row('r208').waitFor()
  await tab.reconnecting.waitFor()

  await tab.row('r208').getByRole('button', { name: /^Delete/ }).click()
  await tab.toast('Recording deleted').waitFor()
  await tab.becomes('the list', () => tab.rows(), () => demo.rows<Row>(newest()))

  await demo.sql("UPDATE recordings SET title = 'Before anybody watched' WHERE id = 'r206'")
  await demo.startUnstale()
  await tab.row('r206').getByText('Before anybody watched').waitFor()
  await tab.ready()
  await demo.sql("UPDATE recordings SET title = 'Watched' WHERE id = 'r206'")
  await tab.row('r206').getByText('Watched', { exact: true }).waitFor()
  assert.ok((await tab.happenings())[0]?.keys.includes(key('recordings', 'list')))
})
