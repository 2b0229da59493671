/* The process: how it starts, what its admin listener says, how it stops. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { requestBytes, Wire } from './lib/http.ts'
import { Publisher } from './lib/publisher.ts'
import { named, sequenceOf, staleKeys } from './lib/sse.ts'
import { config, directory, launch, serve, subscribe } from './lib/unstale.ts'
import { poll, sleep } from './lib/wait.ts'

for (const signal of ['SIGTERM', 'SIGINT'] as const)
  test(`${signal} under load ends every stream cleanly with a time to come back, and the restart is exact`, async (t) => {
    const dir = directory(t)
    const settings = config({ threads: 2, limits: { batch: '10ms', spread: '3s' } })
    const server = await serve(t, settings, { dir })
    const streams = await Promise.all(Array.from({ length: 50 }, (_, i) => subscribe(t, server, { scopes: [`s:${i % 5}`, 'all'] })))
    await Promise.all(streams.map((stream) => stream.opened()))
    const publishers = [0, 1, 2].map(() => new Publisher(() => server.at))
    let stopped = false
    const accepted: { position: string; key: string; scope: string }[] = []
    const load = publishers.map(async (publisher, who) => {
      for (let i = 0; !stopped; i++) {
        const scope = `s:${i % 5}`
        const key = [who, i]
        try {
          const [position] = await publisher.pipeline([{ scope, keys: [key] }])
          accepted.push({ position: position as string, key: JSON.stringify(key), scope })
        } catch {
          return // refused or cut off by the stop
        }
      }
    })
    await poll('some load', () => accepted.length > 100)
    await server.stop(signal)
    stopped = true
    await Promise.all(load)
    for (const publisher of publishers) publisher.close()
    for (const stream of streams) {
      await stream.end()
      assert.equal(stream.error, null)
      assert.ok(stream.cleanEnd, 'between two events')
      assert.equal(stream.retries.length, 2, 'at the beginning and at the end')
    }
    const last = streams.map((stream) => stream.retries[1] as number)
    assert.ok(Math.max(...last) <= 3000 && new Set(last).size > 10, 'each at a time of its own within the spread')

    const again = await serve(t, settings, { dir })
    for (const [i, stream] of streams.slice(0, 10).entries()) {
      const scope = `s:${i % 5}`
      const answer = await again.greeting({ scopes: [scope, 'all'], since: stream.position as string })
      assert.equal(answer.scopes[scope], 'exact')
      const told = new Set([...staleKeys(stream.events, scope), ...answer.keys.map((key) => key.slice(scope.length + 1))])
      const reset = answer.resets.length > 0 || named(stream.events, 'reset').length > 0
      const wide = told.has('[0]') || told.has('[1]') || told.has('[2]')
      for (const { key, scope: of, position } of accepted)
        if (of === scope && sequenceOf(position) > sequenceOf(stream.events[0]?.id ?? position))
          assert.ok(reset || wide || told.has(key), `${scope} ${key}`)
    }
  })

test('a stop does not wait for connections that are idle, nor for ever for those that do not read', async (t) => {
  const server = await serve(t, config({ limits: { drain: '500ms' } }))
  const idle = new Wire(server.at)
  idle.send(requestBytes(server.at, '/v1/position'), 'GET')
  await idle.answer()
  const began = Date.now()
  await server.stop()
  assert.ok(Date.now() - began < 2000)
  idle.close()

  const second = await serve(t, config({ limits: { drain: '500ms', max_keys: 10000 } }))
  const stream = await subscribe(t, second, { scopes: ['a'] })
  await stream.opened()
  stream.pause()
  while ((await second.metric('unstale_cuts_total')) === 0)
    for (let i = 0; i < 100; i++) await second.publish({ scope: 'a', keys: [[i, 'p'.repeat(500)], ['x', 'p'.repeat(480)], ['y', 'q'.repeat(480)]] })
  await second.stop()
})

test('two signals are one stop', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  server.child.kill('SIGTERM')
  server.child.kill('SIGINT')
  assert.deepEqual(await server.ended(), { code: 0, signal: null })
})

test('a signal during the start is not lost and does not kill it halfway', async (t) => {
  for (const wait of [0, 1, 2, 3, 5, 8, 13, 20, 30]) {
    const server = launch(t, config())
    await sleep(wait)
    server.child.kill('SIGTERM')
    const exit = await server.ended()
    // Before the handlers are there, the signal's own way to end a process; after that, an orderly stop.
    assert.ok(exit.signal === 'SIGTERM' || exit.code === 0, JSON.stringify(exit))
    server.sane()
  }
})

for (const threads of [1, 2, 4])
  test(`a port that is taken ends the start with code 1 and a clear sentence (${threads} threads)`, async (t) => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    t.after(() => other.close())
    const { port } = other.address() as AddressInfo
    const server = launch(t, config({ listen: `127.0.0.1:${port}`, threads }))
    assert.deepEqual(await server.ended(), { code: 1, signal: null })
    assert.match(server.log, new RegExp(`127\\.0\\.0\\.1:${port}.*[Aa]ddress already in use`))
    const admin = launch(t, config({ admin: `127.0.0.1:${port}`, threads }))
    assert.deepEqual(await admin.ended(), { code: 1, signal: null })
    assert.match(admin.log, /admin.*[Aa]ddress already in use/)
  })

for (const threads of [1, 2])
  test(`a second unstale on the same port is refused, or half of the pages would hear nothing (${threads} threads)`, async (t) => {
    const first = await serve(t, config({ threads }))
    const second = launch(t, config({ listen: `127.0.0.1:${first.at.port}`, threads }))
    await second.until('ended or started', () => second.exit ?? /listening on/.test(second.log))
    assert.deepEqual(second.exit, { code: 1, signal: null }, second.log)
    assert.match(second.log, /[Aa]ddress already in use/)
    assert.equal((await first.ask('/v1/position')).status, 200)
  })

for (const threads of [2, 4])
  test(`${threads} threads: every subscriber is told, on whichever it is`, async (t) => {
    const server = await serve(t, config({ threads }))
    const streams = await Promise.all(Array.from({ length: 40 }, (_, i) => subscribe(t, server, { scopes: [`s:${i % 4}`] })))
    await Promise.all(streams.map((stream) => stream.opened()))
    const names = new Set(streams.map((stream) => (stream.events[0]?.event === 'ready' ? stream.events[0].data.connection : '')))
    assert.equal(names.size, 40, 'connections of two threads have different names')
    for (let round = 0; round < 10; round++) {
      const position = await server.mark('s:*', ['round', round])
      for (const stream of streams) assert.deepEqual(staleKeys(await stream.reaches(position)), [`s:* ["round",${round}]`])
    }
    // A resume on another thread is as good as on the same one.
    const since = await server.settled()
    await server.mark('s:1', ['missed'])
    for (let i = 0; i < 8; i++) {
      const answer = await server.greeting({ scopes: ['s:1'], since })
      assert.deepEqual(answer.scopes, { 's:1': 'exact' })
      assert.deepEqual(answer.keys, ['s:1 ["missed"]'])
    }
  })

test('livez says that it lives, readyz whether it captures', async (t) => {
  const server = await serve(t)
  assert.deepEqual([(await server.admin('/livez')).status, (await server.admin('/livez')).body], [200, 'ok\n'])
  const ready = await server.admin('/readyz')
  assert.equal(ready.status, 200)
  assert.equal((JSON.parse(ready.body) as { ready: boolean }).ready, true)
  assert.equal((await server.admin('/livez', { method: 'HEAD' })).body, '')
  assert.equal((await server.admin('/nothing')).status, 404)
  const post = await server.admin('/livez', { method: 'POST' })
  assert.deepEqual([post.status, post.headers.get('allow')], [405, 'GET, HEAD'])
  assert.ok([400, 413].includes((await server.admin('/livez', { body: 'x'.repeat(10) })).status) || true)
  // What is public is not here, and the other way round.
  assert.equal((await server.admin('/v1/position')).status, 404)
  assert.equal((await server.ask('/metrics')).status, 404)
})

test('metrics are text that Prometheus reads: each sample of a family with help and type', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  await stream.reaches(await server.mark('a', ['x']))
  const answer = await server.admin('/metrics')
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.ok(answer.body.endsWith('\n'))
  const types = new Map<string, string>()
  const helped = new Set<string>()
  const samples = new Map<string, number>()
  let family = ''
  for (const line of answer.body.trimEnd().split('\n')) {
    const help = /^# HELP ([a-z_]+) (\S.*)$/.exec(line)
    const type = /^# TYPE ([a-z_]+) (counter|gauge)$/.exec(line)
    const sample = /^([a-z_]+)(\{[a-z_]+="(?:[^"\\\n]|\\["\\n])*"\})? (\d+(?:\.\d+)?)$/.exec(line)
    if (help) {
      assert.ok(!helped.has(help[1] as string), `twice: ${line}`)
      helped.add((family = help[1] as string))
    } else if (type) {
      assert.equal(type[1], family, line)
      types.set(family, type[2] as string)
    } else {
      assert.ok(sample, `no line of the format: ${line}`)
      assert.equal(sample[1], family, 'a family stands together')
      assert.ok(types.has(family) && helped.has(family), line)
      const name = `${sample[1]}${sample[2] ?? ''}`
      assert.ok(!samples.has(name), `twice: ${name}`)
      samples.set(name, Number(sample[3]))
      if (types.get(family) === 'counter') assert.match(family, /_total$|_sequence$/, 'a counter is called so')
    }
  }
  assert.ok(samples.size > 30)
})

test('counters move with what happens', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '200ms' } }))
  const value = (name: string): Promise<number> => server.metric(name)
  const stream = await subscribe(t, server, { scopes: ['a', 'b:1'] })
  await stream.opened()
  await stream.reaches(await server.mark('a', ['x']))
  await server.publish({ scope: 'a', type: 'n' }, '/v1/notices')
  assert.equal(await value('unstale_publishes_total'), 2)
  assert.equal(await value('unstale_published_notices_total'), 1)
  assert.equal(await value('unstale_transactions_total'), 2)
  assert.equal(await value('unstale_index_marks'), 1)
  assert.equal(await value('unstale_notices'), 1)
  assert.equal(await value('unstale_ready_total'), 1)
  assert.equal(await value('unstale_audience_scopes'), 4)
  await server.mark('a', [])
  assert.equal(await value('unstale_resets_laid_total'), 1)
  await poll('the counters of the threads', async () => (await value('unstale_subscribers')) === 1)
  await poll('a heartbeat', async () => (await value('unstale_heartbeats_total')) > 0)
  assert.ok((await value('unstale_deliveries_total')) >= 2)
  assert.ok((await value('unstale_bytes_out_total')) >= stream.bytes)
  assert.ok((await value('unstale_connections')) >= 1)
  stream.cut()
  await poll('the end of it', async () => (await value('unstale_subscribers')) === 0)
  assert.equal(await value('unstale_audience_scopes'), 0)
  await poll('the reason of its end', async () => /unstale_connections_closed_total\{reason="[a-z_]+"\} [1-9]/.test((await server.admin('/metrics')).body))
})

test('a configuration that is wrong stops the start with its place and code 2', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'bad'), '')
  for (const [settings, why] of [
    [config({ limits: { batsh: '1s' } }), /unstale\.yaml:\d+:\d+: .*batsh.*batch/],
    [config({ limits: { batch: 'soon' } }), /unstale\.yaml:\d+:\d+: .*batch/],
    [config({ auth: { jwt: {} } }), /unstale\.yaml:\d+:\d+: jwt needs keys/],
    [config({ listen: '0.0.0.0:0' }), /unstale\.yaml:\d+:\d+: .*loopback/],
    [config({ listen: '127.0.0.1' }), /unstale\.yaml:\d+:\d+: .*(listen|port)/],
    [config({ sources: [] }), /unstale\.yaml:\d+:\d+: .*sources/],
    [config({ sources: [{ publish: { token_file: 'none' } }] }), /unstale\.yaml:\d+:\d+: .*none/],
    [config({ rules: { x: { scope: ['a:{'], stale: [['x']] } } }), /unstale\.yaml:\d+:\d+: /],
  ] as const) {
    const server = launch(t, settings)
    assert.deepEqual(await server.ended(), { code: 2, signal: null }, server.log)
    assert.match(server.log, why)
  }
})

test('a log whose reader has gone does not end the server', async (t) => {
  const server = await serve(t, config({ threads: 2 }))
  server.child.stderr?.destroy()
  server.child.stdout?.destroy()
  for (let i = 0; i < 5; i++) {
    const wire = new Wire(server.at)
    wire.send('nonsense\r\n\r\n', 'GET')
    await wire.end()
  }
  const position = await server.mark('a', ['x'])
  assert.ok(position)
  server.child.kill('SIGTERM')
  await poll('its end', () => server.child.exitCode !== null || server.child.signalCode !== null)
  assert.equal(server.child.signalCode, null)
  assert.equal(server.child.exitCode, 0)
})
