/* The real fetch against a real socket: what a fake transport cannot show. */

import { createServer } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createClient } from '../src/index.ts'
import { sse } from './fake_server.ts'

let server: Server
let url: string
let responses: { path: string; response: ServerResponse; closed: Promise<void> }[]
let onRequest: () => void

beforeEach(async () => {
  responses = []
  onRequest = () => {}
  server = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(sse('ready', { connection: 'c', scopes: { all: 'fresh' }, position: 'e-1', heartbeat: 25, current: true, spread: 0 }))
    const closed = new Promise<void>((resolve) => response.on('close', resolve))
    responses.push({ path: request.url ?? '', response, closed })
    onRequest()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

test('reads a stream, resumes it when the server closes, and disconnect closes the socket', async () => {
  const client = createClient({ url, scopes: ['all'], transport: 'sse', backoffBase: 10 })
  const keys: unknown[] = []
  const stale = new Promise<void>((resolve) => {
    client.onStale((event) => {
      keys.push(...event.keys)
      resolve()
    })
  })
  const ready = new Promise<void>((resolve) => client.onReady(() => resolve()))
  client.connect()
  await ready
  responses[0]?.response.write(sse('stale', { scope: 'all', keys: [['größe', 1]], spread: 0 }) + sse('position', { position: 'e-2' }))
  await stale
  expect(keys).toEqual([['größe', 1]])

  const again = new Promise<void>((resolve) => (onRequest = resolve))
  responses[0]?.response.end()
  await again
  expect(responses[1]?.path).toBe('/v1/stream?scope=all&since=e-2')

  client.disconnect()
  await responses[1]?.closed
  expect(client.getState().status).toBe('disconnected')
})
