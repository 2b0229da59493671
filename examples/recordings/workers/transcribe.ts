/* The worker that transcribes recordings: a process of its own, which takes what is queued out of the database, says by notices how
 * far it is, and writes the status into the row. It knows nothing of pages and of query keys.
 *
 *   node examples/recordings/workers/transcribe.ts DATABASE UNSTALE-URL
 *
 * STEP_MS is how long a tenth of a recording takes, 300 by default. What was queued before it started stays as it is.
 */

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MS = 100
/* The next job is worth more than an answer that does not come. */
const ANSWER_MS = 10_000
const STEPS = 10
const STEP_MS = Number(process.env['STEP_MS'] ?? 300)

const [database, unstale] = process.argv.slice(2)
if (!database || !unstale) {
  console.error('usage: transcribe.ts DATABASE UNSTALE-URL')
  process.exit(2)
}
const db = new DatabaseSync(database, { timeout: 5000 })
const startedAt = Date.now()

const take = db.prepare(
  "UPDATE recordings SET status = 'transcribing' WHERE id = (SELECT id FROM recordings WHERE status = 'queued' AND updated_at >= ? ORDER BY updated_at, id LIMIT 1) RETURNING id, title",
)
/* Whoever stopped it, or deleted the recording, is not overruled. */
const finish = db.prepare("UPDATE recordings SET status = 'ready' WHERE id = ? AND status = 'transcribing'")

/** A notice that does not arrive costs nothing but a step of the bar: the status is in the database, and its marks come from there. */
async function tell(id: string, percent: number): Promise<void> {
  try {
    const answer = await fetch(`${unstale}/v1/notices`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(ANSWER_MS),
      body: JSON.stringify({ scope: 'all', type: 'transcription_progress', data: { recordingId: id, percent } }),
    })
    if (!answer.ok) console.error(`${id}: unstale answered ${answer.status}: ${await answer.text()}`)
  } catch (error) {
    console.error(`${id}: unstale does not answer: ${String(error)}`)
  }
}

console.log(`waiting for recordings in ${database}`)
for (;;) {
  const recording = take.get(startedAt) as { id: string; title: string } | undefined
  if (!recording) {
    await sleep(LOOK_MS)
    continue
  }
  for (let step = 1; step <= STEPS; step++) {
    await sleep(STEP_MS)
    await tell(recording.id, (step * 100) / STEPS)
  }
  finish.run(recording.id)
  console.log(`${recording.id} is transcribed: ${recording.title}`)
}
