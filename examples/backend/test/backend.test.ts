// The backend as its clients see it: started as a program, asked over HTTP.
// Run: EXAMPLE_BACKEND=path/to/recordings-backend node --test examples/backend/test/

import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, beforeEach, test } from 'node:test'

const program = process.env['EXAMPLE_BACKEND'] ?? join(import.meta.dirname, '../../../build/examples/backend/recordings-backend')

let folder: string
let base: string
let child: ChildProcess

async function start(...extra: string[]): Promise<[ChildProcess, string]> {
  const args = ['--db', join(folder, 'app.db'), '--listen', '127.0.0.1:0', ...extra]
  const started = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface({ input: started.stdout! })) {
    const match = /^listening on (http:\/\/127\.0\.0\.1:\d+)$/.exec(line)
    if (match) return [started, match[1]!]
  }
  throw new Error('the backend ended before it listened')
}

async function stop(started: ChildProcess): Promise<number | null> {
  const ended = once(started, 'exit')
  started.kill('SIGTERM')
  return (await ended)[0] as number | null
}

type Row = Record<string, unknown>
type Answer = { status: number; body: any }

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const init: RequestInit = { method }
  if (body !== undefined) {
    init.headers = { 'content-type': 'application/json' }
    init.body = JSON.stringify(body)
  }
  const response = await fetch(base + path, init)
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

/** Until one answer was computed and waits for its delay. */
async function held(at = base): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const settings = (await (await fetch(`${at}/api/_faults`)).json()) as { held: number }
    if (settings.held > 0) return
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  throw new Error('no answer was held')
}

/** What fetch does not allow: any Host header, any path as it is. */
function raw(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base)
    request({ hostname, port, path, headers }, (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
      .on('error', reject)
      .end()
  })
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'recordings-backend-'))
  const ui = join(folder, 'ui')
  mkdirSync(join(ui, 'assets'), { recursive: true })
  writeFileSync(join(ui, 'index.html'), '<!doctype html><title>page</title>')
  writeFileSync(join(ui, 'assets', 'app-1a2b.js'), 'export {};')
  writeFileSync(join(folder, 'secret.txt'), 'no')
  const started = await start('--init', '--ui', ui, '--unstale', 'http://127.0.0.1:9')
  child = started[0]
  base = started[1]
})

after(async () => {
  await stop(child)
  rmSync(folder, { recursive: true, force: true })
})

beforeEach(async () => {
  await call('PATCH', '/api/_faults', { delayMs: 0, failWrites: 0 })
})

test('init fills plausible rows once and leaves the database in WAL mode', async () => {
  const again = spawnSync(program, ['--db', join(folder, 'app.db'), '--init'])
  assert.equal(again.status, 0)
  const list = await call('GET', '/api/recordings?pageSize=1')
  assert.equal(list.body.total, 208)
  const stats = (await call('GET', '/api/dashboard/stats')).body
  assert.equal(stats.totals.recordings, 208)
  assert.ok(stats.by_status.length >= 4)
  assert.equal(stats.by_day.length, 14)
})

test('lists have pages, filters and search, with the total of the filtered rows', async () => {
  const first = (await call('GET', '/api/recordings?page=1&pageSize=10')).body
  const second = (await call('GET', '/api/recordings?page=2&pageSize=10')).body
  assert.equal(first.items.length, 10)
  assert.notDeepEqual(first.items[0], second.items[0])

  const failed = (await call('GET', '/api/recordings?status=failed&pageSize=500')).body
  assert.ok(failed.total > 0 && failed.total === failed.items.length)
  assert.ok(failed.items.every((row: Row) => row['status'] === 'failed'))

  const project = (await call('GET', '/api/recordings?project=p01&pageSize=500')).body
  assert.ok(project.total > 0)
  assert.ok(project.items.every((row: Row) => row['project_id'] === 'p01'))

  const found = (await call('GET', '/api/recordings?q=GEARBOX&pageSize=500')).body
  assert.ok(found.total > 0)
  assert.ok(found.items.every((row: Row) => /gearbox/i.test(String(row['title']))))
  assert.equal((await call('GET', '/api/recordings?q=%25')).body.total, 0)
})

test('a row is created, changed and deleted, and is then gone', async () => {
  const made = await call('POST', '/api/recordings', { title: 'New take', project_id: 'p02' })
  assert.equal(made.status, 201)
  assert.equal(made.body.status, 'uploaded')
  assert.equal(made.body.project_name, 'Field notes 2026')

  const path = `/api/recordings/${made.body.id}`
  const changed = await call('PATCH', path, { title: 'Renamed', project_id: null })
  assert.equal(changed.status, 200)
  assert.equal(changed.body.title, 'Renamed')
  assert.equal(changed.body.project_id, null)
  assert.ok(changed.body.updated_at >= made.body.updated_at)

  assert.equal((await call('DELETE', path)).status, 204)
  assert.equal((await call('DELETE', path)).status, 404)
  assert.equal((await call('GET', path)).status, 404)
})

test('deleting a project keeps its recordings, without a project', async () => {
  const project = (await call('POST', '/api/projects', { name: 'Short-lived' })).body
  const row = (await call('POST', '/api/recordings', { title: 't', project_id: project.id })).body
  assert.equal((await call('GET', `/api/projects/${project.id}`)).body.recordings, 1)
  await call('DELETE', `/api/projects/${project.id}`)
  const kept = (await call('GET', `/api/recordings/${row.id}`)).body
  assert.equal(kept.project_id, null)
  await call('DELETE', `/api/recordings/${row.id}`)
})

test('what a client may not send is refused with a sentence', async () => {
  const cases: [string, string, unknown, number, RegExp][] = [
    ['POST', '/api/recordings', {}, 400, /at least one field/],
    ['POST', '/api/recordings', { status: 'ready' }, 400, /title is missing/],
    ['POST', '/api/recordings', { title: '  ' }, 400, /title must not be empty/],
    ['POST', '/api/recordings', { title: 7 }, 400, /title must be a text/],
    ['POST', '/api/recordings', { title: 'x'.repeat(201) }, 400, /at most 200/],
    ['POST', '/api/recordings', { title: 'x', status: 'gone' }, 400, /status cannot be/],
    ['POST', '/api/recordings', { title: 'x', id: 'r1' }, 400, /no field id/],
    ['POST', '/api/recordings', { title: 'x', project_id: 'nope' }, 409, /FOREIGN KEY/],
    ['POST', '/api/recordings', ['x'], 400, /must be a JSON object/],
    ['PATCH', '/api/recordings/none', { title: 'x' }, 404, /no recording none/],
    ['GET', '/api/recordings?page=0', undefined, 400, /page must be/],
    ['GET', '/api/recordings?pageSize=x', undefined, 400, /pageSize must be/],
    ['GET', '/api/search', undefined, 400, /q is missing/],
    ['PUT', '/api/recordings', undefined, 405, /PUT is not possible/],
    ['GET', '/api/nothing', undefined, 404, /nothing at/],
  ]
  for (const [method, path, body, status, sentence] of cases) {
    const answer = await call(method, path, body)
    assert.equal(answer.status, status, `${method} ${path}`)
    assert.match(answer.body.error, sentence)
  }
})

test('bodies that are not JSON, too large, or sent as text are refused', async () => {
  const send = (type: string, body: string): Promise<Response> =>
    fetch(`${base}/api/projects`, { method: 'POST', headers: { 'content-type': type }, body })
  assert.equal((await send('text/plain', '{"name":"x"}')).status, 415)
  assert.equal((await send('application/json', '{"name":')).status, 400)
  assert.equal((await send('application/json', 'x'.repeat(70_000))).status, 413)
})

test('a foreign Host is refused', async () => {
  assert.equal(await raw('/api/projects', { host: 'example.org' }), 403)
  assert.equal(await raw('/api/projects', { host: 'localhost:1' }), 200)
})

test('a search is answered and remembered', async () => {
  const answer = (await call('GET', '/api/search?q=tides')).body
  assert.ok(answer.total > 0)
  const history = (await call('GET', '/api/search/history')).body
  assert.equal(history.items[0].query, 'tides')
  assert.equal((await call('DELETE', `/api/search/history/${history.items[0].id}`)).status, 204)
})

test('requests are counted with their query until the counts are cleared', async () => {
  await call('DELETE', '/api/_counts')
  await call('GET', '/api/projects?page=1')
  await call('GET', '/api/projects?page=1')
  await call('GET', '/api/projects/p01')
  assert.deepEqual((await call('GET', '/api/_counts')).body, {
    'GET /api/projects?page=1': 2,
    'GET /api/projects/p01': 1,
  })
})

test('the delay lies between the reading and the answer, and can be ended', async () => {
  const path = '/api/projects/p03'
  const before = (await call('GET', path)).body.name
  await call('PATCH', '/api/_faults', { delayMs: 20_000 })
  const slow = call('GET', path)
  await held()
  await call('PATCH', '/api/_faults', { delayMs: 0 })
  await call('PATCH', path, { name: 'Changed meanwhile' })
  assert.equal((await slow).body.name, before)
  await call('PATCH', path, { name: before })
})

test('asked-for failures hit writes only, and leave the row alone', async () => {
  await call('PATCH', '/api/_faults', { failWrites: 1 })
  assert.equal((await call('GET', '/api/projects/p01')).status, 200)
  assert.equal((await call('DELETE', '/api/projects/p01')).status, 500)
  assert.equal((await call('GET', '/api/projects/p01')).status, 200)
  assert.equal((await call('GET', '/api/_faults')).body.failWrites, 0)
})

test('the page is served, its routes fall back to index.html, and nothing leaves the folder', async () => {
  const page = await fetch(`${base}/recordings/r001`)
  assert.match(await page.text(), /<title>page/)
  assert.equal(page.headers.get('cache-control'), 'no-cache')
  const asset = await fetch(`${base}/assets/app-1a2b.js`)
  assert.match(asset.headers.get('content-type')!, /javascript/)
  assert.match(asset.headers.get('cache-control')!, /immutable/)
  assert.equal((await fetch(`${base}/assets/none.js`)).status, 404)
  assert.equal(await raw('/../secret.txt', {}), 404)
  assert.equal(await raw('/%2e%2e/secret.txt', {}), 404)
  assert.equal((await call('GET', '/config.json')).body.unstale, 'http://127.0.0.1:9')
})

test('it ends at once on SIGTERM, even while answers are held', async () => {
  const [second, address] = await start('--delay-ms', '20000')
  const waiting = fetch(`${address}/api/projects`).catch(() => null)
  await held(address)
  const begin = performance.now()
  assert.equal(await stop(second), 0)
  assert.ok(performance.now() - begin < 5000)
  await waiting
})

test('a wrong command line or database ends with a sentence', () => {
  const run = (...args: string[]): [number | null, string] => {
    const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' })
    return [status, stderr]
  }
  const db = join(folder, 'app.db')
  assert.deepEqual(run('--db', db)[0], 2)
  assert.match(run('--db', db, '--listen', '0.0.0.0:0')[1], /127\.0\.0\.1:PORT/)
  assert.match(run('--db', db, '--frob')[1], /--frob/)
  const [status, text] = run('--db', join(folder, 'none.db'), '--listen', '127.0.0.1:0')
  assert.equal(status, 1)
  assert.match(text, /cannot open the database/)
})
