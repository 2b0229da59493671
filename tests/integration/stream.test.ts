/* The shapes of the stream (DESIGN 5), each field as it is promised. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { named, sequenceOf, staleKeys } from './lib/sse.ts'
import { config, serve, subscribe } from './lib/unstale.ts'

test('a stream begins with a head that no proxy buffers and with a time to wait before coming back', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  await stream.opened()
  assert.equal(stream.headers.get('content-type'), 'text/event-stream')
  assert.equal(stream.headers.get('cache-control'), 'no-cache, no-transform')
  assert.equal(stream.headers.get('x-accel-buffering'), 'no')
  assert.equal(stream.headers.has('content-length'), false)
  assert.equal(stream.retries.length, 1)
})

test('ready names every scope, what was granted, and what the page must know', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '1500ms', spread: '7s' } }))
  const before = await server.mark('project:9', ['x'])
  const stream = await subscribe(t, server, { scopes: ['project:1', 'user:ä%:"\\', 'all'] })
  const ready = await stream.opened()
  assert.deepEqual(Object.keys(ready.data).sort(), ['connection', 'current', 'heartbeat', 'position', 'scopes', 'spread'])
  assert.match(ready.data.connection, /^c_[0-9a-z_]+$/)
  assert.deepEqual(ready.data.scopes, { 'project:1': 'fresh', 'user:ä%:"\\': 'fresh', all: 'fresh' })
  assert.equal(ready.data.position, before)
  assert.equal(ready.id, before)
  assert.equal(ready.data.heartbeat, 1.5)
  assert.equal(ready.data.current, true)
  assert.equal(ready.data.spread, 0)
})

test('two connections have two names', async (t) => {
  const server = await serve(t)
  const first = await (await subscribe(t, server, { scopes: ['a'] })).opened()
  const second = await (await subscribe(t, server, { scopes: ['a'] })).opened()
  assert.notEqual(first.data.connection, second.data.connection)
})

test('a mark is a stale event and then the position, which alone carries the id', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  await stream.opened()
  const position = await server.mark('project:1', ['tasks', 7, null, true, 1.5, { b: [1], a: 'x' }])
  assert.deepEqual(await stream.reaches(position), [
    {
      event: 'stale',
      id: null,
      data: { scope: 'project:1', keys: [['tasks', 7, null, true, 1.5, { a: 'x', b: [1] }]], spread: 0 },
    },
    { event: 'position', id: position, data: { position } },
  ])
})

test('the empty key is a reset, with a reason and the time over which pages spread', async (t) => {
  const server = await serve(t, config({ limits: { spread: '7s' } }))
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  await stream.opened()
  const position = await server.mark('project:1', ['a'], [], ['b'])
  const events = await stream.reaches(position)
  assert.deepEqual(named(events, 'reset'), [{ scopes: ['project:1'], reason: 'published', spread: 7000 }])
  assert.equal(events.at(-1)?.event, 'position')
})

test('changes come along for rules with data, and for the others when they are asked for', async (t) => {
  const server = await serve(
    t,
    config({
      rules: {
        tasks: {
          name: 'task',
          id: 'id',
          scope: ['project:{project_id}'],
          stale: [['tasks', '{id}']],
          data: { currentStatus: 'status' },
        },
        notes: { id: 'id', scope: ['project:{project_id}'], stale: [['notes', '{id}']], changes: true },
      },
    }),
  )
  const plain = await subscribe(t, server, { scopes: ['project:1'] })
  const changes = await subscribe(t, server, { scopes: ['project:1'], changes: true })
  await plain.opened()
  await changes.opened()
  const position = await server.publish([
    { resource: 'tasks', action: 'updated', id: 7, new: { id: 7, project_id: 1, status: 'done' }, old: { id: 7, project_id: 1, status: 'new' } },
    { resource: 'notes', action: 'deleted', id: 'n1', old: { id: 'n1', project_id: 1 } },
  ])
  const task = { resource: 'task', action: 'updated', id: '7', data: { currentStatus: 'done' } }
  const note = { resource: 'notes', action: 'deleted', id: 'n1' }
  const seenPlain = await plain.reaches(position)
  const seenChanges = await changes.reaches(position)
  assert.deepEqual(staleKeys(seenPlain, 'project:1'), ['["notes","n1"]', '["tasks",7]'])
  assert.deepEqual(named(seenPlain, 'stale')[0]?.changes, [task])
  assert.deepEqual(staleKeys(seenChanges, 'project:1'), ['["notes","n1"]', '["tasks",7]'])
  assert.deepEqual(named(seenChanges, 'stale')[0]?.changes, [task, note])
})

test('a quiet stream has heartbeats with the time, whether capture is current, and the position', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '200ms' } }))
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  const ready = await stream.opened()
  const first = await stream.next('heartbeat')
  assert.deepEqual(Object.keys(first.data).sort(), ['current', 'position', 'time'])
  assert.equal(first.data.position, ready.data.position)
  assert.equal(first.id, ready.data.position)
  assert.equal(first.data.current, true)
  assert.match(first.data.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.ok(Math.abs(Date.parse(first.data.time) - Date.now()) < 60_000)
  assert.ok(Date.parse((await stream.next('heartbeat')).data.time) > Date.parse(first.data.time))

  // What is marked elsewhere moves it on: a quiet client does not sink below a floor.
  const position = await server.mark('project:2', ['x'])
  await stream.until('a heartbeat at that position', () => stream.position === position)
  assert.deepEqual(
    stream.take().map((event) => event.event).filter((name) => name !== 'heartbeat'),
    [],
  )
})

test('everything of one transaction comes before its position, in all scopes', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a:1', 'a:2', 'b:1', 'b:2', 'all'] })
  await stream.opened()
  for (let round = 0; round < 20; round++) {
    const key = ['k', round]
    const position = await server.publish([
      { scope: 'a:1', keys: [key] },
      { scope: 'a:*', keys: [key] },
      { scope: 'b:2', keys: [key, ['second']] },
      { scope: '*', keys: [key] },
      { scope: 'other:1', keys: [key] },
      { scope: 'all', keys: [key] },
    ])
    const events = await stream.reaches(position)
    const text = JSON.stringify(key)
    assert.deepEqual(
      staleKeys(events),
      [`* ${text}`, `a:* ${text}`, `a:1 ${text}`, `all ${text}`, `b:2 ${text}`, 'b:2 ["second"]'].sort(),
    )
    assert.deepEqual(named(events, 'position'), [{ position }], 'one position, however many scopes')
    assert.equal(events.at(-1)?.event, 'position')
  }
})

test('marks of other scopes never arrive', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  await stream.opened()
  for (const scope of ['project:10', 'project:1:x', 'project', 'Project:1', 'project:1 ', 'user:1', 'all', 'project%3A1', 'user:*'])
    await server.mark(scope, ['secret'])
  await server.publish({ scope: 'project:10', type: 'secret' }, '/v1/notices')
  const position = await server.mark('project:1', ['mine'])
  assert.deepEqual(staleKeys(await stream.reaches(position)), ['project:1 ["mine"]'])
})

test('a scope with hostile characters is told of its own marks and cannot break out of its line', async (t) => {
  const server = await serve(t)
  const scopes = ['user:"\\', 'user:a&b=c#d', 'user:é😀', 'user:%0A%2A', ':', '::', 'x:y:*z', ' ']
  for (const scope of scopes) {
    const stream = await subscribe(t, server, { scopes: [scope] })
    assert.deepEqual(Object.keys((await stream.opened()).data.scopes), [scope])
    const position = await server.mark(scope, ['k\n\r\u2028: \u0000', '</script>'])
    const events = await stream.reaches(position)
    assert.deepEqual(named(events, 'stale').map((stale) => [stale.scope, stale.keys]), [
      [scope, [['k\n\r\u2028: \u0000', '</script>']]],
    ])
    stream.cut()
  }
})

test('positions strictly rise, one a transaction', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  let last = sequenceOf((await stream.opened()).data.position)
  for (let i = 0; i < 50; i++) {
    const position = sequenceOf(await server.mark('project:1', ['same']))
    assert.equal(position, last + 1)
    last = position
  }
  await stream.until('the last position', () => stream.position !== null && sequenceOf(stream.position) === last)
  const positions = named(stream.take(), 'position').map((event) => sequenceOf(event.position))
  for (let i = 1; i < positions.length; i++) assert.ok((positions[i] as number) > (positions[i - 1] as number))
})

test('scopes that cannot be asked for are refused with a reason', async (t) => {
  const server = await serve(t, config({ limits: { scopes: 3 } }))
  for (const [scopes, status] of [
    [['project:*'], 400],
    [['*'], 400],
    [[''], 400],
    [['a\nb'], 400],
    [['x'.repeat(257)], 400],
    [['a', 'b', 'c', 'd'], 400],
    [[], 400],
  ] as const) {
    const refused = await server.stream({ scopes: [...scopes] }).refused()
    assert.equal(refused.status, status, JSON.stringify(scopes))
    assert.ok(refused.error.length > 5)
  }
  for (const path of ['/v1/stream?scope=%ff%fe', '/v1/stream?scope=%zz', '/v1/stream?scope=%'])
    assert.equal((await server.ask(path)).status, 400, path)
  // The same scope many times is one.
  const stream = await subscribe(t, server, { scopes: ['a', 'a', 'b', 'a', 'c'] })
  assert.deepEqual((await stream.opened()).data.scopes, { a: 'fresh', b: 'fresh', c: 'fresh' })
})
