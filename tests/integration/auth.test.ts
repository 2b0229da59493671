/* Who may listen: tokens in each of their places, what their claims give, and what is refused how. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { ask, requestBytes, Wire } from './lib/http.ts'
import { bearer, mint, mintWith, SECRET, within } from './lib/jwt.ts'
import { rights } from './lib/rights.ts'
import { staleKeys } from './lib/sse.ts'
import { poll } from './lib/wait.ts'
import { binary, config, type Config, directory, launch, open, serve, subscribe } from './lib/unstale.ts'

const SCOPES = [
  'user:{sub}',
  'project:{projects[]}',
  'team:{teams[].id}',
  { scope: 'admin', when: { role: ['admin', 'owner'] } },
  { scope: 'org:*', when: { role: 'root' } },
  'all',
]

function secured(auth: Record<string, unknown> = {}, more: Config = {}): Config {
  const { jwt, ...rest } = auth as { jwt?: Record<string, unknown> }
  return config({ auth: { jwt: { secret: SECRET, leeway: '0', ...jwt }, scopes: SCOPES, ...rest }, ...more })
}

const USER = (): Record<string, unknown> => ({ sub: '7', projects: [1, 'two', null, '', { a: 1 }], exp: within(3600) })

test('what the claims give may be read, live, and nothing else', async (t) => {
  const server = await serve(t, secured())
  const headers = bearer(mint({ ...USER(), role: ['reader', 'owner'], teams: [{ id: 'a:b' }, { id: 'c' }, 5] }))
  const scopes = ['user:7', 'project:1', 'project:two', 'team:a%3Ab', 'team:c', 'admin', 'all']
  const stream = await subscribe(t, server, { scopes, headers })
  await stream.opened()
  for (const scope of scopes) {
    await server.mark(scope, ['x'])
    assert.equal((await stream.next('stale')).data.scope, scope)
  }
  for (const scope of ['user:8', 'project:3', 'project:', 'project:two:x', 'team:5', 'team:a:b', 'org:1', 'other']) {
    const refused = await server.ask(`/v1/stream?scope=${encodeURIComponent(scope)}`, { headers })
    assert.equal(refused.status, 403, scope)
    assert.match(refused.body, /you may not read scope/)
  }
  assert.equal((await server.ask('/v1/stream?scope=admin', { headers: bearer(mint(USER())) })).status, 403)
})

test('a family is everything of it that may be read; a right without end has no list', async (t) => {
  const server = await serve(t, secured())
  const stream = await subscribe(t, server, { scopes: ['project:*', 'user:7'], headers: bearer(mint(USER())) })
  const ready = await stream.opened()
  assert.deepEqual(Object.keys(ready.data.scopes).sort(), ['project:1', 'project:two', 'user:7'])
  const root = bearer(mint({ sub: '1', role: 'root', exp: within(60) }))
  assert.equal((await server.ask('/v1/stream?scope=org:*', { headers: root })).status, 400)
  const one = await subscribe(t, server, { scopes: ['org:5'], headers: root })
  await one.opened()
  assert.equal((await server.ask('/v1/stream?scope=team:*', { headers: root })).status, 403)
})

test('no token, a bad one and a late one are 401 and say so in the way of RFC 6750', async (t) => {
  const server = await serve(t, secured({ jwt: { issuer: 'us', audience: ['here', 'there'] } }))
  const good = { ...USER(), iss: 'us', aud: 'there' }
  const none = await server.ask('/v1/stream?scope=all')
  assert.equal(none.status, 401)
  assert.equal(none.headers.get('www-authenticate'), 'Bearer')
  for (const [claims, secret] of [
    [good, 'another secret of more than thirty-two'],
    [{ ...good, exp: within(-1) }, SECRET],
    [{ ...good, exp: undefined }, SECRET],
    [{ ...good, iss: 'them' }, SECRET],
    [{ ...good, aud: 'elsewhere' }, SECRET],
    [{ ...good, nbf: within(60) }, SECRET],
  ] as const) {
    const answer = await server.ask('/v1/stream?scope=all', { headers: bearer(mint(claims, secret)) })
    assert.equal(answer.status, 401, JSON.stringify(claims))
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer error="invalid_token"')
  }
  assert.equal((await server.ask('/v1/stream?scope=all', { headers: bearer('x.y.z') })).status, 401)
  await (await subscribe(t, server, { scopes: ['all'], headers: bearer(mint(good)) })).opened()
  assert.equal(await server.metric('unstale_auth_tokens_total{result="good"}'), 1)
  assert.equal(await server.metric('unstale_auth_tokens_total{result="expired"}'), 1)
})

test('the token may stand in a header, a cookie, a subprotocol, a first message, and in the URL only where that is wanted', async (t) => {
  const server = await serve(t, secured({ jwt: { cookie: 'session' } }))
  const token = mint(USER())
  const headers = { Cookie: `a=b; session=${token}` }
  await (await subscribe(t, server, { scopes: ['all'], headers })).opened()
  await (await open(t, server, { scopes: ['all'], headers })).opened()
  await (await open(t, server, { scopes: ['all'], headers: bearer(token) })).opened()
  const offered = await open(t, server, { scopes: ['all'], protocols: `unstale, bearer.${token}` })
  assert.equal(offered.headers.get('sec-websocket-protocol'), 'unstale')
  await offered.opened()
  const first = await open(t, server)
  first.say({ type: 'token', token }).subscribe(['all', 'user:7'])
  assert.deepEqual(Object.keys((await first.opened()).data.scopes).sort(), ['all', 'user:7'])
  assert.equal((await server.ask(`/v1/stream?scope=all&token=${token}`)).status, 401)
  assert.equal((await server.ask('/v1/stream?scope=all', { headers: { Cookie: `session=${token}; session=other` } })).status, 401)

  const other = await serve(t, secured({ jwt: { query: 'access_token' } }, { log: { level: 'debug' } }))
  await (await subscribe(t, other, { scopes: ['all'], query: { access_token: token } })).opened()
  await (await open(t, other, { scopes: ['all'], query: { access_token: token } })).opened()
  assert.equal((await other.ask(`/v1/none?access_token=${token}`)).status, 404)
  const secret = token.split('.')[2] as string
  assert.ok(!other.log.includes(secret))
  assert.ok(!(await other.admin('/debug/connections')).body.includes(secret))
})

test('a WebSocket is refused by an error and a close code: what is forbidden alone, 4403 where nothing is left, 4401', async (t) => {
  const server = await serve(t, secured())
  const token = mint(USER())
  const some = await open(t, server, { scopes: ['project:1', 'project:9'], headers: bearer(token) })
  assert.equal((await some.refusedWith()).scope, 'project:9')
  assert.deepEqual(Object.keys((await some.opened()).data.scopes), ['project:1'])
  some.subscribe(['project:8'])
  assert.equal((await some.refusedWith()).scope, 'project:8')
  const none = await open(t, server, { scopes: ['project:9', 'user:1'], headers: bearer(token) })
  assert.equal((await none.over()).code, 4403)
  assert.equal(none.errors.length, 2)
  const bad = await open(t, server, { scopes: ['all'], headers: bearer('x.y.z') })
  assert.equal((await bad.over()).code, 4401)
  const nobody = await open(t, server, { scopes: ['all'] })
  assert.equal((await nobody.over()).code, 4401)
  const hasty = await open(t, server)
  hasty.subscribe(['all'])
  assert.equal((await hasty.over()).code, 4401)
  const wrong = await open(t, server)
  wrong.say({ type: 'token', token: 'x' })
  assert.equal((await wrong.over()).code, 4401)
})

test('who does not say in time who he is, is closed', async (t) => {
  const server = await serve(t, secured({}, { limits: { head_time: '300ms' } }))
  const silent = await open(t, server)
  assert.equal((await silent.over()).code, 4401)
  await poll('counted', async () => (await server.metric('unstale_auth_unknown_total')) === 1)
})

test('a stream ends with its token: a WebSocket with 4401, SSE with an event and its end', async (t) => {
  const server = await serve(t, secured())
  const headers = bearer(mint({ ...USER(), exp: within(1.5) }))
  const sse = await subscribe(t, server, { scopes: ['all'], headers })
  const ws = await open(t, server, { scopes: ['all'], headers })
  await sse.opened()
  await ws.opened()
  await server.mark('all', ['x'])
  await sse.next('stale')
  const closed = await sse.next('closed')
  assert.equal(closed.data.code, 4401)
  await sse.end()
  assert.equal((await ws.over()).code, 4401)
  await poll('counted', async () => (await server.metric('unstale_auth_expired_total')) === 2)
})

test('a token message goes on without a gap, and what changed in the rights is applied', async (t) => {
  const server = await serve(t, secured())
  const stream = await open(t, server, {
    scopes: ['project:*', 'user:7', 'all'],
    headers: bearer(mint({ sub: '7', projects: ['a', 'b'], exp: within(2) })),
  })
  await stream.opened()
  stream.say({ type: 'token', token: mint({ sub: '7', projects: ['b', 'c'], exp: within(3600) }) })
  assert.equal((await stream.next('revoked')).data.scope, 'project:a')
  const ready = await stream.next('ready')
  assert.deepEqual(ready.data.scopes, { 'user:7': 'exact', all: 'exact', 'project:b': 'exact', 'project:c': 'reset' })
  await server.mark('project:a', ['x'])
  await server.mark('project:b', ['x'])
  await server.mark('project:c', ['x'])
  assert.equal((await stream.next('stale')).data.scope, 'project:b')
  assert.equal((await stream.next('stale')).data.scope, 'project:c')
  // The first token's end is nobody's.
  await new Promise((resolve) => setTimeout(resolve, 2500))
  await stream.heard()
  // Another user's token, and a bad one, change nothing.
  for (const token of [mint({ sub: '8', exp: within(60) }), 'x.y.z']) {
    stream.say({ type: 'token', token })
    await stream.refusedWith()
  }
  await server.mark('project:b', ['y'])
  assert.equal((await stream.next('stale')).data.scope, 'project:b')
  // Nothing is left of what it holds.
  stream.unsubscribe('user:7', 'all')
  stream.say({ type: 'token', token: mint({ sub: '7', exp: within(3600) }) })
  await stream.next('revoked')
  await stream.next('revoked')
  assert.equal((await stream.over()).code, 4403)
})

test('streams of a user, of a token and of an address have a limit', async (t) => {
  for (const threads of [1, 3]) {
    const server = await serve(t, secured({}, { threads, limits: { connections_per_user: 2, connections_per_token: 1 } }))
    const tokens = [1, 2, 3].map((jti) => bearer(mint({ ...USER(), jti })))
    const first = await subscribe(t, server, { scopes: ['all'], headers: tokens[0] as Record<string, string> })
    await first.opened()
    const again = await server.ask('/v1/stream?scope=all', { headers: tokens[0] as Record<string, string> })
    assert.equal(again.status, 429)
    assert.ok(again.headers.get('retry-after'))
    assert.match(again.body, /connections_per_token/)
    const second = await open(t, server, { scopes: ['all'], headers: tokens[1] as Record<string, string> })
    await second.opened()
    const third = await open(t, server, { scopes: ['all'], headers: tokens[2] as Record<string, string> })
    assert.match((await third.refusedWith()).error, /connections_per_user/)
    assert.equal((await third.over()).code, 1013)
    const late = await open(t, server)
    late.say({ type: 'token', token: mint(USER()) })
    assert.equal((await late.over()).code, 1013)
    await (await subscribe(t, server, { scopes: ['all'], headers: bearer(mint({ sub: '8', exp: within(60) })) })).opened()
    assert.equal(await server.metric('unstale_streams_refused_total{limit="token"}'), 1)
    // A seat is given back.
    first.cut()
    for (;;) {
      const stream = await subscribe(t, server, { scopes: ['all'], headers: tokens[0] as Record<string, string> })
      await stream.until('answered', () => stream.status !== 0)
      if (stream.status === 200) break
      stream.cut()
    }
  }
  const server = await serve(t, config({ limits: { connections_per_address: 2 }, trusted_proxies: ['127.0.0.1'] }))
  const opened = async (client: string): Promise<number> => {
    const stream = server.stream({ scopes: ['a'], headers: client ? { 'X-Forwarded-For': client } : {} })
    t.after(() => stream.cut())
    await stream.until('answered', () => stream.status !== 0)
    return stream.status
  }
  const three = async (...clients: string[]): Promise<number[]> => {
    const all = []
    for (const client of clients) all.push(await opened(client))
    return all
  }
  assert.deepEqual(await three('', '', ''), [200, 200, 429])
  /* Behind a proxy it is the client, however it is written, and of IPv6 what one host has. */
  assert.deepEqual(await three('192.0.2.1', '6.6.6.6, 192.0.2.1', '192.0.2.1:4711'), [200, 200, 429])
  assert.deepEqual(await three('2001:db8::1', '2001:0DB8:0:0:9::2', '[2001:db8::3]:80'), [200, 200, 429])
  assert.deepEqual(await three('2001:db8:0:1::1', '192.0.2.2'), [200, 200])
  assert.equal(await server.metric('unstale_streams_refused_total{limit="address"}'), 3)
})

test('pages of named origins may talk to it, with cookies, and no others', async (t) => {
  const server = await serve(t, secured({ jwt: { cookie: 'session' }, origins: ['https://app.example.com'] }))
  const cookie = { Cookie: `session=${mint(USER())}` }
  const good = { ...cookie, Origin: 'https://app.example.com' }
  const stream = await subscribe(t, server, { scopes: ['all'], headers: good })
  await stream.opened()
  assert.equal(stream.headers.get('access-control-allow-origin'), 'https://app.example.com')
  assert.equal(stream.headers.get('access-control-allow-credentials'), 'true')
  assert.equal(stream.headers.get('vary'), 'Origin')
  await (await open(t, server, { scopes: ['all'], headers: good })).opened()
  const plain = await server.ask('/v1/position')
  assert.equal(plain.headers.get('vary'), 'Origin')
  assert.equal(plain.headers.get('access-control-allow-origin'), undefined)
  for (const origin of ['https://evil.example.com', 'http://app.example.com', 'https://app.example.com.evil.com', 'null', 'http://localhost:1']) {
    for (const path of ['/v1/stream?scope=all', '/v1/ws?scope=all'])
      assert.equal((await server.ask(path, { headers: { ...cookie, Origin: origin } })).status, 403, origin)
    assert.equal((await server.ask('/v1/stream', { method: 'OPTIONS', headers: { Origin: origin } })).status, 403)
  }
  const preflight = await server.ask('/v1/stream', {
    method: 'OPTIONS',
    headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'authorization' },
  })
  assert.equal(preflight.status, 204)
  const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase() ?? ''
  for (const name of ['authorization', 'x-project-id', 'last-event-id', 'content-type']) assert.ok(allowed.includes(name), name)
  assert.ok(!allowed.includes('*'))
  // An image of another site brings the cookie and no Origin.
  assert.equal((await server.ask('/v1/stream?scope=all', { headers: { ...cookie, 'Sec-Fetch-Site': 'cross-site' } })).status, 403)
  assert.equal((await server.ask('/v1/stream?scope=all', { method: 'HEAD', headers: { ...cookie, 'Sec-Fetch-Site': 'same-origin' } })).status, 200)
  // Its own name always may.
  const own = { ...cookie, Host: 'stream.example.com', Origin: 'https://stream.example.com' }
  assert.equal((await server.ask('/v1/stream?scope=all', { method: 'HEAD', headers: own })).status, 403)
})

test('a reload looks again at who is here: other scopes, other keys, another file that is wrong', async (t) => {
  const one = generateKeyPairSync('ed25519'), two = generateKeyPairSync('ed25519')
  const dir = directory(t)
  const keys = join(dir, 'keys.json')
  const jwk = (pair: typeof one, kid: string): object => ({ ...pair.publicKey.export({ format: 'jwk' }), kid })
  writeFileSync(keys, JSON.stringify({ keys: [jwk(one, 'one'), jwk(two, 'two')] }))
  const settings = (scopes: unknown[]): Config =>
    config({ auth: { jwt: { keys_file: 'keys.json' }, scopes }, threads: 2, sources: [{ publish: { open: true } }] })
  const server = await launch(t, settings(['a', 'b', 'project:{p}']), { dir }).started()
  const reload = async (): Promise<void> => {
    const before = await server.metric('unstale_reloads_total{result="applied"}')
    server.child.kill('SIGHUP')
    await server.until('reloaded', () => server.lines.filter((line) => line.includes(': reloaded')).length > before)
  }
  const claims = { sub: '7', p: 1, exp: within(3600) }
  const first = await subscribe(t, server, { scopes: ['a', 'project:*'], headers: bearer(mintWith(one.privateKey, 'one', claims)) })
  const second = await open(t, server, { scopes: ['a', 'b'], headers: bearer(mintWith(two.privateKey, 'two', claims)) })
  await first.opened()
  await second.opened()
  writeFileSync(server.file, JSON.stringify(settings(['b', 'project:{p}', 'project:x'])))
  await reload()
  assert.equal((await first.next('revoked')).data.scope, 'a')
  assert.deepEqual((await first.next('ready')).data.scopes, { 'project:1': 'exact', 'project:x': 'reset' })
  assert.equal((await second.next('revoked')).data.scope, 'a')
  await server.mark('a', ['x'])
  await server.mark('b', ['x'])
  assert.equal((await second.next('stale')).data.scope, 'b')
  writeFileSync(keys, JSON.stringify({ keys: [jwk(one, 'one')] }))
  await reload()
  assert.equal((await second.over()).code, 4401)
  await server.mark('project:1', ['x'])
  assert.equal((await first.next('stale')).data.scope, 'project:1')
  // From here on everybody may come; whoever is here comes again.
  writeFileSync(server.file, JSON.stringify(config({ threads: 2 })))
  await reload()
  await first.end()
  await (await subscribe(t, server, { scopes: ['anything'] })).opened()
})

test('check names data that everybody may read, and the way in', async (t) => {
  const dir = directory(t)
  const check = async (auth: unknown, sources: unknown[] = [{ publish: { open: true } }]): Promise<{ stdout: string; stderr: string }> => {
    const rules = {
      tasks: { scope: ['project:{project_id}', 'all'], stale: [['tasks']], data: { title: 'title', more: 'more' } },
      users: { scope: ['user:{id}'], stale: [['users']], data: { name: 'name' } },
    }
    writeFileSync(join(dir, 'unstale.yaml'), JSON.stringify(config({ auth, rules, sources })))
    return promisify(execFile)(binary, ['check', '-c', 'unstale.yaml'], { cwd: dir })
  }
  const jwt = { secret: SECRET }
  const some = await check({ jwt, scopes: ['project:{p[]}', 'all', { scope: 'user:*', when: { role: 'admin' } }] })
  assert.match(some.stderr, /^unstale: unstale\.yaml:\d+:\d+: data: of tasks \(title and others\) goes to the scope all, which everybody who is signed in may read\n$/)
  assert.match(some.stdout, /signed in by token; what may be read: project:\{p\[\]\} all user:\* \(when \.\.\.\)/)
  const none = await check({ jwt, scopes: ['project:{p[]}', 'user:{sub}'] })
  assert.equal(none.stderr, '')
  const one = await check({ jwt, scopes: ['project:public', 'user:', 'project:{p}'] })
  assert.match(one.stderr, /^unstale: \S+ data: of tasks \(title and others\) goes to the scope project:public, which everybody who is signed in may read\n$/)
  const nobody = await check({ jwt })
  assert.match(nobody.stderr, /auth says by no scopes and no membership what may be read: every stream will be refused \(403\)\n$/)
  assert.match(nobody.stdout, /what may be read: nothing by claims/)
  const asked = await check({ jwt, callback: { url: 'http://127.0.0.1:1/' } })
  assert.equal(asked.stderr, '')
  assert.match(asked.stdout, /what may be read: what the sign-in names/)
  const far = await check({ jwt: { jwks_url: 'http://id.example.com/keys' }, callback: { url: 'http://app.example.com/who' }, scopes: ['a'] })
  assert.match(far.stderr, /jwks_url: keys that come by http can be replaced on their way; use https\n.*callback: cookies that go by http can be read on their way; use https\n$/)
  const near = await check({ jwt: { jwks_url: 'https://id.example.com/keys' }, callback: { url: 'http://127.0.0.1:3000/who' }, scopes: ['a'] })
  assert.equal(near.stderr, '')
  writeFileSync(join(dir, 'token'), 'guess-me')
  const sources = (more: unknown[]): Promise<{ stderr: string }> => check({ tickets: {}, scopes: ['user:{sub}'] }, more)
  assert.match((await sources([{ publish: { token_file: 'token' } }])).stderr, /publish: a token of 8 characters can be guessed; make one with openssl rand -base64 32\n$/)
  assert.match((await sources([{ sqlite: 'app.db' }])).stderr, /tickets are issued to who may publish, and there is no publish source\n/)
  const family = await check({ jwt, scopes: ['project:*'] })
  assert.match(family.stderr, /goes to the scope project:\{project_id\}/)
  const open = await check('none')
  assert.equal(open.stderr.split('\n').length, 4)
})

test('a reload opens no door: everybody is let in only where only this machine can come', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'token'), 'publish-token')
  const sources = [{ publish: { token_file: 'token' } }]
  const server = await launch(t, secured({}, { listen: '0.0.0.0:0', sources }), { dir }).started()
  const at = { host: '127.0.0.1', port: server.at.port }
  const headers = bearer(mint(USER()))
  assert.equal((await ask(at, '/v1/stream?scope=all', { method: 'HEAD', headers })).status, 200)
  for (const [said, wrong] of [
    [/"auth: none" needs a loopback listener/, config({ sources })],
    [/"publish: \{ open: true \}" needs a loopback listener/, secured()],
  ] as const) {
    writeFileSync(server.file, JSON.stringify(wrong))
    server.child.kill('SIGHUP')
    await server.line(said)
  }
  assert.equal((await ask(at, '/v1/stream?scope=all')).status, 401)
  assert.equal((await ask(at, '/v1/changes', { body: '{"scope":"a","keys":[["x"]]}' })).status, 401)
  assert.equal(await server.metric('unstale_reloads_total{result="refused"}'), 2)
})

test('an endpoint in another dialect is whose the token says, and refuses by the status', async (t) => {
  const endpoints = [
    { path: '/api/events', dialect: 'content-studio', scope: ['user:{claim.sub}'] },
    { path: '/api/v1/messages/ws', dialect: 'devhive', scope: ['project:{query.project_id}'] },
  ]
  const server = await serve(t, secured({ jwt: { cookie: 'session', query: 'token' } }, { endpoints }))
  const token = mint({ sub: 7, projects: ['p1'], exp: within(1.5) })
  const stream = await fetch(`http://127.0.0.1:${server.at.port}/api/events`, { headers: { Cookie: `session=${token}` } })
  assert.equal(stream.status, 200)
  await server.publish({ scope: 'user:8', type: 'job_completion', data: { jobId: 'other' } }, '/v1/notices')
  await server.publish({ scope: 'user:7', type: 'job_completion', data: { jobId: 'mine' } }, '/v1/notices')
  const text = await stream.text() // to the end of the token
  assert.match(text, /mine/)
  assert.doesNotMatch(text, /other|closed/)
  assert.equal((await server.ask('/api/events')).status, 401)
  const upgrade = { Upgrade: 'websocket', Connection: 'Upgrade', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' }
  const good = mint({ sub: 7, projects: ['p1'], exp: within(60) })
  assert.equal((await server.ask('/api/v1/messages/ws?project_id=p1', { headers: upgrade })).status, 401)
  assert.equal((await server.ask(`/api/v1/messages/ws?project_id=p2&token=${good}`, { headers: upgrade })).status, 403)
  const wire = new Wire(server.at)
  t.after(() => wire.close())
  wire.send(requestBytes(server.at, `/api/v1/messages/ws?project_id=p1&token=${good}`, { headers: upgrade }), 'HEAD')
  assert.equal((await wire.answer()).status, 101)
})

test('a token that names nobody has what its claims say, in whichever message it comes, and nothing of a table of members', async (t) => {
  const { server, database } = await rights(t, 'SQLite', {}, "INSERT INTO project_members(project_id, user_id) VALUES (1, 'ada'), (1, '');")
  const nobody = mint({ exp: within(3600) })
  const said = await open(t, server)
  said.say({ type: 'token', token: nobody }).subscribe(['all', 'project:1'])
  assert.deepEqual(Object.keys((await said.next('ready')).data.scopes), ['all'])
  assert.equal((await said.refusedWith()).scope, 'project:1')
  const shown = await open(t, server, { scopes: ['all'], headers: bearer(nobody) })
  await shown.next('ready')
  for (const stream of [said, shown]) {
    stream.say({ type: 'token', token: mint({ exp: within(1800) }) }).subscribe(['project:*'])
    assert.equal((await stream.refusedWith()).scope, 'project:*')
    // Nobody's stream does not become somebody's.
    stream.say({ type: 'token', token: mint({ sub: 'ada', exp: within(1800) }) })
    await stream.refusedWith()
  }
  await database.run('INSERT INTO sentinel VALUES (1)')
  for (const stream of [said, shown]) assert.deepEqual(staleKeys([await stream.next('stale')]), ['all ["sentinel",1]'])
  assert.equal(await server.metric('unstale_members'), 0)
})

test('a family that grows beyond the limit of scopes is not followed in part silently: an error for the family, or the end', async (t) => {
  const server = await serve(t, secured({}, { limits: { scopes: 3 } }))
  const token = (n: number): string => mint({ sub: '7', projects: Array.from({ length: n }, (_, i) => i), exp: within(600) })
  const stream = await open(t, server, { scopes: ['project:*'], headers: bearer(token(2)) })
  await stream.opened()
  stream.say({ type: 'token', token: token(1000) })
  assert.equal(Object.keys((await stream.next('ready')).data.scopes).length, 3)
  const left = await stream.refusedWith()
  assert.equal(left.scope, 'project:*')
  assert.match(left.error, /too many scopes in one subscription/)
  stream.say({ type: 'ping' })
  await stream.next('heartbeat')
  assert.equal(stream.errors.length, 1)

  /* By a reload, where the page cannot be told by a message: it comes back and is told by the status. */
  const followed = ['project:a', 'project:b', 'project:c']
  const sse = await subscribe(t, server, { scopes: ['project:*'], headers: bearer(token(1)) })
  await sse.opened()
  writeFileSync(server.file, JSON.stringify(secured({ scopes: [...SCOPES, ...followed] }, { limits: { scopes: 3 } })))
  server.child.kill('SIGHUP')
  assert.equal((await sse.next('closed')).data.code, 4400)
  await sse.end()
  const refused = await server.ask('/v1/stream?scope=project:*', { headers: bearer(token(1)) })
  assert.equal(refused.status, 400)
  assert.match(refused.body, /more than 3 scopes/)
})

test('nobody has many signatures looked at in one packet: a connection for each request, ten tokens in ten seconds', async (t) => {
  const server = await serve(t, secured())
  const bad = `${mint(USER()).slice(0, -4)}AAAA`
  const looked = (): Promise<number> => server.metric('unstale_auth_tokens_total{result="signature"}')
  for (const method of ['GET', 'HEAD']) {
    const wire = new Wire(server.at)
    t.after(() => wire.close())
    const before = await looked()
    wire.send(Buffer.concat(Array.from({ length: 50 }, () => requestBytes(server.at, '/v1/stream?scope=all', { method, headers: bearer(bad) }))), method)
    const answer = await wire.answer()
    assert.equal(answer.status, 401)
    assert.equal(answer.headers.get('connection'), 'close')
    await wire.end()
    assert.equal(await looked(), before + 1)
  }
  const before = await looked()
  const stream = await open(t, server, { scopes: ['all'], headers: bearer(mint(USER())) })
  await stream.opened()
  for (let i = 0; i < 30; i++) stream.say({ type: 'token', token: bad })
  await stream.until('thirty errors', () => stream.errors.length === 30)
  assert.deepEqual(stream.errors.filter(({ error }) => error.includes('too many tokens')).length, 20)
  assert.equal(await looked(), before + 10)
  /* It goes on. */
  await server.mark('all', ['x'])
  await stream.next('stale')
})

test('hundreds of streams are looked at after a reload, and only what is no more theirs ends', async (t) => {
  const limits = { connections_per_user: 1000, connections_per_token: 1000 }
  const server = await serve(t, secured({ scopes: ['a', 'b'] }, { limits, threads: 2 }))
  const headers = bearer(mint(USER()))
  const streams = Array.from({ length: 450 }, () => server.stream({ scopes: ['a', 'b'], headers }))
  t.after(() => streams.forEach((stream) => stream.cut()))
  for (const stream of streams) await stream.opened()
  writeFileSync(server.file, JSON.stringify(secured({ scopes: ['b'] }, { limits, threads: 2 })))
  server.child.kill('SIGHUP')
  for (const stream of streams) assert.equal((await stream.next('revoked')).data.scope, 'a')
  await server.mark('a', ['x'])
  await server.mark('b', ['x'])
  for (const stream of streams) assert.equal((await stream.next('stale')).data.scope, 'b')
  await poll('counted', async () => (await server.metric('unstale_auth_revoked_total')) === streams.length)
})
