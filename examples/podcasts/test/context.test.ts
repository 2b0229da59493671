/* Hooks that need a provider above say so. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { createServer, defaultServerConditions } from 'vite'

const root = join(import.meta.dirname, '..', 'ui')

test('useSSEContext outside of its provider says what is missing', async () => {
  const server = await createServer({
    root,
    server: { middlewareMode: true, ws: false },
    ssr: { resolve: { conditions: ['unstale-source', ...defaultServerConditions] } },
    appType: 'custom',
    logLevel: 'error',
  })
  try {
    const { useSSEContext } = (await server.ssrLoadModule('/src/providers/sse-provider.tsx')) as { useSSEContext: () => unknown }
    const Lost = () => {
      useSSEContext()
      return null
    }
    assert.throws(() => renderToString(createElement(Lost)), /useSSEContext must be used within SSEProvider/)
  } finally {
    await server.close()
  }
})
