/* The two dialects of WebSockets over a socket: changes, resets, pings, what clients say, restarts, refusals, a drain. Byte
 * for byte, but for times. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { still, ws } from './lib/legacy.ts'
import { type Config, config, directory, serve } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'
import { closing, frame, fragments, OP, text } from './lib/ws.ts'

const SYNC = '/api/ws/sync'
const HIVE = '/api/v1/messages/ws'

const RULES = {
  recordings: { scope: ['all'], stale: [['recordings']], actions: { status_changed: { changed: ['status'] } } },
  search_history: { scope: ['all'], stale: [['search', 'history']] },
  tasks: { scope: ['project:{project_id}'], stale: [['tasks']] },
  sprints: { name: 'sprint', scope: ['project:{project_id}'], stale: [['sprints']] },
  project_members: { id: ['project_id', 'user_id'], scope: ['project:{project_id}'], stale: [['projectMembers']] },
}

function settings(more: Config = {}): Config {
  return config({
    rules: RULES,
    endpoints: [
      { path: SYNC, dialect: 'recordings', scope: 'all' },
      { path: HIVE, transport: 'ws', dialect: 'devhive', scope: ['project:{query.project_id}'] },
    ],
    ...more,
    limits: { spread: '0', ...more.limits },
  })
}

const RECONNECT = (reason: string) => `{"type":"reconnect","data":{"reason":"${reason}"}}`

test('recordings: one message for each row that changed, its derived actions, and a job', async (t) => {
  const server = await serve(t, settings())
  const socket = await ws(t, server, SYNC)
  assert.equal(socket.status, 101)
  await server.publish([
    { resource: 'recordings', action: 'created', id: 'r1' },
    { resource: 'recordings', action: 'deleted', id: 'r2' },
    { resource: 'recordings', action: 'updated', id: 'r3', old: { status: 'a' }, new: { status: 'b' } },
    { resource: 'search_history', action: 'created' },
  ])
  const messages = [await socket.next(), await socket.next(), await socket.next(), await socket.next(), await socket.next()]
  assert.deepEqual(messages, [
    '{"type":"invalidate","resource":"recordings","action":"created","id":"r1"}',
    '{"type":"invalidate","resource":"recordings","action":"deleted","id":"r2"}',
    '{"type":"invalidate","resource":"recordings","action":"updated","id":"r3"}',
    '{"type":"invalidate","resource":"recordings","action":"status_changed","id":"r3"}',
    '{"type":"invalidate","resource":"search_history","action":"created"}',
  ])
  await server.publish({ scope: 'all', type: 'job_progress', data: { percent: 5 } }, '/v1/notices')
  assert.equal(await socket.next(), '{"type":"job_progress","data":{"percent":5}}')
})

test('recordings: a reset is each resource without an id; a connect is none, since its clients refetch by themselves', async (t) => {
  const server = await serve(t, settings())
  const socket = await ws(t, server, SYNC)
  await poll('subscribed', async () => (await server.metric('unstale_ready_total')) === 1)
  await server.publish({ scope: 'all', keys: [[]] })
  assert.equal(await socket.next(), '{"type":"invalidate","resource":"recordings","action":"updated"}')
  assert.equal(await socket.next(), '{"type":"invalidate","resource":"search_history","action":"updated"}')
})

test('devhive: reconnect on every connect, then the rows of this project alone', async (t) => {
  const server = await serve(t, settings())
  const one = await ws(t, server, `${HIVE}?project_id=p1`)
  const two = await ws(t, server, `${HIVE}?project_id=p2`)
  for (const socket of [one, two]) assert.equal(await socket.next(), RECONNECT('connected'))
  await server.publish([
    { resource: 'tasks', action: 'updated', id: 't1', old: { project_id: 'p1' }, new: { project_id: 'p1' } },
    { resource: 'project_members', action: 'created', new: { project_id: 'p1', user_id: 'u1' } },
    { resource: 'sprints', action: 'deleted', old: { project_id: 'p1' } },
  ])
  const message = (resource: string, action: string, id: string) =>
    `{"type":"cache_invalidate","resource":"${resource}","action":"${action}",` +
    `"data":{"resource":"${resource}",${id}"action":"${action}","project_id":"p1","timestamp":"TIME"},"project_id":"p1"}`
  assert.deepEqual([await one.next(), await one.next(), await one.next()].map(still), [
    message('task', 'UPDATE', '"id":"t1",'),
    message('project_members', 'INSERT', '"id":"p1:u1",'),
    message('sprint', 'DELETE', ''),
  ])
  // A row that moves is told to both, and where it left it is gone.
  await server.publish({ resource: 'tasks', action: 'updated', id: 't1', old: { project_id: 'p1' }, new: { project_id: 'p2' } })
  assert.match(await one.next(), /"action":"DELETE"/)
  assert.match(await two.next(), /"action":"INSERT"/)
})

test('devhive: what cannot be said of rows is a reconnect', async (t) => {
  const server = await serve(t, settings())
  const socket = await ws(t, server, `${HIVE}?project_id=p1`)
  assert.equal(await socket.next(), RECONNECT('connected'))
  await server.publish({ scope: 'project:p1', keys: [[]] })
  assert.equal(await socket.next(), RECONNECT('published'))
  // Marks that a publisher names; a row whose project nobody knows.
  await server.publish({ scope: 'project:p1', keys: [['tasks', 'list']] })
  assert.match(await socket.next(), /"reconnect"/)
  await server.publish({ resource: 'tasks', action: 'updated', id: 't9' })
  assert.match(await socket.next(), /"reconnect"/)
})

test('what clients say is nobody’s matter; pings are answered, and a message may not be too large', async (t) => {
  const server = await serve(t, settings())
  const socket = await ws(t, server, SYNC)
  socket.send(Buffer.concat([text('anything'), text({ type: 'subscribe', scopes: ['project:p1'] }), fragments('x'.repeat(5000), 100), text('{')]))
  socket.send(frame(OP.ping, 'hello'))
  await server.publish({ resource: 'recordings', action: 'created', id: 'r1' })
  assert.match(await socket.next(), /"r1"/)
  assert.equal(socket.messages.length, 1)
  socket.send(text('x'.repeat(70_000)))
  await socket.end()
  assert.equal(socket.code, 1009)
  const polite = await ws(t, server, SYNC)
  polite.send(closing(1000))
  await polite.end()
  assert.equal(polite.code, 1000)
})

test('heartbeats are pings, never messages; who does not answer them is gone', async (t) => {
  const server = await serve(
    t,
    settings({ endpoints: [{ path: SYNC, dialect: 'recordings', scope: 'all', heartbeat: '150ms' }], limits: { heartbeat: '250ms', stalled: '500ms' } }),
  )
  const socket = await ws(t, server, SYNC)
  const mute = await ws(t, server, SYNC)
  mute.mute = true
  await mute.end()
  await socket.until('pinged', () => socket.pings >= 5)
  assert.deepEqual([...socket.messages, ...mute.messages], [])
  assert.equal(socket.ended, false)
})

test('a restart closes with 1012, and everybody comes back to a reconnect', async (t) => {
  const dir = directory(t)
  const server = await serve(t, settings(), { dir })
  const socket = await ws(t, server, `${HIVE}?project_id=p1`)
  await socket.next()
  await server.stop()
  await socket.end()
  assert.equal(socket.code, 1012)
  const next = await serve(t, settings(), { dir })
  assert.equal(await (await ws(t, next, `${HIVE}?project_id=p1`)).next(), RECONNECT('connected'))
})

test('a refusal is an HTTP status before the upgrade, so that the backoff of these clients works', async (t) => {
  const server = await serve(t, settings({ limits: { drain: '3s' } }))
  const nameless = await ws(t, server, HIVE)
  assert.equal(nameless.status, 400)
  assert.match(nameless.body, /the parameter \\"project_id\\" is missing/)
  assert.equal((await ws(t, server, SYNC, { Origin: 'https://evil.example' })).status, 403)
  assert.equal((await server.ask(SYNC)).status, 426)
  assert.equal((await server.ask(SYNC, { method: 'HEAD' })).status, 405)
  for (let i = 0; i < 5; i++) await ws(t, server, SYNC)
  server.child.kill('SIGTERM')
  await poll('readyz says so', async () => (await server.admin('/readyz')).status === 503)
  assert.equal((await ws(t, server, SYNC)).status, 503)
})
