/* Cases that are easily forgotten. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, requestBytes, Wire } from './lib/http.ts'
import { named, staleKeys, Stream } from './lib/sse.ts'
import { config, launch, serve, subscribe } from './lib/unstale.ts'
import { poll, SLOWER } from './lib/wait.ts'

test('a family is what stands before the first colon: its marks reach all below it and nobody else', async (t) => {
  const server = await serve(t)
  const names = ['org:1:project:2', 'org:1', 'org:', 'org', 'orga:1', ':x', 'all']
  const streams = await Promise.all(names.map((name) => subscribe(t, server, { scopes: [name] })))
  await Promise.all(streams.map((stream) => stream.opened()))
  const reached = async (scope: string): Promise<string[]> => {
    await server.mark(scope, ['k', scope])
    const end = await server.publish(names.map((name) => ({ scope: name, keys: [['end']] })))
    const told: string[] = []
    for (const [i, stream] of streams.entries()) {
      const keys = staleKeys(await stream.reaches(end))
      if (keys.some((key) => key !== `${names[i]} ["end"]`)) told.push(names[i] as string)
    }
    return told
  }
  assert.deepEqual(await reached('org:*'), ['org:1:project:2', 'org:1', 'org:'])
  assert.deepEqual(await reached(':*'), [':x'])
  assert.deepEqual(await reached('*'), names)
  assert.deepEqual(await reached('org'), ['org'])
})

test('a mark that names a scope which nobody can hold is refused, not lost in silence', async (t) => {
  const server = await serve(t)
  for (const scope of ['org:1:*', 'a:b:c:*', '**', 'org*', '*:x', 'org:**', 'a:*:b']) {
    const published = (await server.ask('/v1/changes', { body: JSON.stringify({ scope, keys: [['x']] }) })).status
    const stream = server.stream({ scopes: [scope] })
    await stream.until('answered', () => stream.status !== 0)
    stream.cut()
    assert.equal(stream.status, published === 202 ? 200 : 400, `${scope}: published ${published}, subscribed ${stream.status}`)
  }
})

test('more families than are kept: their marks go wider, never away', async (t) => {
  const server = await serve(t, config({ limits: { families: 10 } }))
  const since = await server.position()
  for (let i = 0; i < 60; i++) await server.mark(`f${i}:*`, ['k', i])
  assert.ok((await server.metric('unstale_index_families')) <= 15)
  for (let i = 0; i < 60; i += 7) {
    const answer = await server.greeting({ scopes: [`f${i}:1`], since })
    const covered = answer.scopes[`f${i}:1`] === 'reset' || answer.keys.some((key) => key.endsWith(` ["k",${i}]`))
    assert.ok(covered, `f${i}: ${JSON.stringify(answer.scopes)} ${answer.keys.join()}`)
  }
})

test('keys that mean the same are one mark', async (t) => {
  const server = await serve(t)
  const marks = async (...keys: string[]): Promise<number> => {
    const before = await server.metric('unstale_index_marks')
    for (const key of keys) {
      const answer = await server.ask('/v1/changes', { body: `{"scope":"a","keys":[${key}]}` })
      assert.equal(answer.status, 202, key)
    }
    return (await server.metric('unstale_index_marks')) - before
  }
  assert.equal(await marks('["n", 1]', '["n","1"]', '["n", 1.0]', '["n",1e0]', ' [ "n" , 1 ] '), 1, 'a number and its text')
  assert.equal(await marks('["o",{"a":1,"b":[2]}]', '["o",{"b":[2],"a":1}]', '["o",{ "b": ["2"], "a": "1" }]'), 1, 'the order of members')
  assert.equal(await marks('["t","\\u0061é"]', '["t","aé"]', '["t","a\\u00e9"]'), 1, 'escapes')
  assert.equal(await marks('["d", null]', '["d", "null"]', '["d", true]', '["d", "true"]', '["d", [] ]', '["d", {} ]', '["d", "" ]', '["d"]'), 8, 'these differ')
  assert.equal(await marks('["z", 0]', '["z", -0]', '["z", 0.0]'), 1, 'zero')
  assert.equal(await marks('["b", 9007199254740993]', '["b", "9007199254740993"]', '["b", 9007199254740992]'), 2, 'beyond 2^53')
})

test('plus and percent in a query are what forms make of them', async (t) => {
  const server = await serve(t)
  for (const [query, scope] of [
    ['scope=a+b', 'a b'],
    ['scope=a%2Bb', 'a+b'],
    ['scope=a%2bb&x', 'a+b'],
    ['x=1&scope=%F0%9F%98%80&&=', '😀'],
    ['scope=a%3D%26%23b', 'a=&#b'],
  ] as const) {
    const wire = new Wire(server.at)
    wire.socket.removeAllListeners('data')
    const text = new Promise<string>((resolve) => {
      let all = ''
      wire.socket.on('data', (bytes: Buffer) => {
        all += bytes.toString()
        if (all.includes('event: ready')) resolve(all)
      })
    })
    wire.send(requestBytes(server.at, `/v1/stream?${query}`))
    assert.ok((await text).includes(JSON.stringify({ [scope]: 'fresh' })), query)
    wire.close()
  }
})

test('a full publish queue is 503 with a time to come back; what was accepted is there', async (t) => {
  const server = await serve(t, config({ limits: { publish_queue: 1, max_keys: 100000 } }))
  const since = await server.position()
  const accepted: string[] = []
  await Promise.all(
    Array.from({ length: 60 }, async (_, who) => {
      const wire = new Wire(server.at)
      for (let i = 0; i < 10; i++) {
        const keys = Array.from({ length: 20 }, (_, k) => [who, i, k])
        wire.send(requestBytes(server.at, '/v1/changes', { body: JSON.stringify({ scope: 'a', keys }) }), 'POST')
        const answer = await wire.answer()
        if (answer.status === 202) accepted.push(...keys.map((key) => `a ${JSON.stringify(key)}`))
        else {
          assert.equal(answer.status, 503, answer.body)
          assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/)
        }
      }
      wire.close()
    }),
  )
  t.diagnostic(`${accepted.length / 20} of 600 accepted`)
  const answer = await server.greeting({ scopes: ['a'], since })
  const told = new Set(answer.keys)
  const wide = answer.resets.length > 0 || answer.scopes['a'] === 'reset' || answer.keys.some((key) => (JSON.parse(key.slice(2)) as unknown[]).length < 3)
  for (const key of accepted) assert.ok(wide || told.has(key), key)
})

test('IPv6 and the name localhost are listened on as well', async (t) => {
  for (const [listen, host] of [
    ['[::1]:0', '::1'],
    ['localhost:0', '127.0.0.1'],
  ] as const) {
    const server = await serve(t, config({ listen }))
    const at = { host, port: server.at.port }
    const headers = { Host: `localhost:${at.port}` }
    const stream = new Stream(at, { scopes: ['a'], headers })
    await stream.opened()
    assert.equal((await ask(at, '/v1/changes', { headers, body: '{"scope":"a","keys":[["x"]]}' })).status, 202)
    assert.deepEqual((await stream.next('stale')).data.keys, [['x']])
    stream.cut()
    await server.stop()
  }
})

test('a state file that cannot be written is said, and no reason to fail the stop', async (t) => {
  const server = await serve(t, config({ state: 'no/such/folder/unstale.state' }))
  await server.mark('a', ['x'])
  await server.stop()
  assert.match(server.log, /no\/such\/folder.*No such file.*reset/)
})

test('log lines are one JSON object each where that is asked for', async (t) => {
  const server = launch(t, config({ log: { format: 'json', level: 'debug' } }))
  await server.line(/listening on http/)
  await server.line(/admin on http/)
  const wire = new Wire(server.at)
  wire.send('nonsense "\x01\xff\r\n\r\n', 'GET')
  await wire.end()
  await server.stop()
  assert.ok(server.lines.length >= 3)
  for (const line of server.lines) {
    const parsed = JSON.parse(line) as { time: string; level: string }
    assert.ok(!Number.isNaN(Date.parse(parsed.time)), line)
    assert.match(parsed.level, /^(debug|info|warn|error)$/)
  }
})

test('thousands of connections that come and go leave no memory behind', async (t) => {
  const server = await serve(t, config({ threads: 2 }))
  const rounds = SLOWER === 1 ? 30 : 6
  let settled = 0
  for (let round = 0; round < rounds; round++) {
    const streams = Array.from({ length: 100 }, (_, i) => server.stream({ scopes: [`s:${round}:${i}`, 'all', `t${i}:1`] }))
    await Promise.all(streams.map((stream) => stream.opened()))
    await server.mark('all', ['round', round])
    for (const stream of streams) stream.cut()
    if (round === 9) settled = server.rss()
  }
  await poll('all are gone', async () => (await server.metric('unstale_subscribers')) === 0)
  await poll('nobody listens', async () => (await server.metric('unstale_audience_scopes')) === 0)
  const grown = server.rss() - settled
  if (SLOWER === 1) assert.ok(grown < 2 * 1024 * 1024, `grown by ${grown} bytes`)
})

test('fifteen hundred subscribers are all told', async (t) => {
  const server = await serve(t, config({ threads: 2 }))
  const count = SLOWER === 1 ? 1500 : 300
  const streams: Stream[] = []
  for (let at = 0; at < count; at += 100) {
    const some = await Promise.all(Array.from({ length: 100 }, () => subscribe(t, server, { scopes: ['all', `own:${at}`] })))
    await Promise.all(some.map((stream) => stream.opened()))
    streams.push(...some)
  }
  for (let round = 0; round < 3; round++) {
    const position = await server.mark('all', ['round', round])
    for (const stream of streams) assert.deepEqual(staleKeys(await stream.reaches(position)), [`all ["round",${round}]`])
  }
})

test('a stream that names four hundred scopes gets each of their marks, also when all come in one tick', async (t) => {
  const server = await serve(t, config({ limits: { scopes: 1000, head: '32KiB' } }))
  const scopes = Array.from({ length: 400 }, (_, i) => `scope:${i}`)
  const stream = await subscribe(t, server, { scopes })
  const ready = await stream.opened()
  // More than is gathered into one write.
  const position = await server.publish(scopes.map((scope) => ({ scope, keys: [['k', scope]] })))
  const events = await stream.reaches(position)
  assert.equal(new Set(staleKeys(events)).size, 400)
  const resumed = await server.greeting({ scopes, since: ready.data.position })
  assert.equal(new Set(resumed.keys).size, 400)
  assert.deepEqual(named(resumed.events, 'reset'), [])
})
