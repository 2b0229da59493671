/* The worker that takes facts out of documents whose chunks are embedded: a process of its own.
 *
 *   node examples/documents/workers/extraction.ts DATABASE
 *
 * STEP_MS is how long one document takes, 250 by default.
 */

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MS = 100
const STEP_MS = Number(process.env['STEP_MS'] ?? 250)
const KINDS = ['ship', 'person', 'place']

const [database] = process.argv.slice(2)
if (!database) {
  console.error('usage: extraction.ts DATABASE')
  process.exit(2)
}
const db = new DatabaseSync(database, { timeout: 5000 })

interface Job {
  id: string
  project_id: string
  document_id: string
}

const take = db.prepare(
  `UPDATE extraction_jobs SET status = 'running'
   WHERE id = (SELECT id FROM extraction_jobs WHERE status = 'queued' ORDER BY created_at, rowid LIMIT 1)
   RETURNING id, project_id, document_id`,
)
const forget = db.prepare('DELETE FROM graph_objects WHERE document_id = ?')
const find = db.prepare(
  "INSERT INTO graph_objects (id, project_id, document_id, kind, label) VALUES ('obj_' || lower(hex(randomblob(6))), ?, ?, ?, ?)",
)
const complete = db.prepare("UPDATE extraction_jobs SET status = 'completed', objects = ? WHERE id = ?")
const ready = db.prepare("UPDATE documents SET status = 'ready' WHERE id = ? RETURNING name")
const notify = db.prepare(
  "INSERT INTO notifications (id, project_id, text) VALUES ('note_' || lower(hex(randomblob(6))), ?, ?)",
)

function finish({ id, project_id, document_id }: Job): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    forget.run(document_id)
    for (const kind of KINDS) find.run(project_id, document_id, kind, `A ${kind} of ${document_id}`)
    complete.run(KINDS.length, id)
    const document = ready.get(document_id) as { name: string } | undefined
    if (document) notify.run(project_id, `${document.name} is ready`)
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

console.log(`waiting for jobs in ${database}`)
for (;;) {
  const job = take.get() as Job | undefined
  if (!job) {
    await sleep(LOOK_MS)
    continue
  }
  await sleep(STEP_MS)
  finish(job)
}
