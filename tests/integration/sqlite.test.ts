/* A database that the sqlite3 shell writes: each commit is told, whole, to exactly those whom it concerns. */

import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { isWhole, named, staleKeys, type Stream, type StreamEvent } from './lib/sse.ts'
import { current, Database, follow, readiness, RULES, SCHEMA, setup, sqliteConfig, Writer } from './lib/sqlite.ts'
import { directory, launch, subscribe, type Unstale } from './lib/unstale.ts'
import { PATIENCE, poll, SLOWER, sleep } from './lib/wait.ts'

/** Everything that was committed up to now, seen by a stream that holds `sentinel`. */
async function seen(database: Database, stream: Stream): Promise<StreamEvent[]> {
  const told = (): boolean =>
    stream.events.slice(from).some(
      (event) => (event.event === 'stale' && event.data.scope === 'sentinel') || (event.event === 'reset' && event.data.scopes.some((scope) => scope === 'sentinel')),
    )
  const from = stream.events.length
  await database.run('INSERT INTO sentinel DEFAULT VALUES')
  await stream.until('the sentinel', told)
  await stream.until('its position', () => isWhole(stream.events))
  return stream.take().filter((event) => !(event.event === 'stale' && event.data.scope === 'sentinel') && event.event !== 'heartbeat')
}

async function watching(t: TestContext, server: Unstale, ...scopes: string[]): Promise<Stream> {
  const stream = await subscribe(t, server, { scopes: [...scopes, 'sentinel'] })
  await stream.opened()
  return stream
}

test('a row changed in a shell is the keys of its rule', async (t) => {
  const { database, server } = await follow(t)
  const stream = await watching(t, server, 'project:1', 'project:2', 'user:u1')
  const cases: [string, string[]][] = [
    ["INSERT INTO tasks VALUES(7, 1, 'a', 'new', NULL)", ['project:1 ["tasks","detail",7]', 'project:1 ["tasks","list",1]']],
    ["UPDATE tasks SET status = 'done' WHERE id = 7", ['project:1 ["tasks","detail",7]']],
    ["UPDATE tasks SET title = 'b' WHERE id = 7", ['project:1 ["tasks","detail",7]', 'project:1 ["tasks","list",1]']],
    [
      'UPDATE tasks SET project_id = 2 WHERE id = 7',
      ['project:1 ["tasks","detail",7]', 'project:1 ["tasks","list",1]', 'project:2 ["tasks","detail",7]', 'project:2 ["tasks","list",2]'],
    ],
    ['DELETE FROM tasks WHERE id = 7', ['project:2 ["tasks","detail",7]', 'project:2 ["tasks","list",2]']],
    ["INSERT INTO tasks VALUES(8, NULL, 'nowhere', 'new', NULL)", ['project:* ["tasks","detail"]', 'project:* ["tasks","list"]']],
    ["INSERT INTO members VALUES(1, 'u1', 'admin')", ['project:1 ["members",1]', 'user:u1 ["members",1]']],
    ["UPDATE members SET role = 'guest'", ['project:1 ["members",1]', 'user:u1 ["members",1]']],
    ["INSERT INTO projects VALUES(1, 'no rule')", []],
  ]
  for (const [sql, expected] of cases) {
    await database.run(sql)
    assert.deepEqual(staleKeys(await seen(database, stream)), expected, sql)
  }
})

test('the columns of data come along', async (t) => {
  const { database, server } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  await database.run("INSERT INTO tasks VALUES(7, 1, 'a', 'new', NULL)")
  await database.run("UPDATE tasks SET status = 'done'")
  const events = await seen(database, stream)
  const changes = named(events, 'stale').flatMap((event) => event.changes ?? [])
  assert.deepEqual(changes.at(-1), { resource: 'task', action: 'updated', id: '7', data: { currentStatus: 'done' } })
})

test('a thousand rows in one transaction that touch one list are one key in one message', async (t) => {
  const { database, server } = await follow(t, {
    rules: { ...RULES, tasks: { scope: ['project:{project_id}'], stale: [['tasks', 'list', '{project_id}']] } },
  })
  const stream = await watching(t, server, 'project:1')
  await database.run(
    "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO tasks SELECT i, 1, 'x', 'y', NULL FROM n; COMMIT",
  )
  await stream.next('position')
  assert.deepEqual(
    stream.events.slice(1).map((event) => [event.event, event.event === 'stale' ? event.data.keys : null]),
    [
      ['stale', [['tasks', 'list', 1]]],
      ['position', null],
    ],
  )
})

test('a transaction of ten thousand rows is one tick: nobody is granted half of it', async (t) => {
  const { database, server } = await follow(t, { limits: { max_keys: 20000 } })
  const stream = await watching(t, server, 'project:1', 'project:2')
  await database.run(
    "BEGIN; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) INSERT INTO tasks SELECT i, 1 + (i > 5000), 'x', 'y', NULL FROM n; COMMIT",
  )
  await stream.next('position')
  const events = stream.events.slice(1)
  const told = new Set([...named(events, 'stale').map((event) => event.scope), ...named(events, 'reset').flatMap((event) => event.scopes)])
  assert.ok(told.has('project:1') && told.has('project:2'), [...told].join())
  assert.equal(named(events, 'position').length, 1)
})

test('what was rolled back never happened', async (t) => {
  const { database, server } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  await database.run(`
    BEGIN; INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL); ROLLBACK;
    BEGIN; INSERT INTO tasks VALUES(2, 1, 'a', 'b', NULL); SAVEPOINT s; INSERT INTO tasks VALUES(3, 1, 'a', 'b', NULL); ROLLBACK TO s;
    INSERT INTO tasks VALUES(4, 1, 'a', 'b', NULL); RELEASE s; COMMIT;`)
  const keys = staleKeys(await seen(database, stream), 'project:1')
  assert.deepEqual(keys, ['["tasks","detail",2]', '["tasks","detail",4]', '["tasks","list",1]'])
})

test('the order of commits is the order of positions: nothing is told before it is there', async (t) => {
  const { database, server } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  const slow = new Writer(t, database)
  await slow.run("BEGIN; INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL);")
  await sleep(100)
  assert.deepEqual(named(stream.events, 'stale'), [], 'an open transaction is nobody else\'s business')
  await slow.run('COMMIT;')
  assert.ok(staleKeys(await seen(database, stream)).includes('project:1 ["tasks","detail",1]'))
})

test('REPLACE, upserts, cascades and triggers of the application are told row by row', async (t) => {
  const { database, server } = await follow(
    t,
    {
      rules: {
        ...RULES,
        parents: { id: 'id', scope: ['parent:{id}'], stale: [['parent', '{id}']] },
        children: { id: 'id', scope: ['parent:{parent}'], stale: [['child', '{id}']] },
        uniques: { id: 'id', scope: ['unique'], stale: [['unique', '{id}']] },
      },
    },
    `${SCHEMA}
    CREATE TABLE parents(id INTEGER PRIMARY KEY, name TEXT);
    CREATE TABLE children(id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents(id) ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE uniques(id INTEGER PRIMARY KEY, email TEXT UNIQUE, n INTEGER);
    CREATE TRIGGER own AFTER INSERT ON parents WHEN new.name = 'with child' BEGIN INSERT INTO children VALUES(new.id * 100, new.id); END;`,
  )
  const stream = await watching(t, server, 'parent:1', 'parent:2', 'unique')
  const cases: [string, string[]][] = [
    ["INSERT INTO parents VALUES(1, 'with child')", ['parent:1 ["child",100]', 'parent:1 ["parent",1]']],
    ['PRAGMA foreign_keys=1; UPDATE parents SET id = 2', ['parent:1 ["child",100]', 'parent:1 ["parent",1]', 'parent:2 ["child",100]', 'parent:2 ["parent",2]']],
    ['PRAGMA foreign_keys=1; DELETE FROM parents', ['parent:2 ["child",100]', 'parent:2 ["parent",2]']],
    ["INSERT INTO uniques VALUES(1, 'a', 0), (2, 'b', 0)", ['unique ["unique",1]', 'unique ["unique",2]']],
    ["INSERT OR REPLACE INTO uniques VALUES(3, 'a', 0)", ['unique ["unique",1]', 'unique ["unique",3]']],
    ["REPLACE INTO uniques VALUES(3, 'b', 0)", ['unique ["unique",2]', 'unique ["unique",3]']],
    ["INSERT INTO uniques VALUES(9, 'b', 0) ON CONFLICT(email) DO UPDATE SET n = n + 1", ['unique ["unique",3]']],
    ["INSERT OR IGNORE INTO uniques VALUES(3, 'b', 0)", []],
    ["UPDATE OR REPLACE uniques SET id = 4, email = 'c'", ['unique ["unique",3]', 'unique ["unique",4]']],
    ['DELETE FROM uniques', ['unique ["unique",4]']],
  ]
  for (const [sql, expected] of cases) {
    await database.run(sql)
    const keys = staleKeys(await seen(database, stream))
    assert.deepEqual(keys, expected, sql)
  }
})

test('values that nobody expected in a scope or a key do no harm', async (t) => {
  const { database, server } = await follow(t)
  const stream = await watching(t, server, 'project:1', 'project:a%3Ab', 'project:%2A', 'project:x')
  const cases: [string, string[]][] = [
    ["'a:b'", ['project:a%3Ab ["tasks","detail",ID]', 'project:a%3Ab ["tasks","list","a:b"]']],
    ["'*'", ['project:%2A ["tasks","detail",ID]', 'project:%2A ["tasks","list","*"]']],
    ["1.0", []],
    ["''", ['project:* ["tasks","detail"]', 'project:* ["tasks","list"]']],
    ['NULL', ['project:* ["tasks","detail"]', 'project:* ["tasks","list"]']],
    ["'x' || char(10) || 'event: stale'", []],
    ['9007199254740993', []],
    ["x'00ff'", ['project:* ["tasks","detail"]', 'project:* ["tasks","list"]']],
    ["cast(x'fffe' AS TEXT)", []],
    ["replace(hex(zeroblob(500000)), '00', 'x')", ['project:* ["tasks","detail"]', 'project:* ["tasks","list"]']],
  ]
  let id = 0
  for (const [value, expected] of cases) {
    id++
    await database.run(`INSERT INTO tasks VALUES(${id}, ${value}, 't', 's', NULL)`)
    const keys = staleKeys(await seen(database, stream))
    if (value === '1.0') assert.ok(keys.length <= 2)
    else assert.deepEqual(keys, expected.map((key) => key.replace('ID', String(id))), value)
  }
  // A title as long as it likes is no part of a key, and a body of any type is not recorded.
  await database.run("INSERT INTO tasks VALUES(100, 1, replace(hex(zeroblob(1000000)), '00', 'x'), 's', zeroblob(1000000))")
  assert.deepEqual(staleKeys(await seen(database, stream)), ['project:1 ["tasks","detail",100]', 'project:1 ["tasks","list",1]'])
  await database.run('INSERT INTO tasks VALUES(9007199254740993, 1, NULL, NULL, NULL)')
  assert.deepEqual(staleKeys(await seen(database, stream)), ['project:1 ["tasks","detail","9007199254740993"]', 'project:1 ["tasks","list",1]'])
})

test('what changed while unstale was stopped is marked when it is back, exactly', async (t) => {
  const { database, server, settings } = await follow(t)
  await database.run("INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL), (2, 2, 'a', 'b', NULL)")
  const stream = await watching(t, server, 'project:1', 'project:2')
  await seen(database, stream)
  await server.stop()
  await stream.end()
  await database.run("UPDATE tasks SET status = 'missed' WHERE id = 1")
  await database.run("INSERT INTO tasks VALUES(3, 1, 'a', 'b', NULL)")
  const again = await launch(t, settings, { dir: database.dir }).started()
  const resumed = await subscribe(t, again, { scopes: ['project:1', 'project:2', 'sentinel'], lastEventId: stream.position as string })
  const ready = await resumed.opened()
  assert.deepEqual(ready.data.scopes, { 'project:1': 'exact', 'project:2': 'exact', sentinel: 'exact' })
  await current(again)
  const keys = new Set(staleKeys(await seen(database, resumed)))
  assert.deepEqual([...keys].sort(), ['project:1 ["tasks","detail",1]', 'project:1 ["tasks","detail",3]', 'project:1 ["tasks","list",1]'])
})

test('after a crash everybody is reset, and what follows is told', async (t) => {
  const { database, server, settings } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  await seen(database, stream)
  await server.kill()
  await database.run("INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL)")
  const again = await launch(t, settings, { dir: database.dir }).started()
  const resumed = await subscribe(t, again, { scopes: ['project:1', 'sentinel'], lastEventId: stream.position as string })
  assert.deepEqual((await resumed.opened()).data.scopes, { 'project:1': 'reset', sentinel: 'reset' })
  await current(again)
  await database.run("INSERT INTO tasks VALUES(2, 1, 'a', 'b', NULL)")
  const events = await seen(database, resumed)
  assert.ok(staleKeys(events).includes('project:1 ["tasks","detail",2]') || named(events, 'reset').length > 0)
})

test('stopped, changed beyond what the change table keeps, and started: a reset, and the table stays small', async (t) => {
  const { database, server, settings } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  await seen(database, stream)
  const ring = await database.number("SELECT value FROM _unstale_meta WHERE name = 'ring'")
  await server.stop()
  for (let i = 0; i < 3; i++)
    await database.run(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${Math.ceil(ring / 2)}) INSERT INTO tasks(project_id, title) SELECT 1, 'x' FROM n`,
    )
  const again = await launch(t, settings, { dir: database.dir }).started()
  await current(again)
  const answer = await again.greeting({ scopes: ['project:1', 'user:1'], since: stream.position as string })
  const reset = new Set([...Object.entries(answer.scopes).filter(([, standing]) => standing === 'reset').map(([scope]) => scope), ...answer.resets.flatMap((event) => event.scopes)])
  assert.ok(reset.has('project:1') || reset.has('project:*'), JSON.stringify(answer.scopes))
  const live = await watching(t, again, 'project:1')
  await database.run("INSERT INTO tasks VALUES(1000001, 1, 'a', 'b', NULL)")
  assert.ok(staleKeys(await seen(database, live)).includes('project:1 ["tasks","detail",1000001]'))
})

test('a source that was left out of the configuration for a while is a reset when it is back', async (t) => {
  const { database, server, settings } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  await seen(database, stream)
  await server.stop()
  const without = await launch(t, { ...settings, sources: [{ publish: { open: true } }] }, { dir: database.dir }).started()
  await database.run("INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL)")
  await without.stop()
  const again = await launch(t, settings, { dir: database.dir }).started()
  await current(again)
  const answer = await again.greeting({ scopes: ['project:1'], since: stream.position as string })
  assert.deepEqual(answer.scopes, { 'project:1': 'reset' })
})

test('killed again and again while a writer writes: nothing is lost', async (t) => {
  const { database, server, settings } = await follow(t, { limits: { batch: '5ms', max_keys: 100000 } })
  const writer = new Writer(t, database)
  const scopes = ['project:1', 'sentinel']
  const fixed = { ...settings, listen: `127.0.0.1:${server.at.port}` }
  let running = server
  let written = 0
  let stop = false
  const writing = (async () => {
    while (!stop) {
      const id = written + 1
      await writer.run(`INSERT INTO tasks VALUES(${id}, 1, 'a', 'b', NULL);`)
      written = id
      await sleep(3)
    }
  })()

  /** The newest row that the page shows: all rows up to it are shown. */
  const shown = new Set<number>()
  let fetches: Promise<void>[] = []
  let position: string | undefined
  const fetchAll = (): void => {
    fetches.push(
      database.number('SELECT coalesce(max(id), 0) FROM tasks').then((max) => {
        for (let id = 1; id <= max; id++) shown.add(id)
      }),
    )
  }
  const take = (event: StreamEvent): void => {
    if (event.event === 'ready' && event.data.scopes['project:1'] !== 'exact') fetchAll()
    if (event.event === 'reset') fetchAll()
    if (event.event === 'stale')
      for (const key of event.data.keys) {
        if (key.length === 3 && key[1] === 'detail') shown.add(key[2] as number)
        else if (key.length < 3) fetchAll()
      }
    if (event.id !== null) position = event.id
  }
  let exact = 0
  for (let round = 0; round < 8; round++) {
    const stream = running.stream({ scopes, ...(position === undefined ? {} : { lastEventId: position }) })
    stream.onEvent = take
    const ready = await stream.opened()
    if (ready.data.scopes['project:1'] === 'exact') exact++
    await sleep(150 * SLOWER)
    if (round % 2 === 0) await running.kill()
    else await running.stop()
    await stream.end()
    running = await launch(t, fixed, { dir: database.dir }).started()
  }
  assert.ok(exact >= 3, `${exact} exact after ${8} restarts, half of them orderly`)
  const stream = await subscribe(t, running, { scopes, ...(position === undefined ? {} : { lastEventId: position }) })
  stream.onEvent = take
  take(await stream.opened())
  stop = true
  await writing
  await current(running)
  await seen(database, stream)
  await Promise.all(fetches)
  fetches = []
  assert.ok(written > 100)
  for (let id = 1; id <= written; id++) assert.ok(shown.has(id), `row ${id} of ${written} is not shown`)
})

test('serving writes nothing, and never makes a writer fail that does not wait', async (t) => {
  const { database, server } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  const sum = (): string => createHash('sha256').update(readFileSync(database.path)).digest('hex')
  await database.run('PRAGMA wal_checkpoint(TRUNCATE)')
  const before = sum()
  await sleep(300)
  assert.equal(sum(), before)
  const writer = new Writer(t, database)
  await writer.run('.timeout 0')
  for (let i = 1; i <= 300; i++) await writer.run(`INSERT INTO tasks VALUES(${i}, 1, 'a', 'b', NULL);`)
  // Nor does it hold up a checkpoint.
  await poll('a whole checkpoint', async () => (await writer.run('PRAGMA wal_checkpoint(TRUNCATE);')).startsWith('0|'))
  const events = await seen(database, stream)
  assert.ok(events.length > 0)
  const changes = await database.number('SELECT count(*) FROM _unstale_changes')
  assert.ok(changes > 0)
})

test('a database that is not there yet is waited for, from the first table to the setup', async (t) => {
  const dir = directory(t)
  const database = new Database(dir)
  const settings = sqliteConfig({ limits: { heartbeat: '200ms' } })
  const server = await launch(t, settings, { dir }).started()
  const stream = await watching(t, server, 'project:1')
  assert.equal(stream.events[0]?.event === 'ready' && stream.events[0].data.current, false)
  const missing = await readiness(server)
  assert.equal(missing.status, 503)
  assert.match(missing.sources[0]?.why ?? '', /does not exist/)
  assert.equal((await stream.next('heartbeat')).data.current, false)

  await database.create()
  const unset = await poll('it is seen', async () => {
    const now = await readiness(server)
    return /setup sqlite/.test(now.sources[0]?.why ?? '') ? now : null
  })
  assert.equal(unset.status, 503)
  await setup(database, settings)
  await current(server)
  await stream.until('a reset, since nobody knows what was before', () => named(stream.events, 'reset').length > 0)
  await stream.until('a heartbeat that says so', () => named(stream.events, 'heartbeat').at(-1)?.current === true)
  await seen(database, stream)
  await database.run("INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL)")
  assert.deepEqual(staleKeys(await seen(database, stream)), ['project:1 ["tasks","detail",1]', 'project:1 ["tasks","list",1]'])
})

test('a database that is not in WAL mode is refused with the line that changes it, and followed after that', async (t) => {
  const dir = directory(t)
  const database = new Database(dir)
  const settings = sqliteConfig()
  await database.run(`PRAGMA journal_mode=DELETE;\n${SCHEMA}`)
  const server = await launch(t, settings, { dir }).started()
  const refused = await readiness(server)
  assert.equal(refused.status, 503)
  const why = refused.sources[0]?.why ?? ''
  assert.match(why, /PRAGMA journal_mode=WAL;/)
  assert.ok(server.log.includes('PRAGMA journal_mode=WAL;'))
  // Writers are not disturbed meanwhile.
  for (let i = 1; i <= 30; i++) await database.run(`.timeout 0\nINSERT INTO tasks VALUES(${i}, 1, 'a', 'b', NULL);`)
  await database.run('PRAGMA journal_mode=WAL')
  await setup(database, settings)
  await current(server)
  const stream = await watching(t, server, 'project:1')
  await database.run("UPDATE tasks SET status = 'x' WHERE id = 1")
  assert.ok(staleKeys(await seen(database, stream)).includes('project:1 ["tasks","detail",1]'))
})

test('a column that is added changes nothing that matters; a table that is rebuilt is said to be blind, and is not silent', async (t) => {
  const { database, server, settings } = await follow(t, { limits: { heartbeat: '200ms' } })
  const stream = await watching(t, server, 'project:1', 'user:u1')
  const writer = new Writer(t, database)
  await writer.run('ALTER TABLE tasks ADD COLUMN extra TEXT;')
  await writer.run("INSERT INTO tasks(id, project_id, title, extra) VALUES(1, 1, 'a', 'x');")
  const added = await seen(database, stream)
  const covered = staleKeys(added).includes('project:1 ["tasks","detail",1]') || named(added, 'reset').length > 0
  assert.ok(covered, JSON.stringify(added))

  // As migrations do it: the triggers go with the old table.
  await writer.run(`BEGIN;
    CREATE TABLE tasks_new(id INTEGER PRIMARY KEY, project_id, title TEXT, status TEXT, body, more);
    INSERT INTO tasks_new(id, project_id, title) SELECT id, project_id, title FROM tasks;
    DROP TABLE tasks; ALTER TABLE tasks_new RENAME TO tasks; COMMIT;`)
  await stream.until('a reset of its families', () => named(stream.events, 'reset').some((event) => event.scopes.includes('project:*')))
  await stream.until('not current', () => named(stream.events, 'heartbeat').at(-1)?.current === false)
  const blind = await readiness(server)
  assert.equal(blind.status, 503)
  assert.match(blind.sources[0]?.why ?? '', /tasks.*setup sqlite/)
  stream.take()
  await writer.run("UPDATE tasks SET title = 'unseen' WHERE id = 1;")
  await stream.until('wide, but not silent', () =>
    stream.take().some((event) => (event.event === 'stale' && event.data.scope === 'project:*') || (event.event === 'reset' && event.data.scopes.includes('project:*'))),
  )
  // The other tables go on as before.
  await writer.run("INSERT INTO members VALUES(1, 'u1', 'x');")
  assert.ok(staleKeys(await seen(database, stream)).includes('user:u1 ["members",1]'))

  await setup(database, settings)
  await current(server)
  await stream.until('current again', () => named(stream.events, 'heartbeat').at(-1)?.current === true)
  await seen(database, stream)
  await writer.run("UPDATE tasks SET title = 'seen' WHERE id = 1;")
  assert.deepEqual(staleKeys(await seen(database, stream)), ['project:1 ["tasks","detail",1]', 'project:1 ["tasks","list",1]'])
})

for (const [what, sql] of [
  ['a column of a rule is renamed', 'ALTER TABLE tasks RENAME COLUMN title TO name;'],
  ['the table is renamed', 'ALTER TABLE tasks RENAME TO jobs;'],
  ['the table is dropped', 'DROP TABLE tasks;'],
  ['a trigger is dropped', "SELECT 'DROP TRIGGER ' || quote(name) || ';' FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'tasks' LIMIT 1"],
] as const)
  test(`${what}: a reset, and it says so`, async (t) => {
    const { database, server } = await follow(t, { limits: { heartbeat: '200ms' } })
    const stream = await watching(t, server, 'project:1')
    await database.run("INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL)")
    await seen(database, stream)
    await database.run(sql.startsWith('SELECT') ? await database.run(sql) : sql)
    await stream.until('a reset of its families', () => named(stream.events, 'reset').some((event) => event.scopes.includes('project:*')))
    await stream.until('not current', () => named(stream.events, 'heartbeat').at(-1)?.current === false)
    assert.equal((await readiness(server)).status, 503)
    // And the server lives: the rest is still told.
    await seen(database, stream)
  })

test('the setup taken away is a reset and not current; put back, it goes on', async (t) => {
  const { database, server, settings } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  await seen(database, stream)
  await setup(database, settings, 'teardown')
  assert.equal(await database.number("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%unstale%'"), 0, 'no trace')
  await stream.until('a reset', () => named(stream.events, 'reset').length > 0)
  await poll('not ready', async () => (await server.admin('/readyz')).status === 503)
  await database.run("INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL)")
  await setup(database, settings)
  await current(server)
  await seen(database, stream)
  await database.run("INSERT INTO tasks VALUES(2, 1, 'a', 'b', NULL)")
  assert.ok(staleKeys(await seen(database, stream)).includes('project:1 ["tasks","detail",2]'))
})

test('another file in its place is a reset, and the new one is followed', async (t) => {
  const { database, server, settings } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  await seen(database, stream)
  const other = new Database(database.dir, 'other.db')
  await other.create()
  await setup(other, settings)
  await other.run("INSERT INTO tasks VALUES(1, 1, 'other', 'b', NULL)")
  // As one restores a backup: without a word to anybody.
  const { rename, rm } = await import('node:fs/promises')
  for (const suffix of ['-wal', '-shm']) await rm(database.path + suffix, { force: true })
  await other.run('PRAGMA wal_checkpoint(TRUNCATE)')
  await rename(other.path, database.path)
  for (const suffix of ['-wal', '-shm']) await rm(other.path + suffix, { force: true })
  await stream.until('a reset', () => named(stream.events, 'reset').some((event) => event.scopes.includes('project:*')))
  await seen(database, stream)
  await database.run("INSERT INTO tasks VALUES(2, 1, 'a', 'b', NULL)")
  assert.ok(staleKeys(await seen(database, stream)).includes('project:1 ["tasks","detail",2]'))
})

test('a long write transaction keeps nobody from reading', async (t) => {
  const { database, server } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  const long = new Writer(t, database)
  await long.run("BEGIN IMMEDIATE; INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL);")
  await sleep(400)
  assert.equal((await readiness(server)).status, 200)
  await long.run('COMMIT;')
  assert.ok(staleKeys(await seen(database, stream)).includes('project:1 ["tasks","detail",1]'))
})

test('an application that has the database for itself alone is told so, and followed when it lets go', async (t) => {
  const dir = directory(t)
  const database = new Database(dir)
  const settings = sqliteConfig()
  await database.create()
  await setup(database, settings)
  const alone = new Writer(t, database)
  await alone.run("PRAGMA locking_mode=EXCLUSIVE;\nINSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL);")
  const server = await launch(t, settings, { dir }).started()
  const stream = await subscribe(t, server, { scopes: ['project:1', 'sentinel'] })
  const ready = await stream.opened()
  assert.equal(ready.data.current, false)
  await poll('the reason', async () => /locked.*EXCLUSIVE/.test((await readiness(server)).sources[0]?.why ?? ''))
  await alone.run("INSERT INTO tasks VALUES(2, 1, 'a', 'b', NULL);")
  await alone.close()
  await current(server)
  const events = await seen(database, stream)
  assert.ok(staleKeys(events).includes('project:1 ["tasks","detail",2]') || named(stream.events, 'reset').length > 0)
})

test('VACUUM, ANALYZE, REINDEX and checkpoints lose nothing', async (t) => {
  const { database, server } = await follow(t)
  const stream = await watching(t, server, 'project:1')
  let id = 0
  for (const sql of ['VACUUM', 'ANALYZE', 'REINDEX', 'PRAGMA wal_checkpoint(RESTART)', 'CREATE INDEX i ON tasks(title)', 'DROP INDEX i', 'PRAGMA optimize', 'CREATE TABLE unrelated(x)', 'VACUUM']) {
    id++
    await database.run(`INSERT INTO tasks VALUES(${id}, 1, 'a', 'b', NULL);\n${sql};\nUPDATE tasks SET status = 'c' WHERE id = ${id};`)
    const events = await seen(database, stream)
    assert.ok(staleKeys(events).includes(`project:1 ["tasks","detail",${id}]`) || named(events, 'reset').length > 0, sql)
  }
})

test('a rule for every table follows those without a rule too', async (t) => {
  const rules = { ...RULES, '*': { scope: ['all'], stale: [['admin-stats']] } }
  const { database, server } = await follow(t, { rules })
  const stream = await watching(t, server, 'all', 'project:1')
  await database.run("INSERT INTO projects VALUES(1, 'x')")
  assert.deepEqual([...new Set(staleKeys(await seen(database, stream)))], ['all ["admin-stats"]'])
  await database.run("INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL)")
  const keys = staleKeys(await seen(database, stream))
  for (const key of ['all ["admin-stats"]', 'project:1 ["tasks","detail",1]']) assert.ok(keys.includes(key), keys.join())
})

test('two databases and publishes in one server do not disturb each other', async (t) => {
  const dir = directory(t)
  const one = new Database(dir, 'one.db')
  const two = new Database(dir, 'two.db')
  const settings = sqliteConfig({
    sources: [{ sqlite: './one.db', poll: '10ms' }, { sqlite: './two.db', poll: '10ms' }, { publish: { open: true } }],
  })
  for (const database of [one, two]) {
    await database.create()
    await setup(database, settings)
  }
  const server = await launch(t, settings, { dir }).started()
  await current(server)
  const stream = await watching(t, server, 'project:1')
  const many = (from: number): string =>
    `WITH RECURSIVE n(i) AS (SELECT ${from} UNION ALL SELECT i + 1 FROM n WHERE i < ${from + 3000}) INSERT INTO tasks SELECT i, 9, 'x', 'y', NULL FROM n;`
  const writes = [one.run(`${many(10_000)} INSERT INTO tasks VALUES(1, 1, 'a', 'b', NULL);`), two.run(`${many(50_000)} INSERT INTO tasks VALUES(2, 1, 'a', 'b', NULL);`)]
  const published = Array.from({ length: 50 }, (_, i) => server.mark('project:1', ['published', i]))
  await Promise.all([...writes, ...published])
  await seen(one, stream)
  stream.take()
  const expected = ['["tasks","detail",1]', '["tasks","detail",2]', ...Array.from({ length: 50 }, (_, i) => `["published",${i}]`)]
  await stream.until('all of it', () => {
    const keys = new Set(staleKeys(stream.events, 'project:1'))
    return expected.every((key) => keys.has(key))
  }, PATIENCE)
})
