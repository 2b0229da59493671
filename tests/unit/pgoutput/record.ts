/* Records what PostgreSQL says about the statements of a script, for test_pg_relation and for the fuzz target's corpus.
 *
 *     node tests/unit/pgoutput/record.ts NAME.sql…    writes NAME.stream beside each
 *
 * A script is cut at lines that begin with "--= "; each part runs as psql would run it, on its own connection, and its
 * messages follow it as hexadecimal lines. What follows "> " in a recorded stream is what the messages mean: written by
 * `test_pg_relation --print NAME.stream`, and read by a person before it is committed. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { Postgres } from '../../integration/lib/postgres.ts'

interface Part {
  title: string
  sql: string
}

function parts(script: string): Part[] {
  return script
    .split(/^--= /m)
    .slice(1)
    .map((text) => ({ title: text.slice(0, text.indexOf('\n')), sql: text.slice(text.indexOf('\n') + 1).trim() }))
}

async function record(file: string): Promise<void> {
  const server = new Postgres()
  try {
    await server.create()
    await server.start()
    const lines: string[] = []
    for (const { title, sql } of parts(readFileSync(file, 'utf8'))) {
      await server.session().sql(sql)
      lines.push(`= ${title}`)
      if (title === 'setup') {
        await server.sql("SELECT pg_create_logical_replication_slot('recorded', 'pgoutput')")
        continue
      }
      const rows = await server.rows(
        "SELECT encode(data, 'hex') FROM pg_logical_slot_get_binary_changes('recorded', NULL, NULL, " +
          "'proto_version', '1', 'publication_names', 'recorded', 'messages', 'true')",
      )
      lines.push(...rows.map((hex) => `< ${hex}`))
    }
    writeFileSync(file.replace(/\.sql$/, '.stream'), `${lines.join('\n')}\n`)
  } finally {
    await server.finish()
  }
}

const files = process.argv.slice(2)
assert.ok(files.length > 0, 'usage: record.ts NAME.sql…')
for (const file of files) await record(file)
