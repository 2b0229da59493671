/* Out of descriptors or memory nothing dies: open connections live on, and who comes is served when there is room. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { requestBytes, Wire } from './lib/http.ts'
import { staleKeys, type Stream } from './lib/sse.ts'
import { binary, config, serve, subscribe, type Unstale } from './lib/unstale.ts'
import { poll, SLOWER, sleep } from './lib/wait.ts'

function limit(server: Unstale, what: string): void {
  execFileSync('prlimit', ['--pid', String(server.pid), what])
}

const descriptors = (server: Unstale): number => readdirSync(`/proc/${server.pid}/fd`).length

/** A connection that waits to be accepted, or is. */
function knock(t: TestContext, server: Unstale): Wire {
  const wire = new Wire(server.at)
  cleanup(t, () => wire.close())
  return wire.send(requestBytes(server.at, '/v1/position'), 'GET')
}

/** All of them are told. */
async function live(server: Unstale, wire: Wire, streams: Stream[], key: string): Promise<void> {
  wire.send(requestBytes(server.at, '/v1/changes', { body: JSON.stringify({ scope: 'a', keys: [[key]] }) }), 'POST')
  assert.equal((await wire.answer()).status, 202)
  for (const stream of streams) await stream.until(`told of ${key}`, () => staleKeys(stream.events).includes(`a ["${key}"]`))
}

for (const threads of [1, 2])
  test(`without descriptors accepting pauses, and goes on when some are free (${threads} threads)`, async (t) => {
    const server = await serve(t, config({ threads }))
    const streams = await Promise.all(Array.from({ length: 10 }, () => subscribe(t, server, { scopes: ['a'] })))
    for (const stream of streams) await stream.opened()
    const publisher = knock(t, server)
    await publisher.answer()
    const admin = new Wire(server.adminAt)
    cleanup(t, () => admin.close())
    admin.send(requestBytes(server.adminAt, '/livez'), 'GET')
    await admin.answer()
    limit(server, `--nofile=${descriptors(server)}:`)
    const waiting = Array.from({ length: 20 }, () => knock(t, server))
    await server.line(/accepting pauses, \d+ connections are open: Too many open files/)
    await live(server, publisher, streams, 'meanwhile')
    // A gap in the numbers may have let one in.
    assert.ok(waiting.filter((wire) => wire.answers.length === 0).length >= 10)
    for (const stream of streams.splice(5)) stream.cut()
    // A few at a time.
    await Promise.all(
      waiting.map(async (wire) => {
        assert.equal((await wire.answer()).status, 200)
        wire.close()
      }),
    )
    await live(server, publisher, streams, 'afterwards')
    admin.send(requestBytes(server.adminAt, '/metrics'), 'GET')
    await admin.answer()
    limit(server, '--nofile=1024:')
    await poll('the count of pauses', async () => (await server.metric('unstale_accept_pauses_total')) > 0)
  })

test('a low limit of descriptors lowers the connections, which is said; one more gets 503', async (t) => {
  const server = await serve(t, config(), { command: ['sh', '-c', 'ulimit -n 80; exec "$0" "$@"', binary] })
  await server.line(/connections: 16 instead of 100000, since the process may open 80 descriptors/)
  assert.equal(await server.metric('unstale_connections_max'), 16)
  const streams = await Promise.all(Array.from({ length: 16 }, () => subscribe(t, server, { scopes: ['a'] })))
  for (const stream of streams) await stream.opened()
  const refused = knock(t, server)
  const answer = await refused.answer()
  assert.equal(answer.status, 503)
  assert.ok(answer.headers.get('retry-after'))
  // More than there are descriptors for.
  const crowd = Array.from({ length: 200 }, () => knock(t, server))
  for (const wire of crowd) await wire.until('answered or ended', () => wire.ended || wire.answers.length > 0)
  for (const stream of streams) assert.equal(stream.ended, false)
  streams.pop()?.cut()
  await poll('a place', async () => (await server.ask('/v1/position').catch(() => null))?.status === 200)
})

test('without memory accepting pauses, open streams live on, and it goes on when there is some again', async (t) => {
  if (SLOWER > 1) {
    t.diagnostic('with a sanitizer the address space is not what the server uses; run with the release build')
    return
  }
  const server = await serve(t, config())
  const streams = await Promise.all(Array.from({ length: 10 }, () => subscribe(t, server, { scopes: ['a'] })))
  for (const stream of streams) await stream.opened()
  const publisher = knock(t, server)
  await publisher.answer()
  const size = Number(/^VmSize:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) * 1024
  // Less than it has, so that what it gives back in this moment does not count.
  limit(server, `--as=${size - 4 * 1024 * 1024}:unlimited`)
  await sleep(100) // it asks every 10 ms whether there is room
  const waiting = Array.from({ length: 5 }, () => knock(t, server))
  await server.line(/accepting pauses, \d+ connections are open: Cannot allocate memory/)
  for (let i = 0; i < 50; i++) await live(server, publisher, streams, `meanwhile ${i}`)
  for (const wire of waiting) assert.equal(wire.answers.length, 0)
  limit(server, '--as=unlimited:unlimited')
  for (const wire of waiting) assert.equal((await wire.answer()).status, 200)
})
