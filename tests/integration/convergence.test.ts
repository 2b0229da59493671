/* Pages that come, go, read slowly and are cut anywhere, under a stream of random changes: none may ever lack what it
 * believes to have, and in the end all show what is there.
 *
 * UNSTALE_TEST_SECONDS makes them longer, UNSTALE_TEST_SEED another run. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { Publisher } from './lib/publisher.ts'
import { Random, SEED } from './lib/random.ts'
import { epochOf, sequenceOf, Stream } from './lib/sse.ts'
import { type Config, config, directory, launch, serve, type Unstale } from './lib/unstale.ts'
import { PATIENCE, poll, SLOWER, sleep } from './lib/wait.ts'
import { type Laid, Page, World } from './lib/world.ts'

const SECONDS = Number(process.env['UNSTALE_TEST_SECONDS'] ?? '4')

/** Few things, changed again and again; and for the heavy trial many scopes with things that are changed once, so that no
 * later change covers up for a lost one. */
const SCOPES = [...Array.from({ length: 12 }, (_, i) => `project:${i}`), 'user:1', 'user:2', 'all']

const MANY = Array.from({ length: 100 }, (_, i) => `project:${i}`)

interface Life {
  server: () => Unstale
  /** In percent: how often a page stops reading for long, so that the kernel's buffers fill up. */
  sleepy: number
  random: Random
  world: World
  stopped: boolean
}

/** One page's life: connections, each with an end that nobody planned. */
async function live(life: Life, page: Page, scopes: string[]): Promise<void> {
  const { random } = life
  let wanted = scopes.slice(0, 1 + random.below(scopes.length))
  while (!life.stopped) {
    const fresh = wanted.filter((scope) => !page.held.has(scope))
    const held = wanted.filter((scope) => page.held.has(scope))
    const limit = random.chance(40) ? 1 + random.below(4000) : Infinity
    const stream = new Stream(life.server().at, {
      ...(page.position === undefined ? { scopes: wanted } : { scopes: held, fresh, [random.chance(50) ? 'since' : 'lastEventId']: page.position }),
      limit,
    })
    stream.onEvent = (event) => page.take(event)
    const end = Date.now() + random.below(random.chance(80) ? 300 : 2000) * SLOWER
    while (!stream.ended && Date.now() < end && !life.stopped) {
      if (random.chance(life.sleepy)) {
        stream.pause()
        await sleep((300 + random.below(500)) * SLOWER)
        stream.read()
      } else if (random.chance(20)) {
        stream.pause()
        await sleep(random.below(150))
        stream.read()
      }
      await sleep(1 + random.below(40))
    }
    stream.cut()
    if (stream.error && (stream.error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw stream.error
    if (random.chance(20)) wanted = scopes.slice(0, Math.max(wanted.length, 1 + random.below(scopes.length)))
    if (random.chance(15)) await sleep(random.below(300))
    else if (stream.error) await sleep(20)
  }
}

/** Connects once more and reads to the end; then the page must be right. */
async function settle(life: Life, page: Page, last: string): Promise<void> {
  const stream = new Stream(life.server().at, page.position === undefined ? { scopes: ['all'] } : { scopes: [...page.held], since: page.position })
  stream.onEvent = (event) => page.take(event)
  try {
    await stream.until(
      `${page.name} at ${last}`,
      () => {
        if (stream.error) throw stream.error
        return page.position !== undefined && epochOf(page.position) === epochOf(last) && sequenceOf(page.position) >= sequenceOf(last)
      },
      4 * PATIENCE,
    )
  } finally {
    stream.cut()
  }
  page.same()
}

interface Mark {
  scope: string
  keys: unknown[][]
}

/** A transaction of a few marks of all widths. */
function change({ random, world }: Life): [Mark[], Laid[]] {
  const marks: Mark[] = []
  const laid: Laid[] = []
  for (let n = random.chance(10) ? random.below(30) : 1; n > 0; n--) {
    const scope = random.chance(3) ? random.of(['project:*', 'user:*', '*']) : random.of(SCOPES)
    const width = random.below(1000)
    const key = width < 3 ? [] : width < 60 ? [random.below(6)] : [random.below(6), random.below(20)]
    laid.push(...world.change(scope, key))
    marks.push({ scope, keys: [key] })
  }
  return [marks, laid]
}

/** A transaction of many new things. */
function creation({ random, world }: Life): [Mark[], Laid[]] {
  const marks: Mark[] = []
  const laid: Laid[] = []
  for (let n = 0; n < 30; n++) {
    const scope = random.of(MANY)
    const thing = `${world.version} ${'t'.repeat(90)}`
    laid.push(...world.create(scope, 0, thing))
    marks.push({ scope, keys: [[0, thing]] })
  }
  return [marks, laid]
}

/** Publishes until it is stopped. */
async function agitate(life: Life, publisher: Publisher, pause: number): Promise<number> {
  let published = 0
  for (; !life.stopped; published++) {
    const [marks, laid] = life.sleepy ? creation(life) : change(life)
    life.world.accepted(await publisher.publish(marks), laid)
    if (pause > 0) await sleep(life.random.below(pause))
  }
  return published
}

interface Trial {
  pages: number
  settings: Config
  /** Between two publishes of one publisher, at most. */
  pause: number
  /** More than the sockets take. */
  heavy?: boolean
  meanwhile?: (life: Life) => Promise<void>
  server?: Unstale
}

async function trial(t: TestContext, { pages: count, settings, pause, heavy, meanwhile, server: given }: Trial): Promise<void> {
  let server = given ?? (await serve(t, settings))
  const scopes = heavy ? MANY : SCOPES
  const life: Life = {
    server: () => server,
    sleepy: heavy ? 15 : 0,
    random: new Random(SEED),
    world: heavy ? new World(scopes, [0], 0) : new World(scopes, [0, 1, 2, 3, 4, 5], 20),
    stopped: false,
  }
  if (meanwhile) {
    const { server: current } = life
    life.server = () => restarted.get(life) ?? current()
  }
  cleanup(t, () => {
    life.stopped = true
  })
  const pages = Array.from({ length: count }, (_, i) => new Page(life.world, `page ${i} (seed ${SEED})`))
  const lives = pages.map((page, i) => {
    const own = Array.from({ length: 1 + life.random.below(heavy ? 80 : 6) }, () => life.random.of(scopes))
    return live(life, page, i % 3 === 0 && !heavy ? ['project:0', 'all'] : [...new Set(own)])
  })
  const publishers = [0, 1].map(() => new Publisher(() => life.server().at))
  const agitated = publishers.map((publisher) => agitate(life, publisher, pause))
  const ending = (async () => {
    if (meanwhile) await meanwhile(life)
    else await sleep(SECONDS * 1000)
    // On a busy machine it takes longer until the sockets are full.
    for (const end = Date.now() + 20_000; heavy && SLOWER === 1 && Date.now() < end; await sleep(200))
      if ((await server.metric('unstale_cuts_total')) > 40) break
    life.stopped = true
  })()
  try {
    await Promise.all([ending, ...lives, ...agitated])
  } finally {
    life.stopped = true
    await Promise.allSettled([...lives, ...agitated])
    for (const publisher of publishers) publisher.close()
  }
  server = life.server()
  const last = await server.settled()
  await Promise.all(pages.map((page) => settle(life, page, last)))
  const exacts = pages.reduce((sum, page) => sum + page.exacts, 0)
  const published = (await Promise.all(agitated)).reduce((sum, n) => sum + n, 0)
  assert.ok(published > 20, `only ${published} transactions`)
  assert.ok(exacts > 20, `only ${exacts} exact answers: the test shows nothing`)
  const cuts = await server.metric('unstale_cuts_total')
  if (heavy && SLOWER === 1) assert.ok(cuts > 20, `only ${cuts} writes that a socket did not take: the test shows nothing`)
  t.diagnostic(`${cuts} cuts, ${published} transactions, ${exacts} exact, ${pages.reduce((sum, page) => sum + page.resets, 0)} resets`)
}

/** The server of a life after a restart. */
const restarted = new WeakMap<Life, Unstale>()

test('two hundred pages with random ends converge', (t) => trial(t, { pages: 200, settings: config({ limits: { batch: '20ms' } }), pause: 10 }))

test('the same with no window, two threads and a storm of changes', (t) =>
  trial(t, { pages: 60, settings: config({ threads: 2, limits: { batch: '0' } }), pause: 0 }))

test('the same with an index so small that it forgets and widens all the time', (t) =>
  trial(t, { pages: 60, settings: config({ threads: 2, limits: { batch: '10ms', index_memory: '1MiB', max_keys: 8 } }), pause: 2 }))

test('the same with more than the sockets take: every message is cut somewhere', (t) =>
  trial(t, { pages: 40, settings: config({ threads: 2, limits: { batch: '0', max_keys: 1000 } }), pause: 4, heavy: true }))

test('the same over orderly restarts and crashes', async (t) => {
  const dir = directory(t)
  const first = await serve(t, config({ limits: { batch: '10ms' } }), { dir })
  const settings = config({ listen: `127.0.0.1:${first.at.port}`, limits: { batch: '10ms' } })
  await trial(t, {
    pages: 60,
    settings,
    pause: 5,
    server: first,
    meanwhile: async (life) => {
      let current = first
      const end = Date.now() + SECONDS * 1000
      for (let round = 0; Date.now() < end || round < 4; round++) {
        await sleep(400 + life.random.below(400))
        if (round % 3 === 2) await current.kill()
        else await current.stop()
        current = launch(t, settings, { dir })
        await current.started()
        restarted.set(life, current)
      }
      await poll('the new server answers', async () => (await current.ask('/v1/position')).status === 200)
      await sleep(300)
    },
  })
})
