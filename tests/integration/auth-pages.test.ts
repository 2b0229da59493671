/* What pages may do, and of which names: whose origin is let in, what it is told, and whom a name that leads to loopback does not
 * let in. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Address, type Answer, Wire } from './lib/http.ts'
import { backend } from './lib/backend.ts'
import { mint, SECRET, within } from './lib/jwt.ts'
import { config, type Config, directory, launch, serve, type Unstale } from './lib/unstale.ts'

const PUBLISHER = 'Bearer the-token-of-the-publisher'

/** With a cookie, on loopback, publishing by a token. */
function secured(t: Parameters<typeof launch>[0], auth: Record<string, unknown> = {}, more: Config = {}): Promise<Unstale> {
  const dir = directory(t)
  writeFileSync(join(dir, 'token'), PUBLISHER.slice('Bearer '.length))
  const sources = [{ publish: { token_file: 'token' } }]
  return launch(t, config({ auth: { jwt: { secret: SECRET, cookie: 'session' }, tickets: {}, scopes: ['all', 'user:{sub}'], ...auth }, sources, ...more }), { dir }).started()
}

const cookie = (): Record<string, string> => ({ Cookie: `session=${mint({ sub: '7', exp: within(600) })}` })

/** The request's bytes as they are. */
async function raw(to: Address, text: string): Promise<Answer> {
  const wire = new Wire(to)
  try {
    return await wire.send(text.replaceAll('\n', '\r\n'), text.split(' ')[0] as string).answer()
  } finally {
    wire.close()
  }
}

const UPGRADE = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' }

test('a page may ask the name that served it, also through a proxy to loopback, and no other name', async (t) => {
  for (const origins of [undefined, ['https://other.example.com']]) {
    const server = await secured(t, origins ? { origins } : {})
    for (const [origin, host, status] of [
      ['https://app.example.com', 'app.example.com', 200],
      ['https://app.example.com', 'app.example.com:443', 200], // a proxy writes what the browser left out
      ['http://app.example.com', 'app.example.com:80', 200],
      ['https://app.example.com:8443', 'app.example.com:8443', 200],
      ['https://app.example.com', 'APP.example.com', 200],
      ['https://app.example.com', 'app.example.com:80', 403],
      ['http://app.example.com', 'app.example.com:443', 403],
      ['https://app.example.com:443', 'app.example.com', 403], // no browser writes that
      ['https://app.example.com', 'app.example.com:8443', 403],
      ['https://app.example.com', 'app.example.com.', 403],
      ['https://app.example.com', 'app.example.com.evil.com', 403],
      ['https://app.example.com.evil.com', 'app.example.com', 403],
      ['https://evil.com', 'app.example.com', 403],
      ['null', 'null', 403],
      ['file://', 'x', 403],
      ['app.example.com', 'app.example.com', 403],
      ['wss://app.example.com', 'app.example.com', 403],
    ] as const) {
      const answer = await server.ask('/v1/stream?scope=all', { method: 'HEAD', headers: { ...cookie(), Origin: origin, Host: host } })
      assert.equal(answer.status, status, `${origins} ${origin} ${host}`)
      assert.equal(answer.headers.get('vary'), 'Origin')
      assert.equal(answer.headers.get('access-control-allow-origin'), status === 200 ? origin : undefined)
    }
  }
})

test('the same pages are let in at every door and the same are not', async (t) => {
  const rules = { tasks: { name: 'task', scope: ['all'], stale: [['tasks']] } }
  const endpoints = [
    { path: '/api/events', dialect: 'content-studio', scope: ['user:{claim.sub}'] },
    { path: '/api/ws', dialect: 'devhive', scope: ['all'] },
  ]
  const server = await secured(t, { origins: ['https://app.example.com'] }, { rules, endpoints })
  const publish = { method: 'POST', body: '{"scope":"all","keys":[["x"]]}' }
  const doors: [string, { method?: string; body?: string }, Record<string, string>, number][] = [
    ['/v1/stream?scope=all', { method: 'HEAD' }, cookie(), 200],
    ['/api/events', { method: 'HEAD' }, cookie(), 200],
    ['/v1/position', {}, {}, 200],
    ['/v1/changes', publish, { Authorization: PUBLISHER }, 202],
    ['/v1/notices', { method: 'POST', body: '{"scope":"all","type":"t","data":{}}' }, { Authorization: PUBLISHER }, 202],
    ['/v1/tickets', { method: 'POST', body: '{"sub":"7"}' }, { Authorization: PUBLISHER }, 201],
    ['/nothing', {}, {}, 404],
  ]
  for (const [path, asked, headers, status] of doors) {
    const good = await server.ask(path, { ...asked, headers: { ...headers, Origin: 'https://app.example.com' } })
    assert.deepEqual([good.status, good.headers.get('access-control-allow-origin'), good.headers.get('access-control-allow-credentials'), good.headers.get('vary')], [status, 'https://app.example.com', 'true', 'Origin'], path)
    for (const origin of ['https://evil.com', 'null', 'http://app.example.com', 'http://127.0.0.1:3000']) {
      const bad = await server.ask(path, { ...asked, headers: { ...headers, Origin: origin } })
      assert.deepEqual([bad.status, bad.headers.get('access-control-allow-origin'), bad.headers.get('vary')], [403, undefined, 'Origin'], `${path} ${origin}`)
    }
  }
  for (const path of ['/v1/ws?scope=all', '/api/ws'])
    for (const origin of ['https://evil.com', 'null', 'http://app.example.com'])
      assert.equal((await server.ask(path, { headers: { ...cookie(), ...UPGRADE, Origin: origin } })).status, 403, `${path} ${origin}`)
  /* Nothing of it was published or issued by the pages that may not. */
  assert.equal(await server.metric('unstale_auth_tickets_issued_total'), 1)
})

test('a preflight allows each header that a page may have to send, those for the application and for an endpoint, too', async (t) => {
  const app = await backend(t, () => ({ status: 401 }))
  const endpoints = [{ path: '/api/events', dialect: 'content-studio', scope: ['project:{header.x-workspace}'] }]
  const auth = { callback: { url: app.url(), headers: ['X-Tenant', 'x-api-key'] }, origins: ['https://app.example.com'] }
  const server = await serve(t, config({ auth, endpoints, rules: {} }))
  const names = async (path: string): Promise<string[]> => {
    const answer = await server.ask(path, { method: 'OPTIONS', headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET' } })
    assert.equal(answer.status, 204)
    return (answer.headers.get('access-control-allow-headers') ?? '').toLowerCase().split(', ').sort()
  }
  const usual = ['authorization', 'content-type', 'last-event-id', 'x-api-key', 'x-project-id', 'x-tenant']
  for (const path of ['/v1/stream', '/v1/ws', '/v1/changes', '/v1/notices', '/v1/tickets']) assert.deepEqual(await names(path), usual, path)
  assert.deepEqual(await names('/api/events'), [...usual, 'x-workspace'].sort())
})

test('where nobody has to say who he is, only names of loopback are served: pages, publishing and the admin listener', async (t) => {
  const server = await serve(t)
  for (const [host, good] of [
    ['127.0.0.1', true],
    ['127.8.9.1:80', true],
    ['LocalHost:99', true],
    ['app.localhost', true],
    ['[::1]:8', true],
    ['evil.com', false],
    ['127.0.0.1.evil.com', false],
    ['localhost.evil.com', false],
    ['evil-localhost', false],
    ['localhost.', false],
    ['0.0.0.0', false],
    ['127.1', false],
    ['2130706433', false],
    ['127.0.0.256', false],
    ['128.0.0.1', false],
    ['[::ffff:127.0.0.1]', false],
  ] as const) {
    assert.equal((await server.ask('/v1/position', { headers: { Host: host } })).status, good ? 200 : 403, host)
    assert.equal((await server.ask('/v1/changes', { headers: { Host: host }, body: '{"scope":"a","keys":[["x"]]}' })).status, good ? 202 : 403, host)
    for (const path of ['/metrics', '/debug/connections', '/livez', '/nothing'])
      assert.equal((await server.admin(path, { headers: { Host: host } })).status, good ? (path === '/nothing' ? 404 : 200) : 403, `${path} ${host}`)
    assert.equal((await server.admin('/debug/scopes', { headers: { Origin: `http://${host}` } })).status, good ? 200 : 403, host)
  }
  /* What stands in the request's first line is not what its Host says: nobody is believed. */
  for (const [target, host, status] of [
    ['http://evil.com/v1/position', '127.0.0.1', 400],
    ['http://127.0.0.1/v1/position', 'evil.com', 400],
    ['http://127.0.0.1/v1/position', '127.0.0.1', 200],
    ['//evil.com/v1/position', '127.0.0.1', 404],
  ] as const)
    assert.equal((await raw(server.at, `GET ${target} HTTP/1.1\nHost: ${host}\n\n`)).status, status, `${target} ${host}`)
})

test('publishing takes application/json, and nothing that a page could send without asking first', async (t) => {
  const server = await serve(t)
  for (const [type, status] of [
    ['application/json', 202],
    ['APPLICATION/JSON', 202],
    ['application/json;charset=utf-8', 202],
    ['application/json ; charset=utf-8', 202],
    ['text/plain', 415],
    ['text/plain; application/json', 415],
    ['application/json, text/plain', 415],
    ['application/json text/plain', 415],
    ['application/jsonp', 415],
    ['application/x-www-form-urlencoded', 415],
    ['multipart/form-data; boundary=x', 415],
    ['', 415],
  ] as const)
    assert.equal((await server.ask('/v1/changes', { body: '{"scope":"a","keys":[["x"]]}', headers: { 'Content-Type': type } })).status, status, type)
})
