/* Who is dead is noticed: never before two heartbeats, never later than `stalled` and one more. Being slow is no reason.
 *
 * The times are real ones, short; what is too early is an error of the server, so it is checked to the millisecond; what
 * is late may be the machine's fault, so there is some room. */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { RudeSocket } from './lib/rude.ts'
import { staleKeys } from './lib/sse.ts'
import { type Config, binary, config, launch, serve, subscribe, type Unstale } from './lib/unstale.ts'
import { SLOWER, sleep } from './lib/wait.ts'

/** For timers, scheduling and the way of bytes. */
const ROOM = 400 * SLOWER

async function open(t: TestContext, server: Unstale, query: string, polite: boolean): Promise<RudeSocket> {
  const socket = new RudeSocket(server.at, query, polite)
  cleanup(t, () => socket.cut())
  await socket.ready()
  return socket
}

for (const [heartbeat, stalled] of [
  [400, 800],
  [300, 1500],
  [500, 1100],
] as const)
  test(`a WebSocket peer that reads but sends no pong is closed in time (${heartbeat} ms, ${stalled} ms)`, async (t) => {
    const server = await serve(t, config({ limits: { heartbeat: `${heartbeat}ms`, stalled: `${stalled}ms` } }))
    const silent = await Promise.all(Array.from({ length: 10 }, () => open(t, server, 'scope=a', false)))
    const alive = await open(t, server, 'scope=a', true)
    for (const socket of silent) {
      const lived = (await socket.end()) - socket.openedAt
      assert.ok(lived >= Math.max(2 * heartbeat, stalled) - 2, `closed after ${lived} ms`)
      assert.ok(lived <= stalled + heartbeat + ROOM, `closed only after ${lived} ms`)
      assert.ok(socket.pings.length >= 1, 'it was asked')
    }
    assert.equal(alive.endedAt, 0, 'who answers is not closed')
    assert.ok((await server.metric('unstale_connections_closed_total{reason="silent"}')) <= silent.length)
    await sleep(1100)
    assert.equal(await server.metric('unstale_connections_closed_total{reason="silent"}'), silent.length)
  })

test('one pong now and then is a life, and what else a peer says is one, too', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '300ms', stalled: '900ms' } }))
  const lazy = await open(t, server, 'scope=a', false)
  const talker = await open(t, server, 'scope=a', false)
  for (let i = 0; i < 5; i++) {
    await sleep(500)
    lazy.pong(Buffer.alloc(0))
    talker.socket.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0])) // a ping of its own
  }
  assert.equal(lazy.endedAt, 0)
  assert.equal(talker.endedAt, 0)
})

test('heartbeats come no later than was told', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '400ms' } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  const socket = await open(t, server, 'scope=a', true)
  await stream.opened()
  let last = Date.now()
  for (let i = 0; i < 5; i++) {
    await stream.next('heartbeat')
    assert.ok(Date.now() - last <= 400 + ROOM / 4, `${Date.now() - last} ms`)
    last = Date.now()
  }
  const gaps = socket.pings.slice(1).map((ping, i) => ping.at - (socket.pings[i]?.at ?? 0))
  for (const gap of gaps) assert.ok(gap > 250 && gap <= 400 + ROOM / 4, `${gap} ms`)
})

/** Marks that fill what a reader does not take. */
async function flood(server: Unstale, round: number): Promise<void> {
  await server.publish({ scope: 'a', keys: Array.from({ length: 40 }, (_, i) => ['k', round, i, 'p'.repeat(300)]) })
}

test('a WebSocket peer that accepts no byte is closed in time, one that is slow is not', async (t) => {
  const heartbeat = 400
  const stalled = 1200
  const server = await serve(
    t,
    config({ limits: { heartbeat: `${heartbeat}ms`, stalled: `${stalled}ms`, max_keys: 100000 } }),
  )
  const stuck = await open(t, server, 'scope=a', true)
  const slow = await open(t, server, 'scope=a', true)
  stuck.socket.pause()
  slow.socket.pause()
  // A byte now and then: a slow reader has what it takes, and its pong comes late or never.
  let reading = true
  const reader = (async () => {
    while (reading) {
      slow.socket.resume()
      await sleep(15)
      slow.socket.pause()
      await sleep(250)
    }
  })()
  let cutAt = 0
  let closedAt = 0
  for (let round = 0; closedAt === 0; round++) {
    assert.ok(round < 4000, 'it was never closed')
    await flood(server, round)
    if (cutAt === 0 && (await server.metric('unstale_cuts_total')) > 0) cutAt = Date.now()
    if ((await server.metric('unstale_connections_closed_total{reason="stalled"}')) > 0) closedAt = Date.now()
    await sleep(5)
  }
  assert.ok(closedAt - cutAt <= stalled + heartbeat + 1000 + ROOM, `${closedAt - cutAt} ms after it took nothing more`) // counters come each second
  await sleep(2 * stalled)
  reading = false
  await reader
  assert.equal(slow.endedAt, 0, 'who is slow is not closed')
  assert.equal(await server.metric('unstale_connections_closed_total{reason="silent"}'), 0)
  slow.socket.resume()
  await server.mark('a', ['last'])
  await slow.until('told the last one', () => slow.messages.some(({ type, keys }) => type === 'stale' && JSON.stringify(keys).includes('"last"')))
})

// ---- a link that goes down ----

const ROOT = process.getuid?.() === 0 && ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip'].some((path) => existsSync(path))

/** Two machines with a cable: the server's, where 127.0.2.1 is, and the clients'. Both addresses are of the loopback
 * network, which is all that `auth: none` may listen on; here it is on the cable. */
class Cable {
  readonly server: string
  readonly client: string

  constructor(t: TestContext) {
    this.server = `unstale-s-${process.pid}`
    this.client = `unstale-c-${process.pid}`
    const ip = (...args: string[]): void => void execFileSync('ip', args)
    for (const name of [this.server, this.client]) {
      ip('netns', 'add', name)
      cleanup(t, () => ip('netns', 'del', name))
    }
    ip('link', 'add', 'cable', 'netns', this.server, 'type', 'veth', 'peer', 'name', 'cable', 'netns', this.client)
    ip('-n', this.server, 'link', 'set', 'lo', 'up')
    // The rest of the loopback network is not this machine's own.
    ip('-n', this.server, 'addr', 'del', '127.0.0.1/8', 'dev', 'lo')
    ip('-n', this.server, 'addr', 'add', '127.0.0.1/32', 'dev', 'lo')
    for (const [name, address] of [
      [this.server, '127.0.2.1/24'],
      [this.client, '127.0.2.2/24'],
    ] as const) {
      execFileSync('ip', ['netns', 'exec', name, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet'])
      ip('-n', name, 'addr', 'add', address, 'dev', 'cable')
      ip('-n', name, 'link', 'set', 'cable', 'up')
    }
  }

  pull(): number {
    execFileSync('ip', ['-n', this.client, 'link', 'set', 'cable', 'down'])
    return Date.now()
  }
}

/** A client on the other machine: opens streams, says what it is told, stays. */
function clients(t: TestContext, cable: Cable, port: number, count: number): Promise<void> {
  const program = `
    const { connect } = require('node:net')
    let open = 0
    for (let i = 0; i < ${count}; i++)
      for (const head of ['GET /v1/stream?scope=a HTTP/1.1\\r\\nHost: 127.0.2.1\\r\\n\\r\\n',
        'GET /v1/ws?scope=a HTTP/1.1\\r\\nHost: 127.0.2.1\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n']) {
        const socket = connect(${port}, '127.0.2.1')
        socket.write(head)
        socket.on('error', () => {})
        let seen = ''
        let counted = false
        socket.on('data', (bytes) => {
          seen += bytes.toString('latin1')
          if (!counted && seen.includes('"connection"')) {
            counted = true
            if (++open === ${2 * count}) console.log('open')
          }
          // Each ping is answered.
          if (head.includes('/v1/ws') && bytes.includes(Buffer.from([0x89, 0]))) socket.write(Buffer.from([0x8a, 0x80, 0, 0, 0, 0]))
        })
      }
    setInterval(() => {}, 1000)`
  const child = spawn('ip', ['netns', 'exec', cable.client, process.execPath, '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = new Promise((resolve) => child.on('close', resolve))
  cleanup(t, async () => {
    child.kill('SIGKILL')
    await gone
  })
  return new Promise((resolve, reject) => {
    child.stdout.on('data', () => resolve())
    child.on('close', () => reject(new Error('the clients ended')))
  })
}

function serveThere(t: TestContext, cable: Cable, settings: Config): Promise<Unstale> {
  return launch(t, { ...settings, listen: '127.0.2.1:0' }, { command: ['ip', 'netns', 'exec', cable.server, binary] }).listening()
}

for (const load of [false, true])
  test(`peers whose link goes down are closed in time, SSE and WebSocket, ${load ? 'while there is news' : 'although nothing happens'}`, async (t) => {
    if (!ROOT) {
      t.diagnostic('NOT RUN: pulling a cable takes root and iproute2')
      return
    }
    const heartbeat = 500
    const stalled = 2000
    const cable = new Cable(t)
    const server = await serveThere(t, cable, {
      ...config({ limits: { heartbeat: `${heartbeat}ms`, stalled: `${stalled}ms` } }),
      sources: [{ publish: { open: true } }],
      log: { level: 'debug', format: 'json' },
    })
    await clients(t, cable, server.at.port, 5)
    await sleep(3 * heartbeat)
    const ends = (): { time: string; message: string }[] =>
      server.lines
        .map((line) => JSON.parse(line) as { time: string; message: string })
        .filter(({ message }) => /^ends .*(for too long|pings)/.test(message))
    assert.equal(ends().length, 0, 'nobody is dead yet')
    const pulled = cable.pull()
    if (load) {
      const body = JSON.stringify({ scope: 'a', keys: [['x']] })
      const program = `setInterval(() => fetch('http://127.0.2.1:${server.at.port}/v1/changes',
        { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '${body}' }).catch(() => {}), 50)`
      const child = spawn('ip', ['netns', 'exec', cable.server, process.execPath, '-e', program], { stdio: 'inherit' })
      const gone = new Promise((resolve) => child.on('close', resolve))
      cleanup(t, async () => {
        child.kill('SIGKILL')
        await gone
      })
    }
    await server.until('all closed', () => ends().length >= 10)
    for (const { time, message } of ends()) {
      const after = Date.parse(time) - pulled
      assert.ok(after >= 2 * heartbeat - 50, `${message}: after ${after} ms`)
      assert.ok(after <= stalled + heartbeat + ROOM, `${message}: only after ${after} ms`)
    }
  })

test('a quiet SSE peer is not closed however long it says nothing', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '200ms', stalled: '400ms' } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  await sleep(2000)
  assert.deepEqual(staleKeys(await stream.reaches(await server.mark('a', ['x']))), ['a ["x"]'])
  assert.equal(stream.ended, false)
})
