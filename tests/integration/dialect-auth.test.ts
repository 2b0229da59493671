/* Who may listen to an endpoint: scopes from claims, refusals that its clients understand, rights and tokens that end. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bearer, mint, SECRET, within } from './lib/jwt.ts'
import { sse, ws } from './lib/legacy.ts'
import { type Config, config, serve } from './lib/unstale.ts'

const HIVE = '/api/v1/messages/ws?project_id='
const STUDIO = '/api/events'
const DOCUMENTS = '/api/events/stream'

function settings(more: Config = {}): Config {
  return config({
    auth: { jwt: { secret: SECRET, leeway: '0', cookie: 'session' }, scopes: ['user:{sub}', 'project:{projects[]}'] },
    rules: {
      tasks: { scope: ['project:{project_id}'], stale: [['tasks']] },
      podcasts: { scope: ['user:{user_id}'], stale: [['podcasts']] },
    },
    endpoints: [
      { path: '/api/v1/messages/ws', dialect: 'devhive', scope: 'project:{query.project_id}' },
      { path: STUDIO, dialect: 'content-studio', scope: 'user:{claim.sub}' },
      { path: DOCUMENTS, dialect: 'documents', scope: 'project:{header.x-project-id}' },
    ],
    ...more,
    limits: { spread: '0', ...more.limits },
  })
}

const token = (claims: Record<string, unknown> = {}): string => mint({ sub: '7', projects: ['p1'], exp: within(3600), ...claims })

test('the user of a token gets what is his, by cookie too, and nobody else’s', async (t) => {
  const server = await serve(t, settings())
  const mine = await sse(t, server, STUDIO, { Cookie: `session=${token()}` })
  const other = await sse(t, server, STUDIO, bearer(token({ sub: 8 })))
  assert.equal(await mine.next(), 'data: {"type":"connected","userId":"7"}')
  assert.equal(await other.next(), 'data: {"type":"connected","userId":"8"}')
  for (const user_id of ['8', '7']) await server.publish({ resource: 'podcasts', action: 'created', id: `of ${user_id}`, new: { user_id } })
  assert.match(await mine.next(), /"of 7"/)
  assert.match(await other.next(), /"of 8"/)
})

test('a project that may not be read, no token and a bad one are refused before the upgrade', async (t) => {
  const server = await serve(t, settings())
  for (const [path, headers, status] of [
    [`${HIVE}p1`, bearer(token()), 101],
    [`${HIVE}p2`, bearer(token()), 403],
    [`${HIVE}p1`, {}, 401],
    [`${HIVE}p1`, bearer(token({ exp: within(-10) })), 401],
    [HIVE, bearer(token()), 400],
  ] as const)
    assert.equal((await ws(t, server, path, headers)).status, status, `${path} ${status}`)
})

test('documents: Bearer and X-Project-Id; what is refused for good is refused by its status', async (t) => {
  const server = await serve(t, settings())
  const stream = await sse(t, server, DOCUMENTS, { ...bearer(token()), 'X-Project-Id': 'p1' })
  assert.match(await stream.next(), /"projectId":"p1"/)
  assert.equal((await sse(t, server, DOCUMENTS, { ...bearer(token()), 'X-Project-Id': 'p2' })).status, 403)
  assert.equal((await sse(t, server, DOCUMENTS, { 'X-Project-Id': 'p1' })).status, 401)
})

test('one stream too many is a matter of time: the browser is told when to come back', async (t) => {
  const server = await serve(t, settings({ limits: { connections_per_user: 1 } }))
  const first = await sse(t, server, STUDIO, bearer(token()))
  await first.next()
  const second = await sse(t, server, STUDIO, bearer(token()))
  assert.equal(second.status, 200)
  await second.end()
  assert.match(second.text, /^retry: \d+\n\n$/)
  assert.equal((await ws(t, server, `${HIVE}p1`, bearer(token()))).status, 429)
  first.cut()
})

test('a token that ends ends its streams, and nothing is said on them that is no word of theirs', async (t) => {
  const server = await serve(t, settings())
  const short = bearer(token({ exp: within(2) }))
  const stream = await sse(t, server, STUDIO, short)
  const socket = await ws(t, server, `${HIVE}p1`, short)
  await stream.end()
  await socket.end()
  assert.equal(stream.text.replace(/^retry: \d+\n\n/, '').replace(/retry: \d+\n\n$/, ''), 'data: {"type":"connected","userId":"7"}\n\n')
  assert.deepEqual(socket.messages, ['{"type":"reconnect","data":{"reason":"connected"}}'])
  assert.equal(socket.code, 4401)
})
