/* HTTP in front of strangers: every shape that two servers could read differently, what each gets, and that nothing ever
 * follows a refusal; time-outs, pipelines, methods and what is expected of each route. */

import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { type Address, type Answer, parseHead, requestBytes, Wire } from './lib/http.ts'
import { config, serve, subscribe } from './lib/unstale.ts'
import { poll, SLOWER, sleep } from './lib/wait.ts'

interface Talk {
  statuses: number[]
  bytes: Buffer
  ms: number
}

/** Sends bytes as they are, in pieces if there are several, and reads to the end of the connection. */
function talk(to: Address, pieces: readonly Buffer[], patience = 10_000 * SLOWER): Promise<Talk> {
  return new Promise((resolve, reject) => {
    const socket = connect(to.port, to.host)
    const began = Date.now()
    const seen: Buffer[] = []
    const timer = setTimeout(() => {
      socket.destroy()
      reject(new Error(`not ended: ${Buffer.concat(seen).toString('latin1').slice(0, 300)}`))
    }, patience)
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => seen.push(bytes))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => {
      clearTimeout(timer)
      const bytes = Buffer.concat(seen)
      resolve({ statuses: [...bytes.toString('latin1').matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1])), bytes, ms: Date.now() - began })
    })
    const send = async (): Promise<void> => {
      for (const piece of pieces) {
        if (socket.destroyed) return
        socket.write(piece)
        if (pieces.length > 1) await new Promise((done) => setImmediate(done))
      }
    }
    void send()
  })
}

const latin = (text: string): Buffer => Buffer.from(text, 'latin1')

const GET = 'GET /v1/position HTTP/1.1\r\n'
const HOST = 'Host: localhost\r\n'
const POST = `POST /v1/changes HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n`
const MARK = '{"scope":"a","keys":[["smuggled"]]}'
const SECOND = `POST /v1/changes HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nContent-Length: ${MARK.length}\r\n\r\n${MARK}`

/** Shape, bytes, status. A request that would change something follows each. */
const REFUSED: [string, string, number][] = [
  // Lengths.
  ['both framings', `${CHUNKED}Content-Length: 4\r\n\r\n0\r\n\r\n`, 400],
  ['both framings, the other way round', `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['two equal lengths', `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n[]`, 400],
  ['two lengths', `${POST}Content-Length: 2\r\nContent-Length: 60\r\n\r\n[]`, 400],
  ['a list of equal lengths', `${POST}Content-Length: 2, 2\r\n\r\n[]`, 400],
  ['an empty length', `${POST}Content-Length:\r\n\r\n[]`, 400],
  ['a length with a plus', `${POST}Content-Length: +2\r\n\r\n[]`, 400],
  ['a length with leading zeros', `${POST}Content-Length: 02\r\n\r\n[]`, 400],
  ['a length with a blank in it', `${POST}Content-Length: 2 2\r\n\r\n[]`, 400],
  ['a length with a tab in front', `${POST}Content-Length:\t2\r\n\r\n[]`, 400],
  ['a length with a point', `${POST}Content-Length: 2.0\r\n\r\n[]`, 400],
  ['a length with an exponent', `${POST}Content-Length: 2e0\r\n\r\n[]`, 400],
  ['a length in other digits', `${POST}Content-Length: \u00b2\r\n\r\n[]`, 400],
  ['a length of 2^64', `${POST}Content-Length: 18446744073709551616\r\n\r\n[]`, 413],
  ['a length of 2^64 + 2', `${POST}Content-Length: 18446744073709551618\r\n\r\n[]`, 413],
  ['a length of 2^63', `${POST}Content-Length: 9223372036854775808\r\n\r\n[]`, 413],
  ['a negative length', `${POST}Content-Length: -2\r\n\r\n[]`, 400],
  // Codings.
  ['chunked twice in a list', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 501],
  ['chunked and identity', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 501],
  ['identity', `${POST}Transfer-Encoding: identity\r\n\r\n`, 501],
  ['chunked with a tab', `${POST}Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n`, 400],
  ['chunked with a vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, 400],
  ['chunked in quotes', `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`, 501],
  ['xchunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 501],
  ['chunked with a parameter', `${POST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`, 501],
  ['an empty coding', `${POST}Transfer-Encoding:\r\n\r\n0\r\n\r\n`, 501],
  ['two headers of codings', `${CHUNKED}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n`, 400],
  ['chunks in HTTP/1.0', `POST /v1/changes HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  // Chunks.
  ['a chunk size of 17 digits', `${CHUNKED}\r\n00000000000000002\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk size that overflows', `${CHUNKED}\r\n10000000000000002\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk size of -2', `${CHUNKED}\r\n-2\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk size with 0x', `${CHUNKED}\r\n0x2\r\n[]\r\n0\r\n\r\n`, 400],
  ['an empty chunk size', `${CHUNKED}\r\n\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk size with a blank in front', `${CHUNKED}\r\n 2\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk size that ends in LF', `${CHUNKED}\r\n2\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk that ends in LF', `${CHUNKED}\r\n2\r\n[]\n0\r\n\r\n`, 400],
  ['a chunk longer than it says', `${CHUNKED}\r\n2\r\n[]]\r\n0\r\n\r\n`, 400],
  ['a chunk shorter than it says', `${CHUNKED}\r\n5\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk extension with a bare CR', `${CHUNKED}\r\n2;a\rb\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk extension with LF', `${CHUNKED}\r\n2;a\nb\r\n[]\r\n0\r\n\r\n`, 400],
  ['a chunk extension with NUL', `${CHUNKED}\r\n2;a\0b\r\n[]\r\n0\r\n\r\n`, 400],
  ['an end of chunks with LF', `${CHUNKED}\r\n2\r\n[]\r\n0\n\n`, 400],
  ['a trailer without a colon', `${CHUNKED}\r\n2\r\n[]\r\n0\r\nX\r\n\r\n`, 400],
  ['a trailer with a blank before the colon', `${CHUNKED}\r\n2\r\n[]\r\n0\r\nX : y\r\n\r\n`, 400],
  // Lines.
  ['LF alone', `GET /v1/position HTTP/1.1\nHost: localhost\n\n`, 400],
  ['LF alone after one header', `${GET}Host: localhost\nX: y\r\n\r\n`, 400],
  ['LF alone at the end', `${GET}Host: localhost\r\nX: y\r\n\n`, 400],
  ['CR alone', `${GET}Host: localhost\rX: y\r\n\r\n`, 400],
  ['CR CR LF', `${GET}Host: localhost\r\r\n\r\n`, 400],
  ['CR in the request line', `GET /v1/position\r HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a folded header', `${GET}${HOST}X: y\r\n z\r\n\r\n`, 400],
  ['a folded first header', `${GET} X: y\r\n${HOST}\r\n`, 400],
  ['a folded length', `${POST}Content-Length:\r\n 2\r\n\r\n[]`, 400],
  ['a blank before the colon', `${GET}Host : localhost\r\n\r\n`, 400],
  ['a tab before the colon', `${POST}Content-Length\t: 2\r\n\r\n[]`, 400],
  ['a blank in a name', `${GET}${HOST}X Y: z\r\n\r\n`, 400],
  ['no name', `${GET}${HOST}: z\r\n\r\n`, 400],
  ['no colon', `${GET}${HOST}X\r\n\r\n`, 400],
  ['NUL in a name', `${GET}${HOST}X\0: y\r\n\r\n`, 400],
  ['NUL in a value', `${GET}${HOST}X: a\0b\r\n\r\n`, 400],
  ['a control character in a value', `${GET}${HOST}X: a\x01b\r\n\r\n`, 400],
  ['DEL in a value', `${GET}${HOST}X: a\x7fb\r\n\r\n`, 400],
  ['a byte above 127 in a name', `${GET}${HOST}X\xe4: y\r\n\r\n`, 400],
  // Host.
  ['no Host', `${GET}\r\n`, 400],
  ['two Hosts', `${GET}${HOST}${HOST}\r\n`, 400],
  ['two Origins', `${GET}${HOST}Origin: http://localhost\r\nOrigin: http://evil.example\r\n\r\n`, 400],
  ['two types of one body', `${POST}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n[]`, 400],
  ['two tokens', `${GET}${HOST}Authorization: Bearer a\r\nauthorization: Bearer b\r\n\r\n`, 400],
  ['two Hosts in other letters', `${GET}${HOST}hOST: localhost\r\n\r\n`, 400],
  ['an empty Host', `${GET}Host:\r\n\r\n`, 400],
  ['a list of Hosts', `${GET}Host: localhost, localhost\r\n\r\n`, 400],
  ['a Host with a path', `${GET}Host: localhost/x\r\n\r\n`, 400],
  ['a Host with a user', `${GET}Host: a@localhost\r\n\r\n`, 400],
  ['a Host with a port that is none', `${GET}Host: localhost:99999\r\n\r\n`, 400],
  ['another Host in the target', `GET http://other/v1/position HTTP/1.1\r\n${HOST}\r\n`, 400],
  // The request line.
  ['two blanks', `GET  /v1/position HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a blank at the end', `GET /v1/position HTTP/1.1 \r\n${HOST}\r\n`, 400],
  ['a tab', `GET\t/v1/position HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a blank in front', ` GET /v1/position HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a fragment', `GET /v1/position#x HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a byte above 127', `GET /v1/pos\xefition HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a backslash host', `GET \\\\evil\\x HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['https in the target', `GET https://localhost/v1/position HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a target that is no path', `GET v1/position HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['* for GET', `GET * HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['CONNECT', `CONNECT localhost:80 HTTP/1.1\r\n${HOST}\r\n`, 501],
  ['get in small letters', `get /v1/position HTTP/1.1\r\n${HOST}\r\n`, 501],
  ['a method that nobody knows', `FOO /v1/position HTTP/1.1\r\n${HOST}\r\n`, 501],
  ['a long method', `${'A'.repeat(100)} / HTTP/1.1\r\n${HOST}\r\n`, 501],
  ['HTTP/1.2', `GET /v1/position HTTP/1.2\r\n${HOST}\r\n`, 505],
  ['HTTP/0.9', 'GET /v1/position\r\n\r\n', 400],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505],
  ['http/1.1', `GET /v1/position http/1.1\r\n${HOST}\r\n`, 400],
  ['HTTP/01.1', `GET /v1/position HTTP/01.1\r\n${HOST}\r\n`, 400],
  ['HTTP/1.10', `GET /v1/position HTTP/1.10\r\n${HOST}\r\n`, 400],
  // Expect.
  ['another Expect', `${POST}Expect: 200-ok\r\nContent-Length: 2\r\n\r\n[]`, 417],
  ['two Expects', `${POST}Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n[]`, 417],
  // Sizes.
  ['too large a body', `${POST}Content-Length: 2000000\r\n\r\n`, 413],
  ['too large a body in chunks', `${CHUNKED}\r\n200000\r\n`, 413],
  ['too many headers', `${GET}${HOST}${Array.from({ length: 64 }, (_, i) => `X${i}: y\r\n`).join('')}\r\n`, 431],
  ['too long a line', `GET /${'x'.repeat(17_000)} HTTP/1.1\r\n${HOST}\r\n`, 414],
]

for (const whole of [true, false])
  test(`each shape gets its answer, a close, and nothing behind it: ${whole ? 'in one packet' : 'byte by byte'}`, async (t) => {
    const server = await serve(t)
    const wrong: string[] = []
    const one = async ([what, bytes, status]: (typeof REFUSED)[number]): Promise<void> => {
      const all = latin(bytes + SECOND)
      if (!whole && all.length > 2000) return
      const { statuses, bytes: got } = await talk(server.at, whole ? [all] : [...all].map((byte) => Buffer.from([byte])))
      if (statuses.length !== 1 || statuses[0] !== status) wrong.push(`${what}: ${statuses.join(' ')} instead of ${status}`)
      const head = parseHead(got)
      if (!head || head.headers.get('connection') !== 'close') wrong.push(`${what}: no Connection: close`)
      if (head && got.length !== head.length + Number(head.headers.get('content-length'))) wrong.push(`${what}: bytes behind the answer`)
    }
    for (let i = 0; i < REFUSED.length; i += 10) await Promise.all(REFUSED.slice(i, i + 10).map(one))
    assert.deepEqual(wrong, [])
    assert.match(await server.position(), /-0$/, 'nothing was smuggled in')
    await poll('all are gone', async () => (await server.metric('unstale_connections')) === 0)
  })

test('what may look odd and is not ambiguous is served', async (t) => {
  const server = await serve(t)
  const served: [string, string, number][] = [
    ['an empty line in front', `\r\n${GET}${HOST}\r\n`, 200],
    ['no blank behind the colon', `${GET}Host:localhost\r\n\r\n`, 200],
    ['blanks around a value', `${GET}Host:   localhost  \r\nX:\t y \t\r\n\r\n`, 200],
    ['an empty value', `${GET}${HOST}X:\r\n\r\n`, 200],
    ['other letters', `${GET}hOsT: LOCALHOST\r\n\r\n`, 200],
    ['bytes above 127 in a value', `${GET}${HOST}X: \xe4\r\n\r\n`, 200],
    ['an absolute target', `GET http://localhost/v1/position HTTP/1.1\r\n${HOST}\r\n`, 200],
    ['a query that nobody asked for', `GET /v1/position?a=b&&=&%zz HTTP/1.1\r\n${HOST}\r\n`, 200],
    ['GET with a body', `${GET}${HOST}Content-Length: 5\r\n\r\nGET /`, 200],
    ['GET with chunks', `${GET}${HOST}Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n`, 200],
    ['a chunked body', `${CHUNKED}\r\n1\r\n[\r\n1;a=b\r\n]\r\n0\r\nX: y\r\n\r\n`, 202],
    ['large letters in a size', `${CHUNKED}\r\nA\r\n          \r\n0\r\n\r\n`, 400],
    ['chunked in other letters', `${POST}Transfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n`, 400],
    ['OPTIONS *', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, 204],
    ['a method of its own', `PURGE /v1/position HTTP/1.1\r\n${HOST}\r\n`, 405],
  ]
  for (const [what, bytes, status] of served) {
    // A second request on the connection is served in its own right, and only once.
    const { statuses } = await talk(server.at, [latin(`${bytes}GET /v1/position HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)])
    assert.deepEqual(statuses, [status, 200], what)
  }
})

test('HEAD on every route is its GET without a body; OPTIONS says what there is', async (t) => {
  const server = await serve(t)
  for (const [path, get, head] of [
    ['/v1/position', 200, 200],
    ['/v1/stream', 400, 400],
    ['/v1/stream?scope=a', 200, 200],
    ['/v1/stream?scope=*', 400, 400],
    ['/v1/ws', 426, 405],
    ['/v1/changes', 405, 405],
    ['/v1/notices', 405, 405],
    ['/', 404, 404],
  ] as const) {
    const bare = `${path} HTTP/1.1\r\n${HOST}`
    const answer = await talk(server.at, [latin(`HEAD ${bare}Connection: close\r\n\r\n`)])
    assert.deepEqual(answer.statuses, [head], path)
    assert.equal(parseHead(answer.bytes)?.length, answer.bytes.length, `${path}: no body`)
    if (get === 200 && path.startsWith('/v1/stream')) continue
    const other = await server.ask(path)
    assert.equal(other.status, get)
    const length = parseHead(answer.bytes)?.headers.get('content-length')
    // The sentence of a 405 names the method.
    if (get === head && get !== 405) assert.equal(length, other.headers.get('content-length'), path)
  }
  for (const [path, allow] of [
    ['/v1/stream', 'GET, HEAD, OPTIONS'],
    ['/v1/ws', 'GET, OPTIONS'],
    ['/v1/position', 'GET, HEAD, OPTIONS'],
    ['/v1/changes', 'POST, OPTIONS'],
    ['/v1/notices', 'POST, OPTIONS'],
  ] as const) {
    const { status, headers, body } = await server.ask(path, { method: 'OPTIONS' })
    assert.deepEqual([status, headers.get('allow'), body], [204, allow, ''])
    assert.equal(headers.has('content-length'), false)
    for (const method of ['PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND', ...(allow.includes('POST') ? ['GET', 'HEAD'] : ['POST'])]) {
      const refused = await server.ask(path, { method })
      assert.deepEqual([refused.status, refused.headers.get('allow')], [405, allow], `${method} ${path}`)
    }
  }
  assert.equal((await server.ask('/none', { method: 'OPTIONS' })).status, 404)
  const all = await server.ask('*', { method: 'OPTIONS' })
  assert.deepEqual([all.status, all.headers.get('allow')], [204, 'GET, HEAD, POST, OPTIONS'])
})

test('an answer to HEAD has no body when it is a refusal, and says no length that GET would not have', async (t) => {
  const server = await serve(t, config({ limits: { head_time: '300ms' } }))
  for (const [what, bytes, status] of [
    ['two Hosts', `HEAD / HTTP/1.1\r\n${HOST}${HOST}\r\n`, 400],
    ['too large a body', `HEAD / HTTP/1.1\r\n${HOST}Content-Length: 2000000\r\n\r\n`, 413],
    ['too slow', `HEAD / HTTP/1.1\r\n`, 408],
  ] as const) {
    const answer = await talk(server.at, [latin(bytes)])
    assert.deepEqual(answer.statuses, [status], what)
    assert.equal(parseHead(answer.bytes)?.length, answer.bytes.length, `${what}: no body`)
  }
  const stream = await talk(server.at, [latin(`HEAD /v1/stream?scope=a HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`)])
  assert.equal(parseHead(stream.bytes)?.headers.has('content-length'), false)

  // The request that came too slowly is another one than the HEAD before it.
  const { bytes } = await talk(server.at, [latin(`HEAD /v1/position HTTP/1.1\r\n${HOST}\r\nGET /v1`)])
  const late = bytes.subarray(bytes.indexOf('HTTP/1.1 408'))
  const head = parseHead(late)
  assert.ok(head)
  assert.equal(late.length - head.length, Number(head.headers.get('content-length')), 'what GET is refused with has its body')
  assert.ok(late.length > head.length)
})

test('every answer says when it was given', async (t) => {
  const server = await serve(t)
  const since = Math.floor(Date.now() / 1000) * 1000
  for (const bytes of [
    `${GET}${HOST}Connection: close\r\n\r\n`,
    `GET /none HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
    `${GET}\r\n`,
    `OPTIONS /v1/changes HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
    `${POST}Connection: close\r\nContent-Length: ${MARK.length}\r\n\r\n${MARK}`,
  ]) {
    const date = parseHead((await talk(server.at, [latin(bytes)])).bytes)?.headers.get('date')
    assert.match(date ?? '', /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT$/, bytes)
    assert.ok(Date.parse(date as string) >= since && Date.parse(date as string) <= Date.now(), date)
  }
  const stream = new Wire(server.at)
  let text = ''
  stream.socket.removeAllListeners('data')
  stream.socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  stream.send(`GET /v1/stream?scope=a HTTP/1.1\r\n${HOST}\r\n`)
  await poll('a greeting', () => text.includes('event: ready'))
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n(?:.+\r\n)*Date: .+ GMT\r\n/)
  stream.close()
})

test('HTTP/1.0: closed after the answer, kept where that is asked for, Host may be missing, no chunks and no 100', async (t) => {
  const server = await serve(t)
  const get = 'GET /v1/position HTTP/1.0\r\n'
  assert.deepEqual((await talk(server.at, [latin(`${get}\r\n${get}\r\n`)])).statuses, [200])
  assert.deepEqual((await talk(server.at, [latin(`${get}Connection: keep-alive\r\n\r\n${get}\r\n`)])).statuses, [200, 200])
  const post = `POST /v1/changes HTTP/1.0\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${MARK.length}\r\n\r\n${MARK}`
  assert.deepEqual((await talk(server.at, [latin(post)])).statuses, [202])
  const stream = new Wire(server.at)
  let text = ''
  stream.socket.removeAllListeners('data')
  stream.socket.on('data', (bytes: Buffer) => (text += bytes.toString()))
  stream.send('GET /v1/stream?scope=a HTTP/1.0\r\n\r\n')
  await poll('a greeting', () => text.includes('event: ready'))
  assert.doesNotMatch(text, /transfer-encoding/i)
  stream.close()
})

test('Expect: 100-continue is answered before the body, once, and not where the body is refused', async (t) => {
  const server = await serve(t)
  const head = (length: number, more = ''): string => `${POST}Expect: 100-continue\r\n${more}Content-Length: ${length}\r\n\r\n`
  const wire = new Wire(server.at)
  for (let round = 0; round < 3; round++) {
    wire.send(head(MARK.length), 'POST')
    assert.equal((await wire.answer()).status, 100)
    wire.send(MARK)
    assert.equal((await wire.answer()).status, 202)
  }
  // The body is there already: an answer before it is no harm, two final ones would be.
  wire.send(head(MARK.length) + MARK, 'POST')
  const statuses = [(await wire.answer()).status]
  if (statuses[0] === 100) statuses.push((await wire.answer()).status)
  assert.equal(statuses.at(-1), 202)
  wire.close()
  assert.deepEqual((await talk(server.at, [latin(head(2_000_000))])).statuses, [413])
  assert.deepEqual((await talk(server.at, [latin(`${head(0, 'Connection: close\r\n')}`)])).statuses, [400])
  // Refused by its head alone: whoever waits for 100 learns of it at once.
  assert.deepEqual((await talk(server.at, [latin(`PUT /v1/changes HTTP/1.1\r\n${HOST}Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n`), latin('[]')])).statuses.at(-1), 405)
})

test('what is slow is given up in time: a head, a body, the next request; however it drips', async (t) => {
  const server = await serve(t, config({ limits: { head_time: '400ms', body_time: '600ms', keepalive: '800ms' } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const drip = async (first: string, then: string, each: number): Promise<Talk> =>
    new Promise((resolve, reject) => {
      const socket = connect(server.at.port, server.at.host, () => socket.write(latin(first)))
      const began = Date.now()
      let text = ''
      const timer = setInterval(() => socket.write(latin(then)), each)
      const late = setTimeout(() => reject(new Error(`never: ${text}`)), 10_000 * SLOWER)
      socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
      socket.on('error', () => socket.destroy())
      socket.on('close', () => {
        clearInterval(timer)
        clearTimeout(late)
        resolve({ statuses: [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => Number(match[1])), bytes: latin(text), ms: Date.now() - began })
      })
    })
  const whole = `${GET}${HOST}\r\n`
  const cases: [string, string, string, number[], number][] = [
    ['a head in drops', 'G', 'E', [408], 400],
    ['headers without end', `${GET}${HOST}`, 'X: y\r\n', [408], 400],
    ['empty lines first', '\r\n', '', [408], 400],
    ['a head behind an answered request', `${whole}GET /v1`, 'x', [200, 408], 400],
    ['a body in drops', `${POST}Content-Length: 1000\r\n\r\n`, ' ', [408], 600],
    ['a chunked body in drops', `${CHUNKED}\r\n`, '1\r\n \r\n', [408], 600],
    ['a chunk size in drops', `${CHUNKED}\r\n`, '0', [408], 600],
    ['trailers without end', `${CHUNKED}\r\n0\r\n`, 'X: y\r\n', [408], 600],
    ['a body after 100', `${POST}Expect: 100-continue\r\nContent-Length: 10\r\n\r\n`, '', [100, 408], 600],
    ['silence from the start', '', '', [], 800],
    ['silence behind an answer', whole, '', [200], 800],
  ]
  await Promise.all(
    cases.map(async ([what, first, then, statuses, least]) => {
      const answer = await drip(first, then, 37)
      // A size of 17 zeros is refused before its time.
      if (what === 'a chunk size in drops') return assert.ok([400, 408].includes(answer.statuses[0] ?? 0))
      if (what === 'trailers without end') return assert.ok([408, 431].includes(answer.statuses[0] ?? 0), answer.statuses.join())
      assert.deepEqual(answer.statuses, statuses, what)
      assert.ok(answer.ms >= least - 20, `${what}: ${answer.ms} ms`)
      assert.ok(answer.ms < least + 2500 * SLOWER, `${what}: ${answer.ms} ms`)
    }),
  )
  assert.equal(stream.ended, false)
  await stream.reaches(await server.mark('a', ['x']))
})

test('a long pipeline is answered in order, and who does not read its answers waits', async (t) => {
  const server = await serve(t, config({ limits: { stalled: '5m' } }))
  const n = 2000
  const wire = new Wire(server.at)
  const one = (i: number): Buffer => (i % 3 === 0 ? requestBytes(server.at, '/v1/changes', { body: JSON.stringify({ scope: 'a', keys: [[i]] }) }) : requestBytes(server.at, i % 3 === 1 ? `/none/${i}` : '/v1/position'))
  const all = Buffer.concat(Array.from({ length: n }, (_, i) => one(i)))
  for (let i = 0; i < n; i++) wire.send('', i % 3 === 0 ? 'POST' : 'GET')
  wire.send(all)
  const answers: Answer[] = []
  for (let i = 0; i < n; i++) answers.push(await wire.answer())
  answers.forEach(({ status, body }, i) => {
    assert.equal(status, [202, 404, 200][i % 3])
    if (i % 3 === 1) assert.ok(body.includes(`/none/${i};`), body)
  })
  wire.close()
  // Nobody reads: the requests stay in the kernel's buffers, not in ours.
  await server.settled()
  const before = server.rss()
  const greedy = new Wire(server.at)
  greedy.socket.pause()
  const many = Buffer.concat(Array.from({ length: 1000 }, () => requestBytes(server.at, '/none/' + 'x'.repeat(900))))
  for (let i = 0; i < 40; i++) greedy.socket.write(many)
  await sleep(500 * SLOWER)
  assert.ok(greedy.socket.writableLength > 0 || SLOWER > 1, 'it was all taken')
  assert.equal((await server.ask('/v1/position')).status, 200)
  const grown = server.rss() - before
  t.diagnostic(`grown by ${(grown / 1024).toFixed(0)} KiB`)
  if (SLOWER === 1) assert.ok(grown < 2 * 1024 * 1024)
  greedy.close()
  await poll('gone', async () => (await server.metric('unstale_connections')) === 0)
})

test('a publish whose sender is gone is applied whole or not at all', async (t) => {
  const server = await serve(t)
  const body = JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ scope: 'a', keys: [['k', i]] })))
  const request = requestBytes(server.at, '/v1/changes', { body })
  for (const cut of [10, request.length - body.length, request.length - 1]) {
    const socket = connect(server.at.port, server.at.host)
    await new Promise((resolve) => socket.write(request.subarray(0, cut), resolve))
    await new Promise((resolve) => socket.destroy().once('close', resolve))
  }
  await poll('gone', async () => (await server.metric('unstale_connections')) === 0)
  const start = await server.position()
  assert.match(start, /-0$/)
  const socket = connect(server.at.port, server.at.host)
  await new Promise((resolve) => socket.write(request, resolve))
  socket.destroy()
  const greeting = await server.greeting({ scopes: ['a'], since: start })
  assert.ok([0, 100].includes(greeting.keys.length), `${greeting.keys.length} of 100`)
  assert.equal(greeting.scopes['a'], 'exact')
})

test('no answer repeats what a request put into it: header, path, parameter', async (t) => {
  const server = await serve(t)
  const nasty = ['%0d%0aX-Injected:%20yes', '%0aX-Injected:%20yes', '%0dX-Injected:%20yes', '%00', '%e2%80%a8', '%ff%fe', '%22%5c', '<script>', "'%22"]
  for (const text of nasty)
    for (const path of [`/${text}`, `/v1/stream?scope=${text}*&scope=p:*`, `/v1/stream?scope=*&since=${text}`, `/v1/position?x=${text}`, `/v1/ws?scope=${text}`, `/v1/stream?scope=%ff${text}`]) {
      const wire = new Wire(server.at)
      wire.send(latin(`GET ${path} HTTP/1.1\r\n${HOST}Origin: http://localhost:1\r\nLast-Event-ID: ${decodeURIComponent(text.replace(/%(0[ad0]|f[fe])/g, ''))
        .replace(/[^\x20-\x7e]/g, '')}\r\n\r\n`), 'GET')
      const answer = await wire.answer()
      wire.close()
      assert.ok(answer.status < 500, path)
      assert.equal(answer.headers.has('x-injected'), false, path)
      assert.equal(answer.headers.get('access-control-allow-origin'), 'http://localhost:1')
      JSON.parse(answer.body)
      assert.doesNotMatch(answer.body.slice(0, -1), /[\u0000-\u001f]/)
    }
})
