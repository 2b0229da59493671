/* What the server gives up at its start, and that no secret comes out of it again. */

import assert from 'node:assert/strict'
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ask, Wire } from './lib/http.ts'
import { binary, config, directory, serve } from './lib/unstale.ts'
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

test('no secret and no token stands in the log, in the metrics or on the admin pages', async (t) => {
  const dir = directory(t)
  const secret = 'S3cr3t-of-the-publisher'
  const bearer = 'B3arer-of-somebody'
  const cookie = 'C00kie-of-somebody'
  const query = 'Qu3ry-of-somebody'
  const ticket = 'T1cket-of-somebody'
  const subprotocol = 'Sub-pr0tocol-of-somebody'
  const wrong = 'Wr0ng-of-a-publisher'
  writeFileSync(join(dir, 'publish.token'), `${secret}\n`)
  const server = await serve(
    t,
    config({ sources: [{ publish: { token_file: 'publish.token' } }], log: { level: 'debug' } }),
    { dir },
  )
  const mark = JSON.stringify({ scope: 'a', keys: [['b']] })
  assert.equal((await server.ask('/v1/changes', { body: mark, headers: { Authorization: `Bearer ${wrong}` } })).status, 401)
  assert.equal((await server.ask('/v1/changes', { body: mark, headers: { Authorization: `Bearer ${secret}` } })).status, 202)
  /* Streams that stay while the admin pages are read, with everything that could identify somebody. */
  const sse = new Wire(server.at)
  sse.send(
    `GET /v1/stream?scope=a&token=${query}&ticket=${ticket} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${bearer}\r\nCookie: session=${cookie}\r\n\r\n`,
    'GET',
  )
  const ws = new Wire(server.at)
  ws.send(
    `GET /v1/ws?scope=a&token=${query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: unstale, ${subprotocol}\r\nCookie: session=${cookie}\r\n\r\n`,
    'GET',
  )
  await poll('the streams', async () => (await server.metric('unstale_subscribers')) >= 2)
  /* And requests that are refused for their shape. */
  for (const path of [`/v1/stream?token=${query}`, `/v1/none?token=${query}`, `/v1/stream?scope=%zz&token=${query}`])
    await server.ask(path, { headers: { Authorization: `Bearer ${bearer}`, Cookie: `session=${cookie}` } })
  const pages = await Promise.all(['/debug/connections', '/debug/scopes', '/metrics', '/readyz', '/livez'].map((path) => ask(server.adminAt, path)))
  sse.socket.destroy()
  ws.socket.destroy()
  server.child.kill('SIGHUP')
  await server.line(/configuration|reload/i)
  const everything = [server.log, ...pages.map(({ body }) => body)].join('\n')
  for (const word of [secret, bearer, cookie, query, ticket, subprotocol, wrong]) assert.ok(!everything.includes(word), `${word} in:\n${everything.slice(0, 4000)}`)
})
