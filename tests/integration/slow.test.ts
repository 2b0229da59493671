/* Readers that are slow, or do not read at all: they cost the server nothing that grows, and miss nothing. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Publisher } from './lib/publisher.ts'
import { named, sequenceOf, staleKeys } from './lib/sse.ts'
import { config, serve, subscribe, type Unstale } from './lib/unstale.ts'
import { PATIENCE, SLOWER, sleep } from './lib/wait.ts'
import { Page, World } from './lib/world.ts'

const MIB = 1024 * 1024

/** Room for what is not the index: the parser's memory, sockets, the allocator's leftovers. */
const BESIDE = 6 * MIB

const ROWS = SLOWER === 1 ? 100_000 : 20_000

/** 100,000 distinct rows, 500 a transaction; fewer where no memory is measured. */
async function storm(server: Unstale, rows: (i: number) => { scope: string; key: unknown[] }, each?: (scope: string, key: unknown[]) => void): Promise<string> {
  const publisher = new Publisher(() => server.at)
  let last = ''
  for (let at = 0; at < ROWS; at += 5000) {
    const bodies = Array.from({ length: 10 }, (_, body) =>
      Array.from({ length: 500 }, (_, i) => {
        const { scope, key } = rows(at + 500 * body + i)
        each?.(scope, key)
        return { scope, keys: [key] }
      }),
    )
    last = (await publisher.pipeline(bodies)).at(-1) as string
  }
  publisher.close()
  return last
}

for (const [name, limits, budget, rows] of [
  [
    'one scope of the usual size',
    { index_memory: '4MiB' },
    4,
    (i: number) => ({ scope: 'project:1', key: ['tasks', i] }),
  ],
  [
    'one scope that may have a hundred thousand keys, and an index that may not',
    { index_memory: '4MiB', max_keys: 1_000_000 },
    4,
    (i: number) => ({ scope: 'project:1', key: ['tasks', i] }),
  ],
  [
    'a thousand scopes, of which the reader has fifty',
    { index_memory: '8MiB', max_keys: 1_000_000 },
    8,
    (i: number) => ({ scope: `project:${i % 1000}`, key: ['tasks', i] }),
  ],
] as const)
  test(`a subscriber that does not read while 100,000 rows change costs no more than the index may: ${name}`, async (t) => {
    const server = await serve(t, config({ limits: { ...limits, stalled: '5m' } }))
    const scopes = Array.from({ length: 50 }, (_, i) => `project:${i}`)
    const world = new World([], [], 0)
    const page = new Page(world, 'the page')
    const stream = await subscribe(t, server, { scopes })
    stream.onEvent = (event) => page.take(event)
    await stream.opened()
    page.take(stream.events[0] as (typeof stream.events)[0])
    stream.pause()
    // What the first bodies cost is no growth: buffers and arenas that are used again.
    await storm(server, (i) => ({ scope: `other:${i % 10}`, key: ['x', i % 100] }))
    const before = server.rss()
    const last = await storm(server, rows, (scope, key) => world.create(scope, key[0], key[1]))
    const grown = server.rss() - before
    t.diagnostic(`grown by ${(grown / MIB).toFixed(1)} MiB, index ${((await server.metric('unstale_index_bytes')) / MIB).toFixed(1)} MiB`)
    assert.ok((await server.metric('unstale_index_bytes')) <= budget * MIB)
    if (SLOWER === 1) assert.ok(grown <= budget * MIB + BESIDE, `grown by ${(grown / MIB).toFixed(1)} MiB`)
    assert.equal(stream.ended, false, 'being slow is no reason to be closed')

    stream.read()
    await stream.reaches(last)
    page.same()
    // And it is live again.
    const live = await server.mark('project:1', ['live'])
    assert.ok(staleKeys(await stream.reaches(live)).includes('project:1 ["live"]'))
  })

test('two hundred subscribers that do not read cost little each', async (t) => {
  const server = await serve(t, config({ limits: { index_memory: '4MiB', max_keys: 10000, stalled: '5m' } }))
  const streams = await Promise.all(Array.from({ length: 200 }, (_, i) => subscribe(t, server, { scopes: ['all', `own:${i}`] })))
  for (const stream of streams) {
    await stream.opened()
    stream.pause()
  }
  await storm(server, (i) => ({ scope: 'other', key: ['x', i % 100] }))
  const before = server.rss()
  const last = await storm(server, (i) => ({ scope: 'all', key: [`k${i % 3000}`, 'p'.repeat(100)] }))
  const grown = server.rss() - before
  t.diagnostic(`grown by ${(grown / MIB).toFixed(1)} MiB for 200 readers`)
  if (SLOWER === 1) assert.ok(grown <= 4 * MIB + BESIDE + 200 * 20 * 1024, `grown by ${(grown / MIB).toFixed(1)} MiB`)
  for (const stream of streams) stream.read()
  for (const stream of streams) await stream.until('the end', () => stream.position !== null && sequenceOf(stream.position) >= sequenceOf(last), 4 * PATIENCE)
})

test('a reader that reads a little now and then gets on, and the quiet scopes are not starved by the noisy one', async (t) => {
  const server = await serve(t, config({ limits: { batch: '0', max_keys: 10000 } }))
  const scopes = ['noisy', 'quiet:1', 'quiet:2']
  const stream = await subscribe(t, server, { scopes })
  await stream.opened()
  // So little at a time that it is always behind: about 64 kB in 40 ms, while more than that comes.
  stream.socket.on('data', () => {
    stream.pause()
    setTimeout(() => stream.read(), 40)
  })
  const publisher = new Publisher(() => server.at)
  let noisy = 0
  let stop = false
  const noise = (async () => {
    while (!stop) {
      const bodies = Array.from({ length: 20 }, () => ({ scope: 'noisy', keys: Array.from({ length: 100 }, () => ['n', noisy++ % 4000, 'p'.repeat(120)]) }))
      await publisher.pipeline(bodies)
      await sleep(1)
    }
  })()
  const took: number[] = []
  const positions: number[] = []
  try {
    // On a busy machine it takes longer until it is behind.
    const behind = async (): Promise<boolean> => SLOWER > 1 || (await server.metric('unstale_cuts_total')) > 5
    for (let i = 0; i < 12 || (i < 100 && !(await behind())); i++) {
      const began = Date.now()
      const scope = `quiet:${(i % 2) + 1}`
      const position = await server.mark(scope, ['quiet', i])
      await stream.until(`${scope} ${i}`, () => staleKeys(stream.events.slice(-400), scope).includes(`["quiet",${i}]`) || staleKeys(stream.events, scope).includes(`["quiet",${i}]`), 2 * PATIENCE)
      await stream.until(`granted ${position}`, () => stream.position !== null && sequenceOf(stream.position) >= sequenceOf(position), 2 * PATIENCE)
      positions.push(sequenceOf(stream.position as string))
      took.push(Date.now() - began)
    }
  } finally {
    stop = true
    await noise
    publisher.close()
  }
  t.diagnostic(`${noisy} noisy marks, ${await server.metric('unstale_rounds_total')} rounds, quiet marks took ${took.join(', ')} ms`)
  if (SLOWER === 1) assert.ok((await server.metric('unstale_cuts_total')) > 3, 'it was behind')
  const granted = named(stream.events, 'position').map((event) => sequenceOf(event.position))
  for (let i = 1; i < granted.length; i++) assert.ok((granted[i] as number) > (granted[i - 1] as number), 'the position strictly rises')
})

test('a peer that accepts no byte for `stalled` is closed, and resumes without a loss', async (t) => {
  const server = await serve(t, config({ limits: { stalled: '700ms', heartbeat: '200ms', max_keys: 100000 } }))
  const slow = await subscribe(t, server, { scopes: ['a'] })
  const ready = await slow.opened()
  const quiet = await subscribe(t, server, { scopes: ['b'] })
  await quiet.opened()
  slow.pause()
  const publisher = new Publisher(() => server.at)
  const marks: string[] = []
  for (let round = 0; (await server.metric('unstale_subscribers')) === 2; round++) {
    assert.ok(round < 2000, 'it was never closed')
    await publisher.publish({ scope: 'a', keys: Array.from({ length: 50 }, (_, i) => ['k', marks.push('x'), i, 'p'.repeat(200)]) })
    await sleep(5)
  }
  publisher.close()
  assert.equal(quiet.ended, false, 'who reads is not closed')
  slow.cut()
  const answer = await server.greeting({ scopes: ['a'], since: ready.data.position })
  assert.equal(answer.scopes['a'], 'exact')
})

test('a reader that dies while it is behind leaves nothing', async (t) => {
  const server = await serve(t, config({ limits: { index_memory: '4MiB', max_keys: 10000 } }))
  for (let round = 0; round < 5; round++) {
    const streams = await Promise.all(Array.from({ length: 20 }, () => subscribe(t, server, { scopes: ['a', 'b'] })))
    for (const stream of streams) {
      await stream.opened()
      stream.pause()
    }
    for (let i = 0; i < 60; i++)
      await server.publish([
        { scope: 'a', keys: Array.from({ length: 60 }, (_, k) => ['k', i, k, 'p'.repeat(200)]) },
        { scope: 'b', keys: [['x', i]] },
      ])
    for (const stream of streams) stream.cut()
  }
  for (let subscribers = 1; subscribers > 0; ) {
    await sleep(100)
    subscribers = await server.metric('unstale_subscribers')
  }
  assert.equal(await server.metric('unstale_subscribers_behind'), 0)
  assert.equal(await server.metric('unstale_audience_scopes'), 0)
})
