/* A server that follows a database of a PostgreSQL, and what it tells about each statement. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import type { Postgres } from './postgres.ts'
import { current, unstale } from './sqlite.ts'
import { isWhole, staleKeys, type Stream, type StreamEvent } from './sse.ts'
import { type Config, config, directory, launch, subscribe, type Unstale } from './unstale.ts'

/** Whoever wants to know when he has everything holds the scope `sentinel`. */
const SENTINEL = 'CREATE TABLE sentinel(id serial PRIMARY KEY);'
const SENTINEL_RULE = { sentinel: { scope: ['sentinel'], stale: [['sentinel']] } }

export interface Follow {
  schema: string
  rules: Record<string, unknown>
  /** Of the source. */
  source?: Record<string, unknown>
  /** Of the whole. */
  more?: Config
  /** Of the database that is made; and of the server's way to it. */
  name?: string
  port?: number
}

export interface Followed {
  postgres: Postgres
  database: string
  settings: Config
  server: Unstale
  sql: (text: string) => Promise<string>
  /** The keys that streams with these scopes are told because of the statements, as "scope key", sorted; a reset is the
   * key []. */
  told: (scopes: string[], sql: string) => Promise<string[]>
}

/** What `unstale setup postgres` says, with the configuration that is given. */
export async function setupPostgres(dir: string, url: string, settings: Config, command: 'setup' | 'teardown' = 'setup'): Promise<void> {
  writeFileSync(join(dir, 'setup.yaml'), JSON.stringify(settings))
  const { code, err, out } = await unstale(dir, [command, 'postgres', url, '-c', 'setup.yaml', '--apply'])
  assert.equal(code, 0, `${err}${out}`)
}

export function keysAndResets(events: readonly StreamEvent[]): string[] {
  const resets = events.flatMap((event) => (event.event === 'reset' ? event.data.scopes.map((scope) => `${scope} []`) : []))
  return [...staleKeys(events), ...resets].filter((key) => !key.startsWith('sentinel ')).sort()
}

/** Everything that was committed up to now, seen by a stream that holds `sentinel`. */
export async function seen(sql: (text: string) => Promise<string>, stream: Stream): Promise<StreamEvent[]> {
  const from = stream.events.length
  const isSentinel = (event: StreamEvent): boolean =>
    (event.event === 'stale' && event.data.scope === 'sentinel') || (event.event === 'reset' && event.data.scopes.includes('sentinel'))
  await sql('INSERT INTO sentinel DEFAULT VALUES')
  await stream.until('the sentinel', () => stream.events.slice(from).some(isSentinel))
  await stream.until('its position', () => isWhole(stream.events))
  return stream.take()
}

let databases = 0

export async function followPostgres(t: TestContext, postgres: Postgres, asked: Follow): Promise<Followed> {
  const database = asked.name ?? `test_${process.pid}_${++databases}`
  await postgres.database(database, SENTINEL + asked.schema)
  const dir = directory(t)
  const settings = config({
    ...asked.more,
    sources: [{ postgres: postgres.url(database, asked.port), ...asked.source }, { publish: { open: true } }],
    rules: { ...SENTINEL_RULE, ...asked.rules },
  })
  await setupPostgres(dir, postgres.url(database), settings)
  const server = await launch(t, settings, { dir }).started()
  await current(server)
  const sql = (text: string): Promise<string> => postgres.sql(text, database)
  const streams = new Map<string, Stream>()
  const stream = async (scopes: string[]): Promise<Stream> => {
    const name = scopes.join()
    const open = streams.get(name)
    if (open) return open
    const made = await subscribe(t, server, { scopes: [...scopes, 'sentinel'] })
    await made.opened()
    streams.set(name, made)
    return made
  }
  return {
    postgres,
    database,
    settings,
    server,
    sql,
    told: async (scopes, text) => {
      const to = await stream(scopes)
      await seen(sql, to)
      await sql(text)
      return keysAndResets(await seen(sql, to))
    },
  }
}
