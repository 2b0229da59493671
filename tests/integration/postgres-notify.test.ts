/* Everything that SQL can do to a row, through triggers and NOTIFY to the keys that a page is told; and what happens
 * when nobody can be sure to hear them. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { type Follow, type Followed, followPostgres, keysAndResets, setupPostgres } from './lib/follow-postgres.ts'
import { freezer } from './lib/freezer.ts'
import { pooler } from './lib/pooler.ts'
import { Postgres, postgres } from './lib/postgres.ts'
import { current, readiness, unstale } from './lib/sqlite.ts'
import { type Change, named } from './lib/sse.ts'
import { config, directory, launch, subscribe } from './lib/unstale.ts'
import { PATIENCE, poll } from './lib/wait.ts'

let shared: Promise<Postgres> | undefined

/** One cluster for all; each test has a database of its own. */
function cluster(): Promise<Postgres> {
  return (shared ??= new Postgres({ settings: { wal_level: 'replica' } }).create().then((made) => made.start()))
}

after(async () => (await shared)?.finish())

const NOTIFY = { capture: 'notify', timeout: '1s' }
const TASKS = 'CREATE TABLE tasks(id int PRIMARY KEY, project_id int, title text, body text);'
const TASKS_RULE = {
  name: 'task',
  scope: ['project:{project_id}'],
  stale: [['tasks', 'detail', '{id}'], { key: ['tasks', 'list', '{project_id}'], on: ['created', 'deleted'], or_changed: ['title'] }],
  data: { text: 'body' },
}

async function follow(t: TestContext, asked: Partial<Follow> = {}): Promise<Followed> {
  return followPostgres(t, await cluster(), {
    schema: TASKS + (asked.schema ?? ''),
    rules: { tasks: TASKS_RULE, ...asked.rules },
    source: { ...NOTIFY, ...asked.source },
    ...(asked.port === undefined ? {} : { port: asked.port }),
  })
}

type Case = [sql: string, keys: string[]]

async function expect({ told }: Followed, scopes: string[], cases: Case[]): Promise<void> {
  for (const [sql, keys] of cases) assert.deepEqual(await told(scopes, sql), [...keys].sort(), sql)
}

const detail = (project: number | string, id: number): string => `project:${project} ["tasks","detail",${id}]`
const list = (project: number | string): string => `project:${project} ["tasks","list",${project}]`
const FAMILY = ['project:* ["tasks","detail"]', 'project:* ["tasks","list"]']

test('each statement is told, and a row that moves is told where it was and where it is', async (t) => {
  await expect(await follow(t), ['project:1', 'project:2'], [
    ["INSERT INTO tasks VALUES (7, 1, 'a', 'x')", [detail(1, 7), list(1)]],
    ["UPDATE tasks SET body = 'y' WHERE id = 7", [detail(1, 7)]],
    ["UPDATE tasks SET title = 'b' WHERE id = 7", [detail(1, 7), list(1)]],
    ["UPDATE tasks SET title = 'b' WHERE id = 7", [detail(1, 7)]],
    ['UPDATE tasks SET project_id = 2 WHERE id = 7', [detail(1, 7), list(1), detail(2, 7), list(2)]],
    ['UPDATE tasks SET id = 8 WHERE id = 7', [detail(2, 7), detail(2, 8), list(2)]],
    ["INSERT INTO tasks VALUES (8, 1, 'c', '') ON CONFLICT (id) DO NOTHING", []],
    ["INSERT INTO tasks VALUES (8, 1, 'c', '') ON CONFLICT (id) DO UPDATE SET title = 'c'", [detail(2, 8), list(2)]],
    [
      "MERGE INTO tasks USING (VALUES (8, 'd'), (9, 'e')) AS new(id, title) ON tasks.id = new.id " +
        "WHEN MATCHED THEN UPDATE SET title = new.title WHEN NOT MATCHED THEN INSERT VALUES (new.id, 1, new.title, '')",
      [detail(1, 9), list(1), detail(2, 8), list(2)],
    ],
    ['COPY tasks FROM STDIN;\n10\t1\tf\t\\N\n\\.', [detail(1, 10), list(1)]],
    ['UPDATE tasks SET project_id = NULL WHERE id = 10', [detail(1, 10), list(1), ...FAMILY]],
    ['DELETE FROM tasks WHERE id = 9', [detail(1, 9), list(1)]],
    ["SET session_replication_role = replica; UPDATE tasks SET title = 'g' WHERE id = 8; RESET session_replication_role", [detail(2, 8), list(2)]],
    ['SELECT * FROM tasks FOR UPDATE', []],
    ['DELETE FROM tasks WHERE false', []],
    ['BEGIN; DELETE FROM tasks; ROLLBACK', []],
    ["BEGIN; SAVEPOINT a; DELETE FROM tasks; ROLLBACK TO a; UPDATE tasks SET body = 'h' WHERE id = 8; COMMIT", [detail(2, 8)]],
    ['TRUNCATE tasks', FAMILY],
  ])
})

test('a statement with more rows than fit is told by its scopes, one with more scopes by the family', async (t) => {
  await expect(await follow(t), ['project:1', 'project:2'], [
    ["INSERT INTO tasks SELECT n, 1, 'a' FROM generate_series(1000, 3000) n", ['project:1 ["tasks","detail"]', list(1)]],
    ["UPDATE tasks SET body = 'y' WHERE id >= 1000", ['project:1 ["tasks","detail"]']],
    ["UPDATE tasks SET project_id = 2 WHERE id >= 1000", ['project:1 ["tasks","detail"]', list(1), 'project:2 ["tasks","detail"]', list(2)]],
    ["INSERT INTO tasks SELECT n, n, 'a' FROM generate_series(10000, 13000) n", FAMILY],
    ['DELETE FROM tasks WHERE id >= 10000', FAMILY],
  ])
})

test('a payload is bounded in bytes, whatever the characters: no statement fails, and no row is missed', async (t) => {
  const all = await follow(t, {
    schema: 'CREATE TABLE named(id text PRIMARY KEY, project_id int);',
    rules: { named: { scope: ['project:{project_id}'], stale: [['named', '{id}']] } },
  })
  const covered = ['project:1 ["named"]']
  for (const character of ['x', 'é', '😀', '"', '\\', '\x01']) {
    const bytes = Buffer.byteLength(JSON.stringify(character)) - 2
    const literal = character === '\x01' ? 'chr(1)' : character === '\\' ? 'chr(92)' : `'${character}'`
    /* Around both bounds, ours and PostgreSQL's. */
    for (const size of [7000, 7350, 7400, 7450, 7500, 7990, 8000, 9000])
      assert.deepEqual(await all.told(['project:1'], `INSERT INTO named VALUES (repeat(${literal}, ${Math.floor(size / bytes)}) || '${size}', 1)`), covered, `${character} ${size}`)
    const many = await all.told(['project:1'], `INSERT INTO named SELECT repeat(${literal}, ${Math.floor(200 / bytes)}) || n, 1 FROM generate_series(1, 36) n`)
    assert.ok(many.length === 36 || many.length === 1, `${character}: ${many.length}`)
  }
  assert.equal(await all.sql('SELECT count(*) FROM named'), String(6 * (8 + 36)))
  assert.equal(await all.server.metric(`unstale_notify_trigger_errors_total{source="postgres 127.0.0.1:${all.postgres.port}/${all.database}"}`), 0)
})

test('a writer without rights of ours, and with a search_path full of traps, is not in the way of the triggers', async (t) => {
  const all = await follow(t)
  const role = `writer_${process.pid}`
  await all.sql(`
    CREATE ROLE ${role} LOGIN; GRANT INSERT, UPDATE, DELETE, TRUNCATE, SELECT ON tasks TO ${role}; REVOKE ALL ON SCHEMA unstale FROM PUBLIC;
    CREATE SCHEMA trap; GRANT USAGE ON SCHEMA trap TO ${role};
    CREATE FUNCTION trap.pg_notify(text, text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
    CREATE FUNCTION trap.octet_length(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION trap.same(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
    CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.same);
    ALTER TABLE tasks ENABLE ROW LEVEL SECURITY; CREATE POLICY writes ON tasks TO ${role} USING (true) WITH CHECK (true);
    CREATE POLICY reads ON tasks FOR SELECT TO ${role} USING (true);`)
  const as = (sql: string): string => `SET ROLE ${role}; SET search_path = trap, pg_catalog, public; SET standard_conforming_strings = off; ${sql}; RESET ROLE; RESET search_path`
  await expect(all, ['project:1', 'project:2'], [
    [as("INSERT INTO tasks VALUES (7, 1, 'a', 'x')"), [detail(1, 7), list(1)]],
    [as('UPDATE tasks SET project_id = 2'), [detail(1, 7), list(1), detail(2, 7), list(2)]],
    [as('DELETE FROM tasks'), [detail(2, 7), list(2)]],
    [as('TRUNCATE tasks'), FAMILY],
  ])
})

test('tables without a primary key, with a composite one, quoted, in other schemas', async (t) => {
  const all = await follow(t, {
    schema: `
      CREATE SCHEMA "Odd ""one";
      CREATE TABLE "Odd ""one"."It's\\here"("Some thing" text, "Übrig" int, note text, PRIMARY KEY("Some thing", "Übrig"));
      CREATE TABLE bare(project_id int, title text);`,
    rules: {
      'Odd "one.It\'s\\here': { scope: ['odd:{Some thing}'], stale: [['odd', '{Übrig}'], { key: ['note'], on: ['created'], or_changed: ['note'] }] },
      bare: { scope: ['project:{project_id}'], stale: [['bare']] },
    },
  })
  const table = '"Odd ""one"."It\'s\\here"'
  await expect(all, ['odd:a', 'odd:b', 'project:1', 'project:2'], [
    [`INSERT INTO ${table} VALUES ('a', 1, 'x')`, ['odd:a ["note"]', 'odd:a ["odd",1]']],
    [`UPDATE ${table} SET note = 'y'`, ['odd:a ["note"]', 'odd:a ["odd",1]']],
    [`UPDATE ${table} SET "Some thing" = 'b'`, ['odd:a ["note"]', 'odd:a ["odd",1]', 'odd:b ["note"]', 'odd:b ["odd",1]']],
    [`DELETE FROM ${table}`, ['odd:b ["note"]', 'odd:b ["odd",1]']],
    ["INSERT INTO bare VALUES (1, 'a')", ['project:1 ["bare"]']],
    ['UPDATE bare SET project_id = 2', ['project:1 ["bare"]', 'project:2 ["bare"]']],
    ['DELETE FROM bare', ['project:2 ["bare"]']],
  ])
})

test('partitions: by the parent, by their own name, and a row that moves between them', async (t) => {
  const all = await follow(t, {
    schema: `
      CREATE TABLE events(id int, day date, project_id int, PRIMARY KEY(id, day, project_id)) PARTITION BY RANGE(day);
      CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
      CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-02-01') TO ('2026-03-01') PARTITION BY LIST(project_id);
      CREATE TABLE events_2a PARTITION OF events_2 FOR VALUES IN (1, 2);`,
    rules: { events: { scope: ['project:{project_id}'], stale: [['event', '{id}', '{day}']] } },
  })
  const event = (project: number, id: number, day: string): string => `project:${project} ["event",${id},"${day}"]`
  await expect(all, ['project:1', 'project:2'], [
    ["INSERT INTO events VALUES (1, '2026-01-05', 1), (2, '2026-02-05', 2)", [event(1, 1, '2026-01-05'), event(2, 2, '2026-02-05')]],
    ["INSERT INTO events_1 VALUES (3, '2026-01-06', 1)", [event(1, 3, '2026-01-06')]],
    ["UPDATE events SET day = '2026-02-07' WHERE id = 1", [event(1, 1, '2026-01-05'), event(1, 1, '2026-02-07')]],
    ['UPDATE events_2a SET project_id = 1 WHERE id = 2', [event(1, 2, '2026-02-05'), event(2, 2, '2026-02-05')]],
    ['DELETE FROM events_2 WHERE id = 2', [event(1, 2, '2026-02-05')]],
    ['TRUNCATE events_1', ['project:* ["event"]']],
  ])
})

test('cascades are told like statements', async (t) => {
  const all = await follow(t, {
    schema: `
      CREATE TABLE notes(id int PRIMARY KEY, task_id int REFERENCES tasks ON DELETE CASCADE ON UPDATE CASCADE, project_id int);
      INSERT INTO tasks VALUES (1, 1), (2, 1); INSERT INTO notes VALUES (1, 1, 2), (2, 2, 2);`,
    rules: { notes: { scope: ['project:{project_id}'], stale: [['notes', '{id}']] } },
  })
  await expect(all, ['project:2'], [
    ['UPDATE tasks SET id = 3 WHERE id = 1', ['project:2 ["notes",1]']],
    ['DELETE FROM tasks WHERE id = 3', ['project:2 ["notes",1]']],
    ['TRUNCATE tasks CASCADE', ['project:* ["notes"]', ...FAMILY]],
  ])
})

test('values of every common type stand in keys as logical replication writes them', async (t) => {
  const values: [type: string, sql: string, key: string][] = [
    ['smallint', '7', '7'],
    ['bigint', '9007199254740993', '"9007199254740993"'],
    ['numeric', '1.50', '"1.50"'],
    ['boolean', 'true', 'true'],
    ['double precision', '0.1::float8 + 0.2', '0.30000000000000004'],
    ['uuid', "'0C5E9A8E-2A30-4B0B-9C1D-0B7B7B1E5D11'", '"0c5e9a8e-2a30-4b0b-9c1d-0b7b7b1e5d11"'],
    ['text', 'E\'a"b\\\\c\\n\'', '"a\\"b\\\\c\\n"'],
    ['char(4)', "'ab'", '"ab  "'],
    ['date', "'2026-01-31'", '"2026-01-31"'],
    ['timestamptz', "'2026-01-31 12:34:56.789999+00'", '"2026-01-31T12:34:56.789Z"'],
    ['timestamp', "'2026-01-31 12:34:56.789012'", '"2026-01-31T12:34:56.789012"'],
    ['mood', "'ok'", '"ok"'],
    ['small', '5', '5'],
    ['inet', "'10.0.0.1'", '"10.0.0.1"'],
    ['jsonb', `'{"b":1,"a":[true]}'`, '{"a":[true],"b":1}'],
    ['int[]', "'{1,2}'", '"{1,2}"'],
    ['bytea', "'\\x00ff'", '"\\\\x00ff"'],
    ['text', 'NULL', 'null'],
  ]
  const all = await follow(t, {
    schema: `CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN small AS smallint CHECK (VALUE < 10);
      ${values.map(([type], i) => `CREATE TABLE t${i}(v ${type});`).join('\n')}`,
    rules: Object.fromEntries(values.map((_, i) => [`t${i}`, { scope: ['all'], stale: [['v', '{v}']] }])),
  })
  await all.sql("SET TimeZone = 'America/New_York'; SET DateStyle = 'German'; SET extra_float_digits = 0; SET IntervalStyle = 'iso_8601'")
  for (const [i, [type, sql, key]] of values.entries())
    assert.deepEqual(await all.told(['all'], `INSERT INTO t${i} VALUES (${sql})`), [`all ["v",${key}]`], type)
})

test('a "*" rule is told of every table by its primary key', async (t) => {
  const all = await follow(t, {
    schema: 'CREATE SCHEMA audit; CREATE TABLE audit.log(id int PRIMARY KEY, note text); CREATE VIEW v AS SELECT 1;',
    rules: { '*': { scope: ['admin'], stale: [['any', '{id}']] } },
  })
  /* The sentinel is a table too, with small numbers. */
  assert.ok((await all.told(['admin'], "INSERT INTO audit.log VALUES (500, 'x')")).includes('admin ["any",500]'))
  assert.ok((await all.told(['admin'], "INSERT INTO tasks VALUES (700, 1, 'a')")).includes('admin ["any",700]'))
})

test('a transaction of many statements is one position', async (t) => {
  const all = await follow(t)
  const stream = await subscribe(t, all.server, { scopes: ['project:1'] })
  await stream.opened()
  await all.sql(`DO $$ BEGIN FOR n IN 1..100 LOOP INSERT INTO tasks VALUES (n, 1, 'a', 'b'); END LOOP; END $$`)
  await stream.next('position')
  const keys = named(stream.events, 'stale').flatMap((stale) => stale.keys)
  assert.equal(keys.length, 101)
  assert.equal(named(stream.events, 'position').length, 1)
})

test('a payload has what rules need and nothing else, and data is left out', async (t) => {
  const all = await follow(t)
  const stream = await subscribe(t, all.server, { scopes: ['project:1'], changes: true })
  await stream.opened()
  const listener = all.postgres.session(all.database)
  await listener.sql('LISTEN unstale')
  await all.sql("INSERT INTO tasks VALUES (7, 1, 'secret title', 'secret body')")
  await all.sql("UPDATE tasks SET title = 'other secret', body = 'other'")
  const changes = (): Change[] => named(stream.events, 'stale').flatMap((stale) => stale.changes ?? [])
  await stream.until('both', () => changes().length === 2)
  const said = await listener.sql('SELECT 1')
  assert.doesNotMatch(said, /secret/)
  assert.match(said, /"watched":\["title"\],"rows":\[\[\[1, 7\],\[0\]\]\]/)
  assert.deepEqual(changes().map(({ resource, action, id, data }) => [resource, action, id, data]), [
    ['task', 'created', '7', undefined],
    ['task', 'updated', '7', undefined],
  ])
})

test('a trigger that fails never fails the statement, and everything in the table is stale', async (t) => {
  const all = await follow(t)
  const session = all.postgres.session(all.database)
  await expect(all, ['project:1'], [
    ['ALTER TABLE tasks RENAME title TO heading', []],
    ["INSERT INTO tasks VALUES (7, 1, 'a')", FAMILY],
    ['ALTER TABLE tasks RENAME heading TO title', []],
  ])
  assert.equal(await session.sql('SELECT count(*) FROM tasks'), '1')
  assert.equal(await all.server.metric(`unstale_notify_trigger_errors_total{source="postgres 127.0.0.1:${all.postgres.port}/${all.database}"}`), 1)
  await all.server.line(/the trigger of tasks failed \(SQLSTATE 42703\)/)
})

test('a connection that is lost is a reset, and it comes back', async (t) => {
  const all = await follow(t)
  const stream = await subscribe(t, all.server, { scopes: ['project:1'] })
  await stream.opened()
  assert.equal(await all.postgres.terminate(`datname = '${all.database}' AND application_name = 'unstale'`), 1)
  await stream.next('reset')
  await current(all.server)
  assert.deepEqual(await all.told(['project:1'], "INSERT INTO tasks VALUES (7, 1, 'a')"), [detail(1, 7), list(1)])
})

test('a network that falls silent is noticed, and what was committed meanwhile is covered', async (t) => {
  const own = await cluster()
  const network = await freezer(t, () => own.port)
  const all = await follow(t, { port: network.port, source: { unready_after: '0' } })
  const stream = await subscribe(t, all.server, { scopes: ['project:1'] })
  await stream.opened()
  network.freeze()
  await all.sql("INSERT INTO tasks VALUES (7, 1, 'a')")
  await poll('not ready', async () => (await readiness(all.server)).status === 503)
  network.thaw()
  await stream.next('reset')
  await current(all.server)
})

test('a server that is stopped makes pages not live, and a start is a reset', async (t) => {
  const own = await postgres(t)
  const all = await followPostgres(t, own, { schema: TASKS, rules: { tasks: TASKS_RULE }, source: { ...NOTIFY, unready_after: '0' } })
  const stream = await subscribe(t, all.server, { scopes: ['project:1'] })
  await stream.opened()
  await own.stop('kill')
  await poll('not ready', async () => (await readiness(all.server)).status === 503)
  await own.start()
  await own.sql("INSERT INTO tasks VALUES (7, 1, 'a')", all.database)
  await stream.next('reset')
  await current(all.server)
})

test('triggers that are altered while it runs are a gap, and until they are mended it is not live', async (t) => {
  const all = await follow(t, { source: { unready_after: '0' } })
  const stream = await subscribe(t, all.server, { scopes: ['project:1'] })
  await stream.opened()
  await all.sql('DROP TABLE tasks;' + TASKS)
  await stream.until('a reset', () => named(stream.events, 'reset').length === 1, 3 * PATIENCE)
  const down = await readiness(all.server)
  assert.equal(down.ready, false)
  assert.match(down.sources[0]?.why ?? '', /the table "tasks" .*has no trigger.*unstale setup postgres|public\.tasks has no trigger/)
  /* Blind: it is taken as truncated once rows were written. */
  await all.sql("INSERT INTO tasks VALUES (7, 1, 'a')")
  await stream.until('the family', () => keysAndResets(stream.events).includes('project:* ["tasks","detail"]'), 3 * PATIENCE)
  await setupPostgres(directory(t), all.postgres.url(all.database), all.settings)
  await current(all.server)
  await stream.until('a second reset', () => named(stream.events, 'reset').length === 2)
})

test('a pooler in transaction mode is found out', async (t) => {
  const own = await cluster()
  const port = await pooler(t, own.port)
  const database = await own.database(`pooled_${process.pid}`, TASKS)
  const dir = directory(t)
  const settings = config({
    sources: [{ postgres: own.url(database, port), ...NOTIFY, unready_after: '0' }],
    rules: { tasks: TASKS_RULE },
  })
  await setupPostgres(dir, own.url(database), settings)
  const server = await launch(t, settings, { dir }).started()
  await server.line(/not capturing: .*pooler.*transaction mode.*address of PostgreSQL itself/)
  assert.equal((await readiness(server)).status, 503)
  writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify(settings))
  const { out, code } = await unstale(dir, ['doctor'])
  assert.equal(code, 1)
  assert.match(out, /problem +pooler: .*transaction mode/)
})

test('the trigger of an application that has one already is understood as it is', async (t) => {
  const own = await cluster()
  const database = await own.database(
    `devhive_${process.pid}`,
    `CREATE TABLE projects(id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text);
     CREATE TABLE tasks(id serial PRIMARY KEY, project_id uuid, title text);
     CREATE TABLE project_members(project_id uuid, user_id text, role text, PRIMARY KEY(project_id, user_id));
     CREATE FUNCTION notify_cache_invalidate() RETURNS trigger LANGUAGE plpgsql AS $$
     DECLARE r record; name text := CASE TG_TABLE_NAME WHEN 'project_members' THEN TG_TABLE_NAME ELSE rtrim(TG_TABLE_NAME, 's') END; told jsonb;
     BEGIN
       r := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
       told := jsonb_build_object('resource', name, 'action', TG_OP, 'timestamp', now(),
         'project_id', CASE WHEN name = 'project' THEN to_jsonb(r)->>'id' ELSE to_jsonb(r)->>'project_id' END);
       IF name <> 'project_members' THEN told := told || jsonb_build_object('id', to_jsonb(r)->>'id'); END IF;
       PERFORM pg_notify('cache_invalidate', told::text);
       RETURN NULL;
     END $$;
     CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON projects FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidate();
     CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON tasks FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidate();
     CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON project_members FOR EACH ROW EXECUTE FUNCTION notify_cache_invalidate();`,
  )
  const server = await launch(
    t,
    config({
      sources: [{ postgres: own.url(database), ...NOTIFY, channel: 'cache_invalidate' }],
      rules: {
        projects: { name: 'project', scope: ['project:{id}'], stale: [['projects', 'detail', '{id}'], ['projects', 'list']] },
        tasks: { name: 'task', scope: ['project:{project_id}'], stale: [['tasks', 'detail', '{id}'], ['tasks', 'list', '{project_id}']] },
        project_members: { scope: ['project:{project_id}'], stale: [['projectMembers', '{project_id}']] },
      },
    }),
  ).started()
  await current(server)
  const project = '0c5e9a8e-2a30-4b0b-9c1d-0b7b7b1e5d11'
  const stream = await subscribe(t, server, { scopes: [`project:${project}`] })
  await stream.opened()
  const told = async (sql: string): Promise<string[]> => {
    const from = stream.events.length
    await own.sql(sql, database)
    await stream.until('a position', () => stream.events.slice(from).some((event) => event.event === 'position'))
    return keysAndResets(stream.take())
  }
  const scope = `project:${project}`
  assert.deepEqual(await told(`INSERT INTO projects VALUES ('${project}', 'a')`), [`${scope} ["projects","detail","${project}"]`, `${scope} ["projects","list"]`])
  assert.deepEqual(await told(`INSERT INTO tasks VALUES (7, '${project}', 'a')`), [`${scope} ["tasks","detail","7"]`, `${scope} ["tasks","list","${project}"]`])
  assert.deepEqual(await told(`INSERT INTO project_members VALUES ('${project}', 'u', 'r')`), [`${scope} ["projectMembers","${project}"]`])
  assert.deepEqual(await told('DELETE FROM tasks'), [`${scope} ["tasks","detail","7"]`, `${scope} ["tasks","list","${project}"]`])
  await own.sql("NOTIFY cache_invalidate, 'nonsense'", database)
  await stream.next('reset')
})

test('a rule that the triggers cannot serve stops setup, check and the start, with its line', async (t) => {
  const own = await cluster()
  const database = await own.database(`refused_${process.pid}`, `${TASKS} CREATE VIEW seen AS SELECT * FROM tasks; CREATE UNLOGGED TABLE quick(id int PRIMARY KEY)`)
  const dir = directory(t)
  const said = async (rules: Record<string, unknown>, ...args: string[]): Promise<string> => {
    const settings = config({ sources: [{ postgres: own.url(database), ...NOTIFY }], rules })
    writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify(settings, null, 1))
    const { code, err } = await unstale(dir, args)
    return `${code} ${err.replace(/^unstale: /, '')}`
  }
  const stale = [['x']]
  for (const args of [['setup', 'postgres'], ['check'], ['serve']]) {
    assert.match(await said({ tasks: { scope: ['p:{projekt_id}'], stale } }, ...args), /^2 unstale\.yaml:\d+:\d+: the table "tasks" has no column "projekt_id"/)
    assert.match(await said({ seen: { scope: ['all'], stale } }, ...args), /^2 unstale\.yaml:\d+:\d+: "seen" is a view/)
    assert.match(await said({ nothing: { scope: ['all'], stale } }, ...args), /^2 unstale\.yaml:\d+:\d+: the database has no table "nothing"/)
  }
  assert.equal(await said({ quick: { scope: ['all'], stale } }, 'check'), '0 ')
})

test('teardown leaves nothing behind', async (t) => {
  const own = await cluster()
  const database = await own.database(`teardown_${process.pid}`, TASKS)
  const dir = directory(t)
  const settings = config({ sources: [{ postgres: own.url(database), ...NOTIFY }], rules: { tasks: TASKS_RULE } })
  const state = (): Promise<string> =>
    own.sql("SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal), (SELECT count(*) FROM pg_namespace WHERE nspname = 'unstale')", database)
  assert.equal(await state(), '0|0')
  await setupPostgres(dir, own.url(database), settings)
  await setupPostgres(dir, own.url(database), settings)
  assert.equal(await state(), '4|1')
  await setupPostgres(dir, own.url(database), settings, 'teardown')
  assert.equal(await state(), '0|0')
})
