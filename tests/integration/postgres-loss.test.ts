/* Nothing that was committed goes unseen, whatever breaks: PostgreSQL is stopped, killed and started again, unstale is
 * killed, its connections are ended, cut and frozen, while others write. A page that refetches exactly what it is told to
 * must have everything again after each of these.
 *
 * UNSTALE_LOSS_SECONDS (60) is how long each kind of capture is tried, UNSTALE_TEST_SEED another run. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { setupPostgres } from './lib/follow-postgres.ts'
import { type Freezer, freezer } from './lib/freezer.ts'
import { type Postgres, postgres, type Session } from './lib/postgres.ts'
import { Random, SEED } from './lib/random.ts'
import { Stream, type StreamEvent } from './lib/sse.ts'
import { type Config, config, directory, launch, type Unstale } from './lib/unstale.ts'
import { poll, SLOWER, sleep } from './lib/wait.ts'

const SECONDS = Number(process.env['UNSTALE_LOSS_SECONDS'] ?? '60')

const ROOMS = [0, 1, 2, 3]
const SCOPES = [...ROOMS.map((room) => `room:${room}`), 'sentinel']
const WRITERS = 3

/** How long silence may take before unstale calls a connection dead. */
const TIMEOUT = 1000 * Math.ceil(SLOWER / 2)

const SCHEMA = `
  CREATE TABLE items(id int PRIMARY KEY, room int NOT NULL, version int NOT NULL);
  ALTER TABLE items REPLICA IDENTITY FULL;
  CREATE TABLE sentinel(id int PRIMARY KEY);`

const RULES = {
  items: { id: 'id', scope: ['room:{room}'], stale: [['item', '{id}']] },
  sentinel: { id: 'id', scope: ['sentinel'], stale: [['sentinel', '{id}']] },
}

/** id → version. */
type Rows = Map<number, number>

/** A page that shows all rooms, and fetches what is stale: one item, or a whole room. */
class Page {
  readonly rooms = new Map<number, Rows>(ROOMS.map((room) => [room, new Map()]))
  readonly #server: () => Unstale
  readonly #session: () => Session
  readonly #items = new Map<number, Set<number>>()
  readonly #whole = new Set<number>()
  #sentinelStale = true
  sentinel = -1
  #position: string | undefined
  #stream: Stream | null = null
  #stopped = false
  readonly #lives: Promise<unknown>
  /** How often it was told of one item; of so much that it fetched a room. */
  exact = 0
  wide = 0

  constructor(server: () => Unstale, session: () => Session) {
    this.#server = server
    this.#session = session
    this.#lives = Promise.all([this.#listen(), this.#fetch()])
  }

  async #listen(): Promise<void> {
    while (!this.#stopped) {
      const stream = new Stream(this.#server().at, { scopes: SCOPES, since: this.#position })
      this.#stream = stream
      stream.onEvent = (event) => this.#take(event)
      await stream.until('its end', () => stream.ended || stream.error !== null, 1 << 30)
      this.#position = stream.position ?? this.#position
      stream.cut()
      if (!this.#stopped) await sleep(20)
    }
  }

  /** Its connection breaks off. */
  cut(): void {
    this.#stream?.cut()
  }

  #stale(scope: string, key: readonly unknown[]): void {
    if (scope === 'sentinel' || scope === '*') this.#sentinelStale = true
    for (const room of ROOMS) {
      if (scope !== `room:${room}` && scope !== 'room:*' && scope !== '*') continue
      const id = key[1]
      if (key[0] !== undefined && key[0] !== 'item') continue
      if (typeof id === 'number') this.#items.set(room, (this.#items.get(room) ?? new Set()).add(id))
      else this.#whole.add(room)
      if (typeof id === 'number') this.exact++
      else this.wide++
    }
  }

  #take(event: StreamEvent): void {
    if (event.event === 'stale') for (const key of event.data.keys) this.#stale(event.data.scope, key)
    if (event.event === 'reset') for (const scope of event.data.scopes) this.#stale(scope, [])
    if (event.event === 'ready') for (const [scope, standing] of Object.entries(event.data.scopes)) if (standing !== 'exact') this.#stale(scope, [])
  }

  get idle(): boolean {
    return this.#items.size === 0 && this.#whole.size === 0 && !this.#sentinelStale
  }

  async #fetch(): Promise<void> {
    let session: Session | null = null
    while (!this.#stopped) {
      if (this.idle) {
        await sleep(5)
        continue
      }
      const items = new Map(this.#items)
      const whole = new Set(this.#whole)
      const sentinel = this.#sentinelStale
      this.#items.clear()
      this.#whole.clear()
      this.#sentinelStale = false
      try {
        session ??= this.#session()
        await this.#fetchThese(session, items, whole, sentinel)
      } catch {
        session?.kill()
        session = null
        for (const [room, ids] of items) for (const id of ids) this.#items.set(room, (this.#items.get(room) ?? new Set()).add(id))
        for (const room of whole) this.#whole.add(room)
        this.#sentinelStale ||= sentinel
        await sleep(50)
      }
    }
    session?.kill()
  }

  async #fetchThese(session: Session, items: Map<number, Set<number>>, whole: Set<number>, sentinel: boolean): Promise<void> {
    if (sentinel) this.sentinel = Number(await session.sql('SELECT coalesce(max(id), -1) FROM sentinel'))
    for (const room of whole) this.rooms.set(room, await rowsOf(session, `room = ${room}`))
    for (const [room, ids] of items) {
      if (whole.has(room)) continue
      const found = await rowsOf(session, `room = ${room} AND id IN (${[...ids].join()})`)
      const copy = this.rooms.get(room) as Rows
      for (const id of ids) copy.delete(id)
      for (const [id, version] of found) copy.set(id, version)
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.cut()
    await this.#lives
  }
}

async function rowsOf(session: Session, where: string): Promise<Rows> {
  const out = await session.sql(`SELECT id, version FROM items WHERE ${where}`)
  return new Map(out === '' ? [] : out.split('\n').map((line) => line.split('|').map(Number) as [number, number]))
}

/** Several connections that commit at random, and are made again when they break. */
class Writers {
  readonly #session: () => Session
  readonly #random: Random
  #next = 0
  #paused = false
  #busy = 0
  #stopped = false
  readonly #lives: Promise<unknown>
  commits = 0
  failures = 0

  constructor(session: () => Session, random: Random) {
    this.#session = session
    this.#random = random
    this.#lives = Promise.all(Array.from({ length: WRITERS }, () => this.#live()))
  }

  #statement(): string {
    const below = (n: number): number => this.#random.below(n)
    const room = below(ROOMS.length)
    const some = below(Math.max(1, this.#next))
    switch (below(10)) {
      case 0:
        return `DELETE FROM items WHERE id = ${some}`
      case 1:
      case 2:
        return `UPDATE items SET room = ${room}, version = version + 1 WHERE id = ${some}`
      case 3:
        return `UPDATE items SET version = version + 1 WHERE id = ${some}`
      default:
        return `INSERT INTO items VALUES (${this.#next++}, ${room}, 0)`
    }
  }

  async #live(): Promise<void> {
    let session: Session | null = null
    while (!this.#stopped) {
      if (this.#paused) {
        await sleep(5)
        continue
      }
      this.#busy++
      try {
        session ??= this.#session()
        const statements = Array.from({ length: 1 + this.#random.below(3) }, () => this.#statement())
        const kept = !this.#random.chance(10)
        await session.sql(`BEGIN; ${statements.join('; ')}; ${kept ? 'COMMIT' : 'ROLLBACK'}`)
        if (kept) this.commits++
      } catch {
        /* Whether it was committed nobody knows: the tables will tell. A deadlock leaves the session whole. */
        this.failures++
        session?.kill()
        session = null
      } finally {
        this.#busy--
      }
      await sleep(this.#random.below(20))
    }
    session?.kill()
  }

  async pause(): Promise<void> {
    this.#paused = true
    await poll('writers that rest', () => this.#busy === 0, 120_000)
  }

  resume(): void {
    this.#paused = false
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#lives
  }
}

interface Life {
  t: TestContext
  random: Random
  database: Postgres
  ice: Freezer
  server: Unstale
  settings: Config
  dir: string
}

async function again(life: Life): Promise<void> {
  life.server = await launch(life.t, life.settings, { dir: life.dir }).started()
}

/** What may break, and how it is mended. */
const FAULTS: [name: string, fault: (life: Life) => Promise<void>][] = [
  ['PostgreSQL stops and starts', ({ database }) => database.restart('fast')],
  ['PostgreSQL stops at once', ({ database }) => database.restart('immediate')],
  ['PostgreSQL is killed', ({ database }) => database.restart('kill')],
  [
    'PostgreSQL is away for a while',
    async ({ database, random }) => {
      await database.stop('kill')
      await sleep(random.below(3000))
      await database.start()
    },
  ],
  [
    'unstale is killed',
    async (life) => {
      await life.server.kill()
      await sleep(life.random.below(500))
      await again(life)
    },
  ],
  [
    'unstale is stopped',
    async (life) => {
      await life.server.stop()
      await sleep(life.random.below(500))
      await again(life)
    },
  ],
  ['the replication connection is terminated', async ({ database }) => void (await database.terminate("backend_type = 'walsender'"))],
  ["all of unstale's connections are terminated", async ({ database }) => void (await database.terminate("application_name <> 'psql' AND backend_type IN ('walsender', 'client backend')"))],
  ['all connections are terminated', async ({ database }) => void (await database.terminate("backend_type IN ('walsender', 'client backend')"))],
  ['connections break off', async ({ ice }) => ice.cut()],
  [
    'the network freezes for longer than the time-outs',
    async ({ ice, random }) => {
      ice.freeze()
      await sleep(2 * TIMEOUT + random.below(2 * TIMEOUT))
      ice.thaw()
    },
  ],
  [
    'the network freezes for a moment',
    async ({ ice, random }) => {
      ice.freeze()
      await sleep(random.below(TIMEOUT / 2))
      ice.thaw()
    },
  ],
  [
    'the network freezes, PostgreSQL is killed meanwhile',
    async ({ ice, database, random }) => {
      ice.freeze()
      await sleep(random.below(TIMEOUT))
      await database.restart('kill')
      ice.thaw()
    },
  ],
  [
    'unstale is killed while PostgreSQL is away',
    async (life) => {
      await life.database.stop('kill')
      await life.server.kill()
      await again(life)
      await sleep(life.random.below(1000))
      await life.database.start()
    },
  ],
]

function shown(rows: Map<number, Rows>): string[] {
  return [...rows].flatMap(([room, copies]) => [...copies].map(([id, version]) => `${room}: ${id} v${version}`)).sort()
}

/** Everything is whole again and nobody writes: the page must show what is there. */
async function same(life: Life, page: Page, after: string[], number: number): Promise<void> {
  const { database } = life
  await poll(
    'a sentinel that is written',
    () =>
      database.sql(`INSERT INTO sentinel VALUES (${number}) ON CONFLICT DO NOTHING`, 'app').then(
        () => true,
        () => false,
      ),
    60_000,
  )
  await poll(`a page that knows sentinel ${number} after: ${after.slice(-4).join('; ')}. ${life.server.lines.slice(-8).join('\n')}`, () => page.sentinel >= number, 60_000 * SLOWER)
  const session = database.session('app')
  const there = new Map<number, Rows>()
  for (const room of ROOMS) there.set(room, await rowsOf(session, `room = ${room}`))
  session.kill()
  const expected = shown(there)
  const isSame = (): boolean => page.idle && shown(page.rooms).join() === expected.join()
  await poll('a page that shows what is there', isSame, 5000 * SLOWER).catch(() => {
    assert.deepEqual(shown(page.rooms), expected, `seed ${SEED}, after: ${after.slice(-6).join('; ')}`)
  })
}

async function trial(t: TestContext, source: Record<string, unknown>, seconds: number): Promise<void> {
  const random = new Random(SEED)
  t.diagnostic(`seed ${SEED}, ${seconds} s`)
  const database = await postgres(t, { settings: { wal_sender_timeout: '2s', max_slot_wal_keep_size: '1GB', tcp_keepalives_idle: '1' } })
  const ice = await freezer(t, () => database.port)
  await database.database('app', SCHEMA)
  const dir = directory(t)
  const settings = config({
    sources: [{ postgres: database.url('app', ice.port), timeout: `${TIMEOUT}ms`, ...source }],
    rules: RULES,
    state: './unstale.state',
    limits: { max_keys: 5000, spread: '0' },
  })
  await setupPostgres(dir, database.url('app'), settings)
  const life: Life = { t, random, database, ice, dir, settings, server: await launch(t, settings, { dir }).started() }
  const page = new Page(
    () => life.server,
    () => database.session('app'),
  )
  cleanup(t, () => page.stop())
  const writers = new Writers(() => database.session('app'), new Random(SEED + 1))
  cleanup(t, () => writers.stop())

  const happened: string[] = []
  let rounds = 0
  for (const end = Date.now() + seconds * 1000; Date.now() < end; rounds++) {
    /* One fault, or several before anybody has recovered from the first. */
    for (let n = random.chance(30) ? 2 + random.below(2) : 1; n > 0; n--) {
      await sleep(random.below(700))
      const [name, fault] = random.of(FAULTS)
      happened.push(name)
      await fault(life)
      if (random.chance(20)) page.cut()
    }
    await sleep(random.below(1500))
    await writers.pause()
    await same(life, page, happened, rounds)
    writers.resume()
  }
  t.diagnostic(`${rounds} rounds, ${happened.length} faults, ${writers.commits} commits, ${writers.failures} broken off, ${page.exact} exact marks, ${page.wide} rooms`)
  assert.ok(writers.commits > 10 * rounds, 'hardly anything was written')
  assert.ok(page.exact > 0, 'everything was a reset')
}

test('logical, temporary slot: every commit is covered by what a page was told', (t) => trial(t, { capture: 'logical' }, SECONDS))

test('logical, permanent slot: the same', (t) => trial(t, { capture: 'logical', slot: 'permanent' }, SECONDS / 2))

test('notify: the same', (t) => trial(t, { capture: 'notify' }, SECONDS))
