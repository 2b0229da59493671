/* What the admin listener says of single scopes and connections. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { RudeSocket } from './lib/rude.ts'
import { config, serve, subscribe, type Unstale } from './lib/unstale.ts'
import { poll, sleep } from './lib/wait.ts'

interface Connections {
  connections: { id: string; peer: string; transport: string; changes: boolean; state: string; scopes: number; age: number; position: string }[]
  shown: number
  total: number
}
interface Scopes {
  scopes: { scope: string; marks: number; newest: string; floor: string }[]
  shown: number
  total: number
}

async function debug<T>(server: Unstale, path: string): Promise<T> {
  const answer = await server.admin(`/debug/${path}`)
  assert.equal(answer.status, 200, answer.body)
  assert.equal(answer.headers.get('content-type'), 'application/json')
  return JSON.parse(answer.body) as T
}

for (const threads of [1, 3])
  test(`connections: who they are, where they are, and how they are doing (${threads} threads)`, async (t) => {
    const server = await serve(t, config({ threads }))
    assert.deepEqual(await debug(server, 'connections'), { connections: [], shown: 0, total: 0 })
    const streams = await Promise.all(Array.from({ length: 6 }, (_, i) => subscribe(t, server, { scopes: ['a', `b:${i}`], changes: i === 0 })))
    const socket = new RudeSocket(server.at, 'scope=c', true)
    cleanup(t, () => socket.cut())
    await socket.ready()
    const names = await Promise.all(streams.map(async (stream) => (await stream.opened()).data.connection))
    await sleep(1100)
    const position = await server.mark('a', ['x'])
    for (const stream of streams) await stream.reaches(position)
    await socket.until('nothing more', () => true)
    const { connections, shown, total } = await debug<Connections>(server, 'connections')
    assert.deepEqual([shown, total], [7, 7])
    for (const [i, name] of names.entries()) {
      const row = connections.find(({ id }) => id === name)
      assert.ok(row, `${name} in ${JSON.stringify(connections)}`)
      assert.deepEqual([row.peer, row.transport, row.changes, row.state, row.scopes], ['127.0.0.1', 'sse', i === 0, 'live', 2])
      assert.ok(row.age >= 1 && row.age < 60)
      assert.equal(row.position, position)
    }
    const other = connections.find(({ transport }) => transport === 'websocket')
    assert.equal(other?.scopes, 1)

    assert.equal((await debug<Connections>(server, 'connections?scope=b%3A3')).connections[0]?.id, names[3])
    assert.equal((await debug<Connections>(server, 'connections?scope=a')).total, 6)
    assert.equal((await debug<Connections>(server, 'connections?scope=nobody')).total, 0)
    const few = await debug<Connections>(server, 'connections?limit=2')
    assert.ok(few.shown <= 2 && few.connections.length === few.shown)
    assert.equal(few.total, 7)
    for (const stream of streams) stream.cut()
    await poll('they are gone', async () => (await debug<Connections>(server, 'connections')).total === 1)
  })

test('scopes: how many marks, since when, from when on', async (t) => {
  const server = await serve(t, config())
  await server.mark('a', ['x'], ['y'])
  const last = await server.mark('b:1', ['x'])
  const { scopes, total } = await debug<Scopes>(server, 'scopes')
  assert.equal(total, scopes.length)
  assert.equal(scopes.find(({ scope }) => scope === 'a')?.marks, 2)
  const row = scopes.find(({ scope }) => scope === 'b:1')
  assert.deepEqual([row?.marks, row?.newest], [1, last])
  assert.match(row?.floor ?? '', /^[0-9a-z]+-\d+$/)
  assert.deepEqual((await debug<Scopes>(server, 'scopes?scope=a')).scopes.map(({ scope }) => scope), ['a'])
})

test('an answer is bounded, whatever is there and whatever is asked for', async (t) => {
  const server = await serve(t, config())
  for (let at = 0; at < 3000; at += 500)
    await server.publish(Array.from({ length: 500 }, (_, i) => ({ scope: `s:${at + i}`, keys: [['x']] })))
  const scopes = await debug<Scopes>(server, 'scopes')
  assert.equal(scopes.shown, 100)
  assert.ok(scopes.total >= 3000)
  assert.equal((await debug<Scopes>(server, 'scopes?limit=1000000')).shown, 1000)
  assert.equal((await debug<Scopes>(server, 'scopes?limit=3')).scopes.length, 3)
  for (const query of ['limit=0', 'limit=-1', 'limit=x', 'limit=99999999999999999999', 'limit=%zz']) {
    const { status, body } = await server.admin(`/debug/scopes?${query}`)
    assert.equal(status, 400, query)
    assert.ok((JSON.parse(body) as { error: string }).error)
  }
  assert.equal((await server.admin('/debug')).status, 404)
  assert.equal((await server.admin('/debug/scopes', { method: 'POST' })).status, 405)
  assert.equal((await server.ask('/debug/scopes')).status, 404, 'not on the public listener')
})

test('who asks and goes, and who asks many times at once', async (t) => {
  const server = await serve(t, config({ threads: 2 }))
  await (await subscribe(t, server, { scopes: ['a'] })).opened()
  for (let i = 0; i < 20; i++) void server.admin('/debug/connections').catch(() => {})
  const all = await Promise.all(Array.from({ length: 30 }, () => debug<Connections>(server, 'connections')))
  for (const { total } of all) assert.equal(total, 1)
  void server.admin('/debug/connections').catch(() => {})
  await server.stop()
})
