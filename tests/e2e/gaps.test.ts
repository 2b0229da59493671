/* The moments in which a change is easily missed: before the stream is there, while a fetch is on its way, and while the tab
 * is in the background. What the
 * document's WebSocket does about the first is in recordings.test.ts. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { poll } from '../integration/lib/wait.ts'
import { Demo, newest } from './lib/demo.ts'
import { realTabs } from './lib/background.ts'
import { broken, native, profile, type Row, STREAMS, Tab, workedOff } from './lib/tab.ts'

const LIST = 'GET /api/recordings?page=1'

for (const bytes of ['requests', 'answers'] as const) {
  const where = bytes === 'requests' ? 'its request' : 'the answer, with ready in it,'
  test(`a row changed between the fetch and the first ready is seen: ${where} is on its way`, async (t) => {
    const demo = await Demo.start(t)
    const tab = await Tab.blank(t, await profile(t))
    demo.gate.hold(bytes)
    await tab.page.goto(demo.url + native('/recordings'))
    await tab.row('r208').waitFor()
    await demo.gate.someoneWaits()
    assert.equal((await demo.counts())[LIST], 1)

    await demo.sql("UPDATE recordings SET title = 'Between fetch and ready' WHERE id = 'r208'")
    assert.notEqual((await tab.rows())[0]?.title, 'Between fetch and ready')
    demo.gate.release()
    await tab.row('r208').getByText('Between fetch and ready').waitFor()
    await workedOff(demo, tab)
    assert.ok(Number((await demo.counts())[LIST]) <= 3, 'for ready, and for the push')
  })
}

test('a row changed while the first fetch of a page is on its way is seen', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, native('/'))
  const pushes = await tab.counted('pushes')
  await demo.forgetCounts()
  await demo.holdAnswers()
  await tab.page.getByRole('link', { name: 'Recordings', exact: true }).last().click()
  await demo.answersHeld(2)
  assert.equal((await demo.counts())[LIST], 1)

  await demo.sql("UPDATE recordings SET title = 'During the first fetch' WHERE id = 'r208'")
  await tab.becomes('a push', () => tab.counted('pushes'), pushes + 1)
  assert.equal(await tab.page.getByLabel('Loading').count(), 1, 'its answer is still held')
  await demo.letAnswersGo()
  await tab.row('r208').getByText('During the first fetch').waitFor()
  await workedOff(demo, tab)
  assert.equal((await demo.counts())[LIST], 2)
})

test('a row changed while a refetch is on its way is seen', async (t) => {
  const demo = await Demo.start(t)
  const tab = await Tab.open(t, await profile(t), demo, native('/recordings'))
  await demo.forgetCounts()
  await demo.holdAnswers()
  await demo.sql("UPDATE recordings SET title = 'Read by the refetch' WHERE id = 'r208'")
  await demo.answersHeld(1)
  const pushes = await tab.counted('pushes')
  await demo.sql("UPDATE recordings SET title = 'Too late for it' WHERE id = 'r208'")
  await tab.becomes('another push', () => tab.counted('pushes'), pushes + 1)
  assert.deepEqual(await demo.counts(), { [LIST]: 1 })
  await demo.letAnswersGo()
  await tab.row('r208').getByText('Too late for it').waitFor()
  await workedOff(demo, tab)
  assert.deepEqual(await demo.counts(), { [LIST]: 2 })
})

for (const [stream, at] of STREAMS) {
  test(`a tab in the background is right when it is shown, ${stream}`, async (t) => {
    const demo = await Demo.start(t)
    const tabs = await realTabs(t)
    const hidden = await tabs.open(demo, at('/recordings'))
    const front = await tabs.open(demo, at('/recordings'))
    assert.equal(await hidden.page.evaluate('document.visibilityState'), 'hidden')
    assert.equal(await front.page.evaluate('document.visibilityState'), 'visible')

    await demo.sql("UPDATE recordings SET title = 'While nobody looked' WHERE id = 'r208'")
    await front.row('r208').getByText('While nobody looked').waitFor()
    await hidden.page.bringToFront()
    await hidden.row('r208').getByText('While nobody looked').waitFor()
    await workedOff(demo, hidden, front)
  })

  for (const cut of [false, true]) {
    test(`a frozen tab catches up when it is shown${cut ? ', also when its connection is gone' : ''}, ${stream}`, async (t) => {
      const demo = await Demo.start(t)
      const tabs = await realTabs(t)
      const frozen = await tabs.open(demo, at('/recordings'))
      const front = await tabs.open(demo, at('/'))
      await workedOff(demo, frozen, front)
      for (const tab of [frozen, front]) tab.announce(broken(demo))
      const session = await frozen.page.context().newCDPSession(frozen.page)
      await frozen.page.evaluate("document.addEventListener('resume', () => { window.resumed = true })")
      await session.send('Page.setWebLifecycleState', { state: 'frozen' })
      await demo.forgetCounts()

      for (let i = 1; i <= 3; i++) {
        const title = `Change ${i} of 3`
        await demo.sql(`UPDATE recordings SET title = '${title}' WHERE id = 'r208'`)
        await front.page.locator('.recent').getByText(title).waitFor()
      }
      if (cut) demo.gate.cut()
      assert.notEqual((await frozen.rows())[0]?.title, 'Change 3 of 3')
      assert.equal((await demo.counts())[LIST], undefined, 'a frozen tab fetches nothing')

      await frozen.page.bringToFront()
      await poll('the tab goes on', () => frozen.page.evaluate<boolean>('window.resumed === true'))
      await frozen.row('r208').getByText('Change 3 of 3').waitFor()
      await frozen.becomes('the list', () => frozen.rows(), () => demo.rows<Row>(newest()))
      await workedOff(demo, frozen)
      assert.ok(Number((await demo.counts())[LIST]) <= 2, 'it fetched what it missed once, not three times')
    })
  }
}
