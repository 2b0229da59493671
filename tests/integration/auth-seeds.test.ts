/* The five ways in which the documents' applications know their users, on the native endpoints. */

import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { backend } from './lib/backend.ts'
import { bearer, mint, mintWith, SECRET, within } from './lib/jwt.ts'
import { finish, MEMBERSHIP, rights } from './lib/rights.ts'
import { type EventStream, staleKeys } from './lib/sse.ts'
import { config, directory, launch, open, serve, subscribe } from './lib/unstale.ts'

after(finish)

/** A change of the scope comes, one of another does not. */
async function hears(server: Awaited<ReturnType<typeof serve>>, stream: EventStream, scope: string, other: string): Promise<void> {
  await stream.opened()
  await server.mark(other, ['secret'])
  await server.mark(scope, ['x'])
  const stale = await stream.next('stale')
  assert.equal(stale.data.scope, scope)
}

test('recordings: no sign-in, on a loopback listener', async (t) => {
  const server = await serve(t, config())
  const page = { Origin: 'http://localhost:5173' }
  await hears(server, await open(t, server, { scopes: ['recordings'], headers: page }), 'recordings', 'other')
  await hears(server, await subscribe(t, server, { scopes: ['recordings'], headers: page }), 'recordings', 'other')
  for (const path of ['/v1/stream?scope=recordings', '/v1/ws'])
    assert.equal((await server.ask(path, { headers: { Origin: 'https://evil.example.com' } })).status, 403)
  assert.equal((await server.ask('/v1/stream?scope=recordings', { headers: { Host: 'evil.example.com' } })).status, 403)
})

test('the registry: a JWT in a cookie, roles in its claims, EventSource with credentials', async (t) => {
  const pair = generateKeyPairSync('ed25519')
  const dir = directory(t)
  writeFileSync(join(dir, 'keys.pem'), pair.publicKey.export({ type: 'spki', format: 'pem' }))
  const auth = {
    jwt: { keys_file: 'keys.pem', algorithms: 'EdDSA', issuer: 'registry', cookie: 'access_token' },
    scopes: ['user:{sub}', 'all', { scope: 'admin', when: { 'realm.roles': ['admin'] } }],
    origins: ['https://harbour.example.com'],
  }
  const server = await launch(t, config({ auth }), { dir }).started()
  const cookie = (claims: Record<string, unknown>): Record<string, string> => ({
    Origin: 'https://harbour.example.com',
    Cookie: `theme=dark; access_token=${mintWith(pair.privateKey, 'any', { iss: 'registry', exp: within(600), ...claims })}`,
  })
  await hears(server, await subscribe(t, server, { scopes: ['all', 'admin'], headers: cookie({ sub: '1', realm: { roles: ['admin'] } }) }), 'admin', 'user:2')
  await hears(server, await subscribe(t, server, { scopes: ['user:2', 'all'], headers: cookie({ sub: '2' }) }), 'user:2', 'admin')
  assert.equal((await server.ask('/v1/stream?scope=admin', { headers: cookie({ sub: '2', realm: { roles: ['user'] } }) })).status, 403)
  assert.equal((await server.ask('/v1/stream?scope=all', { headers: { ...cookie({ sub: '1' }), Origin: 'https://evil.example.com' } })).status, 403)
})

test('the sprints: an HS256 token in the header, or in the query of a WebSocket, its projects in the table of members', async (t) => {
  const auth = { jwt: { secret: SECRET, algorithms: ['HS256'], query: 'token' }, scopes: ['user:{sub}'], membership: MEMBERSHIP }
  const { server, database } = await rights(t, 'SQLite', { auth }, "INSERT INTO project_members(project_id, user_id) VALUES (42, 'u1'), (43, 'u1'), (44, 'u2');")
  const token = mint({ sub: 'u1', exp: within(600) })
  const streams = [
    await open(t, server, { scopes: ['project:42'], headers: bearer(token) }),
    await open(t, server, { scopes: ['project:42'], query: { token } }),
    await subscribe(t, server, { scopes: ['project:42'], headers: bearer(token) }),
    await subscribe(t, server, { scopes: ['project:42'], query: { token } }),
  ]
  for (const stream of streams) await stream.opened()
  await database.run("INSERT INTO tasks VALUES (1, 44, 'of others'), (2, 42, 'ours')")
  for (const stream of streams) assert.deepEqual(staleKeys([await stream.next('stale')]), ['project:42 ["tasks",2]'])
  const refused = await open(t, server, { scopes: ['project:44'], query: { token } })
  assert.equal((await refused.over()).code, 4403)
  assert.equal((await server.ask('/v1/stream?scope=project:44', { headers: bearer(token) })).status, 403)
  assert.equal((await server.ask('/v1/stream?scope=project:42')).status, 401)
  /* The table decides, also of those who are here. */
  await database.run("DELETE FROM project_members WHERE user_id = 'u1' AND project_id = 42")
  for (const stream of streams) assert.equal((await stream.next('revoked')).data.scope, 'project:42')
  assert.ok(!server.log.includes(token.slice(-20)))
})

test('the podcasts: an opaque session that the application knows, a stream for each user', async (t) => {
  const users: Record<string, string> = { 'better-auth.session_token=abc.def': 'ann', 'better-auth.session_token=ghi.jkl': 'bob' }
  const app = await backend(t, (request) => {
    const user = users[request.headers.cookie ?? '']
    return user ? { status: 200, body: { sub: user, exp: within(600) } } : { status: 401 }
  })
  const auth = { callback: { url: app.url(), cookies: ['better-auth.session_token'] }, scopes: ['user:{sub}'], origins: ['http://localhost:3000'] }
  const server = await serve(t, config({ auth }))
  const headers = { Origin: 'http://localhost:3000', Cookie: 'theme=dark; better-auth.session_token=abc.def' }
  const stream = await subscribe(t, server, { scopes: ['user:*'], headers })
  await hears(server, stream, 'user:ann', 'user:bob')
  assert.equal(stream.headers.get('access-control-allow-credentials'), 'true')
  assert.equal((await server.ask('/v1/stream?scope=user:bob', { headers })).status, 403)
  assert.equal((await server.ask('/v1/stream?scope=user:ann', { headers: { Cookie: 'better-auth.session_token=none' } })).status, 401)
})

test('the documents: Bearer and X-Project-Id, from a page of another origin that asks first', async (t) => {
  const auth = { jwt: { secret: SECRET }, scopes: ['project:{projects[]}'], origins: ['http://localhost:5174'] }
  const server = await serve(t, config({ auth }))
  const Origin = 'http://localhost:5174'
  const preflight = await server.ask('/v1/stream?scope=project:p1', {
    method: 'OPTIONS',
    headers: { Origin, 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': 'authorization,last-event-id,x-project-id' },
  })
  assert.equal(preflight.status, 204)
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /X-Project-Id/)
  const headers = { Origin, 'X-Project-Id': 'p1', ...bearer(mint({ sub: 'u', projects: ['p1', 'p2'], exp: within(600) })) }
  await hears(server, await subscribe(t, server, { scopes: ['project:p1'], headers }), 'project:p1', 'project:p3')
  assert.equal((await server.ask('/v1/stream?scope=project:p3', { headers })).status, 403)
  assert.equal((await server.ask('/v1/stream?scope=project:p1', { headers: { Origin, 'X-Project-Id': 'p1' } })).status, 401)
})
