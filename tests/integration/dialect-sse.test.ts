/* The three dialects of server-sent events over a socket: a change, a batch, a notice, heartbeats, resets, a restart,
 * refusals, a drain. Byte for byte, but for times and names of connections. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LegacySse, sse, still } from './lib/legacy.ts'
import { type Config, config, directory, serve, type Unstale } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'

const RULES = {
  documents: { scope: ['project:{project_id}'], stale: [['documents']], data: { embeddedChunks: 'embedded_chunks', chunks: 'chunks' } },
  chunks: { scope: ['project:{project_id}'], stale: [['chunks']] },
  podcasts: { scope: ['user:{user_id}'], stale: [['podcasts']] },
  users: { name: 'user', scope: ['admin'], stale: [['admin-users']], actions: { banned: { changed: ['banned'] } } },
  service_accounts: { scope: ['admin'], stale: [['service-accounts']] },
}
const REGISTRY = '/api/v1/events/stream'
const STUDIO = '/api/events'
const DOCUMENTS = '/api/events/stream'
const MINE = { 'X-Project-Id': 'proj_123' }

function settings(more: Config = {}): Config {
  return config({
    rules: RULES,
    endpoints: [
      { path: REGISTRY, dialect: 'registry', scope: 'admin' },
      { path: STUDIO, dialect: 'content-studio', scope: 'user:{query.user}' },
      { path: DOCUMENTS, dialect: 'documents', scope: ['project:{header.x-project-id}'] },
    ],
    ...more,
    limits: { spread: '0', ...more.limits },
  })
}

const REGISTRY_RESET = ['user', 'service-account'].flatMap((name) =>
  ['created', 'updated', 'deleted'].map((action) => `event: entity.changed\ndata: {"type":"${name}.${action}","timestamp":"TIME"}`),
)

async function registryOpened(stream: LegacySse): Promise<string> {
  assert.deepEqual((await stream.take(6)).map(still), REGISTRY_RESET)
  const id = await stream.next()
  assert.match(id, /^id: [0-9a-z]+-\d+$/)
  return id.slice(4)
}

test('registry: an event of every type on a first connect, then changes; the browser resumes exactly', async (t) => {
  const server = await serve(t, settings())
  const first = await sse(t, server, REGISTRY)
  assert.equal(first.status, 200)
  assert.equal(first.type, 'text/event-stream')
  await registryOpened(first)
  await server.publish([
    { resource: 'users', action: 'created', id: 'uuid' },
    { resource: 'service_accounts', action: 'deleted', id: 'repo-key' },
  ])
  assert.deepEqual((await first.take(2)).map(still), [
    'event: entity.changed\ndata: {"type":"user.created","entity_id":"uuid","timestamp":"TIME"}',
    'event: entity.changed\ndata: {"type":"service-account.deleted","entity_id":"repo-key","timestamp":"TIME"}',
  ])
  const id = (await first.next()).slice(4)
  first.cut()
  await server.publish({ resource: 'users', action: 'banned', id: 'u2', old: { banned: 0 }, new: { banned: 1 } })
  const second = await sse(t, server, REGISTRY, { 'Last-Event-ID': id })
  assert.deepEqual((await second.take(3)).map(still), [
    `id: ${id}`,
    'event: entity.changed\ndata: {"type":"user.updated","entity_id":"u2","timestamp":"TIME"}',
    `id: ${await server.position()}`,
  ])
})

test('registry: a position that is lost, marks without a row, all rows at once: an event of every type', async (t) => {
  const server = await serve(t, settings())
  const stream = await sse(t, server, REGISTRY, { 'Last-Event-ID': 'zzzz-5' })
  await registryOpened(stream)
  for (const published of [
    { scope: 'admin', keys: [['some', 'key']] },
    { scope: 'admin', keys: [[]] },
    { scope: 'admin', keys: [['other']] },
  ]) {
    await server.publish(published)
    await registryOpened(stream)
  }
})

test('content-studio: connected, a job, changes and heartbeats, all unnamed', async (t) => {
  const server = await serve(
    t,
    settings({ endpoints: [{ path: STUDIO, dialect: 'content-studio', scope: 'user:{query.user}', heartbeat: '200ms' }] }),
  )
  const stream = await sse(t, server, `${STUDIO}?user=7`)
  const other = await sse(t, server, `${STUDIO}?user=8`)
  assert.equal(await stream.next(), 'data: {"type":"connected","userId":"7"}')
  assert.equal(await other.next(), 'data: {"type":"connected","userId":"8"}')
  await poll('heartbeats', () => stream.blocks.filter((block) => block === 'data: :heartbeat').length >= 2)
  await server.publish(
    { scope: 'user:7', type: 'job_completion', data: { jobId: 'j', jobType: 'generate-podcast', status: 'ready', podcastId: 'p' } },
    '/v1/notices',
  )
  for (const action of ['created', 'updated', 'deleted'])
    await server.publish({ resource: 'podcasts', action, id: 'p', old: { user_id: 7 }, new: { user_id: 7 } })
  const events: string[] = []
  while (events.length < 4) {
    const block = await stream.next()
    if (block !== 'data: :heartbeat') events.push(block)
  }
  assert.deepEqual(events, [
    'data: {"type":"job_completion","jobId":"j","jobType":"generate-podcast","podcastId":"p","status":"ready"}',
    'data: {"type":"entity_change","entityType":"podcast","changeType":"insert","entityId":"p"}',
    'data: {"type":"entity_change","entityType":"podcast","changeType":"update","entityId":"p"}',
    'data: {"type":"entity_change","entityType":"podcast","changeType":"delete","entityId":"p"}',
  ])
  assert.doesNotMatch(other.text, /entity_change|job_completion/)
})

test('documents: connected, entities, partial data, one batch of what comes together, heartbeats', async (t) => {
  const server = await serve(
    t,
    settings({
      endpoints: [{ path: DOCUMENTS, dialect: 'documents', scope: 'project:{header.x-project-id}', heartbeat: '300ms' }],
      limits: { batch: '100ms' },
    }),
  )
  const stream = await sse(t, server, DOCUMENTS, MINE)
  assert.equal(still(await stream.next()), 'event: connected\ndata: {"connectionId":"CONNECTION","projectId":"proj_123"}')
  const chunk = (action: string, id: string) => ({ resource: 'chunks', action, id, old: { project_id: 'proj_123' }, new: { project_id: 'proj_123' } })
  await server.publish([
    chunk('updated', 'c1'),
    chunk('updated', 'c2'),
    chunk('created', 'c3'),
    { resource: 'documents', action: 'updated', id: 'doc_456', new: { project_id: 'proj_123', embedded_chunks: 5, chunks: 10 } },
    chunk('updated', 'c4'),
    chunk('deleted', 'c5'),
  ])
  const events: string[] = []
  while (events.length < 4) {
    const block = await stream.next()
    if (!block.startsWith('event: heartbeat')) events.push(still(block))
  }
  const rest = '"projectId":"proj_123","timestamp":"TIME"}'
  assert.deepEqual(events, [
    `event: entity.batch\ndata: {"type":"entity.batch","entity":"chunk","id":null,"ids":["c1","c2","c4"],${rest}`,
    `event: entity.created\ndata: {"type":"entity.created","entity":"chunk","id":"c3",${rest}`,
    `event: entity.updated\ndata: {"type":"entity.updated","entity":"document","id":"doc_456","projectId":"proj_123",` +
      '"data":{"chunks":10,"embeddedChunks":5},"timestamp":"TIME"}',
    `event: entity.deleted\ndata: {"type":"entity.deleted","entity":"chunk","id":"c5",${rest}`,
  ])
  await poll('a heartbeat', () => stream.blocks.some((block) => still(block) === 'event: heartbeat\ndata: {"timestamp":"TIME"}'))
})

test('hundreds of rows in one transaction are told one by one, not by a reset', async (t) => {
  const server = await serve(t, settings())
  const stream = await sse(t, server, DOCUMENTS, MINE)
  await stream.next()
  const rows = Array.from({ length: 200 }, (_, i) => ({
    resource: 'chunks', action: 'created', id: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`, new: { project_id: 'proj_123' },
  }))
  await server.publish(rows)
  const blocks = await stream.take(200)
  for (const [i, block] of blocks.entries()) assert.ok(block.includes(`"id":"${rows[i]?.id}"`))
})

for (const [path, headers] of [[`${STUDIO}?user=7`, {}], [DOCUMENTS, MINE]] as const)
  test(`${path}: a reset is the end of the stream, each at a moment of its own within the spread`, async (t) => {
    const server = await serve(t, settings({ limits: { spread: '1500ms' } }))
    const streams = await Promise.all(Array.from({ length: 20 }, () => sse(t, server, path, headers)))
    for (const stream of streams) await stream.next()
    const began = Date.now()
    await server.publish({ scope: headers === MINE ? 'project:proj_123' : 'user:7', keys: [[]] })
    const ends = await Promise.all(streams.map((stream) => stream.end().then(() => Date.now() - began)))
    assert.ok(new Set(ends.map((end) => Math.floor(end / 250))).size >= 3, String(ends))
    await poll('counted', async () => (await server.metric('unstale_connections_closed_total{reason="reset"}')) === 20)
    const back = await sse(t, server, path, headers)
    assert.match(await back.next(), /connected/)
    await server.publish({ resource: 'chunks', action: 'created', id: 'x', new: { project_id: 'proj_123' } })
    await server.publish({ resource: 'podcasts', action: 'created', id: 'x', new: { user_id: 7 } })
    assert.match(await back.next(), /"x"/)
  })

test('an orderly restart: the browser of registry goes on where it was, a crash is an event of every type', async (t) => {
  const dir = directory(t)
  const server = await serve(t, settings(), { dir })
  const stream = await sse(t, server, REGISTRY)
  const id = await registryOpened(stream)
  await server.stop()
  await stream.end()
  assert.match(stream.text, /retry: \d+\n\n$/)
  const next = await serve(t, settings(), { dir })
  const resumed = await sse(t, next, REGISTRY, { 'Last-Event-ID': id })
  assert.equal(await resumed.next(), `id: ${id}`)
  await next.kill()
  const third = await serve(t, settings(), { dir })
  await registryOpened(await sse(t, third, REGISTRY, { 'Last-Event-ID': id }))
})

async function draining(t: Parameters<typeof sse>[0]): Promise<Unstale> {
  const server = await serve(t, settings({ limits: { drain: '5s' } }))
  for (let i = 0; i < 5; i++) await sse(t, server, REGISTRY)
  server.child.kill('SIGTERM')
  await poll('readyz says so', async () => (await server.admin('/readyz')).status === 503)
  return server
}

test('who comes during a drain is told when to come back, not that it is over', async (t) => {
  const server = await draining(t)
  for (const [path, headers] of [[REGISTRY, {}], [`${STUDIO}?user=7`, {}], [DOCUMENTS, MINE]] as const) {
    const stream = await sse(t, server, path, headers)
    assert.equal(stream.status, 200)
    assert.equal(stream.type, 'text/event-stream')
    await stream.end()
    assert.match(stream.text, /^retry: \d+\n\n$/)
  }
})

test('who is one too many is told when to come back, in every dialect, and comes in when there is room', async (t) => {
  const server = await serve(t, settings({ limits: { connections: 5 } }))
  const inside = await Promise.all(Array.from({ length: 5 }, () => sse(t, server, REGISTRY)))
  for (const [path, headers] of [[REGISTRY, {}], [`${STUDIO}?user=7`, {}], [DOCUMENTS, MINE]] as const) {
    const stream = await sse(t, server, path, { Origin: `http://localhost:${server.at.port}`, ...headers })
    assert.equal(stream.status, 200)
    assert.equal(stream.type, 'text/event-stream')
    await stream.end()
    assert.match(stream.text, /^retry: \d+\n\n$/)
  }
  const wrong = await sse(t, server, REGISTRY, { Origin: 'https://evil.example' })
  assert.equal(wrong.status, 403)
  const native = await server.ask('/v1/position')
  assert.deepEqual([native.status, native.headers.get('retry-after')], [503, '1'])
  const count = `unstale_endpoint_refused_total{endpoint="${DOCUMENTS}"}`
  await poll('counted', async () => (await server.metric(count)) === 1)
  assert.ok((await server.metric('unstale_connections_refused_total')) >= 5)
  inside[0]?.cut()
  await poll('room', async () => {
    const stream = await sse(t, server, `${STUDIO}?user=7`)
    if (!/connected/.test(await stream.next().catch(() => ''))) return false
    return true
  })
})

test('what will never be right is refused for good', async (t) => {
  const server = await serve(t, settings())
  const refused: [string, Record<string, string>, number, RegExp][] = [
    [STUDIO, {}, 400, /the parameter \\"user\\" is missing/],
    [DOCUMENTS, {}, 400, /the header \\"x-project-id\\" is missing/],
    [DOCUMENTS, { 'X-Project-Id': 'x'.repeat(300) }, 400, /longer than 256 bytes/],
    [REGISTRY, { Origin: 'https://evil.example' }, 403, /Origin/],
    ['/api/other', {}, 404, /there is nothing at/],
  ]
  for (const [path, headers, status, why] of refused) {
    const stream = await sse(t, server, path, headers)
    assert.equal(stream.status, status)
    await stream.end()
    assert.match(stream.text, why)
  }
  assert.equal((await server.ask(REGISTRY, { method: 'POST', body: '{}' })).status, 405)
  assert.equal((await server.ask(REGISTRY, { method: 'OPTIONS' })).headers.get('allow'), 'GET, HEAD, OPTIONS')
  const preflight = await server.ask(DOCUMENTS, { method: 'OPTIONS' })
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /Last-Event-ID, X-Project-Id, x-project-id$/)
  assert.equal((await server.ask(REGISTRY, { method: 'HEAD' })).headers.get('content-type'), 'text/event-stream')
  const count = `unstale_endpoint_refused_total{endpoint="${DOCUMENTS}"}`
  await poll('counted', async () => (await server.metric(count)) === 2)
})

test('a value in a request forges no scope', async (t) => {
  const server = await serve(t, settings())
  const stream = await sse(t, server, `${STUDIO}?user=${encodeURIComponent('7:x%')}`)
  assert.equal(await stream.next(), 'data: {"type":"connected","userId":"7:x%"}')
  await server.publish({ resource: 'podcasts', action: 'created', id: 'no', new: { user_id: '7' } })
  await server.publish({ resource: 'podcasts', action: 'created', id: 'yes', new: { user_id: '7:x%' } })
  assert.match(await stream.next(), /"entityId":"yes"/)
})

test('metrics and /debug/connections name the endpoint', async (t) => {
  const server = await serve(t, settings())
  await sse(t, server, REGISTRY)
  await sse(t, server, `${STUDIO}?user=7`)
  await poll('counted', async () => (await server.metric(`unstale_endpoint_subscribers{endpoint="${STUDIO}"}`)) === 1)
  assert.equal(await server.metric(`unstale_endpoint_opened_total{endpoint="${REGISTRY}"}`), 1)
  assert.equal(await server.metric(`unstale_endpoint_subscribers{endpoint="${DOCUMENTS}"}`), 0)
  assert.match((await server.admin('/debug/connections')).body, /"transport":"sse","endpoint":"\/api\/v1\/events\/stream"/)
})
