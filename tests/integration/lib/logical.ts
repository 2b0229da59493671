/* A server that follows a database of a PostgreSQL by logical replication, and what a stream of it is told: for tests of
 * what happens to connections, slots and servers. */

import type { TestContext } from 'node:test'
import { keysAndResets, setupPostgres } from './follow-postgres.ts'
import type { Postgres } from './postgres.ts'
import { current, readiness } from './sqlite.ts'
import type { Stream, StreamEvent } from './sse.ts'
import { type Config, config, directory, launch, subscribe, type Unstale } from './unstale.ts'
import { poll } from './wait.ts'

export const SCHEMA = 'CREATE TABLE tasks(id int PRIMARY KEY, project_id int NOT NULL, title text);'

export const RULES = {
  tasks: {
    scope: ['project:{project_id}'],
    stale: [
      ['tasks', 'detail', '{id}'],
      { key: ['tasks', 'list'], on: ['created', 'deleted'], or_changed: ['title'] },
    ],
  },
}

/** For permanent slots. */
export const BOUNDED = { settings: { max_slot_wal_keep_size: '64MB' } }

let databases = 0

export interface Made {
  database: string
  dir: string
  settings: Config
  sql: (text: string) => Promise<string>
}

/** A database with the publication of the rules, and the configuration that follows it. */
export async function make(t: TestContext, pg: Postgres, source: Record<string, unknown> = {}, more: Config = {}, schema = SCHEMA): Promise<Made> {
  const database = `source_${process.pid}_${++databases}`
  await pg.database(database, schema)
  const dir = directory(t)
  const settings = config({ rules: RULES, ...more, sources: [{ postgres: pg.url(database), timeout: '5s', ...source }] })
  await setupPostgres(dir, pg.url(database), settings)
  return { database, dir, settings, sql: (text) => pg.sql(text, database) }
}

export interface Following extends Made {
  server: Unstale
}

export async function follow(t: TestContext, pg: Postgres, source: Record<string, unknown> = {}, more: Config = {}, schema = SCHEMA): Promise<Following> {
  const made = await make(t, pg, source, more, schema)
  const server = await launch(t, made.settings, { dir: made.dir }).started()
  await current(server)
  return { ...made, server }
}

export async function listen(t: TestContext, server: Unstale, scopes = ['project:1'], since?: string): Promise<Stream> {
  const stream = await subscribe(t, server, { scopes, ...(since === undefined ? {} : { since }) })
  await stream.opened()
  return stream
}

const read = new WeakMap<Stream, number>()

/** What came since this was asked last. */
export const news = (stream: Stream): StreamEvent[] => stream.events.slice(read.get(stream) ?? 0)

export function take(stream: Stream): StreamEvent[] {
  const events = news(stream)
  read.set(stream, stream.events.length)
  return events
}

/** The keys that come up to the end of the tick that has this one. */
export async function until(stream: Stream, key: string): Promise<string[]> {
  await stream.until(key, () => {
    const events = news(stream)
    const at = events.findIndex((event) => keysAndResets([event]).includes(key))
    return at >= 0 && events.slice(at).some((event) => event.event === 'position')
  })
  return keysAndResets(take(stream))
}

export async function reset(stream: Stream): Promise<void> {
  await stream.until('a reset', () => news(stream).some((event) => event.event === 'reset'))
  take(stream)
}

export const why = async (server: Unstale): Promise<string> => (await readiness(server)).sources[0]?.why ?? ''

export const said = (server: Unstale, pattern: RegExp): Promise<string> =>
  poll(`${pattern}`, async () => {
    const sentence = await why(server)
    return pattern.test(sentence) ? sentence : null
  })

/** The server's side of a replication ends a moment after ours. */
export const released = (sql: (text: string) => Promise<string>): Promise<unknown> =>
  poll('a slot that nobody uses', async () => (await sql("SELECT active FROM pg_replication_slots WHERE slot_name = 'unstale'")) === 'f' || null)
