/* Where the page looks for the live connection. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pageModule } from '../../ui/test/lib/page-module.ts'

const example = join(import.meta.dirname, '..')

/** As a build with these settings has it. */
async function liveUrl(t: TestContext, settings: Record<string, string>): Promise<(named: string | null) => string> {
  for (const [name, value] of Object.entries(settings)) process.env[name] = value
  t.after(() => {
    for (const name of Object.keys(settings)) delete process.env[name]
  })
  return (await pageModule<{ liveUrl: (named: string | null) => string }>(t, example, '/src/services/cacheInvalidationService.ts')).liveUrl
}

test('without a setting the live connection is where the backend says, or where the page is', async (t) => {
  const at = await liveUrl(t, {})
  assert.equal(at('http://127.0.0.1:8080'), 'http://127.0.0.1:8080')
  assert.equal(at(null), '')
})

test('REACT_APP_WS_URL, as .env.example has it, says where it is', async (t) => {
  const [, name = '', value = ''] = /^(\w+)=(.+)$/m.exec(readFileSync(join(example, '.env.example'), 'utf8')) ?? []
  const at = await liveUrl(t, { [name]: value })
  assert.equal(name, 'REACT_APP_WS_URL')
  assert.equal(at('http://127.0.0.1:1'), 'http://localhost:8080')
})

test('wss is TLS', async (t) => {
  const at = await liveUrl(t, { REACT_APP_WS_URL: 'wss://live.example.org' })
  assert.equal(at(null), 'https://live.example.org')
})
