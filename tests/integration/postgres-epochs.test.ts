/* What ends the history that unstale follows: a slot that keeps too much or is taken away, another cluster at the same
 * address, a publication that is dropped, a server that dies in the middle of a transaction. Each is a reset, or is
 * proved not to need one; it is never silence. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { keysAndResets, setupPostgres } from './lib/follow-postgres.ts'
import { BOUNDED, follow, type Following, listen, news, released, reset, said, SCHEMA, take, until } from './lib/logical.ts'
import { Postgres, postgres } from './lib/postgres.ts'
import { current, readiness } from './lib/sqlite.ts'
import { named, type ReadyData, type Stream } from './lib/sse.ts'
import { launch, subscribe, type Unstale } from './lib/unstale.ts'
import { PATIENCE, poll } from './lib/wait.ts'

const run = promisify(execFile)

let shared: Promise<Postgres> | undefined

/** One cluster for the tests that leave it as it was; each has a database of its own. */
function cluster(): Promise<Postgres> {
  return (shared ??= new Postgres(BOUNDED).create().then((made) => made.start()))
}

after(async () => (await shared)?.finish())

const metric = async (server: Unstale, name: string): Promise<number> =>
  server.metric(`${name}{source="${(await readiness(server)).sources[0]?.name}"}`)

/** What somebody who comes back with this position is told of his scope. */
async function greeted(t: TestContext, server: Unstale, since: string): Promise<ReadyData['scopes'][string] | undefined> {
  return (await (await subscribe(t, server, { scopes: ['project:1'], since })).opened()).data.scopes['project:1']
}

/** Something is told, and its position is known. */
async function position(stream: Stream, sql: Following['sql']): Promise<string> {
  await sql("INSERT INTO tasks VALUES (1, 1, 'a')")
  await until(stream, 'project:1 ["tasks","detail",1]')
  return stream.events.findLast((event) => event.event === 'position')?.data.position ?? assert.fail()
}

// ---- the slot ----

const FILLER = "CREATE TABLE filler(body text); ALTER TABLE filler ALTER body SET STORAGE EXTERNAL;"

/** So many MB of WAL that nobody watches. */
const fill = (mb: number): string => `INSERT INTO filler SELECT repeat(md5(n::text), 256) FROM generate_series(1, ${mb * 128}) n`

/** An end to what a slot may keep that a test can reach. */
const small = (mb: number): { settings: Record<string, string> } => ({
  settings: { max_slot_wal_keep_size: `${mb}MB`, max_wal_size: '32MB', min_wal_size: '32MB', checkpoint_timeout: '1h' },
})

test('a permanent slot that reaches half of what it may keep while it runs is dropped by ourselves, and made anew', async (t) => {
  const pg = await postgres(t, small(200))
  const { sql, server, database } = await follow(t, pg, { slot: 'permanent' }, {}, SCHEMA + FILLER)
  const stream = await listen(t, server)
  await position(stream, sql)
  const made = (): Promise<string> => pg.sql('SELECT slot_name, restart_lsn FROM pg_replication_slots')
  const before = await made()
  /* A transaction that stays open keeps the WAL since its beginning. */
  const idler = pg.session(database)
  await idler.sql("BEGIN; INSERT INTO tasks VALUES (2, 2, 'b')")
  await sql(fill(110))
  await pg.sql('SELECT pg_log_standby_snapshot()').catch(() => pg.sql('CHECKPOINT'))
  const line = await server.line(/the slot unstale keeps (\d+) bytes of WAL, half of max_slot_wal_keep_size: it is dropped and made anew/)
  assert.ok(Number(line[1]) >= 100 << 20)
  await poll('that it is gone', async () => (await made()) !== before)
  await said(server, /making a replication slot, which waits for all transactions that are under way/)
  assert.equal((await readiness(server)).sources[0]?.current, false)
  take(stream)
  await idler.sql('COMMIT')
  await reset(stream)
  await server.line(/changes may have been missed \(the slot kept more than half of max_slot_wal_keep_size\)/)
  await current(server)
  await sql("INSERT INTO tasks VALUES (3, 1, 'c')")
  await until(stream, 'project:1 ["tasks","detail",3]')
  assert.equal(await metric(server, 'unstale_postgres_connects_total'), 2)
  await poll('a slot that keeps little', async () => (await metric(server, 'unstale_postgres_retained_bytes')) < 16 << 20)
})

/** More than a slot may keep, while somebody who does not take it cannot help it. */
async function lose(pg: Postgres, sql: Following['sql']): Promise<void> {
  await poll('a slot that is lost', async () => {
    await sql(fill(40))
    await pg.sql('CHECKPOINT')
    return (await pg.sql("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'unstale'")) === 'lost'
  }, 4 * PATIENCE)
}

test('a slot that the server took away while unstale runs is a reset, and is made anew', async (t) => {
  const pg = await postgres(t, small(24))
  const { sql, server } = await follow(t, pg, { slot: 'permanent' }, {}, SCHEMA + FILLER)
  const stream = await listen(t, server)
  const since = await position(stream, sql)
  server.child.kill('SIGSTOP')
  await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  await lose(pg, sql)
  server.child.kill('SIGCONT')
  await server.line(/changes may have been missed \(the slot was invalidated\)/)
  await current(server)
  await reset(stream)
  assert.equal(await greeted(t, server, since), 'reset')
  await sql("INSERT INTO tasks VALUES (3, 1, 'c')")
  await until(stream, 'project:1 ["tasks","detail",3]')
  assert.notEqual(await pg.sql("SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'unstale'"), 'lost')
})

test('a slot that the server took away while unstale was stopped is a reset, and is made anew', async (t) => {
  const pg = await postgres(t, small(24))
  const { sql, server, settings, dir } = await follow(t, pg, { slot: 'permanent' }, {}, SCHEMA + FILLER)
  const since = await position(await listen(t, server), sql)
  await server.stop()
  await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  await lose(pg, sql)
  const next = await launch(t, settings, { dir }).started()
  await next.line(/changes may have been missed \(the slot was invalidated\)/)
  await current(next)
  assert.equal(await greeted(t, next, since), 'reset')
  const stream = await listen(t, next)
  await sql("INSERT INTO tasks VALUES (3, 1, 'c')")
  await until(stream, 'project:1 ["tasks","detail",3]')
})

test('a slot that somebody moved on is a reset', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const { sql, server, settings, dir } = await follow(t, pg, { slot: 'permanent' })
  const since = await position(await listen(t, server), sql)
  await server.stop()
  await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  await released(sql)
  await sql("SELECT pg_replication_slot_advance('unstale', pg_current_wal_lsn())")
  const next = await launch(t, settings, { dir }).started()
  await next.line(/changes may have been missed \(the slot is another one than before, or was moved on\)/)
  await current(next)
  assert.equal(await greeted(t, next, since), 'reset')
})

// ---- another cluster at the same address ----

/** As if the database had been made anew from a dump: the same names, another identity. Its WAL goes further. */
async function replace(t: TestContext, pg: Postgres, { database, dir, settings }: Following): Promise<{ other: Postgres; takeOver: () => Promise<void> }> {
  const other = await postgres(t, BOUNDED)
  await other.database(database, SCHEMA)
  await setupPostgres(dir, other.url(database), settings)
  return {
    other,
    takeOver: async () => {
      await pg.stop()
      await other.stop()
      other.port = pg.port
      await other.start()
    },
  }
}

for (const slot of ['temporary', 'permanent']) {
  test(`another cluster that takes the address while it runs is a reset (${slot} slot)`, async (t) => {
    const pg = await postgres(t, BOUNDED)
    const following = await follow(t, pg, { slot })
    const { sql, server, database } = following
    const { other, takeOver } = await replace(t, pg, following)
    const stream = await listen(t, server)
    const since = await position(stream, sql)
    await takeOver()
    await reset(stream)
    await current(server)
    assert.equal(await greeted(t, server, since), 'reset')
    await other.sql("INSERT INTO tasks VALUES (5, 1, 'a')", database)
    await until(stream, 'project:1 ["tasks","detail",5]')
  })
}

test('another cluster that took the address while it was stopped is a reset, though it has a slot that would do', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const following = await follow(t, pg, { slot: 'permanent' })
  const { sql, server, database, settings, dir } = following
  const { other, takeOver } = await replace(t, pg, following)
  await other.sql("SELECT pg_create_logical_replication_slot('unstale', 'pgoutput')", database)
  /* The slot there is behind of where we stand, and that server is further. */
  for (const [cluster, times] of [[pg, 1], [other, 2]] as const)
    for (let i = 0; i < times; i++) await cluster.sql('SELECT pg_logical_emit_message(false, \'x\', \'x\'); SELECT pg_switch_wal()')
  const since = await position(await listen(t, server), sql)
  await server.stop()
  await takeOver()
  const next = await launch(t, settings, { dir }).started()
  await next.line(/changes may have been missed \(it is another database cluster\)/)
  await current(next)
  assert.equal(await greeted(t, next, since), 'reset')
  const stream = await listen(t, next)
  await other.sql("INSERT INTO tasks VALUES (5, 1, 'a')", database)
  await until(stream, 'project:1 ["tasks","detail",5]')
})

// ---- the same cluster, set back ----

test('a server that was set back to a copy of its files and went on from there is a reset, though its WAL has passed where we stood', async (t) => {
  const pg = await postgres(t, BOUNDED)
  const { sql, server, database, settings, dir } = await follow(t, pg, { slot: 'permanent' })
  const stream = await listen(t, server)
  await position(stream, sql)
  const copy = join(pg.dir, 'copy')
  await pg.stop()
  await run('cp', ['-a', pg.data, copy])
  await pg.start()
  await current(server)
  await pg.sql("INSERT INTO tasks VALUES (10, 1, 'a')", database)
  await until(stream, 'project:1 ["tasks","detail",10]')
  assert.deepEqual(named(stream.events, 'reset'), [], 'a restart alone is none')
  const since = stream.events.findLast((event) => event.event === 'position')?.data.position ?? assert.fail()
  await server.stop()
  const stood = await pg.sql('SELECT pg_current_wal_lsn()')
  await pg.stop()
  await run('rm', ['-r', pg.data])
  await run('mv', [copy, pg.data])
  await pg.start()
  await pg.sql("INSERT INTO tasks VALUES (20, 1, 'b')", database)
  await pg.sql('SELECT pg_switch_wal()')
  assert.equal(await pg.sql(`SELECT pg_current_wal_lsn() > '${stood}'`), 't')
  const next = await launch(t, settings, { dir }).started()
  await next.line(/changes may have been missed \(the database was set back\)/)
  await current(next)
  assert.equal(await greeted(t, next, since), 'reset')
  const again = await listen(t, next)
  await pg.sql("INSERT INTO tasks VALUES (30, 1, 'c')", database)
  await until(again, 'project:1 ["tasks","detail",30]')
})

// ---- the publication ----

/* PostgreSQL reads a row with the catalog of then: with a slot that is older than the publication it fails at the same
 * row for ever. */
const STUCK = /changes may have been missed \(the server could not read on from where the slot stood\)/

for (const slot of ['temporary', 'permanent']) {
  test(`a publication that is dropped while it runs is said aloud, and put back it is a reset (${slot} slot)`, async (t) => {
    const pg = await cluster()
    const { sql, server, settings, dir, database } = await follow(t, pg, { slot, ...(slot === 'permanent' ? { slot_name: `dropped_${process.pid}` } : {}) })
    const stream = await listen(t, server)
    const since = await position(stream, sql)
    await sql('DROP PUBLICATION unstale')
    await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
    await said(server, /publication/)
    assert.equal((await readiness(server)).sources[0]?.current, false)
    take(stream)
    await setupPostgres(dir, pg.url(database), settings)
    await reset(stream)
    if (slot === 'permanent') await server.line(STUCK)
    await current(server)
    assert.equal(await greeted(t, server, since), 'reset')
    await sql("INSERT INTO tasks VALUES (3, 1, 'c')")
    await until(stream, 'project:1 ["tasks","detail",3]')
    await poll('that it stays so', async () => (await readiness(server)).sources[0]?.current)
  })
}

test('a publication that was dropped and put back while it was stopped is a reset', async (t) => {
  const pg = await cluster()
  const { sql, server, settings, dir, database } = await follow(t, pg, { slot: 'permanent', slot_name: `stopped_${process.pid}` })
  const since = await position(await listen(t, server), sql)
  await server.stop()
  await sql('DROP PUBLICATION unstale')
  await sql("INSERT INTO tasks VALUES (2, 1, 'b')")
  await setupPostgres(dir, pg.url(database), settings)
  const next = await launch(t, settings, { dir }).started()
  await next.line(STUCK)
  await current(next)
  assert.equal(await greeted(t, next, since), 'reset')
  const stream = await listen(t, next)
  await sql("INSERT INTO tasks VALUES (3, 1, 'c')")
  await until(stream, 'project:1 ["tasks","detail",3]')
})

// ---- the server dies ----

for (const slot of ['temporary', 'permanent']) {
  test(`a server that dies while it sends a transaction: the whole of it is told (${slot} slot)`, async (t) => {
    const pg = await postgres(t, BOUNDED)
    const { sql, server, database } = await follow(t, pg, { slot })
    const stream = await listen(t, server)
    await position(stream, sql)
    /* It is taken so far as the network holds it, and no further. */
    server.child.kill('SIGSTOP')
    await sql("INSERT INTO tasks SELECT n, 1, repeat('x', 300) FROM generate_series(10, 60000) n")
    await poll('a walsender that waits', async () =>
      (await pg.sql("SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'walsender'")) === 'WalSenderWriteData')
    const writer = pg.session(database)
    await writer.sql("BEGIN; INSERT INTO tasks VALUES (2, 2, 'b')")
    await pg.stop('immediate')
    server.child.kill('SIGCONT')
    await pg.start()
    await current(server)
    if (slot === 'temporary') {
      await reset(stream)
    } else {
      /* 60,000 keys of one scope are told as what they have in common. */
      await stream.until('all of it', () => keysAndResets(news(stream)).some((key) => key === 'project:1 ["tasks"]' || key === 'project:1 ["tasks","detail"]' || key === 'project:1 []'), 4 * PATIENCE)
      assert.deepEqual(named(stream.events, 'reset'), [], 'the slot goes on exactly')
    }
    assert.equal(await pg.sql('SELECT count(*) FROM tasks WHERE project_id = 2', database), '0')
    await pg.sql("INSERT INTO tasks VALUES (3, 1, 'c')", database)
    await until(stream, 'project:1 ["tasks","detail",3]')
  })
}
