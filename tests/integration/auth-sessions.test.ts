/* Who may listen without a token: the application is asked, or has issued a ticket. */

import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Backend, backend, type Said } from './lib/backend.ts'
import { mint, SECRET, within } from './lib/jwt.ts'
import { poll } from './lib/wait.ts'
import { config, type Config, directory, launch, open, serve, subscribe, type Unstale } from './lib/unstale.ts'

const SESSIONS: Record<string, unknown> = { s1: { sub: 'ann', scopes: ['project:1', 'all'], team: 5 }, s2: { sub: 'bob', scopes: ['all'] } }

/** An application with opaque sessions. */
function sessions(request: IncomingMessage): Said {
  const id = /(?:^|; )sid=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? ''
  return id in SESSIONS ? { status: 200, body: SESSIONS[id] } : { status: 401 }
}

function asking(url: string, callback: Record<string, unknown> = {}, more: Config = {}): Config {
  return config({ auth: { callback: { url, ...callback }, scopes: ['user:{sub}', 'team:{team}'] }, ...more })
}

const cookie = (id: string): Record<string, string> => ({ Cookie: `a=b; sid=${id}` })

test('an opaque session is the application’s to know: its scopes and the claims of the templates', async (t) => {
  const app = await backend(t, sessions)
  const server = await serve(t, asking(app.url(), { headers: ['X-Tenant'] }))
  const stream = await subscribe(t, server, { scopes: ['project:*', 'all', 'user:ann', 'team:5'], headers: { ...cookie('s1'), 'X-Tenant': 'eu', 'X-Other': 'no' } })
  assert.deepEqual(Object.keys((await stream.opened()).data.scopes).sort(), ['all', 'project:1', 'team:5', 'user:ann'])
  const asked = app.asked[0] as IncomingMessage
  assert.deepEqual([asked.method, asked.url, asked.headers.cookie, asked.headers['x-tenant'], asked.headers['x-other']], ['GET', '/session', 'a=b; sid=s1', 'eu', undefined])
  await server.mark('project:1', ['x'])
  assert.equal((await stream.next('stale')).data.scope, 'project:1')
  const ws = await open(t, server, { scopes: ['user:bob', 'user:ann'], headers: cookie('s2') })
  assert.equal((await ws.refusedWith()).scope, 'user:ann')
  await ws.opened()
  for (const headers of [cookie('s3'), {}, { Cookie: 'a=b' }] as Record<string, string>[]) {
    const refused = await server.ask('/v1/stream?scope=all', { headers })
    assert.equal(refused.status, 401)
    const closed = await open(t, server, { scopes: ['all'], headers })
    assert.equal((await closed.over()).code, 4401)
  }
})

test('only the named cookies go to the application', async (t) => {
  const app = await backend(t, sessions)
  const server = await serve(t, asking(app.url(), { cookies: ['sid', 'b'] }))
  await (await subscribe(t, server, { scopes: ['all'], headers: { Cookie: 'a=1; sid=s2; b=2; c=3' } })).opened()
  assert.equal((app.asked[0] as IncomingMessage).headers.cookie, 'sid=s2; b=2')
})

test('who asks the same at once or soon after is answered by one question', async (t) => {
  const app = await backend(t, () => 'hold')
  const server = await serve(t, asking(app.url(), { cache: '10m', timeout: '1m' }))
  const streams = [1, 2, 3, 4].map(() => server.stream({ scopes: ['all'], headers: cookie('s1') }))
  const gone = server.stream({ scopes: ['all'], headers: cookie('s1') })
  await app.askedTimes(1)
  await poll('all are there', async () => (await server.metric('unstale_auth_callback_total{result="cached"}')) === 4)
  gone.cut()
  app.release({ status: 200, body: SESSIONS['s1'] })
  for (const stream of streams) {
    await stream.opened()
    stream.cut()
  }
  await (await open(t, server, { scopes: ['all'], headers: cookie('s1') })).opened()
  assert.equal(app.asked.length, 1)
  app.answer = () => ({ status: 403 })
  for (let i = 0; i < 2; i++) assert.equal((await server.ask('/v1/stream?scope=all', { headers: cookie('s2') })).status, 403)
  assert.equal(app.asked.length, 2)
})

test('the application being down is 503 for new streams and no change for open ones', async (t) => {
  const app = await backend(t, sessions)
  const port = app.port
  const server = await serve(t, asking(app.url(), { cache: '0', timeout: '500ms', max_answer: '1KiB' }))
  const stream = await subscribe(t, server, { scopes: ['all'], headers: cookie('s1') })
  await stream.opened()
  await app.close()
  const refused = await server.ask('/v1/stream?scope=all', { headers: cookie('s1') })
  assert.equal(refused.status, 503)
  assert.ok(refused.headers.get('retry-after'))
  const closed = await open(t, server, { scopes: ['all'], headers: cookie('s1') })
  assert.equal((await closed.over()).code, 1013)
  await server.mark('all', ['x'])
  await stream.next('stale')
  await server.line(/callback .*new sign-ins get 503/)
  const again = await new Backend(sessions).listen(port)
  t.after(() => again.close())
  await (await subscribe(t, server, { scopes: ['all'], headers: cookie('s1') })).opened()
  for (const said of [
    { status: 500 },
    { status: 200, body: 'hello' },
    { status: 200, body: [1] },
    { status: 200, body: '{"sub":"a","sub":"b"}' },
    { status: 200, body: { sub: 'x'.repeat(2000) } },
    { status: 301, headers: { Location: again.url('/elsewhere') } },
  ] as Said[]) {
    again.answer = () => said
    assert.equal((await server.ask('/v1/stream?scope=all', { headers: cookie('s1') })).status, 503, JSON.stringify(said))
  }
  // To a login page: nobody, and nobody goes there.
  again.answer = () => ({ status: 302, headers: { Location: again.url('/login') } })
  assert.equal((await server.ask('/v1/stream?scope=all', { headers: cookie('s1') })).status, 401)
  assert.ok(again.asked.every((request) => request.url === '/session'))
  again.answer = () => 'hold'
  assert.equal((await server.ask('/v1/stream?scope=all', { headers: cookie('s1') })).status, 503)
  again.release({ status: 200 })
  /* It answers, but not in our words: the operator is told, and no user is sent away for good. */
  for (const said of [{ scopes: 'all' }, { scopes: ['a\n'] }, { scopes: ['all'], exp: 'soon' }, { scopes: ['all'], exp: Date.now() + 60_000 }, { scopes: ['all'], sub: {} }]) {
    again.answer = () => ({ status: 200, body: { sub: 'a', ...said } })
    assert.equal((await server.ask('/v1/stream?scope=all', { headers: cookie('s1') })).status, 503, JSON.stringify(said))
  }
  again.answer = sessions
  assert.equal((await server.ask('/v1/stream?scope=all', { method: 'HEAD', headers: cookie('s1') })).status, 200)
  again.answer = () => ({ status: 200, body: { sub: 'a', scopes: ['all'], exp: 'soon' } })
  assert.equal((await server.ask('/v1/stream?scope=all', { headers: cookie('s1') })).status, 503)
  await server.line(/callback .*"exp" is a number of seconds since 1970; new sign-ins get 503/)
  again.answer = () => ({ status: 200, body: { sub: 'a', scopes: ['all'], exp: within(-1) } })
  assert.equal((await server.ask('/v1/stream?scope=all', { headers: cookie('s1') })).status, 401)
})

test('hundreds who come at once each have a question of their own, and each its own answer', async (t) => {
  const app = await backend(t, () => 'hold')
  const server = await serve(t, asking(app.url(), { timeout: '1m' }))
  const users = Array.from({ length: 400 }, (_, i) => `u${i}`)
  const streams = users.map((user) => server.stream({ scopes: [`user:${user}`], headers: cookie(user) }))
  t.after(() => streams.forEach((stream) => stream.cut()))
  await app.askedTimes(1)
  await poll('all are there', async () => (await server.metric('unstale_auth_callback_total{result="asked"}')) === users.length)
  assert.ok(streams.every(({ status }) => status === 0))
  app.answer = (request) => ({ status: 200, body: { sub: /sid=(\w+)/.exec(request.headers.cookie ?? '')?.[1] } })
  /* Those that were held are answered for nobody, and ask again. */
  app.release({ status: 500 })
  for (const [i, stream] of streams.entries()) {
    await stream.until('answered', () => stream.status !== 0)
    if (stream.status === 200) continue
    assert.equal(stream.status, 503)
    const user = users[i] as string
    await (await subscribe(t, server, { scopes: [`user:${user}`], headers: cookie(user) })).opened()
  }
  assert.equal(await server.metric('unstale_streams_refused_total{limit="user"}'), 0)
  for (const stream of streams.filter(({ status }) => status === 200)) await stream.opened()
})

test('a session that names nobody is counted by itself, and so is who is named, whatever names a token’s user', async (t) => {
  const app = await backend(t, (request) => ({ status: 200, body: { scopes: ['all'], ...(request.headers.cookie?.includes('ann') ? { sub: 'ann' } : {}) } }))
  const jwt = { secret: SECRET, user: 'uid' }
  const auth = { jwt, callback: { url: app.url(), cookies: ['sid', 'n'] }, tickets: {}, scopes: ['user:{sub}'] }
  const server = await serve(t, config({ auth, limits: { connections_per_token: 2, connections_per_user: 3 } }))
  const held: { cut: () => void }[] = []
  const tried = async (headers: Record<string, string>, query: Record<string, string> = {}): Promise<number> => {
    const stream = server.stream({ scopes: ['all'], headers, query })
    held.push(stream)
    await stream.until('answered', () => stream.status !== 0)
    return stream.status
  }
  t.after(() => held.forEach((stream) => stream.cut()))
  /* The same answer for everybody who is nobody in particular: each session has its own two. */
  for (const id of ['x', 'y', 'z']) assert.deepEqual([await tried(cookie(id)), await tried(cookie(id)), await tried(cookie(id))], [200, 200, 429], id)
  /* Whom the application names, he is, in each of his sessions. */
  const ann = (n: number): Record<string, string> => ({ Cookie: `sid=ann; n=${n}` })
  assert.deepEqual([await tried(ann(1)), await tried(ann(2)), await tried(ann(3)), await tried(ann(4))], [200, 200, 200, 429])
  /* A ticket is one stream anyway. */
  for (let i = 0; i < 4; i++) {
    const answer = await server.ask('/v1/tickets', { body: '{"scopes":["all"]}' })
    assert.equal(await tried({}, { ticket: (JSON.parse(answer.body) as { ticket: string }).ticket }), 200)
  }
})

test('a session ends at its exp, or at max_age; a stop does not wait for the application', async (t) => {
  const app = await backend(t, () => ({ status: 200, body: { sub: 'a', scopes: ['all'], exp: within(1.5) } }))
  const server = await serve(t, asking(app.url()))
  const stream = await subscribe(t, server, { scopes: ['all'], headers: cookie('s1') })
  await stream.opened()
  assert.equal((await stream.next('closed')).data.code, 4401)
  const other = await serve(t, asking(app.url(), { max_age: '1s' }))
  app.answer = sessions
  const ws = await open(t, other, { scopes: ['all'], headers: cookie('s1') })
  assert.equal((await ws.over()).code, 4401)
  app.answer = () => 'hold'
  void other.ask('/v1/stream?scope=all', { headers: cookie('s9') }).catch(() => {})
  await poll('asked', () => Promise.resolve(app.asked.some((request) => request.headers.cookie?.includes('s9')) ? 1 : null))
  await other.stop()
})

test('a session whose exp moves on is asked about anew at its end, whatever is remembered', async (t) => {
  const app = await backend(t, () => ({ status: 200, body: { sub: 'a', scopes: ['all'], exp: within(2) } }))
  const server = await serve(t, asking(app.url(), { cache: '10m' }))
  for (let i = 1; i <= 2; i++) {
    const stream = await subscribe(t, server, { scopes: ['all'], headers: cookie('s1') })
    assert.equal((await stream.next('closed')).data.code, 4401)
    assert.equal(app.asked.length, i)
  }
})

test('a reload while the application is being asked lets nobody hang', async (t) => {
  const app = await backend(t, () => 'hold')
  const server = await serve(t, asking(app.url()))
  const waiting = server.ask('/v1/stream?scope=all', { headers: cookie('s1') })
  await app.askedTimes(1)
  server.child.kill('SIGHUP')
  assert.equal((await waiting).status, 503)
  app.answer = sessions
  await (await subscribe(t, server, { scopes: ['all'], headers: cookie('s1') })).opened()
})

async function ticketed(t: Parameters<typeof serve>[0], tickets: Record<string, unknown> = {}, more: Config = {}): Promise<Unstale> {
  const dir = directory(t)
  writeFileSync(join(dir, 'token'), 'publishing is fun\n'.replaceAll(' ', '-'))
  return launch(t, config({ auth: { tickets, scopes: ['user:{sub}'] }, sources: [{ publish: { token_file: 'token' } }], ...more }), { dir }).started()
}

const PUBLISHER = { Authorization: 'Bearer publishing-is-fun' }

async function ticket(server: Unstale, document: unknown): Promise<string> {
  const answer = await server.ask('/v1/tickets', { body: JSON.stringify(document), headers: PUBLISHER })
  assert.equal(answer.status, 201, answer.body)
  return (JSON.parse(answer.body) as { ticket: string }).ticket
}

test('a ticket opens one stream, on whichever thread, and then nothing', async (t) => {
  const server = await ticketed(t, {}, { threads: 4 })
  for (let round = 0; round < 8; round++) {
    const pass = await ticket(server, { sub: '7', scopes: ['project:1'] })
    assert.match(pass, /^[\w-]{43}$/)
    const stream = await subscribe(t, server, { scopes: ['project:1', 'user:7'], query: { ticket: pass } })
    await stream.opened()
    assert.equal((await server.ask(`/v1/stream?scope=user:7&ticket=${pass}`)).status, 401)
    stream.cut()
  }
  const pass = await ticket(server, { sub: '7' })
  const tries = await Promise.all([1, 2, 3, 4, 5, 6].map(() => server.ask(`/v1/stream?scope=user:7&ticket=${pass}`, { method: 'HEAD' })))
  assert.deepEqual(tries.map((answer) => answer.status).sort(), [200, 401, 401, 401, 401, 401])
  const ws = await open(t, server, { scopes: ['user:7', 'user:8'], query: { ticket: await ticket(server, { sub: '7' }) } })
  assert.equal((await ws.refusedWith()).scope, 'user:8')
  await ws.opened()
  assert.equal(await server.metric('unstale_auth_tickets_used_total'), 10)
})

test('only the publisher is issued tickets, and only for what will be good; they end, and there are not too many', async (t) => {
  const server = await ticketed(t, { ttl: '300ms', max: 2 })
  for (const [status, asked] of [
    [401, { body: '{}' }],
    [401, { body: '{}', headers: { Authorization: 'Bearer publishing-is-fuN' } }],
    [415, { body: '{}', headers: { ...PUBLISHER, 'Content-Type': 'text/plain' } }],
    [400, { body: '[]', headers: PUBLISHER }],
    [400, { body: '{"sub":"7","scopes":[7]}', headers: PUBLISHER }],
    [400, { body: `{"exp":${within(-1)}}`, headers: PUBLISHER }],
    [413, { body: JSON.stringify({ sub: 'x'.repeat(17000) }), headers: PUBLISHER }],
    [405, { method: 'GET' }],
  ] as const)
    assert.equal((await server.ask('/v1/tickets', asked)).status, status, JSON.stringify(asked).slice(0, 100))
  const late = await ticket(server, { sub: '7' })
  await ticket(server, { sub: '7' })
  const full = await server.ask('/v1/tickets', { body: '{}', headers: PUBLISHER })
  assert.equal(full.status, 503)
  await poll('room again', async () => ((await server.ask('/v1/tickets', { body: '{"sub":"7"}', headers: PUBLISHER })).status === 201 ? 1 : null))
  assert.equal((await server.ask(`/v1/stream?scope=user:7&ticket=${late}`)).status, 401)
  const without = await serve(t, config())
  assert.equal((await without.ask('/v1/tickets', { body: '{}' })).status, 404)
})

test('a ticket’s stream ends at max_age, and lives on over a reload', async (t) => {
  const server = await ticketed(t, { max_age: '2s' })
  const stream = await subscribe(t, server, { scopes: ['user:7'], query: { ticket: await ticket(server, { sub: '7' }) } })
  await stream.opened()
  const waiting = await ticket(server, { sub: '8' })
  server.child.kill('SIGHUP')
  await server.line(/: reloaded/)
  await (await subscribe(t, server, { scopes: ['user:8'], query: { ticket: waiting } })).opened()
  assert.equal((await stream.next('closed')).data.code, 4401)
})

test('ticket, token, then the application: the first that is there decides', async (t) => {
  const app = await backend(t, sessions)
  const server = await serve(
    t,
    config({ auth: { jwt: { secret: SECRET, cookie: 'jwt' }, callback: { url: app.url() }, tickets: {}, scopes: ['user:{sub}'] } }),
  )
  const tried = async (scope: string, headers: Record<string, string>, query = ''): Promise<number> =>
    (await server.ask(`/v1/stream?scope=${scope}${query}`, { method: 'HEAD', headers })).status
  assert.equal(await tried('user:jo', { Cookie: `jwt=${mint({ sub: 'jo', exp: within(60) })}; sid=s1` }), 200)
  assert.equal(app.asked.length, 0)
  assert.equal(await tried('user:ann', cookie('s1')), 200)
  assert.equal(await tried('user:ann', { ...cookie('s1'), Authorization: 'Bearer x.y.z' }), 401)
  assert.equal(await tried('user:ann', cookie('s1'), '&ticket=none'), 401)
  const answer = await server.ask('/v1/tickets', { body: '{"sub":"tom"}' })
  assert.equal(await tried('user:tom', cookie('s1'), `&ticket=${(JSON.parse(answer.body) as { ticket: string }).ticket}`), 200)
})

test('an application that accepts and says nothing holds up nobody else', async (t) => {
  const deaf = createServer(() => {})
  await new Promise<void>((resolve) => deaf.listen(0, '127.0.0.1', resolve))
  t.after(() => deaf.close())
  const url = `http://127.0.0.1:${(deaf.address() as AddressInfo).port}/`
  const server = await serve(t, asking(url, { timeout: '1s' }))
  const waiting = Array.from({ length: 20 }, (_, i) => server.ask('/v1/stream?scope=all', { headers: cookie(`s${i}`) }))
  const position = await server.ask('/v1/position')
  assert.equal(position.status, 200)
  for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 503)
})
