/* A PostgreSQL for a demo: its own data directory, its own port. Says where it listens, and runs until it is asked to end.
 *
 *   node scripts/lib/demo-postgres.ts
 */

import { Postgres } from '../../tests/integration/lib/postgres.ts'

const server = new Postgres()
try {
  await server.create()
  await server.start()
  await server.database('app')
  console.log(`listening on ${server.url('app')}`)
  await new Promise((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
} finally {
  await server.finish()
}
