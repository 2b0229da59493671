/* Strangers at the door, for a minute, beside a thousand pages that behave: these lose nothing, nothing is let in that must
 * not be, and when the strangers have gone the server is as it was. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { Result } from '../../bench/lib/load.ts'
import { cleanup } from './lib/cleanup.ts'
import { mint, SECRET, within } from './lib/jwt.ts'
import { type Rude, start } from './lib/programs.ts'
import { config, serve, type Unstale } from './lib/unstale.ts'
import { poll, SLOWER } from './lib/wait.ts'

const PAGES = 1000
const SECONDS = Number(process.env['UNSTALE_RUDE_SECONDS'] ?? '60')
const MIB = 1024 * 1024

function descriptors(server: Unstale): number {
  return readdirSync(`/proc/${server.pid}/fd`).length
}

function resident(server: Unstale): number {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${server.pid}/status`, 'utf8'))?.[1]) * 1024
}

test('a thousand pages lose nothing while strangers do their worst for a minute', async (t) => {
  const server = await serve(t, config({ limits: { batch: '20ms', stalled: '10s', heartbeat: '2s' } }))
  const to = `${server.at.host}:${server.at.port}`
  const rate = 50 / SLOWER
  const load = (messages: number): ReturnType<typeof start> =>
    start(t, 'bench/load', {
      server: to,
      path: '/v1/stream?scope=t:%d',
      subscribers: PAGES,
      topics: 20,
      'publish-path': '/v1/notices',
      'content-type': 'application/json',
      body: '{"scope":"t:%d","type":"m","data":"%b"}',
      rate,
      messages,
      depth: 100,
      'max-time': 20 * SECONDS,
      drain: 10 * SLOWER,
    })
  const rude = (seconds: number): ReturnType<typeof start> => start(t, 'tests/rude/rude', { server: to, seconds, connections: 300, rate: Math.round(400 / SLOWER) })
  const gone = (): Promise<unknown> => poll('everybody is gone', async () => (await server.metric('unstale_connections')) <= 1 && (await server.metric('unstale_subscribers')) === 0)

  /* What it needs for so many at all is taken once and kept by the allocator. */
  await Promise.all([load(50).said, rude(5).said])
  await gone()
  const before = { files: descriptors(server), memory: resident(server) }

  const pages = load(rate * (SECONDS + 5))
  await poll('the pages', async () => (await server.metric('unstale_subscribers')) >= PAGES)
  const guests = rude(SECONDS)
  const [result, met, code] = (await Promise.all([pages.said, guests.said, guests.code])) as [Result, Rude, number]

  const { open, failed, refused, closed, lost, doubled, reordered, timed_out } = result
  assert.deepEqual(
    { open, failed, refused, closed, lost, doubled, reordered, timed_out },
    { open: PAGES, failed: 0, refused: 0, closed: 0, lost: 0, doubled: 0, reordered: 0, timed_out: false },
  )
  assert.equal(result.delivered, result.expected)
  assert.deepEqual({ smuggled: met.smuggled, unused: met.unused, code }, { smuggled: 0, unused: 0, code: 0 }, JSON.stringify(met))
  assert.ok(met.refused > 100)
  for (const [name, { opened }] of Object.entries(met.manners)) assert.ok(opened > 0, name)
  t.diagnostic(`${met.opened} strangers, ${met.refused} refused; p99 of the pages ${(result.p99_us / 1000).toFixed(1)} ms`)

  /* No scope that a stranger published to came into being. */
  assert.doesNotMatch((await server.admin('/debug/scopes?limit=1000')).body, /smuggled/)
  await gone()
  await poll('its descriptors', () => Promise.resolve(descriptors(server) <= before.files + 2))
  /* A sanitizer keeps what was freed for a while, and finds leaks by itself. */
  if (SLOWER === 1) assert.ok(resident(server) <= before.memory + 4 * MIB, `memory grew from ${before.memory} to ${resident(server)} bytes`)
  await server.mark('a', ['b'])
})

test('tokens that are garbage open nothing, and those that are good stay', async (t) => {
  const server = await serve(
    t,
    config({
      auth: { jwt: { secret: SECRET, cookie: 'session', query: 'token' }, tickets: {}, scopes: ['rude', 't:*'] },
      limits: { stalled: '10s', heartbeat: '2s', connections_per_user: 1000, connections_per_token: 0 },
    }),
  )
  const to = `${server.at.host}:${server.at.port}`
  const seconds = 15
  const pages = start(t, 'bench/load', {
    server: to,
    path: `/v1/stream?scope=t:%d&token=${mint({ sub: '7', exp: within(3600) })}`,
    subscribers: 200,
    topics: 20,
    'publish-path': '/v1/notices',
    'content-type': 'application/json',
    body: '{"scope":"t:%d","type":"m","data":"%b"}',
    rate: 20,
    messages: 20 * seconds,
    'max-time': 20 * seconds,
    drain: 10 * SLOWER,
  })
  await poll('the pages', async () => (await server.metric('unstale_subscribers')) >= 200)
  const [result, met] = (await Promise.all([pages.said, start(t, 'tests/rude/rude', { server: to, seconds, connections: 200, rate: Math.round(400 / SLOWER) }).said])) as [Result, Rude]
  const { open, failed, closed, lost, doubled } = result
  assert.deepEqual({ open, failed, closed, lost, doubled }, { open: 200, failed: 0, closed: 0, lost: 0, doubled: 0 })
  assert.equal(met.smuggled, 0)
  for (const [name, { answered, refused }] of Object.entries(met.manners))
    if (/bearer|cookie|query|ticket/.test(name)) assert.ok(answered > 0 && refused === answered, `${name}: ${refused} of ${answered}`)
  await poll('nobody is left', async () => (await server.metric('unstale_subscribers')) === 0)
})

test('a server that believes everything is found out', async (t) => {
  const gullible = createServer({ insecureHTTPParser: true }, (_, answer) => answer.writeHead(202).end())
  await new Promise<void>((resolve) => gullible.listen(0, '127.0.0.1', resolve))
  cleanup(t, () => {
    gullible.closeAllConnections()
    gullible.close()
  })
  const { port } = gullible.address() as AddressInfo
  const guests = start(t, 'tests/rude/rude', { server: `127.0.0.1:${port}`, seconds: 3, connections: 100 })
  const met = (await guests.said) as Rude
  assert.ok(met.smuggled > 0)
  assert.equal(await guests.code, 1)
})
