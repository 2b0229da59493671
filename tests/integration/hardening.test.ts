/* What the server gives up at its start, and that no secret comes out of it again. */

import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bearer, mint, SECRET, within } from './lib/jwt.ts'
import { binary, config, directory, open, serve, subscribe } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'

const NOBODY = 65534

function status(pid: number, field: string): string {
  return new RegExp(`^${field}:\\s*(\\S+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? ''
}

test('nothing gains rights, and nobody but root looks into the memory', async (t) => {
  const dir = directory(t)
  /* As another user where we are root: whose the files in /proc/PID are says whether the process can be dumped (proc(5)). */
  const as = process.getuid?.() === 0 ? ['setpriv', `--reuid=${NOBODY}`, '--clear-groups', '--inh-caps=-all'] : []
  chmodSync(dir, 0o777)
  const hardened = await serve(t, config(), { dir, hardened: true, command: [...as, binary] })
  assert.equal(status(hardened.pid, 'NoNewPrivs'), '1')
  assert.equal(statSync(`/proc/${hardened.pid}/status`).uid, 0)
  assert.notEqual(status(hardened.pid, 'Uid'), '0')
  /* It serves as ever. */
  await hardened.mark('a', ['b'])
  await hardened.kill()

  const open = await serve(t, config(), { dir, command: [...as, binary] })
  assert.equal(status(open.pid, 'NoNewPrivs'), '1')
  assert.equal(statSync(`/proc/${open.pid}/status`).uid, Number(status(open.pid, 'Uid')))
})

test('an address that is asked stands in the log without its query', async (t) => {
  const key = 'S3cr3t-of-the-operator'
  const server = await serve(
    t,
    config({ auth: { jwt: { jwks_url: `http://127.0.0.1:1/keys?key=${key}` }, callback: { url: `http://127.0.0.1:1/who?key=${key}`, cache: '0' } }, log: { level: 'debug' } }),
  )
  assert.equal((await server.ask('/v1/stream?scope=a', { headers: { Cookie: 'sid=1' } })).status, 503)
  await server.line(/callback http:\/\/127\.0\.0\.1:1\/who: /)
  await server.line(/http:\/\/127\.0\.0\.1:1\/keys cannot be read: /)
  assert.ok(!server.log.includes(key), server.log)
})

test('no secret and no token stands in the log, in the metrics or on the admin pages', async (t) => {
  const dir = directory(t)
  const publisher = 'S3cr3t-of-the-publisher'
  writeFileSync(join(dir, 'publish.token'), `${publisher}\n`)
  writeFileSync(join(dir, 'jwt.secret'), `${SECRET}\n`)
  const server = await serve(
    t,
    config({
      sources: [{ publish: { token_file: 'publish.token' } }],
      auth: { jwt: { secret_file: 'jwt.secret', cookie: 'session', query: 'token' }, tickets: {}, scopes: ['a'] },
      log: { level: 'debug' },
    }),
    { dir },
  )
  const token = (place: string): string => mint({ sub: '7', exp: within(3600), place })
  const [header, cookie, query, offered, message, refused] = ['header', 'cookie', 'query', 'offered', 'message', 'refused'].map(token) as [string, string, string, string, string, string]
  const mark = JSON.stringify({ scope: 'a', keys: [['b']] })
  const wrong = 'Wr0ng-of-a-publisher'
  assert.equal((await server.ask('/v1/changes', { body: mark, headers: bearer(wrong) })).status, 401)
  assert.equal((await server.ask('/v1/changes', { body: mark, headers: bearer(publisher) })).status, 202)
  const issued = await server.ask('/v1/tickets', { body: '{"sub":"8","scopes":["a"]}', headers: bearer(publisher) })
  const { ticket } = JSON.parse(issued.body) as { ticket: string }

  /* Streams that stay while the admin pages are read: each identified in another place. */
  const streams = [
    await subscribe(t, server, { scopes: ['a'], headers: bearer(header) }),
    await subscribe(t, server, { scopes: ['a'], headers: { Cookie: `session=${cookie}` } }),
    await subscribe(t, server, { scopes: ['a'], query: { token: query } }),
    await subscribe(t, server, { scopes: ['a'], query: { ticket } }),
    await open(t, server, { scopes: ['a'], protocols: `unstale, bearer.${offered}` }),
  ]
  const first = await open(t, server)
  first.say({ type: 'token', token: message }).subscribe(['a'])
  for (const stream of [...streams, first]) await stream.opened()

  /* And what is refused: for its token, its path, its shape. */
  const bad = `${refused.slice(0, -4)}AAAA`
  for (const path of ['/v1/stream?scope=a', `/v1/stream?scope=a&token=${bad}`, `/v1/none?token=${refused}`, `/v1/stream?scope=%zz&token=${refused}`, `/v1/stream?scope=a&ticket=${ticket}`])
    assert.notEqual((await server.ask(path, { headers: { Cookie: `session=${bad}` } })).status, 200, path)
  const pages = await Promise.all(['/debug/connections', '/debug/scopes', '/metrics', '/readyz', '/livez'].map((path) => server.admin(path)))
  server.child.kill('SIGHUP')
  await poll('a reload', async () => (await server.metric('unstale_reloads_total{result="applied"}')) === 1)
  for (const stream of [...streams, first]) stream.cut()
  await poll('nobody', async () => (await server.metric('unstale_subscribers')) === 0)

  const everything = [server.log, ...pages.map(({ body }) => body)].join('\n')
  /* Of a token, what makes it one is the signature. */
  const secrets = [SECRET, publisher, wrong, ticket, ...[header, cookie, query, offered, message, refused, bad].map((one) => one.split('.')[2] as string)]
  for (const secret of secrets) assert.ok(!everything.includes(secret), `${secret} in:\n${everything.slice(0, 4000)}`)
})
