/* Both versions of React, under StrictMode, in Chromium against the real server. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { poll } from '../integration/lib/wait.ts'
import { profile } from '../e2e/lib/tab.ts'
import { App } from './lib/page.ts'
import { Site } from './lib/site.ts'

for (const version of [18, 19]) {
  test(`React ${version} under StrictMode: one connection, live rows, sign-out and sign-in as somebody else`, async (t) => {
    const site = await Site.start(t)
    const app = await App.open(t, await profile(t), site, {}, `react${version}`)
    const row = (text: string) => app.page.getByText(text, { exact: true }).waitFor()
    assert.ok((await app.ask<string>('window.app.version')).startsWith(`${version}.`))
    await row('ann 0 connected')
    assert.equal(site.streams, 1)
    assert.equal(site.opened, 1)
    await site.change('ann', 1, 'user:ann')
    await row('ann 1 connected')

    await app.ask('window.app.setUser(null)')
    await row('signed out')
    await poll('that the stream is closed', () => site.streams === 0)
    await app.ask("window.app.setUser('bob')")
    await row('bob 0 connected')
    assert.equal(await app.ask('window.app.open()'), 1)
    await app.ask('window.app.changes.length = 0')
    await site.change('ann', 2, 'user:ann')
    await site.change('bob', 5, 'user:bob')
    await row('bob 5 connected')
    assert.equal(await app.ask('window.app.changes.length'), 1, "nothing of ann's reaches bob")

    site.fault = '502'
    site.cut()
    await app.page.getByRole('status').getByText('Reconnecting…').waitFor()
    site.fault = 'none'
    await app.page.getByRole('button', { name: 'Try again' }).click()
    await row('bob 5 connected')
    await poll('an empty status', async () => (await app.page.getByRole('status').innerText()) === '')
  })
}
