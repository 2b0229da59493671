/* What a database may be like that nobody thought of: its settings, its columns, its publication, its names. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Followed, followPostgres, keysAndResets, setupPostgres } from './lib/follow-postgres.ts'
import { Postgres, postgres } from './lib/postgres.ts'
import { current, readiness, unstale } from './lib/sqlite.ts'
import { named } from './lib/sse.ts'
import { config, directory, launch, subscribe } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'

let shared: Promise<Postgres> | undefined

/** One cluster for all; each test has a database of its own. */
function cluster(): Promise<Postgres> {
  return (shared ??= new Postgres().create().then((made) => made.start()))
}

after(async () => (await shared)?.finish())

const source = async ({ server }: Followed) => (await readiness(server)).sources[0] ?? assert.fail()

const metric = async (all: Followed, name: string): Promise<number> => all.server.metric(`${name}{source="${(await source(all)).name}"}`)

const said = (all: Followed, pattern: RegExp): Promise<string> =>
  poll(`${pattern}`, async () => {
    const { why } = await source(all)
    return pattern.test(why) ? why : null
  })

/** All tables are looked at when one comes that was never seen. */
async function lookAgain(all: Followed): Promise<void> {
  await all.sql('CREATE TABLE fresh(id serial PRIMARY KEY); ALTER PUBLICATION unstale ADD TABLE fresh')
  await all.sql('INSERT INTO fresh DEFAULT VALUES')
}

const PREFERENCES = ["DateStyle = 'German'", "TimeZone = 'Asia/Tokyo'", "IntervalStyle = 'iso_8601'", "bytea_output = 'escape'", 'extra_float_digits = -5']

for (const capture of ['logical', 'notify']) {
  test(`what the database or a role prefers does not change how values are written (${capture})`, async (t) => {
    const values: [type: string, sql: string, key: string][] = [
      ['bytea', "'\\x00ff'", '"\\\\x00ff"'],
      ['date', "'2026-01-31'", '"2026-01-31"'],
      ['timestamptz', "'2026-01-31 12:00:00+00'", '"2026-01-31T12:00:00.000Z"'],
      ['timestamptz', "'infinity'", '"infinity"'],
      ['interval', "'1 day 2 hours'", '"1 day 02:00:00"'],
      ['float8', '0.1::float8 + 0.2', '0.30000000000000004'],
      ['float8', "'NaN'", '"NaN"'],
      ['pair', '\'(1,"a,b")\'', '"(1,\\"a,b\\")"'],
      ['text[]', '\'{"a b",NULL,c}\'', '"{\\"a b\\",NULL,c}"'],
      ['int4range', "'[1,5)'", '"[1,5)"'],
      ['xml', "'<a/>'", '"<a/>"'],
    ]
    const all = await followPostgres(t, await cluster(), {
      schema: `CREATE TYPE pair AS (a int, b text);${values.map(([type], i) => `CREATE TABLE t${i}(k ${type});`).join('')}`,
      rules: Object.fromEntries(values.map((_, i) => [`t${i}`, { scope: ['all'], stale: [['v', '{k}']] }])),
      source: { capture },
    })
    for (const setting of PREFERENCES) await all.sql(`ALTER DATABASE "${all.database}" SET ${setting}`)
    await all.postgres.terminate(`datname = '${all.database}' AND application_name = 'unstale'`)
    await current(all.server)
    for (const [i, [type, sql, key]] of values.entries()) assert.deepEqual(await all.told(['all'], `INSERT INTO t${i} VALUES (${sql})`), [`all ["v",${key}]`], type)
  })
}

// ---- columns that are not sent ----

test('a column that an index only includes is none of the identity, nor of the key', async (t) => {
  const all = await followPostgres(t, await cluster(), {
    schema: `
      CREATE TABLE tasks(id int, project_id int, title text, PRIMARY KEY (id) INCLUDE (project_id));
      CREATE TABLE notes(id int, project_id int NOT NULL, slug text NOT NULL, PRIMARY KEY (id) INCLUDE (project_id));
      CREATE UNIQUE INDEX notes_slug ON notes(slug) INCLUDE (project_id); ALTER TABLE notes REPLICA IDENTITY USING INDEX notes_slug;`,
    rules: {
      tasks: { scope: ['project:{project_id}'], stale: [['tasks', '{id}']] },
      notes: { scope: ['project:{project_id}'], stale: [['notes', '{slug}']], changes: true },
    },
  })
  const stream = await subscribe(t, all.server, { scopes: ['project:1'], changes: true })
  await stream.opened()
  assert.equal(await all.sql("SELECT relname, relreplident FROM pg_class WHERE relname IN ('tasks', 'notes') ORDER BY 1"), 'notes|f\ntasks|f', 'setup made them whole')
  assert.deepEqual(await all.told(['project:1', 'project:2'], "INSERT INTO tasks VALUES (7, 1, 'a')"), ['project:1 ["tasks",7]'])
  assert.deepEqual(await all.told(['project:1', 'project:2'], 'UPDATE tasks SET project_id = 2'), ['project:1 ["tasks",7]', 'project:2 ["tasks",7]'])
  await all.told(['project:1', 'project:2'], "INSERT INTO notes VALUES (8, 1, 'x')")
  const changes = (): string[] => named(stream.events, 'stale').flatMap((stale) => (stale.changes ?? []).map(({ resource, id }) => `${resource} ${id}`))
  await stream.until('the note', () => changes().includes('notes 8'))
  await all.sql('ALTER TABLE notes REPLICA IDENTITY USING INDEX notes_slug')
  assert.deepEqual(await all.told(['project:1', 'project:2'], 'UPDATE notes SET project_id = 2'), ['project:* ["notes"]', 'project:2 ["notes","x"]'])
  await all.server.line(/the replica identity of table notes does not have "project_id".*ALTER TABLE "public"."notes" REPLICA IDENTITY FULL;/)
})

test('a generated column is refused at the start, and said aloud when it comes later', async (t) => {
  const own = await cluster()
  const rules = { tasks: { id: 'id', scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } }
  const generated = 'project_id int GENERATED ALWAYS AS (half * 2) STORED'
  const database = await own.database(`generated_${process.pid}`, `CREATE TABLE tasks(id int PRIMARY KEY, half int, ${generated})`)
  const refused = launch(t, config({ rules, sources: [{ postgres: own.url(database) }] }), { dir: directory(t) })
  assert.equal((await refused.ended()).code, 2)
  assert.match(refused.log, /column "project_id" of table tasks is generated, and so not in what PostgreSQL replicates: name those that it is made of, or use capture: notify/)

  const told = await followPostgres(t, own, { schema: `CREATE TABLE tasks(id int PRIMARY KEY, half int, ${generated});`, rules, source: { capture: 'notify' } })
  assert.deepEqual(await told.told(['project:2', 'project:4'], 'INSERT INTO tasks VALUES (1, 1)'), ['project:2 ["tasks",1]'])
  assert.deepEqual(await told.told(['project:2', 'project:4'], 'UPDATE tasks SET half = 2'), ['project:2 ["tasks",1]', 'project:4 ["tasks",1]'])

  const later = await followPostgres(t, own, { schema: 'CREATE TABLE tasks(id int PRIMARY KEY, half int, project_id int);', rules })
  await later.sql(`ALTER TABLE tasks DROP COLUMN project_id, ADD COLUMN ${generated}`)
  assert.deepEqual(await later.told(['project:2'], 'INSERT INTO tasks VALUES (1, 1)'), ['project:* ["tasks"]'])
  await later.server.line(/column "project_id" of table tasks is generated/)
  assert.equal(await metric(later, 'unstale_postgres_tables_wide'), 1)
})

for (const [what, list, sentence] of [
  ['columns', 'tasks (id, title)', /publication unstale has only some columns of table tasks/],
  ['rows', 'tasks WHERE (project_id = 1)', /publication unstale has only some rows of table tasks/],
] as const) {
  test(`a publication that is cut down to some ${what} is said aloud, with what mends it, and is a reset`, async (t) => {
    const all = await followPostgres(t, await cluster(), {
      schema: 'CREATE TABLE tasks(id int PRIMARY KEY, project_id int, title text);',
      rules: { tasks: { id: 'id', scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } },
    })
    const stream = await subscribe(t, all.server, { scopes: ['project:2'] })
    await stream.opened()
    await all.sql(`ALTER PUBLICATION unstale SET TABLE sentinel, ${list}`)
    await lookAgain(all)
    const mend = /run: (.*)$/.exec(await said(all, sentence))?.[1] ?? assert.fail()
    assert.equal((await source(all)).current, false)
    await stream.until('a reset', () => named(stream.events, 'reset').length === 1)
    await all.sql("INSERT INTO tasks VALUES (1, 2, 'a')")
    await stream.until('a mark though it cannot be read', () => keysAndResets(stream.events).includes('project:* ["tasks"]'))
    await all.sql(mend)
    await current(all.server)
    await stream.until('a second reset', () => named(stream.events, 'reset').length === 2)
    assert.deepEqual(await all.told(['project:1', 'project:2'], 'UPDATE tasks SET project_id = 1'), ['project:1 ["tasks",1]', 'project:2 ["tasks",1]'])
  })
}

test('a list of columns that has all that is needed is nobody else\'s matter', async (t) => {
  const all = await followPostgres(t, await cluster(), {
    schema: 'CREATE TABLE tasks(id int, project_id int, title text, PRIMARY KEY (id, project_id));',
    rules: { tasks: { id: 'id', scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } },
  })
  await all.sql('ALTER PUBLICATION unstale SET TABLE sentinel, tasks (id, project_id)')
  await lookAgain(all)
  assert.deepEqual(await all.told(['project:1'], "INSERT INTO tasks VALUES (1, 1, 'a')"), ['project:1 ["tasks",1]'])
  assert.deepEqual(await all.told(['project:1'], "UPDATE tasks SET title = 'b'"), ['project:1 ["tasks",1]'])
  assert.equal((await source(all)).current, true)
})

test('a publication that left actions out for a moment is a reset, and setup that has nothing to do is none', async (t) => {
  const all = await followPostgres(t, await cluster(), {
    schema: 'CREATE TABLE tasks(id int PRIMARY KEY, project_id int, title text); INSERT INTO tasks VALUES (1, 1);',
    rules: { tasks: { id: 'id', scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } },
  })
  const stream = await subscribe(t, all.server, { scopes: ['project:1'] })
  await stream.opened()
  await setupPostgres(directory(t), all.postgres.url(all.database), all.settings)
  await lookAgain(all)
  assert.deepEqual(await all.told(['project:1'], "UPDATE tasks SET title = 'a'"), ['project:1 ["tasks",1]'])
  assert.deepEqual(named(stream.events, 'reset'), [])
  await all.sql("ALTER PUBLICATION unstale SET (publish = 'insert, delete, truncate')")
  await all.sql("UPDATE tasks SET title = 'b'")
  await all.sql("ALTER PUBLICATION unstale SET (publish = 'insert, update, delete, truncate')")
  await all.sql('DROP TABLE fresh')
  await lookAgain(all)
  await stream.until('a reset', () => named(stream.events, 'reset').length > 0)
  await current(all.server)
})

// ---- text ----

for (const [capture, slot] of [['logical', 'temporary'], ['logical', 'permanent'], ['notify', undefined]] as const) {
  test(`bytes that are no text are a reset, and it goes on (${capture}${slot ? `, ${slot} slot` : ''})`, async (t) => {
    const pg = await postgres(t, { settings: { max_slot_wal_keep_size: '1GB' } })
    await pg.sql("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    await pg.sql('CREATE TABLE tasks(id text PRIMARY KEY, project_id int)', 'bytes')
    const rules = { tasks: { id: 'id', scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } }
    const settings = config({ rules, sources: [{ postgres: pg.url('bytes'), capture, ...(slot ? { slot } : {}) }] })
    const dir = directory(t)
    await setupPostgres(dir, pg.url('bytes'), settings)
    const server = await launch(t, settings, { dir }).started()
    await current(server)
    const stream = await subscribe(t, server, { scopes: ['project:1'] })
    await stream.opened()
    await pg.sql("INSERT INTO tasks VALUES (convert_from('\\xff', 'SQL_ASCII'), 1)", 'bytes')
    await stream.until('a reset', () => named(stream.events, 'reset').length > 0)
    if (slot === 'permanent') await server.line(/changes may have been missed \(the server could not read on/)
    await current(server)
    await pg.sql("INSERT INTO tasks VALUES ('é', 1)", 'bytes')
    await stream.until('the next one', () => keysAndResets(stream.events).includes('project:1 ["tasks","é"]'))
    assert.match(server.log, /invalid byte sequence for encoding "UTF8": 0xff/)
    assert.doesNotMatch(server.log, /^FATAL/m, 'libpq wrote into the log')
  })
}

// ---- who may do what ----

for (const capture of ['logical', 'notify']) {
  test(`who does not own the tables is told who has to run setup, and nothing half is left (${capture})`, async (t) => {
    const own = await cluster()
    const role = `stranger_${capture}_${process.pid}`
    const database = await own.database(role, `CREATE TABLE tasks(id int PRIMARY KEY, project_id int); CREATE ROLE ${role} LOGIN REPLICATION; GRANT CREATE ON DATABASE ${role} TO ${role}`)
    const dir = directory(t)
    const rules = { tasks: { id: 'id', scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } }
    writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify(config({ rules, sources: [{ postgres: own.url(database, own.port, role), capture }] })))
    const refused = await unstale(dir, ['setup', 'postgres', '--apply'])
    assert.equal(refused.code, 1)
    assert.match(refused.err, /^unstale: \S+: (must be owner of|permission denied for) table tasks; run it as the owner of the tables, or give the owner what is printed without --apply\n$/)
    assert.equal(await own.sql("SELECT (SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_namespace WHERE nspname = 'unstale')", database), '0')
    const printed = await unstale(dir, ['setup', 'postgres'])
    await own.sql(printed.out, database)
    assert.equal((await unstale(dir, ['doctor'])).code, 0)
    const down = await unstale(dir, ['teardown', 'postgres'])
    await own.sql(down.out, database)
    assert.deepEqual(await unstale(dir, ['teardown', 'postgres', '--apply']).then(({ code, err }) => [code, err.replace(/: .*:/, ':')]), [0, 'unstale: nothing of unstale is left in it\n'])
  })
}

test('teardown of a slot that is in use fails as a whole, and says why', async (t) => {
  const pg = await postgres(t, { settings: { max_slot_wal_keep_size: '1GB' } })
  const all = await followPostgres(t, pg, { schema: '', rules: {}, source: { slot: 'permanent' } })
  const dir = directory(t)
  writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify(all.settings))
  const left = (): Promise<string> => all.sql('SELECT (SELECT count(*) FROM pg_publication), (SELECT count(*) FROM pg_replication_slots)')
  const refused = await unstale(dir, ['teardown', 'postgres', '--apply'])
  assert.equal(refused.code, 1)
  assert.match(refused.err, /replication slot "unstale" is active for PID \d+; stop unstale, which uses it, and run it again/)
  assert.equal(await left(), '1|1')
  await all.server.stop()
  assert.equal((await unstale(dir, ['teardown', 'postgres', '--apply'])).code, 0)
  assert.equal(await left(), '0|0')
})
