/* The worker that makes podcasts: a process of its own, which takes jobs out of the database, writes what it made into it, and
 * says by a notice that a job is done. It knows nothing of pages and of query keys.
 *
 * That a notice has to be sent is written down with what it is about: who was not reached is told later, in the same order.
 *
 *   node examples/podcasts/workers/generate.ts DATABASE UNSTALE-URL
 *
 * WORK_MS is how long a job takes, 1500 by default.
 */

import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'

interface Job {
  id: string
  user_id: string
  podcast_id: string
  type: 'generate-podcast' | 'generate-script' | 'generate-audio'
}

const LOOK_MS = 100
/* The next job is worth more than an answer that does not come. */
const ANSWER_MS = 10_000
const TELL_AGAIN_MS = 500
const WORK_MS = Number(process.env['WORK_MS'] ?? 1500)

const [database, unstale] = process.argv.slice(2)
if (!database || !unstale) {
  console.error('usage: generate.ts DATABASE UNSTALE-URL')
  process.exit(2)
}
const db = new DatabaseSync(database, { timeout: 5000 })

const take = db.prepare(
  "UPDATE jobs SET status = 'running' WHERE id = (SELECT id FROM jobs WHERE status = 'queued' ORDER BY created_at, rowid LIMIT 1) RETURNING id, user_id, podcast_id, type",
)
const source = db.prepare('SELECT p.title, d.body FROM podcasts p LEFT JOIN documents d ON d.id = p.document_id WHERE p.id = ?')
const writeScript = db.prepare('UPDATE podcasts SET segments = ? WHERE id = ?')
const writeAudio = db.prepare('UPDATE podcasts SET audio_url = ? WHERE id = ?')
const ready = db.prepare("UPDATE podcasts SET status = 'ready' WHERE id = ?")
const complete = db.prepare("UPDATE jobs SET status = 'completed' WHERE id = ?")
const untold = db.prepare(
  "SELECT id, user_id, podcast_id, type FROM jobs WHERE status = 'completed' AND told = 0 ORDER BY created_at, rowid LIMIT 100",
)
const told = db.prepare('UPDATE jobs SET told = 1 WHERE id = ?')

function script(podcast: string): string {
  const { title, body } = (source.get(podcast) ?? {}) as { title?: string; body?: string }
  const sentences = (body ?? '').split(/(?<=\.)\s+/).filter((sentence) => sentence !== '')
  return JSON.stringify([
    { speaker: 'Host', text: `Today: ${title ?? 'nothing'}.` },
    ...sentences.map((text, index) => ({ speaker: index % 2 === 0 ? 'Guest' : 'Host', text })),
    { speaker: 'Host', text: 'That was all. Good night.' },
  ])
}

/** Everything of a job in one transaction, so that no page sees half of it. */
function finish(job: Job): void {
  db.exec('BEGIN IMMEDIATE')
  try {
    if (job.type !== 'generate-audio') writeScript.run(script(job.podcast_id), job.podcast_id)
    if (job.type !== 'generate-script') writeAudio.run(`/audio/${job.podcast_id}.mp3`, job.podcast_id)
    ready.run(job.podcast_id)
    complete.run(job.id)
    db.exec('COMMIT')
  } catch (error) {
    db.exec('ROLLBACK')
    throw error
  }
}

/** Why it did not arrive, or null. */
async function tell(job: Job): Promise<string | null> {
  try {
    const answer = await fetch(`${unstale}/v1/notices`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      signal: AbortSignal.timeout(ANSWER_MS),
      body: JSON.stringify({
        scope: `user:${job.user_id}`,
        type: 'job_completion',
        data: { jobId: job.id, jobType: job.type, status: 'ready', podcastId: job.podcast_id },
      }),
    })
    const said = `unstale answered ${answer.status}: ${await answer.text()}`
    /* What cannot be told as it is will not be told later either, and must not hold up the others. */
    if (answer.status === 400 || answer.status === 413) console.error(`job ${job.id} is not told: ${said}`)
    else if (!answer.ok) return said
    return null
  } catch (error) {
    return `unstale does not answer: ${String(error)}`
  }
}

let tellAgainAt = 0
let problem: string | null = null

async function tellAll(): Promise<void> {
  if (Date.now() < tellAgainAt) return
  for (const job of untold.all() as unknown as Job[]) {
    const before = problem
    problem = await tell(job)
    if (problem !== null) {
      if (problem !== before) console.error(`job ${job.id}: ${problem}`)
      tellAgainAt = Date.now() + TELL_AGAIN_MS
      return
    }
    told.run(job.id)
  }
}

console.log(`waiting for jobs in ${database}`)
for (;;) {
  const job = take.get() as Job | undefined
  if (job) {
    await sleep(WORK_MS)
    finish(job)
    console.log(`${job.type} of ${job.podcast_id} is done`)
  }
  await tellAll()
  if (!job) await sleep(LOOK_MS)
}
