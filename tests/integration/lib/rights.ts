/* Users with tokens, and a table that says which projects they may read. */

import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'
import { bearer, mint, SECRET, within } from './jwt.ts'
import { setupPostgres } from './follow-postgres.ts'
import { Postgres } from './postgres.ts'
import { current, Database, setup, Writer } from './sqlite.ts'
import { type EventStream, isWhole, type Subscription } from './sse.ts'
import { type Config, config, directory, launch, open, subscribe, type Unstale } from './unstale.ts'
import { poll } from './wait.ts'

export const as = (user: string): Record<string, string> => bearer(mint({ sub: user, exp: within(3600) }))

export const SCHEMA = `
CREATE TABLE tasks(id INTEGER PRIMARY KEY, project_id INTEGER, title TEXT);
CREATE TABLE project_members(project_id INTEGER, user_id TEXT, role TEXT, gone INTEGER, PRIMARY KEY(project_id, user_id));
CREATE TABLE sentinel(id INTEGER PRIMARY KEY);
`

export const RULES = {
  tasks: { scope: ['project:{project_id}'], stale: [['tasks', '{id}']] },
  sentinel: { scope: ['all'], stale: [['sentinel', '{id}']] },
}

export const MEMBERSHIP = [{ scope: 'project:{project_id}', table: 'project_members', user: 'user_id', where: { gone: null } }]

export const AUTH = { jwt: { secret: SECRET }, scopes: ['user:{sub}', 'all'], membership: MEMBERSHIP }

export function rightsConfig(source: Record<string, unknown>, more: Config = {}): Config {
  return config({ auth: AUTH, rules: RULES, ...more, sources: [source, { publish: { open: true } }] })
}

/** Whatever keeps the tables. */
export interface Tables {
  run: (sql: string) => Promise<string>
  /** A connection of its own. */
  open: (t: TestContext) => Promise<(sql: string) => Promise<string>>
  setUp: (settings: Config) => Promise<void>
  tearDown: (settings: Config) => Promise<void>
}

export interface Rights {
  database: Tables
  server: Unstale
  settings: Config
}

export type Kind = 'SQLite' | 'PostgreSQL' | 'PostgreSQL by NOTIFY'

export const KINDS: readonly Kind[] = ['SQLite', 'PostgreSQL', 'PostgreSQL by NOTIFY']

let shared: Promise<Postgres> | undefined
let databases = 0

/** One cluster for all; each test has a database of its own. */
function cluster(): Promise<Postgres> {
  return (shared ??= new Postgres().create().then((made) => made.start()))
}

export async function finish(): Promise<void> {
  await (await shared)?.finish()
}

async function sqlite(dir: string, schema: string): Promise<[Tables, Record<string, unknown>]> {
  const database = new Database(dir)
  await database.create(schema)
  const tables: Tables = {
    run: (sql) => database.run(sql),
    open: async (t) => {
      const writer = new Writer(t, database)
      await writer.run('PRAGMA busy_timeout = 5000; PRAGMA synchronous = OFF;')
      return (sql) => writer.run(sql)
    },
    setUp: (settings) => setup(database, settings),
    tearDown: (settings) => setup(database, settings, 'teardown'),
  }
  return [tables, { sqlite: './app.db', poll: '10ms' }]
}

async function postgreSql(t: TestContext, dir: string, schema: string, more: Record<string, unknown> = {}): Promise<[Tables, Record<string, unknown>]> {
  const postgres = await cluster()
  const name = await postgres.database(`rights_${process.pid}_${++databases}`)
  const url = postgres.url(name)
  const opened = () => {
    const session = postgres.session(name)
    cleanup(t, () => session.close())
    return session
  }
  const session = opened()
  await session.sql(schema)
  const tables: Tables = {
    run: (sql) => session.sql(sql),
    open: async () => {
      const own = opened()
      return (sql) => own.sql(sql)
    },
    setUp: (settings) => setupPostgres(dir, url, settings),
    tearDown: (settings) => setupPostgres(dir, url, settings, 'teardown'),
  }
  return [tables, { postgres: url, ...more }]
}

/** A database with members, set up, and a server that follows it. Triggers are looked at every ten time-outs. */
export async function rights(t: TestContext, kind: Kind, more: Config = {}, rows = '', timeout = '20s'): Promise<Rights> {
  const dir = directory(t)
  const [database, source] =
    kind === 'SQLite' ? await sqlite(dir, SCHEMA + rows) : await postgreSql(t, dir, SCHEMA + rows, kind === 'PostgreSQL' ? {} : { capture: 'notify', timeout })
  const settings = rightsConfig(source, more)
  await database.setUp(settings)
  const server = await launch(t, settings, { dir }).started()
  await current(server)
  return { database, server, settings }
}

/** A change of PostgreSQL's table, after which nobody is told who may read what until the function is called that is returned:
 *  a lock on the table is in front of the question, since it was asked for before the commit. */
export async function asking(t: TestContext, server: Unstale, database: Tables, change: string): Promise<() => Promise<string>> {
  const suspended = 'unstale_membership_rights_total{news="suspended"}'
  const [changing, holding, before] = await Promise.all([database.open(t), database.open(t), server.metric(suspended)])
  await changing(`BEGIN; ${change}`)
  const held = holding('BEGIN; LOCK TABLE project_members IN ACCESS EXCLUSIVE MODE')
  await poll('the lock is asked for', async () => (await changing('SELECT count(*) FROM pg_locks WHERE NOT granted')) === '1')
  await changing('COMMIT')
  await held
  await poll('it is asked about', async () => (await server.metric(suspended)) > before)
  return () => holding('COMMIT')
}

export type Transport = 'SSE' | 'WebSocket'

/** A stream of the user; closed after the test. */
export function enter(t: TestContext, server: Unstale, transport: Transport, user: string, asked: Subscription): Promise<EventStream> {
  const with_ = { ...asked, headers: { ...as(user), ...asked.headers } }
  return transport === 'SSE' ? subscribe(t, server, with_) : open(t, server, with_)
}

/** Everything that was committed up to now has been told to this stream, which holds `all`. */
export async function caughtUp(stream: EventStream, insert: () => Promise<unknown>): Promise<void> {
  const from = stream.events.length
  await insert()
  await stream.until('the sentinel', () =>
    stream.events.slice(from).some((event) => (event.event === 'stale' && event.data.scope === 'all') || (event.event === 'reset' && event.data.scopes.includes('all'))),
  )
  await stream.until('its position', () => isWhole(stream.events))
}
