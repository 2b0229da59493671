/* What `unstale doctor` finds out about a database, and that what it says mends it. */

import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import { setupPostgres } from './lib/follow-postgres.ts'
import { Postgres } from './lib/postgres.ts'
import { Database, setup, unstale } from './lib/sqlite.ts'
import { type Config, config, directory } from './lib/unstale.ts'

interface Check {
  source: string
  check: string
  level: 'ok' | 'warning' | 'problem'
  sentence: string
  mend: string | null
}

interface Report {
  code: number
  problems: number
  warnings: number
  checks: Check[]
  /** Standard output of the text, and everything on standard error. */
  text: string
}

const TASKS = 'CREATE TABLE tasks(id int PRIMARY KEY, project_id int, title text);'
const RULES = { tasks: { scope: ['project:{project_id}'], stale: [['tasks', 'detail', '{id}']] } }

/** As JSON and as text; both have to agree. */
async function doctor(dir: string, settings: Config): Promise<Report> {
  writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify(settings))
  const json = await unstale(dir, ['doctor', '--json'])
  const text = await unstale(dir, ['doctor'])
  assert.equal(json.code, text.code)
  const report = JSON.parse(json.out) as Omit<Report, 'code' | 'text'>
  assert.equal(report.problems, report.checks.filter(({ level }) => level === 'problem').length)
  assert.equal(report.warnings, report.checks.filter(({ level }) => level === 'warning').length)
  for (const { check, level, sentence } of report.checks)
    if (check !== 'slots' && check !== 'clock' && check !== 'slot') assert.ok(text.out.includes(`  ${level.padEnd(9)}  ${check}: ${sentence}`), `${sentence}\n${text.out}`)
  assert.equal(json.code, report.problems > 0 ? 1 : 0)
  return { ...report, code: json.code, text: text.out + text.err + json.err }
}

function problems({ checks }: Report): string[] {
  return checks.filter(({ level }) => level === 'problem').map(({ check }) => check)
}

function found({ checks }: Report, check: string): Check {
  const one = checks.find((each) => each.check === check)
  assert.ok(one, `no check ${check} in ${JSON.stringify(checks)}`)
  return one
}

// ---- SQLite ----

test('an SQLite database: what is missing, and what mends it', async (t) => {
  const dir = directory(t)
  const database = new Database(dir)
  const settings = config({ sources: [{ sqlite: './app.db' }], rules: RULES })
  assert.deepEqual(problems(await doctor(dir, settings)), ['file'])
  await database.run(TASKS)
  const rollback = await doctor(dir, settings)
  assert.deepEqual(problems(rollback), ['journal_mode', 'setup'])
  await database.run(found(rollback, 'journal_mode').mend as string)
  const bare = await doctor(dir, settings)
  assert.deepEqual(problems(bare), ['setup'])
  const command = /^unstale (setup sqlite) '(.*)' -c '(.*)' --apply$/.exec(found(bare, 'setup').mend as string)
  assert.ok(command)
  const ran = await unstale(dir, ['setup', 'sqlite', command[2] as string, '-c', command[3] as string, '--apply'])
  assert.equal(ran.code, 0, ran.err)
  const good = await doctor(dir, settings)
  assert.deepEqual([good.code, good.warnings], [0, 0])
  await database.run('DROP TABLE tasks; CREATE TABLE tasks(id INTEGER PRIMARY KEY, project_id INT)')
  const rebuilt = await doctor(dir, settings)
  assert.deepEqual(problems(rebuilt), ['table'])
  assert.match(found(rebuilt, 'table').mend as string, /^unstale setup sqlite /)
  await database.run('ALTER TABLE tasks RENAME COLUMN project_id TO pid')
  const renamed = await doctor(dir, settings)
  assert.match(found(renamed, 'table').sentence, /no column "project_id"/)
  assert.equal(found(renamed, 'table').mend, null, 'setup would stop at the line of the rule')
})

test('a table that is not in one of several databases is a warning', async (t) => {
  const dir = directory(t)
  const first = new Database(dir, 'first.db')
  const second = new Database(dir, 'second.db')
  const settings = config({ sources: [{ sqlite: './first.db' }, { sqlite: './second.db' }], rules: RULES })
  await first.create(TASKS)
  await second.create('CREATE TABLE other(id INTEGER PRIMARY KEY)')
  for (const database of [first, second]) await setup(database, settings)
  const report = await doctor(dir, settings)
  assert.deepEqual(report.checks.filter(({ level }) => level !== 'ok').map(({ source, check, level }) => [source, check, level]), [
    ['sqlite ./second.db', 'table', 'warning'],
  ])
  assert.equal(report.code, 0)
})

test('what is no database is a problem, and a wrong configuration is another exit code', async (t) => {
  const dir = directory(t)
  mkdirSync(join(dir, 'app.db'))
  const settings = config({ sources: [{ sqlite: './app.db' }, { publish: { open: true } }], rules: RULES })
  const report = await doctor(dir, settings)
  assert.deepEqual(problems(report), ['file'])
  assert.match(found(report, 'token').sentence, /open to everybody/)
  writeFileSync(join(dir, 'wrong.yaml'), 'sources: 7\n')
  const wrong = await unstale(dir, ['doctor', '-c', 'wrong.yaml'])
  assert.deepEqual([wrong.code, wrong.out], [2, ''])
})

// ---- PostgreSQL ----

let shared: Promise<Postgres> | undefined

function cluster(): Promise<Postgres> {
  return (shared ??= new Postgres({ settings: { max_prepared_transactions: '5' }, hba: ['host all walled 127.0.0.1/32 scram-sha-256'] })
    .create()
    .then((made) => made.start()))
}

after(async () => (await shared)?.finish())

interface Examined {
  postgres: Postgres
  database: string
  dir: string
  settings: Config
  sql: (text: string) => Promise<string>
}

async function examined(t: TestContext, name: string, source: Record<string, unknown>, schema = TASKS): Promise<Examined> {
  const postgres = await cluster()
  const database = await postgres.database(`${name}_${process.pid}`, schema)
  return {
    postgres,
    database,
    dir: directory(t),
    settings: config({ sources: [{ postgres: postgres.url(database), ...source }], rules: RULES }),
    sql: (text) => postgres.sql(text, database),
  }
}

test('logical: the publication and the replica identity, and the SQL that mends them', async (t) => {
  const { dir, settings, sql, postgres, database } = await examined(t, 'logical', {})
  const bare = await doctor(dir, settings)
  assert.deepEqual(problems(bare), ['publication', 'table'])
  await setupPostgres(dir, postgres.url(database), settings)
  assert.deepEqual(problems(await doctor(dir, settings)), [])

  await sql('ALTER TABLE tasks REPLICA IDENTITY DEFAULT')
  const wide = await doctor(dir, settings)
  const table = found(wide, 'table')
  assert.deepEqual([table.level, table.mend], ['warning', 'ALTER TABLE "public"."tasks" REPLICA IDENTITY FULL;'])
  assert.equal(wide.code, 0)
  await sql(table.mend as string)
  assert.equal(found(await doctor(dir, settings), 'table').level, 'ok')

  await sql('ALTER PUBLICATION unstale SET (publish = insert)')
  const partial = await doctor(dir, settings)
  assert.deepEqual(problems(partial), ['publication'])
  await sql(found(partial, 'publication').mend as string)
  assert.deepEqual(problems(await doctor(dir, settings)), [])

  await sql('ALTER TABLE tasks DROP COLUMN project_id')
  assert.match(found(await doctor(dir, settings), 'table').sentence, /no column "project_id"/)
})

test('logical: a permanent slot needs an end to what it keeps', async (t) => {
  const { dir, settings, postgres, database } = await examined(t, 'slot', { slot: 'permanent', slot_name: `doctor_${process.pid}` })
  await setupPostgres(dir, postgres.url(database), settings)
  const endless = await doctor(dir, settings)
  assert.deepEqual(problems(endless), ['max_slot_wal_keep_size'])
  for (const statement of (found(endless, 'max_slot_wal_keep_size').mend as string).split('\n')) await postgres.sql(statement)
  assert.deepEqual(problems(await doctor(dir, settings)), [])
  await postgres.sql(`SELECT pg_create_logical_replication_slot('doctor_${process.pid}', 'pgoutput')`)
  assert.match(found(await doctor(dir, settings), 'slot').sentence, /somebody else's/)
  await postgres.sql(`SELECT pg_drop_replication_slot('doctor_${process.pid}')`)
  await postgres.set('max_slot_wal_keep_size', '-1')
})

test('logical: a role that may not replicate', async (t) => {
  const { dir, settings, postgres, database, sql } = await examined(t, 'role', {})
  await sql("CREATE ROLE plain LOGIN; GRANT ALL ON SCHEMA public TO plain; ALTER TABLE tasks OWNER TO plain")
  await setupPostgres(dir, postgres.url(database), settings)
  const report = await doctor(dir, { ...settings, sources: [{ postgres: postgres.url(database, postgres.port, 'plain') }] })
  assert.deepEqual(problems(report), ['role', 'replication'])
  assert.equal(found(report, 'role').mend, 'ALTER ROLE "plain" REPLICATION;')
})

test('logical: wal_level, and a server that is not there', async (t) => {
  const own = new Postgres({ settings: { wal_level: 'replica' } })
  t.after(() => own.finish())
  await (await own.create()).start()
  const dir = directory(t)
  await own.sql(TASKS)
  const settings = config({ sources: [{ postgres: own.url() }], rules: RULES })
  const report = await doctor(dir, settings)
  assert.deepEqual(problems(report).slice(0, 1), ['wal_level'])
  assert.match(found(report, 'wal_level').mend as string, /ALTER SYSTEM SET wal_level = 'logical';/)
  await own.stop()
  assert.deepEqual(problems(await doctor(dir, settings)), ['connection'])
})

test('notify: triggers that are missing, disabled, of other rules, or not on a new partition', async (t) => {
  const schema = `CREATE TABLE tasks(id int, project_id int, title text, PRIMARY KEY(id, project_id)) PARTITION BY LIST(project_id);
    CREATE TABLE tasks_1 PARTITION OF tasks FOR VALUES IN (1);`
  const { dir, settings, sql, postgres, database } = await examined(t, 'notify', { capture: 'notify' }, schema)
  const mended = async (): Promise<void> => {
    await setupPostgres(dir, postgres.url(database), settings)
    assert.deepEqual(problems(await doctor(dir, settings)), [])
  }
  const bare = await doctor(dir, settings)
  assert.deepEqual(problems(bare), ['table'])
  assert.equal(found(bare, 'table').mend, "unstale setup postgres -c 'unstale.yaml' --apply")
  await mended()
  assert.equal(found(await doctor(dir, settings), 'max_prepared_transactions').level, 'warning')

  await sql('ALTER TABLE tasks_1 DISABLE TRIGGER USER')
  assert.match(found(await doctor(dir, settings), 'table').sentence, /^the trigger unstale_\w+ on public\.tasks_1 is disabled$/)
  await mended()
  await sql('ALTER TABLE tasks_1 ENABLE TRIGGER USER')
  assert.match(found(await doctor(dir, settings), 'table').sentence, /not enabled always/)
  await mended()
  await sql('CREATE TABLE tasks_2 PARTITION OF tasks FOR VALUES IN (2)')
  assert.match(found(await doctor(dir, settings), 'table').sentence, /^public\.tasks_2 has no trigger /)
  await mended()
  const other = { ...settings, rules: { tasks: { scope: ['project:{project_id}'], stale: [['tasks', '{title}']] } } }
  assert.match(found(await doctor(dir, other), 'table').sentence, /those of other rules or columns/)
  await sql('ALTER TABLE tasks RENAME TO jobs')
  assert.match(found(await doctor(dir, settings), 'table').sentence, /no table "tasks"/)
  assert.equal(found(await doctor(dir, settings), 'table').mend, null)
})

test('a password is in nothing that is said', async (t) => {
  const { dir, settings, sql, postgres, database } = await examined(t, 'password', {})
  await sql("CREATE ROLE walled LOGIN REPLICATION PASSWORD 'right-password'")
  const url = (password: string): string => `postgres://walled:${password}@127.0.0.1:${postgres.port}/${database}`
  const wrong = await doctor(dir, { ...settings, sources: [{ postgres: url('wrong-password') }] })
  assert.deepEqual(problems(wrong), ['connection'])
  assert.match(found(wrong, 'connection').sentence, /password authentication failed/)
  const right = await doctor(dir, { ...settings, sources: [{ postgres: url('right-password') }] })
  assert.equal(found(right, 'connection').level, 'ok')
  writeFileSync(join(dir, 'password'), 'right-password\n')
  const file = await doctor(dir, { ...settings, sources: [{ postgres: `postgres://walled@127.0.0.1:${postgres.port}/${database}`, password_file: './password' }] })
  assert.equal(found(file, 'connection').level, 'ok')
  for (const report of [wrong, right, file]) assert.doesNotMatch(report.text + JSON.stringify(report.checks), /-password/)
})
