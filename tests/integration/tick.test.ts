/* When marks go out: at once, then at most once a window; and none is left behind. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requestBytes, Wire } from './lib/http.ts'
import { named, staleKeys } from './lib/sse.ts'
import { SLOWER } from './lib/wait.ts'
import { config, serve, subscribe } from './lib/unstale.ts'

test('the first mark after a quiet time goes at once, whatever the window', async (t) => {
  const server = await serve(t, config({ limits: { batch: '10s' } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const began = Date.now()
  const position = await server.mark('a', ['x'])
  await stream.reaches(position)
  assert.ok(Date.now() - began < 5000, `${Date.now() - began} ms`)
})

test('a burst in the window comes together at its end, the last change with it', async (t) => {
  const window = 600
  const server = await serve(t, config({ limits: { batch: `${window}ms` } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const first = await server.mark('a', ['first'])
  await stream.reaches(first)
  const began = Date.now()
  let last = ''
  for (let i = 0; i < 20; i++) last = await server.mark('a', ['burst', i % 3])
  const published = Date.now() - began
  const events = await stream.reaches(last)
  if (published < window / 2) {
    assert.equal(named(events, 'stale').length, 1)
    assert.equal(named(events, 'position').length, 1)
    assert.ok(Date.now() - began >= window / 2 - 50, 'not before the window ended')
  }
  assert.deepEqual([...new Set(staleKeys(events))], ['a ["burst",0]', 'a ["burst",1]', 'a ["burst",2]'])
})

test('a steady stream of marks is told once a window and never starves', async (t) => {
  const window = 200 * SLOWER
  const server = await serve(t, config({ limits: { batch: `${window}ms` } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const wire = new Wire(server.at)
  const began = Date.now()
  let published = 0
  while (Date.now() - began < 8 * window) {
    wire.send(requestBytes(server.at, '/v1/changes', { body: JSON.stringify({ scope: 'a', keys: [['k', published++ % 5]] }) }), 'POST')
    assert.equal((await wire.answer()).status, 202)
  }
  const ticks = named(stream.take(), 'position').length
  const windows = (Date.now() - began) / window
  assert.ok(ticks >= windows / 3, `${ticks} ticks in ${windows} windows`)
  assert.ok(ticks <= windows + 2, `${ticks} ticks in ${windows} windows`)
  wire.close()
})

test('without a window every transaction that is alone has a message of its own', async (t) => {
  const server = await serve(t, config({ limits: { batch: '0' } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  for (let i = 0; i < 10; i++) {
    const events = await stream.reaches(await server.mark('a', ['x']))
    assert.deepEqual(events.map((event) => event.event), ['stale', 'position'])
  }
})

test('at_most holds a hot key back, not its neighbours, and lays it in the end', async (t) => {
  const pause = 700 * SLOWER
  const server = await serve(
    t,
    config({
      rules: {
        tasks: { scope: ['project:{project_id}'], stale: [['tasks', '{id}'], { key: ['stats', '{project_id}'], at_most: `${pause}ms` }] },
      },
    }),
  )
  const stream = await subscribe(t, server, { scopes: ['project:1', 'project:2'] })
  await stream.opened()
  const change = (id: number, project = 1) => ({ resource: 'tasks', action: 'created', id, new: { id, project_id: project } })
  const began = Date.now()
  const first = await stream.reaches(await server.publish(change(0)))
  assert.deepEqual(staleKeys(first), ['project:1 ["stats",1]', 'project:1 ["tasks",0]'], 'the first one at once')
  let last = ''
  for (let i = 1; i <= 10; i++) last = await server.publish(change(i))
  const burst = await stream.reaches(last)
  if (Date.now() - began < pause) {
    assert.equal(staleKeys(burst).filter((key) => key.includes('stats')).length, 0)
    assert.ok((await server.metric('unstale_index_held')) <= 1)
  }
  // Another scope's key is another one.
  const other = await stream.reaches(await server.publish(change(1, 2)))
  assert.ok(staleKeys(other).includes('project:2 ["stats",2]'))
  await stream.until('the held key', () => stream.events.filter((event) => event.event === 'stale' && JSON.stringify(event.data.keys).includes('["stats",1]')).length === 2)
  assert.ok(Date.now() - began >= pause - 20, 'not before it was due')
  assert.equal(await server.metric('unstale_index_held'), 0)
  // Who comes later and was there for the changes has it too.
  const late = await server.greeting({ scopes: ['project:1'], since: last })
  assert.deepEqual(late.scopes, { 'project:1': 'exact' })
  assert.ok(late.keys.includes('project:1 ["stats",1]'))
})

test('a held key is not lost for somebody who resumes while it is held', async (t) => {
  const server = await serve(
    t,
    config({
      limits: { held: 2 },
      rules: { tasks: { scope: ['project:{project_id}'], stale: [{ key: ['stats', '{project_id}'], at_most: '1h' }] } },
    }),
  )
  const change = (project: number) => ({ resource: 'tasks', action: 'created', id: 1, new: { id: 1, project_id: project } })
  const scopes = ['project:1', 'project:2', 'project:3', 'project:4']
  for (const project of [1, 2, 3, 4]) await server.publish(change(project))
  const since = await server.settled()
  for (const project of [1, 2, 3, 4]) await server.publish(change(project))
  // The table has room for two: the others are laid at once.
  const now = await server.greeting({ scopes, since })
  assert.equal(now.keys.length, 2)
  assert.equal(await server.metric('unstale_index_held'), 2)
  await server.stop()
})

test('one message for everybody: two hundred subscribers, one encoding', async (t) => {
  const server = await serve(t)
  const streams = await Promise.all(Array.from({ length: 200 }, (_, i) => subscribe(t, server, { scopes: [`own:${i}`, 'all'] })))
  await Promise.all(streams.map((stream) => stream.opened()))
  const before = await server.metric('unstale_blobs_total')
  const position = await server.mark('all', ['news'])
  for (const stream of streams) assert.deepEqual(staleKeys(await stream.reaches(position)), ['all ["news"]'])
  assert.equal((await server.metric('unstale_blobs_total')) - before, 1)
})
