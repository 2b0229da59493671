/* SIGHUP: another configuration is in use, and no connection notices more than it must. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Config, config, directory, serve, subscribe, type Unstale } from './lib/unstale.ts'
import { requestBytes, Wire } from './lib/http.ts'
import { Database, follow, RULES, setup, sqliteConfig } from './lib/sqlite.ts'
import { named, staleKeys } from './lib/sse.ts'
import { poll, SLOWER, sleep } from './lib/wait.ts'

const RULE = { scope: ['project:{project_id}'], stale: [['tasks', 'detail', '{id}']] }

/** Another file, and the signal; back when the server has made up its mind. */
async function reload(server: Unstale, settings: Config | string, result: 'applied' | 'refused' = 'applied'): Promise<void> {
  const sample = `unstale_reloads_total{result="${result}"}`
  const before = await server.metric(sample)
  writeFileSync(server.file, typeof settings === 'string' ? settings : JSON.stringify(settings))
  server.child.kill('SIGHUP')
  await poll(`a reload that is ${result}`, async () => (await server.metric(sample)) > before)
}

for (const threads of [1, 2])
  test(`other rules: everything is stale once, and from then on they count (${threads} threads)`, async (t) => {
    const server = await serve(t, config({ threads }))
    const streams = await Promise.all(Array.from({ length: 8 }, () => subscribe(t, server, { scopes: ['project:1', 'team:1'] })))
    for (const stream of streams) await stream.opened()
    await reload(server, config({ threads, rules: { tasks: { scope: ['team:{team_id}'], stale: [['board', '{id}']] } } }))
    const row = { id: 7, project_id: 1, team_id: 1 }
    const position = await server.publish({ resource: 'tasks', action: 'updated', id: 7, new: row, old: row })
    for (const stream of streams) {
      const events = await stream.reaches(position)
      assert.deepEqual(
        named(events, 'reset').map(({ scopes, reason }) => [scopes, reason]),
        [[['*'], 'reload']],
      )
      assert.deepEqual(staleKeys(events), ['team:1 ["board",7]'])
      assert.equal(stream.ended, false, 'the connection is the same')
    }
  })

test('the same rules are no reset, however they are written, and nor are other limits', async (t) => {
  const server = await serve(t, config({ rules: { tasks: RULE } }))
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  await stream.opened()
  await reload(server, { ...config({ limits: { max_keys: 50, batch: '5ms', heartbeat: '20s' } }), rules: { tasks: { stale: RULE.stale, scope: RULE.scope } } })
  const events = await stream.reaches(await server.mark('project:1', ['x']))
  assert.deepEqual(named(events, 'reset'), [])
  assert.deepEqual(staleKeys(events), ['project:1 ["x"]'])
})

test('a wrong file is said with its place and changes nothing', async (t) => {
  const server = await serve(t, config({ limits: { scopes: 2 } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  for (const [settings, why] of [
    [config({ limits: { batsh: '1s' } }), /error app: reload: .*unstale\.yaml:\d+:\d+: .*batsh.*batch.*; the configuration stays/],
    ['rules: [', /error app: reload: .*unstale\.yaml:\d+:\d+: /],
    [config({ auth: 'some' }), /error app: reload: .*auth/],
  ] as const) {
    await reload(server, settings, 'refused')
    assert.match(server.log, why)
  }
  const events = await stream.reaches(await server.mark('a', ['x']))
  assert.deepEqual(staleKeys(events), ['a ["x"]'])
  assert.deepEqual(named(events, 'reset'), [])
  const refused = server.stream({ scopes: ['a', 'b', 'c'] })
  assert.equal((await refused.refused()).status, 400, 'the old limits hold')
})

test('limits hold for what comes next, and for streams that are open', async (t) => {
  const server = await serve(t, config({ threads: 2, limits: { spread: '1s', scopes: 1 } }))
  const quiet = await Promise.all(Array.from({ length: 6 }, () => subscribe(t, server, { scopes: ['a'] })))
  for (const stream of quiet) assert.equal((await stream.opened()).data.heartbeat, 25)
  assert.equal((await server.stream({ scopes: ['a', 'b'] }).refused()).status, 400)
  await reload(
    server,
    config({ threads: 2, limits: { heartbeat: '300ms', stalled: '2s', scopes: 3, connections: 64, publish_body: '2KiB', head: '1KiB', spread: '2s' } }),
  )
  for (const stream of quiet) await stream.next('heartbeat')
  for (const stream of quiet) await stream.next('heartbeat')
  const wider = await subscribe(t, server, { scopes: ['a', 'b', 'c'] })
  assert.equal((await wider.opened()).data.heartbeat, 0.3)
  const body = JSON.stringify({ scope: 'a', keys: [['x'.repeat(3000)]] })
  assert.equal((await server.ask('/v1/changes', { body })).status, 413)
  assert.equal((await server.ask('/v1/position', { headers: { 'X-Long': 'x'.repeat(2000) } })).status, 431)
  assert.equal(await server.metric('unstale_connections_max'), 64)
  await server.mark('a', [])
  for (const stream of quiet) assert.equal((await stream.next('reset')).data.spread, 2000)
})

test('a longer heartbeat does not silence streams that were told a shorter one', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '300ms' } }))
  const old = await subscribe(t, server, { scopes: ['a'] })
  await old.opened()
  await reload(server, config({ limits: { heartbeat: '20s' } }))
  await sleep(1100) // who opens in the same second counts as told before
  const fresh = await subscribe(t, server, { scopes: ['a'] })
  assert.equal((await fresh.opened()).data.heartbeat, 20)
  for (let i = 0; i < 4; i++) await old.next('heartbeat')
  await poll('both counted', async () => (await server.metric('unstale_subscribers')) === 2)
  old.cut()
  await poll('the end of it', async () => (await server.metric('unstale_subscribers')) === 1)
  const count = (): number => named(fresh.events, 'heartbeat').length
  const before = count()
  await sleep(1500)
  assert.ok(count() <= before + 1, 'then the longer one counts')
})

test('the publish token is read anew', async (t) => {
  const dir = directory(t)
  const file = join(dir, 'token')
  const settings = config({ threads: 2, sources: [{ publish: { token_file: './token' } }] })
  writeFileSync(file, 'first\n')
  const server = await serve(t, settings, { dir })
  const publish = async (token: string): Promise<number> =>
    (await server.ask('/v1/changes', { body: '{"scope":"a","keys":[["x"]]}', headers: { Authorization: `Bearer ${token}` } })).status
  assert.deepEqual([await publish('first'), await publish('second')], [202, 401])
  writeFileSync(file, 'second\n')
  await reload(server, settings)
  assert.deepEqual([await publish('first'), await publish('second')], [401, 202])
  assert.doesNotMatch(server.log, /first|second/)
})

test('the level and the format of the log change', async (t) => {
  const server = await serve(t, config())
  const count = (): number => server.lines.filter((line) => /debug/.test(line)).length
  await reload(server, { ...config(), log: { level: 'debug', format: 'json' } })
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  await server.line(/^\{"time":"[^"]+","level":"debug",/)
  stream.cut()
  await reload(server, { ...config(), log: { level: 'info' } })
  await server.metric('unstale_connections')
  const before = count()
  await server.ask('/v1/position')
  await server.mark('a', ['x'])
  assert.ok(count() <= before + 1)
})

test('what a reload cannot change is said, and the rest is in use', async (t) => {
  const server = await serve(t, config())
  const { at } = server
  await reload(
    server,
    config({
      listen: '127.0.0.1:1',
      admin: '127.0.0.1:2',
      threads: 3,
      state: './other.state',
      sources: [{ publish: { open: true } }, { sqlite: './later.db' }],
      limits: { scopes: 1 },
    }),
  )
  for (const what of ['listen', 'admin', 'state', 'threads', 'the set of databases in sources'])
    assert.match(server.log, new RegExp(`warn +app: .*unstale\\.yaml: ${what} is another one; that takes a restart`))
  assert.deepEqual(server.at, at)
  assert.equal((await server.stream({ scopes: ['a', 'b'] }).refused()).status, 400)
})

test('signals in a row end with the last file', async (t) => {
  const server = await serve(t, config())
  for (let i = 1; i <= 20; i++) {
    writeFileSync(server.file, JSON.stringify(config({ limits: { connections: 100 + i } })))
    server.child.kill('SIGHUP')
  }
  await poll('the last one', async () => (await server.metric('unstale_connections_max')) === 120)
})

test('a stop in the middle of a reload is a stop', async (t) => {
  for (const wait of [0, 1, 2, 4]) {
    const server = await serve(t, config())
    const stream = await subscribe(t, server, { scopes: ['a'] })
    await stream.opened()
    writeFileSync(server.file, JSON.stringify(config({ rules: {} })))
    server.child.kill('SIGHUP')
    await sleep(wait)
    await server.stop()
    await stream.end()
  }
})

test('a keep-alive connection and its requests outlive reloads', async (t) => {
  const server = await serve(t, config({ threads: 2 }))
  const wire = new Wire(server.at)
  t.after(() => wire.close())
  for (let i = 0; i < 5; i++) {
    wire.send(requestBytes(server.at, '/v1/position'), 'GET')
    assert.equal((await wire.answer()).status, 200)
    await reload(server, config({ threads: 2, rules: { tasks: { ...RULE, stale: [['round', i]] } } }))
  }
})

test('a database is followed with the new rules from where it was: no commit is missed on the way', async (t) => {
  const dir = directory(t)
  const database = new Database(dir)
  const wide = sqliteConfig()
  await database.create()
  await setup(database, wide)
  const narrow = sqliteConfig({ rules: { tasks: RULES.tasks, sentinel: RULES.sentinel } })
  const server = await serve(t, narrow, { dir })
  await poll('a server that is ready', async () => (await server.admin('/readyz')).status === 200)
  const stream = await subscribe(t, server, { scopes: ['project:1', 'user:ada', 'sentinel'] })
  await stream.opened()
  for (let round = 0; round < 6; round++) {
    const writing = database.run(
      Array.from({ length: 40 }, (_, i) => `INSERT INTO tasks(project_id, title) VALUES(1, 'r${round}-${i}');`).join('\n'),
    )
    await reload(server, round % 2 ? narrow : wide)
    await writing
  }
  await reload(server, wide)
  await database.run("INSERT INTO members VALUES(1, 'ada', 'x');")
  await stream.until('told of a member', () => staleKeys(stream.events, 'user:ada').includes('["members",1]'))
  assert.equal((await server.admin('/readyz')).status, 200)
  assert.equal(stream.ended, false)
  await server.stop()
  const again = await serve(t, wide, { dir })
  await poll('a server that is ready', async () => (await again.admin('/readyz')).status === 200)
  const { body } = await again.admin('/metrics')
  assert.match(body, /^unstale_source_gaps_total\{.*app\.db"\} 0$/m, 'and the restart proves it')
})

test('a rule for a column that its table lacks is refused', async (t) => {
  const { server, settings } = await follow(t)
  const rules = { ...RULES, tasks: { ...RULES.tasks, scope: ['project:{nowhere}'] } }
  await reload(server, { ...settings, rules }, 'refused')
  assert.match(server.log, /error app: reload: .*unstale\.yaml:\d+:\d+: .*nowhere/)
})

test('reload after reload leaves no memory and no descriptor behind', async (t) => {
  const { server, settings } = await follow(t)
  const round = async (i: number): Promise<void> =>
    reload(server, { ...settings, rules: { ...RULES, more: { scope: ['more'], stale: [['more', i]] } } })
  const { readdirSync } = await import('node:fs')
  const descriptors = (): number => readdirSync(`/proc/${server.pid}/fd`).length
  for (let i = 0; i < 20; i++) await round(i)
  const [memory, files] = [server.rss(), descriptors()]
  for (let i = 0; i < 100; i++) await round(i)
  assert.ok(descriptors() <= files + 2, `${descriptors()} descriptors, ${files} before`)
  // A sanitizer keeps what was freed for a while, and finds leaks by itself.
  if (SLOWER === 1) assert.ok(server.rss() < memory + 4 * 1024 * 1024, `${server.rss()} bytes, ${memory} before`)
})
