/* The worker that embeds chunks: a process of its own, one chunk after the other, each in a transaction with the document's
 * counter. It knows nothing of pages.
 *
 *   node examples/documents/workers/embedding.ts DATABASE
 *
 * STEP_MS is how long one chunk takes, 250 by default.
 */

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MS = 100
const STEP_MS = Number(process.env['STEP_MS'] ?? 250)

const [database] = process.argv.slice(2)
if (!database) {
  console.error('usage: embedding.ts DATABASE')
  process.exit(2)
}
const db = new DatabaseSync(database, { timeout: 5000 })

const next = db.prepare(
  `SELECT c.id, c.document_id FROM chunks c JOIN documents d ON d.id = c.document_id
   WHERE d.status = 'embedding' AND c.embedded = 0 ORDER BY d.updated_at, c.number LIMIT 1`,
)
const embed = db.prepare('UPDATE chunks SET embedded = 1 WHERE id = ?')
const count = db.prepare('UPDATE documents SET embedded_chunks = embedded_chunks + 1 WHERE id = ?')
const whole = db.prepare(
  `SELECT id, project_id FROM documents WHERE status = 'embedding'
   AND NOT EXISTS (SELECT 1 FROM chunks WHERE document_id = documents.id AND embedded = 0)`,
)
const extract = db.prepare("UPDATE documents SET status = 'extracting' WHERE id = ? AND status = 'embedding'")
const queue = db.prepare(
  "INSERT INTO extraction_jobs (id, project_id, document_id) VALUES ('job_' || lower(hex(randomblob(6))), ?, ?)",
)

function inTransaction(work: () => void): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    work()
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

console.log(`waiting for chunks in ${database}`)
for (;;) {
  const chunk = next.get() as { id: string; document_id: string } | undefined
  if (!chunk) {
    for (const { id, project_id } of whole.all() as { id: string; project_id: string }[]) {
      inTransaction(() => {
        if (extract.run(id).changes > 0) queue.run(project_id, id)
      })
    }
    await sleep(LOOK_MS)
    continue
  }
  await sleep(STEP_MS)
  inTransaction(() => {
    if (embed.run(chunk.id).changes > 0) count.run(chunk.document_id)
  })
}
