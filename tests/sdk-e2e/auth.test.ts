/* The SDK before a server that asks who it is: each transport brings its token in a way that the server takes. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@unstale/client'
import { cleanup } from '../integration/lib/cleanup.ts'
import { mint, SECRET, within } from '../integration/lib/jwt.ts'
import { config, serve } from '../integration/lib/unstale.ts'
import { poll } from '../integration/lib/wait.ts'

const asked = config({ auth: { jwt: { secret: SECRET }, scopes: ['user:{sub}'] } })

for (const transport of ['websocket', 'sse'] as const) {
  test(`a token lets in, and only to its scopes, with ${transport}`, async (t) => {
    const server = await serve(t, asked)
    const url = `http://${server.at.host}:${server.at.port}`
    const getToken = () => mint({ sub: '7', exp: within(3600) })
    const client = createClient({ url, scopes: ['user:7'], transport, getToken })
    const keys: unknown[] = []
    client.onStale((event) => keys.push(...event.keys))
    cleanup(t, () => client.disconnect())
    client.connect()
    await poll('connected', () => client.getState().status === 'connected')
    await server.mark('user:7', ['mine'])
    await poll('the mark', () => keys.length > 0)
    assert.deepEqual(keys, [['mine']])

    const other = createClient({ url, scopes: ['user:8'], transport, getToken })
    cleanup(t, () => other.disconnect())
    other.connect()
    await poll('refused', () => other.getState().failure !== null)
    assert.ok([403, 4403].includes(other.getState().failure?.status ?? 0))
  })
}
