// An application that is files only: sessions, roles, and routes that are SQL.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createHmac } from 'node:crypto'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'

const recordings = process.env['EXAMPLE_BACKEND'] ?? join(import.meta.dirname, '../../../build/examples/backend/recordings-backend')
const program = join(dirname(recordings), 'example-backend')

const schema = `
CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, login TEXT UNIQUE, role TEXT, projects TEXT);
CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, text TEXT, owner TEXT);`
const sample = `
INSERT OR IGNORE INTO users VALUES ('u1', 'ada', 'admin', '["p1","p2"]'), ('u2', 'bo', 'user', '[]');`
const description = {
  name: 'test',
  session: {
    cookie: 'session',
    login: 'SELECT id FROM users WHERE login = ?1',
    user: 'SELECT id, login, role, projects FROM users WHERE id = ?1',
    users: 'SELECT login FROM users ORDER BY login',
    json: ['projects'],
  },
  resources: [
    { name: 'notes', one: 'note', table: 'notes', id_prefix: 'n', select: ['t.id,', 't.text'], from: 'notes t', order: 't.id',
      columns: [{ name: 'text', required: true, max_length: 20 }], write_role: 'admin' },
  ],
  routes: [
    { method: 'GET', path: '/api/count', row: 'SELECT count(*) AS notes FROM notes' },
    { method: 'GET', path: '/api/find', params: ['query.q!'], rows: 'SELECT id FROM notes WHERE text = ?1' },
    { method: 'GET', path: '/api/both', parts: { notes: { row: 'SELECT count(*) AS count FROM notes' }, users: { rows: 'SELECT login FROM users ORDER BY 1' } } },
    { method: 'POST', path: '/api/mine', params: ['user.sub', 'body.text!'], status: 202,
      run: ["INSERT INTO notes (id, owner, text) VALUES ('x' || (SELECT count(*) FROM notes), ?1, ?2)", "UPDATE notes SET text = text || '!' WHERE owner = ?1"],
      row: 'SELECT owner, text FROM notes ORDER BY rowid DESC LIMIT 1' },
    { method: 'POST', path: '/api/twice', params: ['body.id'], run: ['INSERT INTO notes (id) VALUES (?1)', 'INSERT INTO notes (id) VALUES (?1)'] },
    { method: 'POST', path: '/api/notes/:id/clear', params: ['path.id'], run: ["UPDATE notes SET text = '' WHERE id = ?1"], row: 'SELECT text FROM notes WHERE id = ?1' },
    { method: 'GET', path: '/api/secret', role: 'admin', row: 'SELECT 1 AS one' },
  ],
}

let folder: string

function write(at: string, app: unknown): void {
  writeFileSync(join(at, 'app.json'), JSON.stringify(app, null, 1))
  writeFileSync(join(at, 'schema.sql'), schema)
  writeFileSync(join(at, 'sample.sql'), sample)
}

async function start(app: unknown): Promise<{ base: string; stop: () => Promise<void>; secret: string }> {
  const at = mkdtempSync(join(folder, 'app-'))
  write(at, app)
  const secret = join(at, 'secret')
  const args = ['--app', at, '--db', join(at, 'app.db'), '--secret-file', secret]
  const init = spawnSync(program, [...args, '--init'], { encoding: 'utf8' })
  assert.equal(init.status, 0, init.stderr)
  const child: ChildProcess = spawn(program, [...args, '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: child.stdout! })) {
    const match = /^listening on (http:\S+)$/.exec(line)
    if (!match) continue
    const stop = async () => {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      assert.equal((await ended)[0], 0)
    }
    return { base: match[1]!, stop, secret }
  }
  throw new Error('the backend ended before it listened')
}

type Answer = { status: number; body: any; cookie: string }

async function ask(base: string, method: string, path: string, { body, cookie, bearer }: { body?: unknown; cookie?: string; bearer?: string } = {}): Promise<Answer> {
  const headers: Record<string, string> = {}
  if (body !== undefined) headers['content-type'] = 'application/json'
  if (cookie !== undefined) headers['cookie'] = cookie
  if (bearer !== undefined) headers['authorization'] = `Bearer ${bearer}`
  const response = await fetch(base + path, { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text), cookie: response.headers.get('set-cookie') ?? '' }
}

const signIn = async (base: string, user: string) => (await ask(base, 'POST', '/api/session', { body: { user } })).cookie.split(';')[0]!

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'example-app-'))
})
after(() => rmSync(folder, { recursive: true, force: true }))

test('nobody gets anything but the sign-in before it', async (t) => {
  const { base, stop } = await start(description)
  t.after(stop)
  for (const path of ['/api/notes', '/api/count', '/api/session']) assert.equal((await ask(base, 'GET', path)).status, 401, path)
  assert.deepEqual((await ask(base, 'GET', '/api/session/users')).body, [{ login: 'ada' }, { login: 'bo' }])
  assert.equal((await ask(base, 'POST', '/api/session', { body: { user: 'nobody' } })).status, 401)
  assert.equal((await ask(base, 'POST', '/api/session', { body: {} })).status, 400)
})

test('the session is a JWT in a cookie that scripts cannot read, and the same text is taken as a bearer', async (t) => {
  const { base, stop, secret } = await start(description)
  t.after(stop)
  const signed = await ask(base, 'POST', '/api/session', { body: { user: 'ada' } })
  assert.match(signed.cookie, /^session=[^;]+; Path=\/; Max-Age=3600; HttpOnly; SameSite=Lax$/)
  const { token } = signed.body
  const [head, claims, mac] = token.split('.')
  assert.equal(mac, createHmac('sha256', readFileSync(secret)).update(`${head}.${claims}`).digest('base64url'))
  assert.equal(statSync(secret).mode & 0o777, 0o600)
  const { sub, projects, exp, iat } = JSON.parse(Buffer.from(claims, 'base64url').toString())
  assert.deepEqual({ sub, projects, ttl: exp - iat }, { sub: 'u1', projects: ['p1', 'p2'], ttl: 3600 })

  assert.equal((await ask(base, 'GET', '/api/count', { bearer: token })).status, 200)
  const cookie = signed.cookie.split(';')[0]!
  assert.equal((await ask(base, 'GET', '/api/count', { cookie })).status, 200)
  assert.equal((await ask(base, 'GET', '/api/session', { cookie })).body.login, 'ada')
  const forged = `${head}.${Buffer.from(JSON.stringify({ sub: 'u1', role: 'admin', exp })).toString('base64url')}.${mac}`
  assert.equal((await ask(base, 'GET', '/api/count', { bearer: forged })).status, 401)
  const old = `${head}.${Buffer.from(JSON.stringify({ sub: 'u1', exp: 1 })).toString('base64url')}`
  const expired = `${old}.${createHmac('sha256', readFileSync(secret)).update(old).digest('base64url')}`
  assert.equal((await ask(base, 'GET', '/api/count', { bearer: expired })).status, 401)
  for (const odd of ['', '.', '..', 'a.b.c', `${head}.${claims}.`, `${claims}.${mac}`]) assert.equal((await ask(base, 'GET', '/api/count', { bearer: odd })).status, 401)
  assert.match((await ask(base, 'DELETE', '/api/session', { cookie })).cookie, /^session=; Path=\/; Max-Age=0/)
})

test('an opaque session ends when it is signed out', async (t) => {
  const { base, stop } = await start({ ...description, session: { ...description.session, opaque: true } })
  t.after(stop)
  const cookie = await signIn(base, 'bo')
  const who = await ask(base, 'GET', '/api/session', { cookie })
  assert.deepEqual([who.status, who.body.sub, who.body.projects], [200, 'u2', []])
  assert.equal((await ask(base, 'DELETE', '/api/session', { cookie })).status, 204)
  assert.equal((await ask(base, 'GET', '/api/session', { cookie })).status, 401)
})

test('a role is asked for where the description says so', async (t) => {
  const { base, stop } = await start(description)
  t.after(stop)
  const [ada, bo] = [await signIn(base, 'ada'), await signIn(base, 'bo')]
  const body = { text: 'one' }
  assert.equal((await ask(base, 'POST', '/api/notes', { body, cookie: bo })).status, 403)
  assert.equal((await ask(base, 'POST', '/api/notes', { body, cookie: ada })).status, 201)
  assert.equal((await ask(base, 'GET', '/api/notes', { cookie: bo })).body.total, 1)
  assert.equal((await ask(base, 'GET', '/api/secret', { cookie: bo })).status, 403)
  assert.deepEqual((await ask(base, 'GET', '/api/secret', { cookie: ada })).body, { one: 1 })
})

test('routes that are SQL: one row, rows, several, and statements that are one transaction', async (t) => {
  const { base, stop } = await start(description)
  t.after(stop)
  const cookie = await signIn(base, 'bo')
  const get = (path: string) => ask(base, 'GET', path, { cookie })
  const post = (path: string, body: unknown) => ask(base, 'POST', path, { cookie, body })
  assert.deepEqual((await get('/api/both')).body, { notes: { count: 0 }, users: [{ login: 'ada' }, { login: 'bo' }] })
  assert.deepEqual(await post('/api/mine', { text: 'hi' }), { status: 202, body: { owner: 'u2', text: 'hi!' }, cookie: '' })
  assert.deepEqual((await post('/api/mine', {})).body, { error: 'text is missing' })
  assert.deepEqual((await get('/api/find?q=hi!')).body, [{ id: 'x0' }])
  assert.equal((await get('/api/find')).status, 400)
  assert.ok((await post('/api/twice', { id: 'same' })).status >= 400)
  assert.deepEqual((await get('/api/count')).body, { notes: 1 })
  assert.deepEqual((await post('/api/notes/x0/clear', {})).body, { text: '' })
  assert.equal((await post('/api/notes/none/clear', {})).status, 404)
})

test('what is wrong in app.json stops the start and is named', () => {
  const at = mkdtempSync(join(folder, 'wrong-'))
  const said = (app: unknown) => {
    write(at, app)
    const { status, stderr } = spawnSync(program, ['--app', at, '--db', join(at, 'a.db'), '--init', '--secret-file', join(at, 's')], { encoding: 'utf8' })
    assert.equal(status, 1)
    return stderr
  }
  assert.match(said({ ...description, resources: [{ ...description.resources[0], order: 7 }] }), /resources notes: order is to be a text or several lines of one/)
  assert.match(said({ ...description, routes: [{ path: '/api/x' }] }), /routes \/api\/x: method is to be given/)
  writeFileSync(join(at, 'app.json'), '{\n "name": }')
  const { stderr } = spawnSync(program, ['--app', at, '--db', 'x', '--init'], { encoding: 'utf8' })
  assert.match(stderr, /app\.json:2:\d+: /)
})
