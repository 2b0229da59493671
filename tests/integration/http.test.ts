/* HTTP as the server speaks it, and who may speak to it at all. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Answer, requestBytes, Wire } from './lib/http.ts'
import { SLOWER } from './lib/wait.ts'
import { config, serve, subscribe, type Unstale } from './lib/unstale.ts'

async function raw(server: Unstale, bytes: string, method = 'GET'): Promise<Answer> {
  const wire = new Wire(server.at)
  try {
    return await wire.send(Buffer.from(bytes, 'latin1'), method).answer()
  } finally {
    wire.close()
  }
}

test('what is not there is 404, what is there in another way is 405 with what is allowed', async (t) => {
  const server = await serve(t)
  for (const path of ['/', '/v1', '/v1/', '/v1/streams', '/v1/stream/', '/V1/stream', '/v2/stream', '/metrics', '/readyz', '/debug', '//v1/stream', '/v1/../v1/stream'])
    assert.equal((await server.ask(path)).status, 404, path)
  for (const [path, methods, allow] of [
    ['/v1/stream', ['POST', 'PUT', 'DELETE', 'PATCH'], 'GET, HEAD, OPTIONS'],
    ['/v1/position', ['POST', 'PUT', 'DELETE'], 'GET, HEAD, OPTIONS'],
    ['/v1/changes', ['GET', 'HEAD', 'PUT', 'DELETE'], 'POST, OPTIONS'],
    ['/v1/notices', ['GET', 'HEAD', 'PUT'], 'POST, OPTIONS'],
  ] as const)
    for (const method of methods) {
      const answer = await server.ask(path, { method })
      assert.equal(answer.status, 405, `${method} ${path}`)
      assert.equal(answer.headers.get('allow'), allow)
    }
  const answer = await server.ask('/nothing')
  assert.equal(answer.headers.get('content-type'), 'application/json')
  assert.ok((JSON.parse(answer.body) as { error: string }).error.includes('/nothing'))
})

test('HEAD has the head of GET and no body, also for a stream', async (t) => {
  const server = await serve(t)
  const get = await server.ask('/v1/position')
  const head = await server.ask('/v1/position', { method: 'HEAD' })
  assert.deepEqual([head.status, head.body, head.headers.get('content-type')], [200, '', get.headers.get('content-type')])
  const stream = await server.ask('/v1/stream?scope=a', { method: 'HEAD' })
  assert.equal(stream.status, 200)
  assert.equal(stream.headers.get('content-type'), 'text/event-stream')
  assert.equal((await server.ask('/v1/stream', { method: 'HEAD' })).status, 400)
})

test('many requests of every kind on one connection, one after the other and pipelined', async (t) => {
  const server = await serve(t)
  const wire = new Wire(server.at)
  const kinds: [string, string, string | undefined, number][] = [
    ['GET', '/v1/position', undefined, 200],
    ['HEAD', '/v1/position', undefined, 200],
    ['GET', '/none', undefined, 404],
    ['POST', '/v1/changes', '{"scope":"a","keys":[["x"]]}', 202],
    ['POST', '/v1/changes', 'nonsense', 400],
    ['OPTIONS', '/v1/changes', undefined, 204],
    ['POST', '/v1/notices', '{"scope":"a","type":"x"}', 202],
    ['DELETE', '/v1/changes', undefined, 405],
  ]
  const one = ([method, path, body]: (typeof kinds)[number]): Buffer =>
    requestBytes(server.at, path, { method, ...(body === undefined ? {} : { body }) })
  for (const kind of kinds) {
    wire.send(one(kind), kind[0])
    assert.equal((await wire.answer()).status, kind[3], kind.join(' '))
  }
  for (let round = 0; round < 20; round++) {
    for (const kind of kinds) wire.send(one(kind), kind[0])
    for (const kind of kinds) assert.equal((await wire.answer()).status, kind[3], kind.join(' '))
  }
  const last = requestBytes(server.at, '/v1/position', { headers: { Connection: 'close' } })
  wire.send(last, 'GET')
  assert.equal((await wire.answer()).headers.get('connection'), 'close')
  await wire.end()
})

test('answers that come later and requests that come meanwhile do not meet badly', async (t) => {
  const server = await serve(t)
  // A publish is answered from another thread. In some of these rounds that answer and the bytes of the next request are
  // there in the same turn of the loop.
  const publish = requestBytes(server.at, '/v1/changes', { body: '{"scope":"a","keys":[["x"]]}' })
  const position = requestBytes(server.at, '/v1/position')
  await Promise.all(
    Array.from({ length: 24 }, async (_, who) => {
      const wire = new Wire(server.at)
      for (let round = 0; round < 60; round++) {
        wire.send(publish, 'POST')
        if ((round + who) % 3 === 0) await new Promise((resolve) => setImmediate(resolve))
        wire.send(position.subarray(0, 40), 'GET').send(position.subarray(40))
        if (round % 2 === 0) wire.send(publish, 'POST')
        for (let n = round % 2 === 0 ? 3 : 2; n > 0; n--) assert.ok((await wire.answer()).status < 300)
      }
      wire.close()
    }),
  )
})

test('what two servers could read differently is refused and the connection closed', async (t) => {
  const server = await serve(t)
  const head = 'POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n'
  const refused: [string, string][] = [
    ['no Host', 'GET /v1/position HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /v1/position HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n'],
    ['a blank before the colon', 'GET /v1/position HTTP/1.1\r\nHost : localhost\r\n\r\n'],
    ['a folded header', 'GET /v1/position HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n'],
    ['bare LF', 'GET /v1/position HTTP/1.1\nHost: localhost\n\n'],
    ['bare CR in a value', 'GET /v1/position HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n'],
    ['NUL in a value', 'GET /v1/position HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n'],
    ['two lengths', `${head}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x`],
    ['two lengths in one', `${head}Content-Length: 2, 3\r\n\r\n{}x`],
    ['a length with a sign', `${head}Content-Length: +2\r\n\r\n{}`],
    ['a negative length', `${head}Content-Length: -1\r\n\r\n{}`],
    ['a length in hex', `${head}Content-Length: 0x2\r\n\r\n{}`],
    ['a length and chunks', `${head}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['another coding', `${head}Transfer-Encoding: gzip\r\n\r\n`],
    ['another coding before chunks', `${head}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
    ['chunks twice', `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    ['a chunk size that is none', `${head}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`],
    ['a chunk size with a sign', `${head}Transfer-Encoding: chunked\r\n\r\n+2\r\n{}\r\n0\r\n\r\n`],
    ['a chunk that goes on', `${head}Transfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n0\r\n\r\n`],
    ['a huge chunk', `${head}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n`],
    ['HTTP/2 in clear', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/0.9', 'GET /v1/position\r\n\r\n'],
    ['HTTP/1.2', 'GET /v1/position HTTP/1.2\r\nHost: localhost\r\n\r\n'],
    ['no path', 'GET  HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a space in the path', 'GET /v1/ position HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['a method that is no token', 'G@T /v1/position HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'.padEnd(300, '\x07') + '\r\n\r\n'],
    ['nonsense', '\x00\x01\x02\x03\r\n\r\n'],
  ]
  for (const [what, bytes] of refused) {
    const wire = new Wire(server.at)
    wire.send(Buffer.from(bytes, 'latin1'), 'POST')
    // Whatever follows must not be taken for a request of its own.
    wire.send(requestBytes(server.at, '/v1/changes', { body: '{"scope":"a","keys":[["smuggled"]]}' }), 'POST')
    await wire.until(`an end: ${what}`, () => wire.ended)
    const statuses = wire.answers.map((answer) => answer.status)
    assert.ok(statuses.every((status) => status >= 400), `${what}: ${statuses.join()}`)
    assert.ok(statuses.length <= 1, `${what}: ${statuses.join()}`)
  }
  assert.match(await server.position(), /-0$/, 'nothing was smuggled in')
  assert.equal((await server.ask('/v1/position')).status, 200)
})

test('HTTP/1.0 is answered and closed', async (t) => {
  const server = await serve(t)
  const wire = new Wire(server.at)
  wire.send('GET /v1/position HTTP/1.0\r\nHost: localhost\r\n\r\n', 'GET')
  assert.equal((await wire.answer()).status, 200)
  await wire.end()
})

test('a head over the limit is 431, one below it is taken', async (t) => {
  const server = await serve(t, config({ limits: { head: '4KiB' } }))
  const sized = (bytes: number): string => {
    const start = 'GET /v1/position HTTP/1.1\r\nHost: localhost\r\nX: '
    return `${start}${'x'.repeat(bytes - start.length - 4)}\r\n\r\n`
  }
  assert.equal((await raw(server, sized(4096))).status, 200)
  assert.equal((await raw(server, sized(4097))).status, 431)
  assert.equal((await raw(server, sized(100_000))).status, 431)
  const many = Array.from({ length: 100 }, (_, i) => `X${i}: y\r\n`).join('')
  assert.equal((await raw(server, `GET /v1/position HTTP/1.1\r\nHost: localhost\r\n${many}\r\n`)).status, 431)
})

test('a head as large as may be allowed is taken, with as many scopes as it holds', async (t) => {
  const server = await serve(t, config({ limits: { head: '64KiB', scopes: 10000 } }))
  const scopes = Array.from({ length: 240 }, (_, i) => `${i}:${'~'.repeat(240)}`)
  const stream = await subscribe(t, server, { scopes })
  assert.equal(Object.keys((await stream.opened()).data.scopes).length, 240)
  const position = await server.mark('239:' + '~'.repeat(240), ['x'])
  await stream.reaches(position)
  // Quotes need two bytes in JSON and three in the head.
  const quoted = Array.from({ length: 80 }, (_, i) => `${i}:${'"'.repeat(250)}`)
  const second = await subscribe(t, server, { scopes: quoted })
  assert.equal(Object.keys((await second.opened()).data.scopes).length, 80)
})

test('a client that is too slow to ask is closed, others are not', async (t) => {
  const server = await serve(t, config({ limits: { head_time: '300ms', body_time: '300ms', keepalive: '300ms' } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const silent = new Wire(server.at)
  const halfHead = new Wire(server.at).send('GET /v1/pos')
  const halfBody = new Wire(server.at).send('POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{')
  const idle = new Wire(server.at).send(requestBytes(server.at, '/v1/position'), 'GET')
  assert.equal((await idle.answer()).status, 200)
  for (const wire of [silent, halfHead, halfBody, idle]) await wire.end()
  // A drop now and then does not keep a head alive.
  const drip = new Wire(server.at)
  const timer = setInterval(() => drip.send('X'), 50)
  await drip.end()
  clearInterval(timer)
  assert.equal(stream.ended, false)
})

test('pages of this machine may talk to it, others may not', async (t) => {
  const server = await serve(t)
  const body = JSON.stringify({ scope: 'a', keys: [['x']] })
  for (const origin of ['http://localhost', 'http://localhost:5173', 'https://localhost:8443', 'http://127.0.0.1:3000', 'http://127.1.2.3', 'http://[::1]:3000', 'http://app.localhost:3000'])
    for (const [path, asked] of [
      ['/v1/position', {}],
      ['/v1/changes', { body }],
      ['/nothing', {}],
    ] as const) {
      const answer = await server.ask(path, { ...asked, headers: { Origin: origin } })
      assert.ok([200, 202, 404].includes(answer.status), `${origin} ${path} ${answer.status}`)
      assert.equal(answer.headers.get('access-control-allow-origin'), origin)
      assert.match(answer.headers.get('vary') ?? '', /\bOrigin\b/)
    }
  const before = await server.position()
  for (const origin of ['http://evil.example', 'https://localhost.evil.example', 'http://127.0.0.1.evil.example', 'http://evil.example:127', 'null', 'file://', 'http://localhost@evil.example', 'http://192.168.1.1', 'http://0.0.0.0', 'http://127.0.0.1:80:90', 'ftp://localhost', 'http://localhost/', 'http://xlocalhost', 'chrome-extension://abc', 'http://127.1', 'http://[::2]', `http://${'a'.repeat(3000)}.localhost`])
    for (const [path, asked] of [
      ['/v1/position', {}],
      ['/v1/stream?scope=a', {}],
      ['/v1/changes', { body }],
      ['/v1/changes', { method: 'OPTIONS', headers: { 'Access-Control-Request-Method': 'POST' } }],
    ] as const) {
      const answer = await server.ask(path, { ...asked, headers: { ...('headers' in asked ? asked.headers : {}), Origin: origin } })
      assert.equal(answer.status, 403, `${origin} ${path}`)
      assert.equal(answer.headers.has('access-control-allow-origin'), false)
    }
  assert.equal(await server.position(), before)
})

test('a stream of a page of this machine carries the permission too', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'], headers: { Origin: 'http://localhost:5173' } })
  await stream.opened()
  assert.equal(stream.headers.get('access-control-allow-origin'), 'http://localhost:5173')
})

test('a preflight says what a page may send', async (t) => {
  const server = await serve(t)
  for (const [path, method] of [
    ['/v1/stream', 'GET'],
    ['/v1/changes', 'POST'],
  ] as const) {
    const answer = await server.ask(path, {
      method: 'OPTIONS',
      headers: { Origin: 'http://localhost:3000', 'Access-Control-Request-Method': method, 'Access-Control-Request-Headers': 'content-type,authorization,last-event-id' },
    })
    assert.equal(answer.status, 204)
    assert.equal(answer.body, '')
    assert.equal(answer.headers.get('access-control-allow-origin'), 'http://localhost:3000')
    assert.match(answer.headers.get('access-control-allow-methods') ?? '', new RegExp(`\\b${method}\\b`))
    for (const header of ['Content-Type', 'Authorization', 'Last-Event-ID'])
      assert.match(answer.headers.get('access-control-allow-headers') ?? '', new RegExp(header, 'i'))
  }
})

test('a name that another site gave to this address is not served', async (t) => {
  const server = await serve(t)
  const { port } = server.at
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', '127.0.0.1.evil.example', '192.168.0.1', '0.0.0.0', `[::2]:${port}`, 'localhost:99999999', 'localhost:x'])
    for (const path of ['/v1/position', '/v1/stream?scope=a'])
      assert.ok([400, 403].includes((await server.ask(path, { headers: { Host: host } })).status), host)
  for (const host of ['localhost', `localhost:${port}`, `127.0.0.1:${port}`, '127.9.9.9', `[::1]:${port}`, 'LOCALHOST', 'my.localhost:1234'])
    assert.equal((await server.ask('/v1/position', { headers: { Host: host } })).status, 200, host)
})

test('one connection more than the limit gets 503 and a time to come back; when one goes, another may come', async (t) => {
  const server = await serve(t, config({ limits: { connections: 5 } }))
  const streams = await Promise.all(Array.from({ length: 5 }, () => subscribe(t, server, { scopes: ['a'] })))
  for (const stream of streams) await stream.opened()
  const wire = new Wire(server.at)
  wire.send(requestBytes(server.at, '/v1/position'), 'GET')
  const answer = await wire.answer()
  assert.equal(answer.status, 503)
  assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/)
  await wire.end()
  streams[0]?.cut()
  for (;;) {
    const again = new Wire(server.at)
    again.send(requestBytes(server.at, '/v1/position'), 'GET')
    const { status } = await again.answer()
    again.close()
    if (status === 200) break
    assert.equal(status, 503)
  }
  // The four that are left are as well as before.
  const seen = streams.slice(1).map((stream) => stream.next('stale'))
  for (let status = 503; status !== 202; ) {
    const one = new Wire(server.at)
    one.send(requestBytes(server.at, '/v1/changes', { body: '{"scope":"a","keys":[["x"]]}' }), 'POST')
    status = (await one.answer()).status
    one.close()
  }
  await Promise.all(seen)
})

test('what a subscriber sends on its stream is ignored, however much', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  for (let i = 0; i < 50; i++) stream.socket.write('POST /v1/changes HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(100))
  const position = await server.mark('a', ['x'])
  await stream.reaches(position)
  assert.match(position, /-1$/)
})

test('a request behind the request of a stream, in one packet, does not end it', async (t) => {
  const server = await serve(t)
  const wire = new Wire(server.at)
  let text = ''
  wire.socket.removeAllListeners('data')
  wire.socket.on('data', (bytes: Buffer) => {
    text += bytes.toString()
  })
  wire.send(Buffer.concat([requestBytes(server.at, '/v1/stream?scope=a'), requestBytes(server.at, '/v1/position')]))
  for (;;) {
    await server.mark('a', ['x'])
    if (text.includes('event: stale')) break
  }
  assert.equal(text.match(/HTTP\/1\.1/g)?.length, 1)
  wire.close()
})

test('a client that closes its half after asking still reads its stream', async (t) => {
  const server = await serve(t)
  const stream = server.stream({ scopes: ['a'] })
  t.after(() => stream.cut())
  stream.socket.end()
  // A half-closed connection may be ended by the server; what it must not do is leak it.
  await stream.until('an answer or an end', () => stream.events.length > 0 || stream.ended)
  stream.cut()
  for (let open = 1; open > 0; ) {
    await new Promise((resolve) => setTimeout(resolve, 200 * SLOWER))
    open = await server.metric('unstale_subscribers')
  }
})
