/* What a restart keeps: all of it after an orderly stop, nothing after a crash, and never more than can be proved. */

import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { epochOf, named, sequenceOf, staleKeys } from './lib/sse.ts'
import { type Config, config, directory, launch, serve, subscribe } from './lib/unstale.ts'

const stateIn = (dir: string): string => join(dir, 'unstale.state')

/** A server that has marked and was stopped in order, with what it knew. */
async function stopped(t: TestContext, dir: string, settings: Config = config()) {
  const server = await serve(t, settings, { dir })
  const first = await server.mark('a', ['first'])
  const second = await server.mark('a', ['second'])
  const last = await server.mark('b', ['third'])
  await server.stop()
  return { first, second, last }
}

test('an orderly restart keeps the epoch and is exact with what was missed', async (t) => {
  const dir = directory(t)
  const { first, last } = await stopped(t, dir)
  const server = await serve(t, config(), { dir })
  assert.equal(epochOf(await server.position()), epochOf(first))
  assert.ok(sequenceOf(await server.position()) >= sequenceOf(last))
  const answer = await server.greeting({ scopes: ['a', 'b', 'never'], since: first })
  assert.deepEqual(answer.scopes, { a: 'exact', b: 'exact', never: 'exact' })
  assert.deepEqual(answer.keys, ['a ["second"]', 'b ["third"]'])
  const next = await server.mark('a', ['after'])
  assert.ok(sequenceOf(next) > sequenceOf(last), 'positions go on')
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: last })).keys, ['a ["after"]'])
})

test('restart after restart stays exact', async (t) => {
  const dir = directory(t)
  let { first } = await stopped(t, dir)
  const expected = ['a ["second"]', 'b ["third"]']
  for (let i = 0; i < 4; i++) {
    const server = await serve(t, config(), { dir })
    const answer = await server.greeting({ scopes: ['a', 'b'], since: first })
    assert.deepEqual(answer.scopes, { a: 'exact', b: 'exact' })
    assert.deepEqual(answer.keys, [...expected].sort())
    await server.mark('a', ['round', i])
    expected.push(`a ["round",${i}]`)
    await server.stop()
  }
})

test('a crash is a new epoch: everybody is reset', async (t) => {
  const dir = directory(t)
  const server = await serve(t, config(), { dir })
  const first = await server.mark('a', ['x'])
  await server.kill()
  const again = await serve(t, config(), { dir })
  const answer = await again.greeting({ scopes: ['a', 'never'], since: first })
  assert.deepEqual(answer.scopes, { a: 'reset', never: 'reset' })
  assert.notEqual(epochOf(answer.position), epochOf(first))
})

test('the state file is gone once it was read, so a crash after a restart is not exact', async (t) => {
  const dir = directory(t)
  const { first } = await stopped(t, dir)
  assert.ok(existsSync(stateIn(dir)))
  assert.equal(statSync(stateIn(dir)).mode & 0o777, 0o600)
  const server = await serve(t, config(), { dir })
  assert.equal(existsSync(stateIn(dir)), false)
  await server.mark('a', ['lost with the crash'])
  await server.kill()
  assert.equal(existsSync(stateIn(dir)), false)
  const again = await serve(t, config(), { dir })
  assert.deepEqual((await again.greeting({ scopes: ['a'], since: first })).scopes, { a: 'reset' })
})

test('a stop leaves only the state file behind', async (t) => {
  const dir = directory(t)
  await stopped(t, dir)
  assert.deepEqual(readdirSync(dir).sort(), ['unstale.state', 'unstale.yaml'])
})

test('other rules are a reset for everybody, the same rules are not', async (t) => {
  const dir = directory(t)
  const { last } = await stopped(t, dir)
  const changed = config({ rules: { tasks: { scope: ['project:{project_id}'], stale: [['tasks', 'other', '{id}']] } } })
  const server = await serve(t, changed, { dir })
  const stream = await subscribe(t, server, { scopes: ['a', 'project:1', 'never'], since: last })
  const ready = await stream.opened()
  assert.equal(epochOf(ready.data.position), epochOf(last))
  assert.deepEqual(ready.data.scopes, { a: 'reset', 'project:1': 'reset', never: 'reset' })
  const position = await server.mark('a', ['x'])
  stream.cut()
  await server.stop()
  const same = await serve(t, changed, { dir })
  assert.deepEqual((await same.greeting({ scopes: ['a'], since: position })).scopes, { a: 'exact' })
})

test('other limits are no reset', async (t) => {
  const dir = directory(t)
  const { first } = await stopped(t, dir)
  const server = await serve(t, config({ limits: { batch: '5ms', heartbeat: '3s', max_keys: 500 } }), { dir })
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: first })).keys, ['a ["second"]'])
})

test('what at_most held back is laid at the stop and told after the start', async (t) => {
  const dir = directory(t)
  const settings = config({
    rules: { tasks: { scope: ['project:{project_id}'], stale: [{ key: ['stats'], at_most: '1h' }] } },
  })
  const server = await serve(t, settings, { dir })
  const change = { resource: 'tasks', action: 'updated', id: 1, new: { id: 1, project_id: 1 }, old: { id: 1, project_id: 1 } }
  const first = await server.publish(change)
  await server.publish(change)
  const stream = await subscribe(t, server, { scopes: ['project:1'], since: first })
  await stream.opened()
  await server.stop()
  await stream.end()
  assert.deepEqual(staleKeys(stream.events), ['project:1 ["stats"]'], 'whoever is there is told before the end')
  const again = await serve(t, settings, { dir })
  assert.deepEqual((await again.greeting({ scopes: ['project:1'], since: first })).keys, ['project:1 ["stats"]'])
})

test('what was marked in an open batch window is not lost by the stop', async (t) => {
  const dir = directory(t)
  const server = await serve(t, config({ limits: { batch: '10s' } }), { dir })
  const first = await server.mark('a', ['at once'])
  const stream = await subscribe(t, server, { scopes: ['a'], since: first })
  await stream.opened()
  const second = await server.mark('a', ['in the window'])
  await server.stop()
  await stream.end()
  assert.equal(stream.position, second)
  assert.deepEqual(staleKeys(stream.events), ['a ["in the window"]'])
  const again = await serve(t, config(), { dir })
  assert.deepEqual((await again.greeting({ scopes: ['a'], since: first })).keys, ['a ["in the window"]'])
})

test('floors survive: what was evicted before the stop is a reset after it', async (t) => {
  const dir = directory(t)
  const settings = config({ limits: { index_memory: '1MiB' } })
  const server = await serve(t, settings, { dir })
  const before = await server.position()
  await server.mark('old', ['x'])
  for (let i = 0; i < 40; i++)
    await server.publish({ scope: `fill:${i}`, keys: Array.from({ length: 100 }, (_, k) => [i, k, 'f'.repeat(400)]) })
  const last = await server.settled()
  await server.stop()
  const again = await serve(t, settings, { dir })
  assert.deepEqual((await again.greeting({ scopes: ['old', 'fill:0', 'never'], since: before })).scopes, {
    old: 'reset',
    'fill:0': 'reset',
    never: 'reset',
  })
  assert.deepEqual((await again.greeting({ scopes: ['old', 'never'], since: last })).scopes, { old: 'exact', never: 'exact' })
})

test('a smaller index after the restart keeps to its bound and to the truth', async (t) => {
  const dir = directory(t)
  const server = await serve(t, config({ limits: { index_memory: '64MiB' } }), { dir })
  const before = await server.position()
  for (let i = 0; i < 60; i++)
    await server.publish({ scope: `fill:${i}`, keys: Array.from({ length: 100 }, (_, k) => [i, k, 'f'.repeat(400)]) })
  await server.stop()
  const again = await serve(t, config({ limits: { index_memory: '1MiB' } }), { dir })
  await again.mark('x', ['x'])
  assert.ok((await again.metric('unstale_index_bytes')) <= 1024 * 1024)
  assert.deepEqual((await again.greeting({ scopes: ['fill:0'], since: before })).scopes, { 'fill:0': 'reset' })
})

test('notices that were missed over an orderly restart are told, in order', async (t) => {
  const dir = directory(t)
  const server = await serve(t, config(), { dir })
  const since = await server.position()
  for (let i = 0; i < 5; i++) await server.publish({ scope: 'user:1', type: 'n', data: i }, '/v1/notices')
  await server.stop()
  const again = await serve(t, config(), { dir })
  await again.publish({ scope: 'user:1', type: 'n', data: 5 }, '/v1/notices')
  const answer = await again.greeting({ scopes: ['user:1'], since: since })
  const notices = named(answer.events, 'notice')
  assert.deepEqual(notices.map((notice) => notice.data), [0, 1, 2, 3, 4, 5])
  assert.equal(new Set(notices.map((notice) => notice.id)).size, 6, 'ids of their own over the restart')
})

test('a state file that is not whole is a new epoch, whatever is wrong with it', async (t) => {
  const whole = await (async () => {
    const dir = directory(t)
    const { first } = await stopped(t, dir)
    return { bytes: readFileSync(stateIn(dir)), first }
  })()
  const { bytes, first } = whole
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(bytes)
    copy[at] = (copy[at] as number) ^ 0x40
    return copy
  }
  const broken: [string, Buffer][] = [
    ['empty', Buffer.alloc(0)],
    ['one byte', bytes.subarray(0, 1)],
    ['the magic alone', bytes.subarray(0, 16)],
    ['half', bytes.subarray(0, bytes.length >> 1)],
    ['without its last byte', bytes.subarray(0, bytes.length - 1)],
    ['with a byte more', Buffer.concat([bytes, Buffer.alloc(1)])],
    ['twice', Buffer.concat([bytes, bytes])],
    ['a flipped bit in the magic', flipped(3)],
    ['a flipped bit behind it', flipped(18)],
    ['a flipped bit in the middle', flipped(bytes.length >> 1)],
    ['a flipped bit in the sum', flipped(bytes.length - 1)],
    ['zeros', Buffer.alloc(4096)],
    ['another file', Buffer.from('listen: 127.0.0.1:8080\n')],
  ]
  for (const [what, content] of broken) {
    const dir = directory(t)
    writeFileSync(stateIn(dir), content)
    const server = await serve(t, config(), { dir })
    assert.match(server.log, /state file/, what)
    const answer = await server.greeting({ scopes: ['a'], since: first })
    assert.deepEqual(answer.scopes, { a: 'reset' }, what)
    assert.notEqual(epochOf(answer.position), epochOf(first), what)
    const ours = !['a flipped bit in the magic', 'zeros', 'another file'].includes(what)
    assert.equal(existsSync(stateIn(dir)), !ours, what)
    await server.stop()
    if (!ours) assert.deepEqual(readFileSync(stateIn(dir)), content, 'somebody else’s is left alone')
  }
  // And the whole one is used, in any directory.
  const dir = directory(t)
  writeFileSync(stateIn(dir), bytes)
  assert.deepEqual((await (await serve(t, config(), { dir })).greeting({ scopes: ['a'], since: first })).scopes, { a: 'exact' })
})

test('a state file that cannot be read or removed does not stop the server, and is not believed', async (t) => {
  const dir = directory(t)
  const { first } = await stopped(t, dir)
  // A directory stands where it should be; and a link is not followed.
  const elsewhere = join(dir, 'elsewhere')
  renameSync(stateIn(dir), elsewhere)
  symlinkSync(elsewhere, stateIn(dir))
  const server = await serve(t, config(), { dir })
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: first })).scopes, { a: 'reset' })
  assert.ok(existsSync(elsewhere))
  await server.kill()
  const other = directory(t)
  mkdirSync(stateIn(other))
  const second = await serve(t, config(), { dir: other })
  assert.deepEqual((await second.greeting({ scopes: ['a'], since: first })).scopes, { a: 'reset' })
  await second.stop()
  assert.match(second.log, /state file .*unstale\.state/)
})

test('a state file that will not be written is said at the start already', async (t) => {
  const server = await serve(t, config({ state: 'none/unstale.state' }))
  assert.match(server.log, /state file .*none\/unstale\.state: nothing can be written to .*none\/: No such file or directory/)
})

test('a start that fails keeps the state file for the next one', async (t) => {
  const dir = directory(t)
  const { first } = await stopped(t, dir)
  const blocker = await serve(t)
  const taken = launch(t, config({ listen: `127.0.0.1:${blocker.at.port}` }), { dir })
  assert.notEqual((await taken.ended()).code, 0)
  const server = await serve(t, config(), { dir })
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: first })).scopes, { a: 'exact' })
})

test('the truncated end of a state file from a full disk is not used', async (t) => {
  const dir = directory(t)
  const { first } = await stopped(t, dir)
  truncateSync(stateIn(dir), statSync(stateIn(dir)).size - 9)
  const server = await serve(t, config(), { dir })
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: first })).scopes, { a: 'reset' })
})

test('the state of many scopes and keys comes back whole', async (t) => {
  const dir = directory(t)
  const server = await serve(t, config({ limits: { max_keys: 10000 } }), { dir })
  const since = await server.position()
  for (let i = 0; i < 20; i++)
    await server.publish(
      Array.from({ length: 100 }, (_, k) => ({ scope: `s:${k}`, keys: [['k', i, `"${'é'.repeat(10)}\u0000`]] })),
    )
  const marks = await server.metric('unstale_index_marks')
  assert.equal(marks, 2000)
  await server.stop()
  const again = await serve(t, config({ limits: { max_keys: 10000 } }), { dir })
  assert.equal(await again.metric('unstale_index_marks'), 2000)
  const answer = await again.greeting({ scopes: ['s:0', 's:99'], since: since })
  assert.equal(answer.keys.length, 40)
})
