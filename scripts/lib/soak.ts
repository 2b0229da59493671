/* A server under churn for a while: pages connect, subscribe, sleep and vanish; things change; the configuration is
 * reloaded. Nothing may grow, and no page may lack what it was told to have.
 *
 * `node scripts/lib/soak.ts MINUTES`, with UNSTALE_BUILD; usually by scripts/soak. */

import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import type { Result } from '../../bench/lib/load.ts'
import { type Rude, start } from '../../tests/integration/lib/programs.ts'
import { Publisher } from '../../tests/integration/lib/publisher.ts'
import { Random, SEED } from '../../tests/integration/lib/random.ts'
import { RudeSocket } from '../../tests/integration/lib/rude.ts'
import type { Stream } from '../../tests/integration/lib/sse.ts'
import { type Config, config, serve, type Unstale } from '../../tests/integration/lib/unstale.ts'
import { poll, sleep } from '../../tests/integration/lib/wait.ts'
import { Page, World } from '../../tests/integration/lib/world.ts'

const minutes = Number(process.argv[2] ?? '30')
if (!(minutes > 0)) throw new Error('how many minutes?')

const PAGES = 60
const SOCKETS = 20
const SCOPES = Array.from({ length: 24 }, (_, i) => `s${i % 4}:${i}`)
const GROUPS = ['a', 'b', 'c']
const MIB = 1024 * 1024
/** While strangers are there, and how many pages stay beside them. */
const RUDE_SECONDS = Math.min(300, Math.max(1, Math.floor(minutes * 60 - 5)))
const STAYING = 1000
const RATE = 40

const random = new Random(SEED)
const world = new World(SCOPES, GROUPS, 20)
const end = Date.now() + minutes * 60_000
const counts = { streams: 0, sockets: 0, marks: 0, notices: 0, reloads: 0, resumed: 0, strangers: 0 }
let over = false
let failure: unknown = null

function fails(error: unknown): void {
  failure ??= error
  over = true
}

const settings = (round: number): Config =>
  config({
    threads: 2,
    limits: {
      batch: round % 2 ? '20ms' : '5ms',
      heartbeat: '1s',
      stalled: '5s',
      /* Full soon, so that what grows later is not a ring that fills. */
      notices: 100,
      index_memory: '4MiB',
      max_keys: round % 3 ? 30 : 60,
      connections: 2000 + round,
    },
    rules: { tasks: { scope: ['s:{id}'], stale: [['tasks', Math.floor(round / 6)]] } },
  })

const finals: (() => void | Promise<void>)[] = []
/** What the library of the integration tests wants of a test. */
const context = { after: (step: () => void | Promise<void>) => finals.push(step) } as unknown as TestContext

const server = await serve(context, settings(0))

function descriptors(): number {
  return readdirSync(`/proc/${server.pid}/fd`).length
}

function resident(): number {
  const text = readFileSync(`/proc/${server.pid}/status`, 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024
}

// ---- the load ----

function listen(page: Page, stream: Stream): void {
  stream.onEvent = (event) => {
    try {
      page.take(event)
    } catch (error) {
      fails(error)
    }
  }
}

function open(page: Page, scopes: string[]): Stream {
  const stream = server.stream({
    ...(page.position === undefined ? { scopes } : { scopes: [...page.held], since: page.position }),
  })
  counts.streams++
  if (page.position !== undefined) counts.resumed++
  listen(page, stream)
  return stream
}

/** One tab: it comes, stays a little, sleeps, is cut off anywhere, and comes back as it was or as a new one. */
async function tab(number: number): Promise<void> {
  for (let page = new Page(world, `page ${number}`); !over; ) {
    const scopes = Array.from({ length: 1 + random.below(4) }, () => random.of(SCOPES))
    const stream = open(page, [...new Set(scopes)])
    await sleep(random.below(1500))
    if (random.chance(20)) {
      stream.pause()
      await sleep(random.below(2000))
      if (random.chance(50)) stream.read()
      await sleep(random.below(300))
    }
    if (stream.error) fails(stream.error)
    stream.onEvent = null
    stream.cut()
    if (random.chance(30)) page = new Page(world, `page ${number}`)
    await sleep(random.below(200))
  }
}

async function socket(): Promise<void> {
  while (!over) {
    const one = new RudeSocket(server.at, `scope=${encodeURIComponent(random.of(SCOPES))}`, random.chance(80))
    counts.sockets++
    await sleep(random.below(3000))
    if (random.chance(30)) one.socket.pause()
    await sleep(random.below(3000))
    one.cut()
  }
}

/** Strangers do their worst, and the pages that stay must not notice. */
async function strangers(): Promise<void> {
  const to = `${server.at.host}:${server.at.port}`
  const pages = start(context, 'bench/load', {
    server: to,
    path: '/v1/stream?scope=t:%d',
    subscribers: STAYING,
    topics: 20,
    'publish-path': '/v1/notices',
    'content-type': 'application/json',
    body: '{"scope":"t:%d","type":"m","data":"%b"}',
    rate: RATE,
    messages: RATE * RUDE_SECONDS,
    depth: 1000,
    'max-time': 2 * RUDE_SECONDS + 60,
    drain: 20,
  })
  const guests = start(context, 'tests/rude/rude', { server: to, seconds: RUDE_SECONDS, connections: 300, rate: 300 })
  const [result, met] = (await Promise.all([pages.said, guests.said])) as [Result, Rude]
  const { open, failed, refused, closed, lost, doubled } = result
  assert.deepEqual({ open, failed, refused, closed, lost, doubled }, { open: STAYING, failed: 0, refused: 0, closed: 0, lost: 0, doubled: 0 })
  assert.equal(met.smuggled, 0, JSON.stringify(met))
  counts.strangers = met.opened
}

async function publisher(): Promise<void> {
  const one = new Publisher(() => server.at)
  while (!over) {
    const family = random.chance(3)
    const scope = family ? `s${random.below(4)}:*` : random.of(SCOPES)
    const key = random.chance(2) ? [] : random.chance(10) ? [random.of(GROUPS)] : [random.of(GROUPS), random.below(20)]
    const laid = world.change(scope, key)
    world.accepted(await one.publish({ scope, keys: [key] }), laid)
    counts.marks++
    if (random.chance(10)) {
      await one.publish({ scope: random.of(SCOPES), type: 'note', data: { text: 'n'.repeat(random.below(500)) } }, '/v1/notices')
      counts.notices++
    }
    await sleep(random.below(20))
  }
  one.close()
}

async function operator(): Promise<void> {
  for (let round = 1; !over; round++) {
    await sleep(2000)
    if (over) break
    writeFileSync(server.file, round % 7 === 0 ? 'rules: [' : JSON.stringify(settings(round)))
    server.child.kill('SIGHUP')
    await poll('the end of a reload', async () => {
      const applied = await server.metric('unstale_reloads_total{result="applied"}')
      return applied + (await server.metric('unstale_reloads_total{result="refused"}')) >= round
    })
    counts.reloads++
    await server.admin('/debug/connections?limit=1000')
    await server.admin('/debug/scopes')
  }
}

const samples: { memory: number; files: number }[] = []

async function observer(): Promise<void> {
  for (let at = 0; !over; at++) {
    await sleep(1000)
    samples.push({ memory: resident(), files: descriptors() })
    if (Date.now() >= end) over = true
    if (server.exit) fails(new Error(`the server has ended: ${server.log.slice(-2000)}`))
    if (at % 60 === 59)
      console.log(`  … ${Math.round((end - Date.now()) / 60_000)} min to go, ${(resident() / MIB).toFixed(1)} MiB, ${descriptors()} descriptors, ${counts.streams} streams, ${counts.marks} marks`)
  }
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] as number

/** Everybody comes back, and has everything. */
async function settle(one: Unstale): Promise<void> {
  const pages = Array.from({ length: PAGES }, (_, i) => new Page(world, `last page ${i}`))
  const streams = pages.map((page, i) => open(page, [SCOPES[i % SCOPES.length] as string, SCOPES[(i + 7) % SCOPES.length] as string]))
  for (const stream of streams) await stream.until('ready', () => stream.events.length > 0)
  const last = new Publisher(() => one.at)
  for (const scope of SCOPES) {
    const laid = world.change(scope, ['a'])
    world.accepted(await last.publish({ scope, keys: [['a']] }), laid)
  }
  const position = await last.publish(SCOPES.map((scope) => ({ scope, keys: [['end']] })))
  last.close()
  for (const stream of streams) await stream.reaches(position)
  for (const page of pages) page.same()
  for (const stream of streams) stream.cut()
  await poll('nobody is left', async () => (await one.metric('unstale_subscribers')) === 0 && (await one.metric('unstale_connections')) <= 1, 30_000)
}

// ---- the run ----

const quiet = descriptors()
try {
  const load = [...Array.from({ length: PAGES }, (_, i) => tab(i)), ...Array.from({ length: SOCKETS }, () => socket()), publisher(), publisher(), strangers(), operator(), observer()]
  await Promise.all(load.map((one) => one.catch(fails)))
  if (failure) throw failure
  await settle(server)
  if (failure) throw failure

  const quarter = Math.floor(samples.length / 4)
  const early = samples.slice(quarter, 2 * quarter)
  const late = samples.slice(-quarter)
  const [before, after] = [median(early.map(({ memory }) => memory)), median(late.map(({ memory }) => memory))]
  const left = descriptors()
  assert.ok(after <= before * 1.1 + 2 * MIB, `memory grew from ${before} to ${after} bytes`)
  assert.ok(median(late.map(({ files }) => files)) <= median(early.map(({ files }) => files)) + 25, 'descriptors grew')
  assert.ok(left <= quiet + 8, `${left} descriptors are open with nobody there, ${quiet} at the start`)
  await server.stop()
  console.log(
    `soak: ${minutes} min, ${counts.streams} streams (${counts.resumed} resumed), ${counts.sockets} sockets, ${counts.marks} marks, ${counts.notices} notices, ` +
      `${counts.reloads} reloads, ${counts.strangers} strangers: memory ${(before / MIB).toFixed(1)} → ${(after / MIB).toFixed(1)} MiB, descriptors ${quiet} → ${left}, nothing lost (seed ${SEED})`,
  )
} catch (error) {
  console.log(`soak: failed (seed ${SEED}): ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
} finally {
  for (const step of finals.reverse()) await step()
}
process.exit()
