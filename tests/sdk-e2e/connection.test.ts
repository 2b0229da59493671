/* What happens to connections out there, in Chromium against the real server. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chromium } from 'playwright-core'
import { cleanup } from '../integration/lib/cleanup.ts'
import { poll, sleep } from '../integration/lib/wait.ts'
import { CHROMIUM, CHROMIUM_OPTIONS, profile } from '../e2e/lib/tab.ts'
import { App } from './lib/page.ts'
import { Site } from './lib/site.ts'

test('a server killed and restarted under 20 pages: all come back by themselves and are right', async (t) => {
  const site = await Site.start(t)
  const context = await profile(t)
  const apps: App[] = []
  for (let i = 0; i < 20; i++) apps.push(await App.open(t, context, site, { transport: i % 2 ? 'auto' : 'websocket' }))
  for (const app of apps) await app.connected()
  await site.unstale?.kill()
  site.rows.set('a', 1)
  for (const app of apps) await poll('that it noticed', async () => (await app.ask('window.app.client.getState().status')) !== 'connected')
  await site.startUnstale()
  for (const app of apps) await app.connected()
  for (const app of apps) await app.becomes('a', 1)
  await site.change('a', 2)
  for (const app of apps) await app.becomes('a', 2)
})

test('an orderly restart is resumed exactly: only what changed is fetched', async (t) => {
  const site = await Site.start(t)
  const app = await App.open(t, await profile(t), site, { names: ['a', 'b'] })
  await app.connected()
  await app.becomes('b', 0)
  await site.change('b', 1)
  await app.becomes('b', 1)
  await sleep(1200)
  await site.unstale?.stop()
  const before = [site.count('a'), site.count('b')]
  await site.startUnstale()
  await app.connected()
  await site.change('a', 1)
  await app.becomes('a', 1)
  assert.deepEqual([site.count('a'), site.count('b')], [(before[0] ?? 0) + 1, before[1]])
})

for (const transport of ['auto', 'websocket', 'sse'] as const) {
  test(`a proxy that answers 502 for a while, with ${transport}`, async (t) => {
    const site = await Site.start(t)
    site.fault = '502'
    const app = await App.open(t, await profile(t), site, { transport })
    await app.becomes('a', 0)
    await poll('two attempts', async () => (await app.ask<number>('window.app.client.getState().attempts')) >= 2)
    await site.change('a', 1)
    site.fault = 'none'
    await app.connected()
    await app.becomes('a', 1)
  })
}

test('a proxy that buffers server-sent events: WebSocket is taken', async (t) => {
  const site = await Site.start(t)
  site.fault = 'buffer'
  const app = await App.open(t, await profile(t), site, { transport: 'auto', fallbackAfter: 500 })
  await app.connected()
  assert.equal(await app.ask('window.app.client.getState().transport'), 'websocket')
})

for (const transport of ['websocket', 'sse'] as const) {
  test(`offline and online again, with ${transport}`, async (t) => {
    const site = await Site.start(t)
    const context = await profile(t)
    const app = await App.open(t, context, site, { transport })
    await app.connected()
    await context.setOffline(true)
    site.cut()
    await poll('that it noticed', async () => (await app.ask('window.app.client.getState().status')) !== 'connected')
    site.rows.set('a', 1)
    await site.unstale?.mark('all', ['rows', 'a'])
    await context.setOffline(false)
    await app.connected()
    await app.becomes('a', 1)
  })
}

test('a page that comes back from the back/forward cache is right', async (t) => {
  const site = await Site.start(t)
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_OPTIONS, ignoreDefaultArgs: ['--disable-back-forward-cache'] })
  cleanup(t, () => browser.close())
  const context = await browser.newContext()
  const app = await App.open(t, context, site, { transport: 'sse' })
  await app.connected()
  await app.ask("addEventListener('pageshow', (event) => { window.back = event.persisted })")
  await app.page.goto(`${site.url}/`)
  await site.change('a', 1)
  await app.page.goBack({ waitUntil: 'commit' })
  await app.page.waitForFunction('window.app !== undefined')
  t.diagnostic(`from the cache: ${await app.ask('window.back === true')}`)
  await app.becomes('a', 1)
  await app.connected()
  await site.change('a', 2)
  await app.becomes('a', 2)
})

test('seven tabs on HTTP/1.1 share one connection, and the hand-over has no gap', async (t) => {
  const site = await Site.start(t)
  const context = await profile(t)
  const apps: App[] = []
  for (let i = 0; i < 7; i++) apps.push(await App.open(t, context, site, { transport: 'sse', shared: 'ann' }))
  for (const app of apps) await app.connected()
  assert.equal(site.streams, 1)
  await site.change('a', 1)
  for (const app of apps) await app.becomes('a', 1)

  for (let value = 2; value <= 4; value++) {
    const [leader, ...rest] = apps
    const closing = leader?.page.close()
    await site.change('a', value)
    await closing
    apps.splice(0, apps.length, ...rest)
    for (const app of apps) await app.becomes('a', value)
    for (const app of apps) await app.connected()
    await poll('one stream', () => site.streams === 1)
  }
  const other = await App.open(t, context, site, { transport: 'sse', shared: 'bob' })
  await other.connected()
  assert.equal(site.streams, 2, 'another user has a connection of his own')
})

test('tabs that share fall back together', async (t) => {
  const site = await Site.start(t)
  const context = await profile(t)
  await context.addInitScript("window.WebSocket = class extends WebSocket { constructor() { super('ws://127.0.0.1:1/') } }")
  const apps: App[] = []
  for (let i = 0; i < 3; i++) apps.push(await App.open(t, context, site, { shared: 'ann' }))
  for (const app of apps) await app.connected()
  assert.equal(site.streams, 1)
  await site.change('a', 1)
  for (const app of apps) await app.becomes('a', 1)
})

test('seven tabs on HTTP/1.1 without sharing work by WebSocket', async (t) => {
  const site = await Site.start(t)
  const context = await profile(t)
  const apps: App[] = []
  for (let i = 0; i < 7; i++) apps.push(await App.open(t, context, site))
  for (const app of apps) await app.connected()
  await site.change('a', 1)
  for (const app of apps) await app.becomes('a', 1)
})

for (const transport of ['websocket', 'sse'] as const) {
  test(`a token that expires is replaced and nothing is missed, with ${transport}`, async (t) => {
    const site = await Site.start(t)
    site.tokens = new Set(['one'])
    const context = await profile(t)
    await context.addInitScript("window.tokenNow = async () => window.token ?? 'one'")
    const app = await App.open(t, context, site, { transport, token: true })
    await app.connected()
    await app.ask("window.token = 'two'")
    site.tokens.add('two')
    site.tokens.delete('one')
    if (transport === 'websocket') site.expire('one')
    else site.cut()
    await site.change('a', 1)
    await app.becomes('a', 1)
    await app.connected()
    const reasons = await app.ask<string[]>('window.app.reasons')
    assert.equal(reasons[0], 'connect')
    if (transport === 'websocket') assert.equal(reasons[1], 'refused')
    assert.deepEqual((await app.ask<{ scopes: object }>('window.app.client.getState()')).scopes, { all: 'exact' })
  })
}

test('a token is renewed in place over WebSocket', async (t) => {
  const site = await Site.start(t)
  const context = await profile(t)
  await context.addInitScript("window.tokenNow = async () => 'one'")
  const app = await App.open(t, context, site, { transport: 'websocket', token: true })
  await app.connected()
  const opened = site.opened
  await app.ask('window.app.client.refreshToken()')
  await site.change('a', 1)
  await app.becomes('a', 1)
  assert.deepEqual(await app.ask('window.app.reasons'), ['connect', 'refresh'])
  assert.equal(site.opened, opened)
})

test('scopes come and go on the open connection', async (t) => {
  const site = await Site.start(t)
  const app = await App.open(t, await profile(t), site, { transport: 'websocket', scopes: ['project:1'] })
  await app.connected()
  await app.ask("window.app.client.addScopes(['project:2'])")
  await poll('the scope', async () => 'project:2' in (await app.ask<object>('window.app.client.getState().scopes')))
  await site.change('a', 1, 'project:2')
  await app.becomes('a', 1)
  await app.ask("window.app.client.removeScopes(['project:1'])")
  await poll('that it left', async () => (await site.unstale?.mark('project:1', ['x'])) && !('project:1' in (await app.ask<object>('window.app.client.getState().scopes'))))
  assert.equal(site.opened, 1)
})

test("by the browser's own EventSource", async (t) => {
  const site = await Site.start(t)
  const app = await App.open(t, await profile(t), site, { transport: 'eventsource' as never })
  await app.connected()
  await site.change('a', 1)
  await app.becomes('a', 1)
  await site.unstale?.kill()
  await site.startUnstale()
  await site.change('a', 2)
  await app.becomes('a', 2)
})
