/* WebSocket as bytes: the handshake, frames that are wrong, closing, and clients that take liberties. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { requestBytes, Wire } from './lib/http.ts'
import { config, open, serve, subscribe, type Unstale } from './lib/unstale.ts'
import { poll, SLOWER, sleep } from './lib/wait.ts'
import { closing, fragments, frame, OP, text, upgradeBytes, WebSocketStream } from './lib/ws.ts'

const MIB = 1024 * 1024

/** What a request that should become a WebSocket is answered with, as HTTP. */
async function refusal(server: Unstale, headers: Record<string, string>, method = 'GET', version = '1.1', path = '/v1/ws'): Promise<{ status: number; headers: Map<string, string> }> {
  const wire = new Wire(server.at)
  try {
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
    wire.send(`${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`, method)
    const answer = await wire.answer()
    if (method !== 'HEAD') assert.ok((JSON.parse(answer.body) as { error: string }).error.length > 10)
    return answer
  } finally {
    wire.close()
  }
}

const GOOD = { Host: 'localhost', Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version': '13' }

test('a handshake that is none is refused with the status and the headers that say what would be one', async (t) => {
  const server = await serve(t)
  const but = (more: Record<string, string | undefined>): Record<string, string> =>
    Object.fromEntries(Object.entries({ ...GOOD, ...more }).filter((entry): entry is [string, string] => entry[1] !== undefined))
  for (const headers of [but({ Upgrade: undefined }), but({ Upgrade: 'h2c' }), but({ Upgrade: 'websocket2' }), but({ Connection: 'keep-alive' }), but({ Connection: undefined }), { Host: 'localhost' }]) {
    const { status, headers: answered } = await refusal(server, headers)
    assert.equal(status, 426, JSON.stringify(headers))
    assert.equal(answered.get('upgrade'), 'websocket')
  }
  for (const version of ['12', '8', '', '13, 8', '013', 'x']) {
    const { status, headers } = await refusal(server, but({ 'Sec-WebSocket-Version': version }))
    assert.equal(status, 426, version)
    assert.equal(headers.get('sec-websocket-version'), '13')
  }
  for (const key of ['', 'x', 'dGhlIHNhbXBsZSBub25jZQ=', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZR==', 'dGhlIHNhbXBsZSBub25j!Q==', `${'A'.repeat(1000)}==`])
    assert.equal((await refusal(server, but({ 'Sec-WebSocket-Key': key }))).status, 400, key)
  for (const protocol of ['a b', 'a, b c', 'ä', '"x"', 'a;b'])
    assert.equal((await refusal(server, but({ 'Sec-WebSocket-Protocol': protocol }))).status, 400, protocol)
  assert.equal((await refusal(server, but({ 'Sec-WebSocket-Key': `${GOOD['Sec-WebSocket-Key']}\r\nSec-WebSocket-Key: ${GOOD['Sec-WebSocket-Key']}` }))).status, 400)
  assert.equal((await refusal(server, GOOD, 'GET', '1.0')).status, 426)
  for (const method of ['POST', 'HEAD', 'PUT']) {
    const { status, headers } = await refusal(server, method === 'POST' ? { ...GOOD, 'Content-Length': '0' } : GOOD, method)
    assert.equal(status, 405)
    assert.equal(headers.get('allow'), 'GET, OPTIONS')
  }
  assert.equal((await refusal(server, GOOD, 'GET', '1.1', '/v1/ws/')).status, 404)
  for (const origin of ['http://evil.example', 'null', 'file://', 'http://localhost.evil.example'])
    assert.equal((await refusal(server, but({ Origin: origin }))).status, 403, origin)
  for (const host of ['evil.example', '192.168.1.1', `evil.example:${server.at.port}`])
    assert.equal((await refusal(server, but({ Host: host }))).status, 403, host)
  assert.equal(await server.metric('unstale_subscribers'), 0)
})

test('a handshake may be written in many ways', async (t) => {
  const server = await serve(t)
  for (const headers of [
    { Connection: 'keep-alive, Upgrade' },
    { Connection: 'upgrade,,close' },
    { Upgrade: 'h2c, WebSocket' },
    { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, x-webkit-deflate-frame' },
    { Origin: 'http://localhost:5173' },
    { 'Sec-WebSocket-Version': ' 13 ' },
    { 'Content-Length': '0' },
  ]) {
    const stream = await open(t, server, { scopes: ['a'], headers })
    await stream.opened()
    assert.equal(stream.headers.has('sec-websocket-protocol'), false)
    stream.cut()
  }
  for (const [protocols, taken] of [
    ['unstale', 'unstale'],
    ['one, two', 'one'],
    [',  , x.y~z!#$%&*+-.^_`|, two', 'x.y~z!#$%&*+-.^_`|'.replace('`|', '`|')],
    ['eyJhbGciOi.J9.x_-', 'eyJhbGciOi.J9.x_-'],
    ['t'.repeat(3000), 't'.repeat(3000)],
  ] as const) {
    const stream = await open(t, server, { protocols: protocols.replace('x.y~z', 'x.y~z') })
    assert.equal(stream.headers.get('sec-websocket-protocol'), taken)
    await stream.heard()
    stream.cut()
  }
})

test('requests before the upgrade on one connection are answered first, also in one packet', async (t) => {
  const server = await serve(t)
  for (const packets of [1, 2]) {
    const stream = new WebSocketStream({ host: server.at.host, port: server.at.port }, { scopes: ['a'] })
    await stream.opened()
    stream.cut()
    const wire = new Wire(server.at)
    const before = Buffer.concat([requestBytes(server.at, '/v1/position'), requestBytes(server.at, '/v1/changes', { body: '{"scope":"a","keys":[["x"]]}' }), requestBytes(server.at, '/none')])
    const upgrade = upgradeBytes(server.at, { scopes: ['a'], early: frame(OP.ping, 'early') })
    let seen = Buffer.alloc(0)
    wire.socket.removeAllListeners('data')
    wire.socket.on('data', (bytes: Buffer) => (seen = Buffer.concat([seen, bytes])))
    if (packets === 1) wire.send(Buffer.concat([before, upgrade]))
    else wire.send(before).send(upgrade)
    await poll('a pong and a ready', () => seen.includes('early') && seen.includes('"type":"ready"'))
    const statuses = [...seen.toString('latin1').matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => match[1])
    assert.deepEqual(statuses, ['200', '202', '404', '101'])
    assert.ok(seen.indexOf('101 Switching') < seen.indexOf('early'))
    wire.close()
  }
})

test('an upgrade where there is no WebSocket is an ordinary request, and the connection goes on', async (t) => {
  const server = await serve(t)
  const wire = new Wire(server.at)
  for (const path of ['/v1/position', '/none', '/v1/ws']) {
    const { 'Sec-WebSocket-Key': _, ...headers } = GOOD
    wire.send(requestBytes(server.at, path, { headers }), 'GET')
    assert.equal((await wire.answer()).status, path === '/v1/position' ? 200 : path === '/none' ? 404 : 400)
  }
  wire.send(requestBytes(server.at, '/v1/position'), 'GET')
  assert.equal((await wire.answer()).status, 200)
  wire.close()
})

const UTF8_BAD = [[0x80], [0xc0, 0x80], [0xc1, 0xbf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xf5], [0xff], [0xe2, 0x82], [0xe2, 0x28, 0xa1], [0xf0, 0x80, 0x80, 0x80]]

test('a frame that may not be sent ends the connection with the code that says why', async (t) => {
  const server = await serve(t, config({ limits: { body_time: '2s' } }))
  const body = Buffer.from('{"type":"ping"}')
  const cases: [string, Buffer, number][] = [
    ['a text that is not masked', frame(OP.text, body, { masked: false }), 1002],
    ['a ping that is not masked', frame(OP.ping, '', { masked: false }), 1002],
    ['a close that is not masked', frame(OP.close, Buffer.from([3, 232]), { masked: false }), 1002],
    ...[1, 2, 4, 7].map((reserved): [string, Buffer, number] => [`reserved bits ${reserved}`, frame(OP.text, body, { reserved }), 1002]),
    ['a reserved bit on a ping', frame(OP.ping, '', { reserved: 4 }), 1002],
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((op): [string, Buffer, number] => [`opcode ${op}`, frame(op, ''), 1002]),
    ['binary', frame(OP.binary, body), 1003],
    ['binary in fragments', frame(OP.binary, body, { fin: false }), 1003],
    ['a continuation of nothing', frame(OP.continuation, body), 1002],
    ['a text inside of a text', Buffer.concat([frame(OP.text, 'a', { fin: false }), text('b')]), 1002],
    ['a ping in fragments', frame(OP.ping, 'x', { fin: false }), 1002],
    ['a close in fragments', frame(OP.close, '', { fin: false }), 1002],
    ['a ping of 126 bytes', frame(OP.ping, 'x'.repeat(126)), 1002],
    ['a ping with a long length', frame(OP.ping, '', { lengthBytes: 2, claims: 5n }), 1002],
    ['two bytes for a length below 126', frame(OP.text, body, { lengthBytes: 2 }), 1002],
    ['eight bytes for a length below 126', frame(OP.text, body, { lengthBytes: 8 }), 1002],
    ['eight bytes for a length below 65536', frame(OP.text, 'x'.repeat(300), { lengthBytes: 8 }), 1002],
    ['a length with its highest bit', frame(OP.text, '', { lengthBytes: 8, claims: 1n << 63n }), 1002],
    ['one byte too many', frame(OP.text, 'x'.repeat(64 * 1024 + 1)), 1009],
    ['a promise of much', frame(OP.text, '', { lengthBytes: 8, claims: (1n << 62n) - 1n }), 1009],
    ['too much in fragments', fragments('x'.repeat(64 * 1024 + 1), 1000), 1009],
    ...UTF8_BAD.map((bytes): [string, Buffer, number] => [`no UTF-8: ${Buffer.from(bytes).toString('hex')}`, frame(OP.text, Buffer.from([0x22, ...bytes])), 1007]),
    ['no UTF-8, seen before its end', frame(OP.text, Buffer.from([0xff]), { fin: false }), 1007],
    ['a character cut by the end of the text', Buffer.concat([frame(OP.text, Buffer.from([0xe2]), { fin: false }), frame(OP.continuation, Buffer.from([0x82]))]), 1007],
    ['a close of one byte', frame(OP.close, Buffer.from([3])), 1002],
    ...[0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535].map((code): [string, Buffer, number] => [`close ${code}`, closing(code), 1002]),
    ['a close with a reason that is not UTF-8', closing(1000, Buffer.from([0xff])), 1007],
    ['a close of 126 bytes', frame(OP.close, Buffer.alloc(126, 3)), 1002],
  ]
  const before = await server.metric('unstale_subscribers')
  for (const [what, bytes, code] of cases)
    for (const split of [false, true]) {
      const stream = await open(t, server, { scopes: ['a'] })
      await stream.opened()
      // What follows must not be looked at.
      const all = Buffer.concat([frame(OP.ping, 'before'), bytes, text({ type: 'ping' }), frame(OP.ping, 'behind')])
      if (split && all.length < 2000) {
        for (const byte of all) stream.send(Buffer.from([byte]))
      } else {
        stream.send(all)
      }
      const closed = await stream.over()
      assert.equal(closed.code, code, `${what}: ${JSON.stringify(closed)}`)
      assert.ok(closed.reason.length > 0 && Buffer.byteLength(closed.reason) <= 123, what)
      assert.deepEqual(stream.pongs, ['before'], what)
      assert.deepEqual(stream.errors, [], what)
      assert.equal(stream.events.filter(({ event }) => event === 'heartbeat').length, 0, what)
    }
  await poll('all gone', async () => (await server.metric('unstale_subscribers')) === before)
})

test('a close is answered by one with its code, and the end of the connection', async (t) => {
  const server = await serve(t)
  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4400, 4999]) {
    const stream = await open(t, server, { scopes: ['a'] })
    await stream.opened()
    stream.send(closing(code, code % 2 ? '' : 'ä'.repeat(61)))
    assert.equal((await stream.over()).code, code)
  }
  const bare = await open(t, server)
  bare.send(closing())
  assert.equal((await bare.over()).code, 1000)
  // In the middle of a message, and with a half-closed connection behind it.
  const middle = await open(t, server, { scopes: ['a'] })
  middle.send(Buffer.concat([frame(OP.text, '{"type":', { fin: false }), closing(1001), text({ type: 'ping' })]))
  middle.socket.end()
  assert.equal((await middle.over()).code, 1001)
  assert.deepEqual(middle.errors, [])
  // Without any close: the connection just ends.
  const gone = await open(t, server, { scopes: ['a'] })
  gone.socket.end()
  await gone.end()
  await poll('all gone', async () => (await server.metric('unstale_subscribers')) === 0)
})

test('a client that goes on talking after the close does not keep the connection', async (t) => {
  const server = await serve(t)
  const stream = await open(t, server, { scopes: ['a'] })
  await stream.opened()
  stream.send(closing(1000))
  await stream.until('the close', () => stream.closed)
  const timer = setInterval(() => stream.say({ type: 'ping' }), 20)
  cleanup(t, () => clearInterval(timer))
  await stream.end()
  await poll('gone', async () => (await server.metric('unstale_subscribers')) === 0)
})

test('half a message is waited for as long as limits say, however it is dripped', async (t) => {
  const server = await serve(t, config({ limits: { body_time: '1s', heartbeat: '30s' } }))
  const whole = text({ type: 'subscribe', scopes: ['b'] })
  const halves: [string, Buffer][] = [
    ['one byte', whole.subarray(0, 1)],
    ['a header', whole.subarray(0, 6)],
    ['all but one', whole.subarray(0, -1)],
    ['half a ping', frame(OP.ping, 'xx').subarray(0, 3)],
    ['a fragment', frame(OP.text, '{', { fin: false })],
    ['a whole message and a byte', Buffer.concat([whole, whole.subarray(0, 1)])],
  ]
  const idle = await open(t, server, { scopes: ['a'] })
  await Promise.all(
    halves.map(async ([what, bytes]) => {
      const stream = await open(t, server, { scopes: ['a'] })
      await stream.opened()
      const began = Date.now()
      stream.send(bytes)
      // Pongs, and whatever else may stand between fragments, do not make it younger.
      const timer = what === 'a fragment' ? setInterval(() => stream.send(Buffer.concat([frame(OP.ping, 'x'), frame(OP.continuation, 'x', { fin: false })])), 100) : undefined
      cleanup(t, () => clearInterval(timer))
      assert.equal((await stream.over()).code, 4408, what)
      const took = Date.now() - began
      assert.ok(took >= 990 && took < 3000 * SLOWER, `${what}: ${took} ms`)
    }),
  )
  // Message after message, each begun in the packet of the one before, is no half one.
  const busy = await open(t, server)
  const two = Buffer.concat([whole, whole])
  busy.send(whole.subarray(0, 3))
  for (const end = Date.now() + 1600; Date.now() < end; await sleep(100)) busy.send(two.subarray(3, 3 + whole.length))
  assert.deepEqual([busy.closed, busy.error, busy.errors.length], [null, null, 0])
  assert.equal(idle.ended, false)
  busy.send(whole.subarray(3))
  await busy.heard()
})

/** Sends as much as goes, until the server ends it or the time is over. */
async function flood(stream: WebSocketStream, bytes: Buffer, each: () => void | Promise<void>): Promise<void> {
  for (let i = 0; i < 400 && !stream.ended && !stream.socket.destroyed; i++) {
    if (!stream.socket.write(bytes)) await Promise.race([new Promise((resolve) => stream.socket.once('drain', resolve)), stream.end(), sleep(200)])
    if (i % 40 === 0) await each()
  }
}

for (const [what, one] of [
  ['pings', frame(OP.ping, 'p'.repeat(125))],
  ['messages that are answered by a heartbeat', text({ type: 'ping' })],
  ['messages that are answered by an error', text('{}')],
  ['subscriptions', text({ type: 'subscribe', scopes: ['a', 'b', 'c'] })],
  ['subscriptions of what cannot be had', text({ type: 'subscribe', scopes: ['*', 'p:*', 'x'.repeat(500)] })],
] as const)
  test(`who sends ${what} without reading an answer costs little, and is closed with 1008`, async (t) => {
    const server = await serve(t, config({ limits: { stalled: '2s', heartbeat: '1s' } }))
    const good = await open(t, server, { scopes: ['good'] })
    await good.opened()
    const stream = await open(t, server, { scopes: ['a'] })
    await stream.opened()
    await server.settled()
    const before = server.rss()
    let most = 0
    stream.pause()
    const many = Buffer.concat(Array.from({ length: Math.ceil(65536 / one.length) }, () => one))
    await flood(stream, many, async () => {
      most = Math.max(most, server.rss() - before)
      const position = await server.mark('good', ['x'])
      await good.reaches(position)
    })
    t.diagnostic(`grown by ${(most / MIB).toFixed(1)} MiB`)
    if (SLOWER === 1) assert.ok(most < 4 * MIB, `grown by ${(most / MIB).toFixed(1)} MiB`)
    // A subscription is answered by a round, of which there is one at a time: no queue, no reason to close.
    if (what === 'subscriptions') {
      stream.cut()
    } else {
      await poll('it is closed, or waits to be', async () => stream.ended || (await server.metric('unstale_subscribers')) === 1)
      stream.read()
      await stream.end()
      if (stream.closed) assert.equal(stream.closed.code, 1008)
    }
    await poll('gone', async () => (await server.metric('unstale_subscribers')) === 1)
    assert.equal(good.ended, false)
  })

test('who is closed while not reading is told so when it reads in time', async (t) => {
  const server = await serve(t, config({ limits: { stalled: '5m' } }))
  const stream = await open(t, server, { scopes: ['a'] })
  await stream.opened()
  stream.pause()
  // The pongs fill the kernel's buffers, then ours; what comes behind that is read and thrown away. Little at a time: who
  // has much on its way when it is closed is cut off.
  const some = Buffer.concat(Array.from({ length: 400 }, () => frame(OP.ping, 'p'.repeat(125))))
  let sent = 0
  for (let last = -1; sent < 32 * MIB; ) {
    for (let i = 0; i < 40; i++, sent += some.length) {
      stream.send(some)
      await sleep(SLOWER)
    }
    await poll('all was taken', async () => (await server.metric('unstale_bytes_in_total')) >= sent)
    const out = await server.metric('unstale_bytes_out_total')
    if (out === last) break
    last = out
  }
  stream.read()
  assert.equal((await stream.over()).code, 1008)
})

test('nothing that is published can become a frame, an event, or a line of its own', async (t) => {
  const server = await serve(t, config({ rules: { tasks: { name: 'task', scope: ['p:{project_id}'], stale: [['t', '{id}', '{title}']], data: { title: 'title' } } } }))
  const nasty = ['\r\n\r\nevent: reset\r\ndata: {}\r\n\r\n', '\n', '\r', '\r\n', '\u2028', '\u2029', '\u0085', 'id: 1-1', '"}\n\n', '\u0000', '\u0001', '\u007f', '\ufeff', '\ud83d\ude00', '\\', '"', '</script>', '\u001b[2J']
  const sse = await subscribe(t, server, { scopes: ['p:1', 'u\u2028:1', 'u"\\:1'], changes: true })
  const ws = await open(t, server, { scopes: ['p:1', 'u\u2028:1', 'u"\\:1'], changes: true })
  const bytes: Buffer[] = []
  await sse.opened()
  sse.socket.prependListener('data', (chunk: Buffer) => bytes.push(chunk))
  await ws.opened()
  let served = 0
  let refused = 0
  for (const text of nasty) {
    for (const [path, body] of [
      ['/v1/changes', { scope: 'p:1', keys: [[text, { [text || 'k']: text }]] }],
      ['/v1/changes', { scope: 'u\u2028:1', keys: [[text]] }],
      ['/v1/changes', { scope: text, keys: [['x']] }],
      ['/v1/changes', { resource: 'tasks', action: 'updated', id: text, new: { project_id: 1, title: text } }],
      ['/v1/changes', { resource: 'tasks', action: text, id: 1, new: { project_id: 1, title: text } }],
      ['/v1/changes', { resource: 'tasks', action: 'created', id: 1, new: { project_id: text, title: text } }],
      ['/v1/notices', { scope: 'u"\\:1', type: text, data: { [text]: text } }],
      ['/v1/notices', { scope: 'p:1', type: 'n', data: text }],
      ['/v1/notices', { scope: text, type: 'n', data: 1 }],
    ] as const) {
      const answer = await server.ask(path, { body: JSON.stringify(body) })
      assert.ok([202, 400].includes(answer.status), answer.body)
      if (answer.status === 202) served++
      else refused++
      assert.match(answer.body, /^\{[\x20-\x7e\x80-\uffff]*\}\n$/)
    }
    // In a scope of the URL, over both; and in a name that is asked for over the socket.
    for (const path of ['/v1/stream', '/v1/none']) {
      const answer = await server.ask(`${path}?scope=${encodeURIComponent(text)}&since=${encodeURIComponent(text)}`, { method: path === '/v1/none' ? 'GET' : 'HEAD' })
      assert.ok([200, 400, 404].includes(answer.status))
      assert.equal([...answer.headers.keys()].includes('event'), false)
    }
    ws.subscribe([`x${text}`])
  }
  await ws.heard()
  const last = await server.mark('p:1', ['last'])
  await sse.reaches(last)
  await ws.reaches(last)
  t.diagnostic(`${served} served, ${refused} refused`)
  assert.ok(served > 60 && refused > 10)
  assert.equal(sse.error, null)
  assert.equal(ws.error, null)
  // The stream is lines of the four known fields, and nothing in them ends a line for any reader.
  const all = Buffer.concat(bytes).toString('utf8')
  for (const line of all.split('\n')) assert.match(line, /^((event|data|id|retry): [^\r\u0000-\u001f\u2028\u2029]*)?$/u)
})
