/* PostgreSQL does not stop in order before its walsenders have been confirmed everything, so unstale must never keep
 * something back that it cannot confirm while the server is stopped. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { followPostgres, keysAndResets } from './lib/follow-postgres.ts'
import { postgres } from './lib/postgres.ts'
import { readiness } from './lib/sqlite.ts'
import { subscribe } from './lib/unstale.ts'
import { PATIENCE, poll, SLOWER } from './lib/wait.ts'

/** Far below PostgreSQL's own patience, of which there is none. */
const STOP_MS = 8000 * SLOWER

for (const slot of ['temporary', 'permanent']) {
  test(`PostgreSQL stops though readers cannot see a commit yet (${slot} slot)`, async (t) => {
    const database = await postgres(t, { settings: { max_slot_wal_keep_size: '1GB' } })
    const { server, database: name } = await followPostgres(t, database, {
      schema: 'CREATE TABLE tasks(id int PRIMARY KEY, project_id int); ALTER TABLE tasks REPLICA IDENTITY FULL;',
      rules: { tasks: { id: 'id', scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } },
      source: { slot, timeout: '2s' },
    })
    const stream = await subscribe(t, server, { scopes: ['project:1'] })
    await stream.opened()
    await database.commitsWait(name)
    const writer = database.session(name).sql('INSERT INTO tasks VALUES (1, 1)').catch(() => 'broken off')
    await poll('a commit that readers cannot see', async () => (await readiness(server)).sources.some(({ why }) => /cannot be seen/.test(why)))
    const began = Date.now()
    await database.stop('fast')
    const took = Date.now() - began
    assert.ok(took < STOP_MS, `${took} ms`)
    await writer
    const from = stream.events.length
    await database.start()
    await database.set('synchronous_standby_names', '')
    await poll('a source that is current', async () => (await readiness(server)).status === 200, 4 * PATIENCE)
    // By recovery everybody sees it.
    await stream.until('a mark that covers it', () => keysAndResets(stream.events.slice(from)).some((key) => /^project:(1|\*) (\[\]|\["tasks",1\])$/.test(key)))
  })
}
