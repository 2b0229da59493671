/* What a page shows in the end, and how often it asked, in Chromium against the real server. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { poll, sleep } from '../integration/lib/wait.ts'
import { profile } from '../e2e/lib/tab.ts'
import { App } from './lib/page.ts'
import { Site } from './lib/site.ts'

for (const transport of ['websocket', 'sse'] as const) {
  test(`a burst of 200 changes in 2 s with an API of 100 ms, over ${transport}`, async (t) => {
    const site = await Site.start(t)
    site.latency = 100
    const app = await App.open(t, await profile(t), site, { transport })
    await app.connected()
    await app.becomes('a', 0)
    await sleep(500)
    const before = site.count('a')
    const began = Date.now()
    const first = poll('the first update', async () => ((await app.shows('a')) !== 0 ? Date.now() - began : false))
    for (let i = 1; i <= 200; i++) {
      await site.change('a', i)
      await sleep(Math.max(0, began + i * 10 - Date.now()))
    }
    const took = Date.now() - began
    await app.becomes('a', 200)
    await sleep(500)
    const refetches = site.count('a') - before
    t.diagnostic(`200 changes in ${took} ms: ${refetches} refetches, first update after ${await first} ms, last value 200`)
    assert.ok(refetches <= took / 200 + 4, `${refetches} refetches`)
    assert.ok((await first) < 1000)
    assert.equal(await app.shows('a'), 200)
  })
}

test('an optimistic delete that fails: the row is gone at once, back when it failed, and never in between', async (t) => {
  const site = await Site.start(t)
  site.rows.set('list', [1, 2, 3])
  const app = await App.open(t, await profile(t), site, { names: ['list'] })
  await app.connected()
  await app.becomes('list', [1, 2, 3])
  await sleep(400)
  site.latency = 500
  site.failWrites = true
  const outcome = app.ask('window.app.remove([1, 3])')
  await app.becomes('list', [1, 3])
  await site.change('list', [1, 2, 3, 4])
  assert.equal(await outcome, 'refused')
  await app.becomes('list', [1, 2, 3, 4])
  const values = (await app.history('list')).map(({ value }) => JSON.stringify(value))
  assert.deepEqual(values, ['[1,2,3]', '[1,3]', '[1,2,3]', '[1,2,3,4]'])
})

test('an optimistic delete that succeeds is confirmed by the push with one refetch', async (t) => {
  const site = await Site.start(t)
  site.rows.set('list', [1, 2, 3])
  const app = await App.open(t, await profile(t), site, { names: ['list'] })
  await app.connected()
  await app.becomes('list', [1, 2, 3])
  await sleep(400)
  const before = site.count('list')
  assert.equal(await app.ask('window.app.remove([1, 3])'), 'done')
  await poll('the refetch', () => site.count('list') > before)
  await sleep(500)
  assert.equal(site.count('list') - before, 1)
  assert.deepEqual((await app.history('list')).map(({ value }) => JSON.stringify(value)), ['[1,2,3]', '[1,3]'])
})

test('a change during the first fetch is not lost', async (t) => {
  const site = await Site.start(t)
  site.hold()
  const app = await App.open(t, await profile(t), site)
  await app.connected()
  await site.until('the held answer', () => site.held > 0)
  await site.change('a', 1)
  await sleep(200)
  site.letGo()
  await app.becomes('a', 1)
})

test('a change between the fetch and the first ready is not lost', async (t) => {
  const site = await Site.start(t)
  const app = await App.open(t, await profile(t), site, { later: true })
  await app.becomes('a', 0)
  await site.change('a', 1)
  await sleep(200)
  assert.equal(await app.shows('a'), 0)
  await app.ask('window.app.client.connect()')
  await app.becomes('a', 1)
})

test('a change while the page was closed is seen with the persisted cache, and nothing else is fetched', async (t) => {
  const site = await Site.start(t)
  const context = await profile(t)
  const names = ['a', 'b', 'c']
  const app = await App.open(t, context, site, { persist: true, names })
  await app.connected()
  for (const name of names) await app.becomes(name, 0)
  await site.change('b', 1)
  await app.becomes('b', 1)
  await sleep(1500)
  await app.page.close()
  await site.change('a', 7)
  const before = names.map((name) => site.count(name))
  const again = await App.open(t, context, site, { persist: true, names })
  await again.connected()
  await again.becomes('a', 7)
  await sleep(500)
  assert.deepEqual((await again.ask<{ scopes: object }>('window.app.client.getState()')).scopes, { all: 'exact' })
  assert.deepEqual(names.map((name, i) => site.count(name) - (before[i] ?? 0)), [1, 0, 0])
})

test('two tabs that share one localStorage are both right, and so is the next one', async (t) => {
  const site = await Site.start(t)
  const context = await profile(t)
  const config = { persist: true, names: ['a', 'b'] }
  const one = await App.open(t, context, site, config)
  await one.connected()
  const two = await App.open(t, context, site, config)
  await two.connected()
  await site.change('a', 1)
  await one.becomes('a', 1)
  await two.becomes('a', 1)
  await two.page.close()
  await site.change('b', 2)
  await one.becomes('b', 2)
  await sleep(1200)
  await one.page.close()
  await site.change('a', 3)
  const three = await App.open(t, context, site, config)
  await three.connected()
  await three.becomes('a', 3)
  await three.becomes('b', 2)
})
