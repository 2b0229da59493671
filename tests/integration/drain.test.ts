/* A stop that nobody should notice: streams end one by one within `drain`, and everything goes on until they have. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { type Stream, staleKeys } from './lib/sse.ts'
import { config, directory, serve, subscribe, type Unstale } from './lib/unstale.ts'
import { poll, sleep } from './lib/wait.ts'

interface Socket {
  socket: WebSocket
  closed: Promise<{ at: number; code: number }>
  messages: { type: string; [more: string]: unknown }[]
}

function websocket(server: Unstale, query: string): Socket {
  const socket = new WebSocket(`ws://${server.at.host}:${server.at.port}/v1/ws?${query}`)
  const messages: Socket['messages'] = []
  socket.onmessage = ({ data }) => messages.push(JSON.parse(data as string) as Socket['messages'][number])
  const closed = new Promise<{ at: number; code: number }>((resolve) => {
    socket.onclose = ({ code }) => resolve({ at: Date.now(), code })
  })
  return { socket, closed, messages }
}

async function ends(streams: Stream[]): Promise<number[]> {
  return Promise.all(
    streams.map(async (stream) => {
      await stream.end()
      return Date.now()
    }),
  )
}

for (const threads of [1, 2])
  test(`streams end spread over drain, each with a time of its own to come back (${threads} threads)`, async (t) => {
    const server = await serve(t, config({ threads, limits: { drain: '2s', spread: '3s' } }))
    const streams = await Promise.all(Array.from({ length: 40 }, () => subscribe(t, server, { scopes: ['a'] })))
    for (const stream of streams) await stream.opened()
    const sockets = Array.from({ length: 20 }, () => websocket(server, 'scope=a'))
    await poll('all open', () => sockets.every(({ messages }) => messages[0]?.type === 'ready'))
    const began = Date.now()
    server.child.kill('SIGTERM')
    const sse = ends(streams)
    await poll('readyz says so', async () => (await server.admin('/readyz')).status === 503)
    assert.ok(Date.now() - began < 1000, 'at once')
    const at = [...(await sse), ...(await Promise.all(sockets.map(({ closed }) => closed))).map((end) => end.at)]
    for (const { closed } of sockets) assert.equal((await closed).code, 1012)
    const thirds = [0, 0, 0, 0]
    for (const time of at) thirds[Math.min(3, Math.floor((time - began) / 670))]!++
    assert.ok(thirds[0]! > 5 && thirds[1]! > 5 && thirds[2]! > 5, `not all at once: ${String(thirds)}`)
    assert.deepEqual(await server.ended(), { code: 0, signal: null })
    for (const stream of streams) {
      assert.ok(stream.cleanEnd)
      assert.equal(stream.retries.length, 2)
    }
    const retries = streams.map((stream) => stream.retries[1] as number)
    assert.ok(Math.max(...retries) <= 3000 && new Set(retries).size > 10)
  })

test('who is still there is told as before; who comes is sent elsewhere', async (t) => {
  const dir = directory(t)
  const settings = config({ limits: { drain: '3s' } })
  const server = await serve(t, settings, { dir })
  const streams = await Promise.all(Array.from({ length: 10 }, () => subscribe(t, server, { scopes: ['a'] })))
  for (const stream of streams) await stream.opened()
  server.child.kill('SIGTERM')
  await poll('readyz says so', async () => (await server.admin('/readyz')).status === 503)
  const position = await server.mark('a', ['x'])
  const open = streams.filter((stream) => !stream.ended)
  assert.ok(open.length > 0)
  for (const stream of open) assert.deepEqual(staleKeys(await stream.reaches(position)), ['a ["x"]'])

  const refused = server.stream({ scopes: ['a'] })
  cleanup(t, () => refused.cut())
  assert.equal((await refused.refused()).status, 503)
  assert.match(refused.headers.get('retry-after') ?? '', /^\d+$/)
  const { closed, messages } = websocket(server, 'scope=a')
  assert.equal((await closed).code, 1013)
  assert.equal(messages[0]?.type, 'error')

  assert.deepEqual(await server.ended(), { code: 0, signal: null })
  const again = await serve(t, settings, { dir })
  for (const stream of streams) {
    const answer = await again.greeting({ scopes: ['a'], since: stream.position as string })
    assert.deepEqual(answer.scopes, { a: 'exact' })
    const told = [...staleKeys(stream.events), ...answer.keys]
    assert.deepEqual(told, ['a ["x"]'], 'once, by the one or by the other')
  }
})

test('a second signal hurries, and SIGINT does not wait at all', async (t) => {
  const settings = config({ limits: { drain: '5m' } })
  for (const second of ['SIGTERM', 'SIGINT'] as const) {
    const server = await serve(t, settings)
    const stream = await subscribe(t, server, { scopes: ['a'] })
    await stream.opened()
    server.child.kill('SIGTERM')
    await server.line(/SIGTERM: stopping/)
    await sleep(100)
    assert.equal(server.exit, null)
    server.child.kill(second)
    await stream.end()
    assert.equal(stream.retries.length, 2)
    assert.deepEqual(await server.ended(), { code: 0, signal: null })
  }
  const server = await serve(t, settings)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  await server.stop('SIGINT')
  await stream.end()
})

test('with nobody there a stop does not wait, and it ends when the last one has left', async (t) => {
  const settings = config({ limits: { drain: '5m' } })
  await (await serve(t, settings)).stop()
  const server = await serve(t, settings)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  server.child.kill('SIGTERM')
  await server.line(/SIGTERM: stopping/)
  stream.cut()
  assert.deepEqual(await server.ended(), { code: 0, signal: null })
})

test('a reload during the drain changes nothing and a stop during a reload is not lost', async (t) => {
  const server = await serve(t, config({ limits: { drain: '1s' } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  server.child.kill('SIGTERM')
  server.child.kill('SIGHUP')
  assert.deepEqual(await server.ended(), { code: 0, signal: null })
  await stream.end()
})
