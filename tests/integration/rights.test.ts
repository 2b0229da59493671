/* Two users and three projects, in which rights change at random while rows change at random. No message of a scope may
 * ever reach somebody who could not read it at that commit, and nobody who could may be left out.
 *
 * What a page believes is modelled as pages are: a reset is a refetch, here a real one of the database, and what was
 * committed up to that is seen. UNSTALE_TEST_SEED makes another run. */

import assert from 'node:assert/strict'
import { after, test, type TestContext } from 'node:test'
import { Random, SEED } from './lib/random.ts'
import { as, finish, KINDS, rights, type Transport } from './lib/rights.ts'
import { type EventStream, Stream, type StreamEvent } from './lib/sse.ts'
import type { Unstale } from './lib/unstale.ts'
import { PATIENCE, poll } from './lib/wait.ts'
import { WebSocketStream } from './lib/ws.ts'
import { cleanup } from './lib/cleanup.ts'

after(finish)

const CHANGES = 10_000
const USERS = ['ada', 'eve']
const PROJECTS = [1, 2, 3]

/** Each change has a key of its own: none of them may be widened. */
const LIMITS = { max_keys: 100_000 }

type Sql = (text: string) => Promise<string>

/** What is true, commit by commit. */
class Truth {
  /** Who is a member of what, after the last commit that was written. */
  readonly members = new Map<string, Set<number>>(USERS.map((user) => [user, new Set<number>()]))
  /** The project of each change, and who could read it at its commit; the change's number is the index. */
  readonly project: number[] = [0]
  readonly readers: Set<string>[] = [new Set()]

  get last(): number {
    return this.project.length - 1
  }
}

/** The rows that are there, as pages fetch them; questions that come together are asked once. */
class Rows {
  readonly #sql: Sql
  #under: Promise<number> | null = null
  #next: Promise<number> | null = null

  constructor(sql: Sql) {
    this.#sql = sql
  }

  /** The newest change that a fetch that begins now sees. */
  fetch(): Promise<number> {
    if (!this.#under) {
      this.#under = this.#ask()
      return this.#under
    }
    // What is under way may have begun before.
    this.#next ??= this.#under.then(() => this.#ask())
    return this.#next
  }

  async #ask(): Promise<number> {
    this.#next = null
    const answer = this.#sql('SELECT coalesce(max(id), 0) FROM tasks;').then(Number)
    this.#under = answer
    try {
      return await answer
    } finally {
      if (this.#under === answer && !this.#next) this.#under = null
    }
  }
}

class Page {
  readonly name: string
  readonly user: string
  readonly #truth: Truth
  readonly #rows: Rows
  readonly #connect: () => EventStream
  readonly held = new Set<number>()
  readonly told = new Set<number>()
  /** Up to this change a fetch has seen it, by project. */
  readonly seen = new Map<number, number>()
  readonly fetching = new Set<Promise<void>>()
  readonly wrong: string[] = []
  stream: EventStream
  resets = 0
  revoked = 0
  sentinels = 0
  #stopped = false

  constructor(name: string, user: string, truth: Truth, rows: Rows, connect: () => EventStream) {
    this.name = name
    this.user = user
    this.#truth = truth
    this.#rows = rows
    this.#connect = connect
    this.stream = this.open()
  }

  open(): EventStream {
    this.held.clear()
    const stream = this.#connect()
    stream.onEvent = (event) => {
      if (stream === this.stream) this.#take(event)
    }
    this.stream = stream
    return stream
  }

  #fetch(project: number): void {
    const fetched = this.#rows.fetch().then((newest) => {
      this.seen.set(project, Math.max(newest, this.seen.get(project) ?? 0))
      this.fetching.delete(fetched)
    })
    this.fetching.add(fetched)
  }

  #take(event: StreamEvent): void {
    if (event.event === 'ready') {
      for (const [scope, standing] of Object.entries(event.data.scopes)) {
        if (!scope.startsWith('project:')) continue
        const project = Number(scope.slice(8))
        this.held.add(project)
        if (standing !== 'exact') {
          this.resets++
          this.#fetch(project)
        }
      }
    } else if (event.event === 'reset') {
      for (const scope of event.data.scopes) for (const project of this.held) if (scope === `project:${project}` || scope.endsWith('*')) this.#fetch(project)
    } else if (event.event === 'revoked') {
      this.held.delete(Number(event.data.scope.slice(8)))
      this.revoked++
    } else if (event.event === 'stale' && event.data.scope === 'all') {
      this.sentinels++
    } else if (event.event === 'stale') {
      const project = Number(event.data.scope.slice(8))
      if (!this.held.has(project)) this.wrong.push(`${event.data.scope} is not held: ${JSON.stringify(event.data)}`)
      for (const key of event.data.keys) {
        const change = key[1] as number
        this.told.add(change)
        if (this.#truth.project[change] !== project) this.wrong.push(`change ${change} is not of project ${project}`)
        if (!this.#truth.readers[change]?.has(this.user)) this.wrong.push(`change ${change} of project ${project} was none of ${this.user}'s`)
      }
    }
  }

  /** Comes back by itself until it is stopped. */
  async live(random: Random): Promise<void> {
    while (!this.#stopped) {
      const stream = this.stream
      const end = random.chance(50) ? Date.now() + 200 + random.below(3000) : Infinity
      await stream.until('its end', () => stream.ended || this.#stopped || Date.now() > end, 100 * PATIENCE)
      if (stream.error) throw stream.error
      if (this.#stopped) break
      ;(stream as Stream).cut()
      this.open()
    }
  }

  stop(): void {
    this.#stopped = true
    this.stream.onEvent = null
    ;(this.stream as Stream).cut()
  }

  check(): void {
    assert.deepEqual(this.wrong.slice(0, 5), [], this.name)
    const members = this.#truth.members.get(this.user)
    for (let change = 1; change <= this.#truth.last; change++) {
      const project = this.#truth.project[change] as number
      if (!members?.has(project) || !this.#truth.readers[change]?.has(this.user)) continue
      const covered = this.told.has(change) || change <= (this.seen.get(project) ?? 0)
      assert.ok(covered, `${this.name} was left out of change ${change} of project ${project} (a fetch has seen ${this.seen.get(project)})`)
    }
  }
}

/** One transaction, most of them small; what is true is noted before it is written. */
function transaction(random: Random, truth: Truth): string {
  const statements: string[] = []
  const changes: [number, number][] = []
  for (let n = random.chance(20) ? 1 + random.below(6) : 1; n > 0; n--) {
    if (random.chance(12)) {
      const user = random.of(USERS)
      const project = random.of(PROJECTS)
      const mine = truth.members.get(user) as Set<number>
      if (mine.delete(project)) {
        statements.push(
          random.chance(50)
            ? `DELETE FROM project_members WHERE user_id = '${user}' AND project_id = ${project}`
            : `UPDATE project_members SET gone = 1 WHERE user_id = '${user}' AND project_id = ${project}`,
        )
      } else {
        mine.add(project)
        statements.push(`INSERT INTO project_members(project_id, user_id) VALUES (${project}, '${user}') ON CONFLICT (project_id, user_id) DO UPDATE SET gone = NULL`)
      }
    } else {
      const project = random.of(PROJECTS)
      truth.project.push(project)
      truth.readers.push(new Set())
      changes.push([truth.last, project])
      statements.push(`INSERT INTO tasks(id, project_id) VALUES (${truth.last}, ${project})`)
    }
  }
  for (const [change, project] of changes) for (const user of USERS) if (truth.members.get(user)?.has(project)) truth.readers[change]?.add(user)
  return statements.length === 1 ? `${statements[0]};` : `BEGIN; ${statements.join('; ')}; COMMIT;`
}

interface Trial {
  server: Unstale
  write: Sql
  read: Sql
}

function connect(server: Unstale, transport: Transport, user: string): EventStream {
  const asked = { scopes: [`user:${user}`, 'all', 'project:*'], headers: as(user) }
  return transport === 'SSE' ? new Stream(server.at, asked) : new WebSocketStream(server.at, asked)
}

async function trial(t: TestContext, { server, write, read }: Trial): Promise<void> {
  t.diagnostic(`UNSTALE_TEST_SEED=${SEED}`)
  const random = new Random(SEED)
  const truth = new Truth()
  const rows = new Rows(read)
  const pages: Page[] = []
  for (const user of USERS)
    for (const transport of ['SSE', 'WebSocket'] as const)
      for (const n of [1, 2]) pages.push(new Page(`${transport} ${n} of ${user}`, user, truth, rows, () => connect(server, transport, user)))
  cleanup(t, () => pages.forEach((page) => page.stop()))
  // The first of each stays for the whole time; the others come and go.
  const lives = pages.filter((page) => page.name.includes(' 2 ')).map((page) => page.live(new Random(random.below(1 << 30))))
  for (const page of pages) await page.stream.until('opened', () => page.stream.status !== 0)

  while (truth.last < CHANGES) await write(transaction(random, truth))
  for (const page of pages) assert.deepEqual(page.wrong.slice(0, 5), [], page.name)

  await poll(
    'everybody holds what he may read, and nothing else',
    () => pages.every((page) => JSON.stringify([...page.held].sort()) === JSON.stringify([...(truth.members.get(page.user) ?? [])].sort())),
    2 * PATIENCE,
  )
  const before = pages.map((page) => page.sentinels)
  await write('INSERT INTO sentinel(id) VALUES (1);')
  await poll('the sentinel', () => pages.every((page, i) => page.sentinels > (before[i] ?? 0) || page.stream.ended), 2 * PATIENCE)
  for (const page of pages) await Promise.all(page.fetching)
  for (const page of pages) page.check()
  for (const page of pages) page.stop()
  await Promise.all(lives)
  assert.ok(pages.every((page) => page.resets > 10))
  /* A right that was gone for less than a question takes was never missed, so how many are depends on the machine. */
  assert.ok(pages.reduce((sum, page) => sum + page.revoked, 0) > 10)
}

for (const kind of KINDS) {
  for (const threads of [1, 2]) {
    test(`${kind}, delivery threads: ${threads}`, async (t) => {
      const { server, database } = await rights(t, kind, { threads, limits: LIMITS })
      await trial(t, { server, write: await database.open(t), read: await database.open(t) })
    })
  }
}
