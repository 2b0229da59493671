/* Hooks that need a provider above say so. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { pageModule } from '../../ui/test/lib/page-module.ts'

const example = join(import.meta.dirname, '..')

test('useSSEContext outside of its provider says what is missing', async (t) => {
  const { useSSEContext } = await pageModule<{ useSSEContext: () => unknown }>(t, example, '/src/providers/sse-provider.tsx')
  const Lost = () => {
    useSSEContext()
    return null
  }
  assert.throws(() => renderToString(createElement(Lost)), /useSSEContext must be used within SSEProvider/)
})
