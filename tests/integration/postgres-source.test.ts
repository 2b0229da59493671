/* The source of PostgreSQL by logical replication: when a commit is told, what is said when it cannot be, and how it goes
 * on after everything that can happen to a connection, a slot, a publication and a table. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { keysAndResets, setupPostgres } from './lib/follow-postgres.ts'
import { BOUNDED, follow, type Following, listen, make, news, released, reset, said, SCHEMA, take, until, why } from './lib/logical.ts'
import { Postgres, postgres } from './lib/postgres.ts'
import { current, readiness, unstale } from './lib/sqlite.ts'
import { named } from './lib/sse.ts'
import { directory, launch, subscribe } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'

let shared: Promise<Postgres> | undefined

/** One cluster for the tests that leave it as it was; each has a database of its own. */
function cluster(): Promise<Postgres> {
  return (shared ??= new Postgres().create().then((made) => made.start()))
}

after(async () => (await shared)?.finish())

// ---- the first thing ----

test('one committed update is one event, for the old scope and the new', async (t) => {
  const { sql, server } = await follow(t, await cluster())
  await sql("INSERT INTO tasks VALUES (7, 1, 'a')")
  const [one, two] = [await listen(t, server), await listen(t, server, ['project:2'])]
  await sql("UPDATE tasks SET title = 'b' WHERE id = 7")
  assert.deepEqual(await until(one, 'project:1 ["tasks","detail",7]'), ['project:1 ["tasks","detail",7]', 'project:1 ["tasks","list"]'])
  await sql('UPDATE tasks SET project_id = 2 WHERE id = 7')
  await until(one, 'project:1 ["tasks","list"]')
  await until(two, 'project:2 ["tasks","list"]')
  assert.deepEqual(named(one.events, 'reset'), [])
})

test('a change and a notice are published inside the transaction, and what is neither is logged', async (t) => {
  const { sql, server } = await follow(t, await cluster())
  const stream = await listen(t, server)
  const emit = (content: unknown): string =>
    `SELECT pg_logical_emit_message(true, 'unstale', '${typeof content === 'string' ? content : JSON.stringify(content)}')`
  await sql(`BEGIN; ${emit({ scope: 'project:1', keys: [['rolled', 'back']] })}; ROLLBACK`)
  await sql(emit('{"scope'))
  await sql(emit({ resource: 'unknown', action: 'created', id: 1 }))
  await sql(`BEGIN; ${emit({ resource: 'tasks', action: 'updated', id: 9, new: { project_id: 1 } })}; ${emit({ scope: 'project:1', type: 'job', data: { n: 1 } })}; COMMIT`)
  assert.deepEqual(await until(stream, 'project:1 ["tasks","detail",9]'), ['project:1 ["tasks","detail",9]', 'project:1 ["tasks","list"]'])
  await sql(`SELECT pg_logical_emit_message(false, 'unstale', '{"scope":"project:1","keys":[["at once"]]}')`)
  await until(stream, 'project:1 ["at once"]')
  await server.line(/pg_logical_emit_message.* is ignored: item 0: premature end/)
  await server.line(/is ignored: item 0: "resource": no rule for "unknown"/)
  assert.equal(await server.metric(`unstale_postgres_messages_refused_total{source="${(await readiness(server)).sources[0]?.name}"}`), 2)
})

// ---- what readers can see ----

/** Commits wait for a standby that never comes, until `release`. */
async function waiting(t: TestContext, source: Record<string, unknown> = {}): Promise<Following & { pg: Postgres; release: () => Promise<void> }> {
  const pg = await postgres(t, BOUNDED)
  const following = await follow(t, pg, source)
  const local = pg.session(following.database)
  await local.sql('SET synchronous_commit = local')
  await pg.commitsWait(following.database)
  return {
    ...following,
    pg,
    sql: (text) => local.sql(text),
    release: async () => {
      await local.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
      await local.sql('SELECT pg_reload_conf()')
    },
  }
}

test('a commit that waits for its standby is told when it can be seen', async (t) => {
  const { sql, server, database, pg, release } = await waiting(t)
  const stream = await listen(t, server)
  const writer = pg.session(database)
  let done = false
  const written = writer.sql("INSERT INTO tasks VALUES (1, 1, 'a')").then(() => (done = true))
  await poll('a writer that waits', async () => (await sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")) === '1' || null)
  assert.deepEqual(keysAndResets(stream.events), [], 'nobody can see it yet')
  assert.equal(await sql('SELECT count(*) FROM tasks'), '0')
  await release()
  await until(stream, 'project:1 ["tasks","detail",1]')
  assert.equal(await sql('SELECT count(*) FROM tasks'), '1', 'told before it can be read')
  await written
  assert.ok(done)
})

test('what waits longer is told at once, is not current, holds up nobody else, and is told again', async (t) => {
  const { sql, server, database, pg, release } = await waiting(t)
  const stream = await listen(t, server)
  const written = pg.session(database).sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["tasks","detail",1]')
  assert.equal(await sql('SELECT count(*) FROM tasks'), '0')
  await said(server, /cannot be seen by readers yet/)
  await stream.until('not current', () => stream.events.some((event) => event.event === 'heartbeat' && !event.data.current))
  const before = Date.now()
  await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  await until(stream, 'project:1 ["tasks","detail",2]')
  assert.ok(Date.now() - before < 900, 'the one that waits holds up another')
  await release()
  await written
  await until(stream, 'project:1 ["tasks","detail",1]')
  assert.equal(await sql('SELECT count(*) FROM tasks'), '2')
  await current(server)
})

test('of more than a thousand marks that came too early the family is told again', async (t) => {
  const { server, database, pg, release } = await waiting(t)
  const stream = await listen(t, server)
  const written = pg.session(database).sql("INSERT INTO tasks SELECT n, 1, 'a' FROM generate_series(1, 1500) n")
  await said(server, /cannot be seen by readers yet/)
  take(stream)
  await release()
  await written
  await reset(stream)
})

test('an orderly stop while a commit waits forgets nothing: it is told when it can be seen', async (t) => {
  const { sql, server, settings, dir, database, pg, release } = await waiting(t, { slot: 'permanent' })
  const written = pg.session(database).sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await said(server, /cannot be seen by readers yet/)
  const again = pg.session(database).sql("INSERT INTO tasks VALUES (2, 1, 'a')")
  await poll('two that wait', async () => (await sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")) === '2' || null)
  await server.stop()
  const next = await launch(t, settings, { dir }).started()
  const stream = await listen(t, next)
  await said(next, /cannot be seen by readers yet/)
  take(stream)
  await release()
  await Promise.all([written, again])
  /* The first telling of the second one may still be on its way. */
  const told = await until(stream, 'project:1 ["tasks","detail",1]')
  if (!told.includes('project:1 ["tasks","detail",2]')) await until(stream, 'project:1 ["tasks","detail",2]')
  await current(next)
})

test('with visible_on a change is told when the replica has it', async (t) => {
  const primary = await postgres(t)
  const made = await make(t, primary)
  const replica = await primary.standby(t)
  const settings = { ...made.settings, sources: [{ postgres: primary.url(made.database), visible_on: replica.url(made.database) }] }
  const server = await launch(t, settings, { dir: made.dir }).started()
  await current(server)
  const stream = await listen(t, server)
  await made.sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["tasks","detail",1]')
  assert.equal(await replica.sql('SELECT count(*) FROM tasks', made.database), '1')
  await replica.sql('SELECT pg_wal_replay_pause()')
  await made.sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  await said(server, /visible_on is behind/)
  await until(stream, 'project:1 ["tasks","detail",2]')
  await replica.sql('SELECT pg_wal_replay_resume()')
  await until(stream, 'project:1 ["tasks","detail",2]')
  assert.equal(await replica.sql('SELECT count(*) FROM tasks', made.database), '2')
  await current(server)
})

// ---- the slot ----

test('a temporary slot leaves nothing behind, and a lost connection is a reset', async (t) => {
  const pg = await cluster()
  const { sql, server, database } = await follow(t, pg)
  const stream = await listen(t, server)
  const slots = (): Promise<number> => pg.number(`SELECT count(*) FROM pg_replication_slots WHERE database = '${database}'`)
  assert.equal(await slots(), 1)
  await pg.terminate(`datname = '${database}' AND backend_type = 'walsender'`)
  await reset(stream)
  await current(server)
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["tasks","detail",1]')
  await server.stop()
  await poll('no slot', async () => (await slots()) === 0 || null)
})

test('losing the connection for questions is no gap', async (t) => {
  const pg = await cluster()
  const { sql, server, database } = await follow(t, pg)
  const stream = await listen(t, server)
  await pg.terminate(`datname = '${database}' AND application_name = 'unstale' AND backend_type = 'client backend'`)
  await server.line(/the connection for questions/)
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["tasks","detail",1]')
  assert.deepEqual(named(stream.events, 'reset'), [])
  await current(server)
})

test('a permanent slot is refused where it could fill the disk, with the SQL that mends it', async (t) => {
  const pg = await postgres(t)
  const made = await make(t, pg, { slot: 'permanent' })
  const server = await launch(t, made.settings, { dir: made.dir }).started()
  const sentence = await said(server, /could|cannot fill the disk/)
  for (const statement of /run: (.*?);? trying again$/.exec(sentence)?.[1]?.split('; ') ?? assert.fail(sentence)) await pg.sql(statement)
  await current(server)
  assert.equal(await pg.sql('SELECT slot_name, temporary FROM pg_replication_slots'), 'unstale|f')
})

test('with a permanent slot an orderly restart misses nothing and stays exact', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const { sql, server, settings, dir } = await follow(t, pg, { slot: 'permanent' })
  const stream = await listen(t, server)
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["tasks","detail",1]')
  const since = stream.events.findLast((event) => event.event === 'position')?.data.position ?? (await server.position())
  await server.stop()
  await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  const next = await launch(t, settings, { dir }).started()
  await current(next)
  const back = await subscribe(t, next, { scopes: ['project:1'], since })
  const ready = await back.opened()
  assert.equal(ready.data.scopes['project:1'], 'exact')
  assert.deepEqual(await until(back, 'project:1 ["tasks","detail",2]'), ['project:1 ["tasks","detail",2]', 'project:1 ["tasks","list"]'])
  await next.stop()

  await released((text) => pg.sql(text))
  await pg.sql("SELECT pg_drop_replication_slot('unstale')")
  const third = await launch(t, settings, { dir }).started()
  await third.line(/changes may have been missed \(its slot is gone\)/)
  await current(third)
  assert.equal((await (await subscribe(t, third, { scopes: ['project:1'], since })).opened()).data.scopes['project:1'], 'reset')
})

test('a table that left the publication and came back while unstale was down is a gap', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const { sql, server, settings, dir } = await follow(t, pg, { slot: 'permanent' })
  await server.stop()
  await sql("ALTER PUBLICATION unstale DROP TABLE tasks; INSERT INTO tasks VALUES (1, 1, 'a'); ALTER PUBLICATION unstale ADD TABLE tasks")
  const next = await launch(t, settings, { dir }).started()
  await next.line(/changes may have been missed \(tables, or their place in the publication, are others\)/)
})

test('after a crash the permanent slot goes on, and everybody is reset', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const { sql, server, settings, dir } = await follow(t, pg, { slot: 'permanent' })
  await server.kill()
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  const next = await launch(t, settings, { dir }).started()
  await next.line(/changes may have been missed \(no place to go on from\)/)
  await current(next)
  const stream = await listen(t, next)
  await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  await until(stream, 'project:1 ["tasks","detail",2]')
})

test('a permanent slot that keeps too much is dropped and made anew', async (t) => {
  const pg = await postgres(t, { settings: { max_slot_wal_keep_size: '32MB', max_wal_size: '64MB', min_wal_size: '32MB' } })
  const { sql, server, settings, dir } = await follow(t, pg, { slot: 'permanent' })
  await server.stop()
  await sql('CREATE TABLE other(body text); ALTER TABLE other ALTER body SET STORAGE EXTERNAL')
  await sql("INSERT INTO other SELECT repeat(md5(n::text), 100) FROM generate_series(1, 7000) n")
  const next = await launch(t, settings, { dir }).started()
  await next.line(/kept more than half of max_slot_wal_keep_size|was invalidated/)
  await current(next)
  const stream = await listen(t, next)
  await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  await until(stream, 'project:1 ["tasks","detail",2]')
})

test('an idle publication in a busy cluster pins no WAL', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const { server } = await follow(t, pg, { slot: 'permanent', timeout: '2s' })
  await pg.database('busy', 'CREATE TABLE other(body text); ALTER TABLE other ALTER body SET STORAGE EXTERNAL')
  const keeps = (): Promise<number> => pg.number("SELECT pg_current_wal_lsn() - restart_lsn FROM pg_replication_slots WHERE slot_name = 'unstale'")
  await pg.sql("INSERT INTO other SELECT repeat(md5(n::text), 100) FROM generate_series(1, 3000) n", 'busy')
  assert.ok((await keeps()) > 4 << 20)
  await poll('a slot that keeps little', async () => {
    await pg.sql('CHECKPOINT')
    return (await keeps()) < 1 << 20 || null
  })
  await current(server)
})

test('a server that fails over is another history: a reset, and the slot is made anew', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const { server, settings, dir, database } = await follow(t, pg, { slot: 'permanent' })
  const replica = await pg.standby(t)
  await server.stop()
  await pg.stop('fast')
  await replica.sql('SELECT pg_promote()')
  await replica.stop()
  replica.port = pg.port
  await replica.start()
  const next = await launch(t, settings, { dir }).started()
  await next.line(/changes may have been missed \((its slot is gone|the server failed over)/)
  await current(next)
  const stream = await listen(t, next)
  await replica.sql("INSERT INTO tasks VALUES (5, 1, 'a')", database)
  await until(stream, 'project:1 ["tasks","detail",5]')
})

// ---- tables ----

test('a rule for a column that its table lacks stops the start', async (t) => {
  const pg = await cluster()
  const made = await make(t, pg)
  const rules = { tasks: { scope: ['project:{projekt_id}'], stale: [['tasks']] } }
  const server = launch(t, { ...made.settings, rules }, { dir: made.dir })
  assert.equal((await server.ended()).code, 2)
  assert.match(server.log, /unstale\.yaml:\d+:\d+: table tasks has no column "projekt_id" \(did you mean "project_id"\?\)/)
})

test('a column that is renamed widens its rule, loudly, until it is back', async (t) => {
  const { sql, server } = await follow(t, await cluster())
  const stream = await listen(t, server, ['project:77'])
  await sql('ALTER TABLE tasks RENAME project_id TO project')
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:* ["tasks","detail"]')
  await server.line(/table tasks has no column "project_id".*wider than it has to be/)
  const name = `{source="${(await readiness(server)).sources[0]?.name}"}`
  assert.equal(await server.metric(`unstale_postgres_tables_wide${name}`), 1)
  await sql('ALTER TABLE tasks RENAME project TO project_id')
  await sql("INSERT INTO tasks VALUES (2, 77, 'a')")
  await until(stream, 'project:77 ["tasks","detail",2]')
  await poll('a rule that is whole again', async () => (await server.metric(`unstale_postgres_tables_wide${name}`)) === 0 || null)
})

test('a table whose identity lacks the scope marks the family, and the SQL that mends it is said', async (t) => {
  const { sql, server } = await follow(t, await cluster())
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await sql('ALTER TABLE tasks REPLICA IDENTITY DEFAULT')
  const stream = await listen(t, server, ['project:99'])
  await sql("UPDATE tasks SET title = 'b' WHERE id = 1")
  await until(stream, 'project:* ["tasks","list"]')
  const line = await server.line(/does not have "project_id".*run: (ALTER TABLE .*;)$/)
  await sql(line[1] as string)
  await sql("UPDATE tasks SET project_id = 99 WHERE id = 1")
  await until(stream, 'project:99 ["tasks","detail",1]')
})

test('a table that leaves the publication is not captured, says so with the SQL, and is stale when it is back', async (t) => {
  const { sql, server } = await follow(t, await cluster())
  const stream = await listen(t, server)
  /* The description of any table that comes anew is a reason to look at all of them. */
  await sql('ALTER PUBLICATION unstale DROP TABLE tasks; CREATE TABLE fresh(id int PRIMARY KEY); ALTER PUBLICATION unstale ADD TABLE fresh')
  await sql('INSERT INTO fresh VALUES (1)')
  const sentence = await said(server, /not in the publication/)
  await reset(stream)
  assert.equal(await server.metric(`unstale_postgres_tables_uncaptured{source="${(await readiness(server)).sources[0]?.name}"}`), 1)
  take(stream)
  await sql(/run: (.*)$/.exec(sentence)?.[1] ?? assert.fail(sentence))
  await reset(stream)
  await current(server)
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["tasks","detail",1]')
})

test('a table that is dropped and made anew is never silently unwatched', { timeout: 120_000 }, async (t) => {
  const { sql, server, settings, dir, database } = await follow(t, await cluster())
  const stream = await listen(t, server)
  await sql(`DROP TABLE tasks; ${SCHEMA}`)
  await poll('that it is noticed', async () => /not in the publication/.test(await why(server)) || null, 60_000)
  await reset(stream)
  take(stream)
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await stream.until('blind marks', () => keysAndResets(news(stream)).some((key) => key.startsWith('project:* ')))
  await setupPostgres(dir, (await cluster()).url(database), settings)
  await current(server)
})

test('a partition that is made while it runs is watched from its first row', async (t) => {
  const schema = `CREATE TABLE tasks(id int, project_id int NOT NULL, title text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
    CREATE TABLE tasks_1 PARTITION OF tasks FOR VALUES FROM (0) TO (100);`
  const { sql, server } = await follow(t, await cluster(), {}, {}, schema)
  const stream = await listen(t, server)
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["tasks","detail",1]')
  await sql(`CREATE TABLE tasks_2 PARTITION OF tasks FOR VALUES FROM (100) TO (200)`)
  await sql("INSERT INTO tasks VALUES (101, 1, 'b')")
  await until(stream, 'project:1 ["tasks","detail",101]')
})

// ---- setup ----

test('setup names the tables of the rules alone, can be run again, and teardown leaves nothing', async (t) => {
  const pg = await cluster()
  const { settings, dir, sql, database } = await make(t, pg, {}, {}, `${SCHEMA} CREATE TABLE other(id int PRIMARY KEY);`)
  const url = pg.url(database)
  const tables = (): Promise<string> => sql("SELECT string_agg(tablename, ',') FROM pg_publication_tables WHERE pubname = 'unstale'")
  assert.equal(await tables(), 'tasks')
  assert.equal(await sql("SELECT relreplident FROM pg_class WHERE relname = 'tasks'"), 'f')
  const entry = await sql('SELECT oid FROM pg_publication_rel')
  await setupPostgres(dir, url, settings)
  assert.equal(await sql('SELECT oid FROM pg_publication_rel'), entry, 'nothing was taken out and put in again')
  writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify(settings))
  const printed = await unstale(dir, ['setup', 'postgres', '-c', 'unstale.yaml'])
  assert.equal(printed.code, 0, printed.err)
  assert.match(printed.out, /^BEGIN;[^]*ALTER PUBLICATION "unstale" SET TABLE "public"."tasks";\nCOMMIT;$/m)
  assert.doesNotMatch(printed.out, /REPLICA IDENTITY/, 'it has it already')
  await sql(printed.out)
  await setupPostgres(dir, url, settings, 'teardown')
  assert.equal(await sql('SELECT count(*) FROM pg_publication'), '0')
})

// ---- being away, and secrets ----

test('without the database it starts, says so, is not ready, and goes on by itself when it comes', async (t) => {
  const pg = await postgres(t)
  const made = await make(t, pg)
  await pg.stop()
  const settings = { ...made.settings, sources: [{ postgres: pg.url(made.database), unready_after: '1h', timeout: '2s' }] }
  const server = await launch(t, settings, { dir: made.dir }).started()
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  assert.equal((await stream.opened()).data.current, false)
  assert.equal((await readiness(server)).status, 503, 'it never was ready')
  await pg.start()
  await current(server)
  await pg.stop()
  await said(server, /trying again/)
  assert.equal((await readiness(server)).status, 200, 'its patience is an hour')
  await pg.start()
  await poll('that it captures', async () => (await readiness(server)).sources[0]?.current || null)
})

test('a password is in no log, no metric, no page, no error', async (t) => {
  const pg = await postgres(t, { hba: ['host all app 127.0.0.1/32 scram-sha-256'] })
  const made = await make(t, pg)
  await pg.sql("CREATE ROLE app LOGIN REPLICATION PASSWORD 'sesame-one'")
  await pg.sql('GRANT ALL ON ALL TABLES IN SCHEMA public TO app', made.database)
  const file = join(made.dir, 'password')
  writeFileSync(file, 'wrong-sesame\n')
  const url = pg.url(made.database, pg.port, 'app')
  const settings = { ...made.settings, log: { level: 'debug' }, sources: [{ postgres: url, password_file: './password' }] }
  const server = await launch(t, settings, { dir: made.dir }).started()
  await said(server, /password authentication failed/)
  writeFileSync(file, 'sesame-one\n')
  await current(server)
  const pages = await Promise.all(['/metrics', '/readyz', '/debug/scopes', '/debug/connections'].map(async (path) => (await server.admin(path)).body))
  assert.doesNotMatch(pages.join() + server.log, /sesame/)
  await server.stop()

  const inUrl = url.replace('app@', 'app:sesame-two@')
  const other = await launch(t, { ...settings, sources: [{ postgres: inUrl }] }, { dir: directory(t) }).started()
  await said(other, /password authentication failed/)
  const checked = await unstale(made.dir, ['setup', 'postgres', inUrl, '-c', 'setup.yaml'])
  assert.equal(checked.code, 1)
  assert.doesNotMatch(other.log + (await other.admin('/readyz')).body + checked.err + checked.out, /sesame/)
  await other.stop()

  writeFileSync(join(made.dir, 'pgpass'), `127.0.0.1:*:*:app:sesame-one\n`, { mode: 0o600 })
  const third = await launch(t, { ...settings, sources: [{ postgres: url }] }, { dir: directory(t), env: { PGPASSFILE: join(made.dir, 'pgpass') } }).started()
  await current(third)
})

test('a reload with other rules goes on, with a permanent slot without a gap', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const { sql, server, settings, dir } = await follow(t, pg, { slot: 'permanent' })
  const rules = { tasks: { scope: ['project:{project_id}'], stale: [['other', '{id}']] } }
  writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify({ ...settings, rules }))
  server.child.kill('SIGHUP')
  await server.line(/unstale\.yaml: reloaded/)
  await current(server)
  const stream = await listen(t, server)
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["other",1]')
  assert.equal(server.lines.filter((line) => /changes may have been missed/.test(line)).length, 1, 'that of the first start alone')
})
