/* Many WebSockets: pages that come and go over both transports and are cut anywhere, what an idle one costs, and that
 * none leaves anything behind.
 *
 * UNSTALE_TEST_SECONDS makes it longer, UNSTALE_TEST_SEED another run. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { test } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { Publisher } from './lib/publisher.ts'
import { Random, SEED } from './lib/random.ts'
import { epochOf, sequenceOf, Stream } from './lib/sse.ts'
import { config, directory, open, serve, type Unstale } from './lib/unstale.ts'
import { PATIENCE, poll, SLOWER, sleep } from './lib/wait.ts'
import { closing, fragments, frame, OP, WebSocketStream } from './lib/ws.ts'
import { Page, World } from './lib/world.ts'

const SECONDS = Number(process.env['UNSTALE_TEST_SECONDS'] ?? '4')
const SCOPES = [...Array.from({ length: 12 }, (_, i) => `project:${i}`), 'user:1', 'user:2', 'all']

interface Life {
  server: Unstale
  random: Random
  world: World
  stopped: boolean
}

/** Over SSE: everything is said in the request. */
async function overSse(life: Life, page: Page, wanted: string[]): Promise<void> {
  const { random } = life
  const stream = new Stream(life.server.at, {
    ...(page.position === undefined ? { scopes: wanted } : { scopes: wanted.filter((scope) => page.held.has(scope)), fresh: wanted.filter((scope) => !page.held.has(scope)), since: page.position }),
    limit: random.chance(40) ? 1 + random.below(4000) : Infinity,
  })
  for (const scope of page.held) if (!wanted.includes(scope)) page.drop(scope)
  stream.onEvent = (event) => page.take(event)
  const end = Date.now() + random.below(600) * SLOWER
  while (!stream.ended && Date.now() < end && !life.stopped) await sleep(1 + random.below(40))
  stream.cut()
  if (stream.error) throw stream.error
}

/** Over a WebSocket: scopes in the request or in messages, and more of them later; some are given up. */
async function overWebSocket(life: Life, page: Page, wanted: string[]): Promise<void> {
  const { random } = life
  const held = wanted.filter((scope) => page.held.has(scope))
  const fresh = wanted.filter((scope) => !page.held.has(scope))
  const since = page.position
  for (const scope of page.held) if (!wanted.includes(scope)) page.drop(scope)
  const asked = random.below(3)
  const stream = new WebSocketStream(life.server.at, {
    ...(asked === 0 ? {} : since === undefined ? { scopes: wanted } : { scopes: held, fresh: asked === 1 ? fresh : [], since }),
    limit: random.chance(40) ? 1 + random.below(4000) : Infinity,
    paused: random.chance(10),
  })
  /** Asked for and not greeted yet. */
  const waiting = new Set<string>(asked === 0 ? [] : since === undefined ? wanted : asked === 1 ? [...held, ...fresh] : held)
  stream.onEvent = (event) => {
    page.take(event)
    if (event.event === 'ready') for (const scope of Object.keys(event.data.scopes)) waiting.delete(scope)
  }
  const subscribe = (scopes: string[], from?: string): void => {
    if (scopes.length === 0) return
    const message = { type: 'subscribe', scopes, ...(from === undefined ? {} : { since: from }) }
    if (random.chance(50)) stream.say(message)
    else stream.send(fragments(message, 1 + random.below(20), random.chance(50) ? frame(OP.ping, 'x') : undefined))
    for (const scope of scopes) waiting.add(scope)
  }
  if (asked === 0) {
    if (since === undefined) subscribe(wanted)
    else subscribe(held, since)
  }
  if (asked !== 1 && since !== undefined) subscribe(fresh)
  const end = Date.now() + random.below(1000) * SLOWER
  while (!stream.ended && Date.now() < end && !life.stopped) {
    await sleep(1 + random.below(40))
    if (random.chance(10)) stream.say({ type: 'ping' })
    if (random.chance(10)) stream.pause()
    if (random.chance(30)) stream.read()
    const scope = random.of(SCOPES)
    if (stream.status !== 101 || !random.chance(20) || waiting.size > 0) continue
    if (!page.held.has(scope)) {
      subscribe([scope])
    } else if (random.chance(30)) {
      // Again, from where it is: what is on its way comes twice.
      subscribe([scope], page.position)
    } else if (page.held.size > 1) {
      page.drop(scope)
      stream.unsubscribe(scope)
    }
  }
  if (random.chance(30)) stream.send(closing(1000))
  stream.cut()
  if (stream.error) throw stream.error
}

async function live(life: Life, page: Page): Promise<void> {
  const { random } = life
  while (!life.stopped) {
    const wanted = [...new Set([...[...page.held].filter(() => random.chance(80)), ...Array.from({ length: 1 + random.below(5) }, () => random.of(SCOPES))])]
    await (random.chance(60) ? overWebSocket : overSse)(life, page, wanted)
    if (random.chance(15)) await sleep(random.below(300))
  }
}

test('two hundred pages that change between SSE and WebSocket, add and drop scopes and are cut anywhere converge', async (t) => {
  const server = await serve(t, config({ threads: 2, limits: { batch: '20ms' } }))
  const life: Life = { server, random: new Random(SEED), world: new World(SCOPES, [0, 1, 2, 3, 4, 5], 20), stopped: false }
  cleanup(t, () => {
    life.stopped = true
  })
  const pages = Array.from({ length: 200 }, (_, i) => new Page(life.world, `page ${i} (seed ${SEED})`))
  const publisher = new Publisher(() => server.at)
  let published = 0
  const agitated = (async () => {
    const { random, world } = life
    for (; !life.stopped; published++) {
      const scope = random.chance(3) ? random.of(['project:*', 'user:*', '*']) : random.of(SCOPES)
      const width = random.below(1000)
      const key = width < 3 ? [] : width < 60 ? [random.below(6)] : [random.below(6), random.below(20)]
      const laid = world.change(scope, key)
      world.accepted(await publisher.publish([{ scope, keys: [key] }]), laid)
      await sleep(random.below(8))
    }
  })()
  const lives = pages.map((page) => live(life, page))
  try {
    await Promise.race([sleep(SECONDS * 1000), Promise.all(lives), agitated])
    life.stopped = true
    await Promise.all([...lives, agitated])
  } finally {
    life.stopped = true
    await Promise.allSettled([...lives, agitated])
    publisher.close()
  }
  const last = await server.settled()
  await Promise.all(
    pages.map(async (page, i) => {
      const asked = page.held.size === 0 || page.position === undefined ? { scopes: ['all'] } : { scopes: [...page.held], since: page.position }
      const stream = i % 2 ? new Stream(server.at, asked) : new WebSocketStream(server.at, asked)
      stream.onEvent = (event) => page.take(event)
      await stream.until(
        `${page.name} at ${last}`,
        () => {
          if (stream.error) throw stream.error
          return page.position !== undefined && epochOf(page.position) === epochOf(last) && sequenceOf(page.position) >= sequenceOf(last)
        },
        4 * PATIENCE,
      )
      stream.cut()
      page.same()
    }),
  )
  const exacts = pages.reduce((sum, page) => sum + page.exacts, 0)
  t.diagnostic(`${published} transactions, ${exacts} exact, ${pages.reduce((sum, page) => sum + page.resets, 0)} resets, ${await server.metric('unstale_cuts_total')} cuts`)
  assert.ok(published > 20 && exacts > 20)
  await poll('all gone', async () => (await server.metric('unstale_subscribers')) === 0)
  assert.equal(await server.metric('unstale_audience_scopes'), 0)
})

/** Connections of another process, since this one may have few descriptors. Each is opened by the WebSocket client here. */
async function crowd(t: import('node:test').TestContext, server: Unstale, n: number): Promise<ChildProcess> {
  const script = `
    const { connect } = require('node:net')
    const [n, port, host] = [${n}, ${server.at.port}, '${server.at.host}']
    let opened = 0
    const one = (i) => {
      const socket = connect(port, host)
      let text = ''
      socket.on('error', (error) => { console.log('error ' + error.message); process.exit(1) })
      socket.on('connect', () => socket.write('GET /v1/ws?scope=user:' + i + ' HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n'))
      socket.on('data', (bytes) => {
        if (text === null) return
        text += bytes
        if (!text.includes('"type":"ready"')) return
        text = null
        if (++opened === n) console.log('all')
        if (next < n) one(next++)
      })
    }
    let next = Math.min(100, n)
    for (let i = 0; i < next; i++) one(i)
    process.stdin.on('end', () => process.exit(0)).resume()`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  cleanup(t, () => {
    child.kill('SIGKILL')
  })
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', (text: Buffer) => (text.toString().startsWith('all') ? resolve() : reject(new Error(text.toString()))))
    child.once('exit', (code) => reject(new Error(`ended with ${code}`)))
  })
  return child
}

test('what an idle WebSocket costs', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '5m', stalled: '10m' } }))
  const wanted = SLOWER > 1 ? 1000 : 10_000
  const most = Math.min(wanted, (await server.metric('unstale_connections_max')) - 100, 19_000)
  // Once before, so that what is not the connections' own is there.
  const warm = await open(t, server, { scopes: ['warm:1'] })
  await warm.opened()
  await server.settled()
  const before = server.rss()
  const child = await crowd(t, server, most)
  await poll('all are subscribers', async () => (await server.metric('unstale_subscribers')) === most + 1)
  const each = (server.rss() - before) / most
  t.diagnostic(`${most} idle WebSockets of one scope each, every scope another: ${each.toFixed(0)} bytes each (resident)`)
  if (SLOWER === 1) assert.ok(each < 1500, `${each} bytes`)
  child.kill('SIGKILL')
  await poll('all are gone', async () => (await server.metric('unstale_subscribers')) === 1, 4 * PATIENCE)
  assert.equal(await server.metric('unstale_audience_scopes'), 3)
})

test('five thousand that come, speak and go in every way leave nothing', async (t) => {
  const server = await serve(t, config({ threads: 2, limits: { body_time: '100ms' } }))
  const random = new Random(SEED)
  const total = Math.round(5000 / SLOWER)
  const wave = async (n: number): Promise<void> => {
    let left = n
    await Promise.all(
      Array.from({ length: 50 }, async () => {
        while (left-- > 0) {
          const i = random.below(1000)
          const stream = new WebSocketStream(server.at, { ...(random.chance(50) ? { scopes: [`a:${i}`, 'all'] } : {}), ...(random.chance(30) ? { early: frame(OP.ping) } : {}) })
          const way = random.below(8)
          if (way > 0) await stream.until('an answer', () => stream.status !== 0 || stream.ended)
          if (way === 1) stream.subscribe([`b:${i}`, `c:${i}`]).unsubscribe(`b:${i}`)
          if (way === 2) stream.send(frame(OP.text, '{"type":', { fin: false }))
          if (way === 3) stream.send(Buffer.from([0x81]))
          if (way === 4) stream.send(frame(OP.binary, 'x'))
          if (way === 5) stream.subscribe(['x'.repeat(60_000)])
          if (way === 6) stream.send(closing(1000))
          if (way >= 3) await Promise.race([stream.end(), sleep(random.below(20))])
          stream.cut()
        }
      }),
    )
    await poll('all are gone', async () => (await server.metric('unstale_connections')) === 0)
  }
  await wave(Math.round(total / 5))
  const before = server.rss()
  await wave(total)
  const grown = server.rss() - before
  t.diagnostic(`grown by ${(grown / 1024).toFixed(0)} KiB after ${total} connections`)
  if (SLOWER === 1) assert.ok(grown < 1024 * 1024, `grown by ${grown} bytes`)
  assert.equal(await server.metric('unstale_audience_scopes'), 0)
  assert.equal(await server.metric('unstale_subscribers'), 0)
})

test('the same over a restart: nobody is set back, nobody misses anything', async (t) => {
  const dir = directory(t)
  const first = await serve(t, config({ limits: { drain: '300ms' } }), { dir })
  const world = new World(SCOPES, [0, 1], 10)
  const pages = Array.from({ length: 40 }, (_, i) => new Page(world, `page ${i}`))
  const random = new Random(SEED)
  const connect = (server: Unstale, page: Page): WebSocketStream => {
    const stream = new WebSocketStream(server.at, page.position === undefined ? { scopes: SCOPES.slice(random.below(8)) } : { scopes: [...page.held], since: page.position })
    stream.onEvent = (event) => page.take(event)
    cleanup(t, () => stream.cut())
    return stream
  }
  const change = async (server: Unstale): Promise<string> => {
    let position = ''
    for (let i = 0; i < 50; i++) {
      const [scope, key] = [random.of(SCOPES), [random.below(2), random.below(10)]]
      const laid = world.change(scope, key)
      position = await server.mark(scope, key)
      world.accepted(position, laid)
    }
    // All of them hold this one.
    const laid = world.change('all', [0])
    position = await server.mark('all', [0])
    world.accepted(position, laid)
    return position
  }
  let streams = pages.map((page) => connect(first, page))
  for (const stream of streams) await stream.opened()
  await change(first)
  const resets = pages.map((page) => page.resets)
  await first.stop()
  for (const stream of streams) assert.equal((await stream.over()).code, 1012)
  const second = await serve(t, config(), { dir })
  await change(second)
  streams = pages.map((page) => connect(second, page))
  const last = await change(second)
  for (const [i, stream] of streams.entries()) {
    await stream.reaches(last)
    pages[i]?.same()
  }
  assert.deepEqual(pages.map((page) => page.resets), resets)
})
