/* A dialect that exists only in a configuration, and what a reload does to the streams of endpoints. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { sse, still, ws } from './lib/legacy.ts'
import { binary, type Config, config, serve, type Unstale } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'

const SIXTH = {
  path: '/feed',
  scope: ['team:{query.team}', 'all'],
  on_connect: 'reset',
  resume: true,
  resources: { number: 'singular', letters: 'pascal', names: { people: 'Person' } },
  actions: { letters: 'upper', others: 'updated' },
  ready: { event: 'hello', data: ['{scope.0}', '{scope.1}'] },
  change: { event: '{resource}', data: { op: '{action}', key: '{id?}', title: '{data.title?}' } },
  batch: { event: '{resource}', data: { op: 'MANY', keys: '{ids}' } },
  notice: { event: 'note', data: { '...': '{data}', kind: '{type}' } },
  reset: { event: 'all', data: { why: '{reason}' } },
  heartbeat: { every: '200ms', event: 'tick', data: { at: '{time}' } },
}
const RULES = {
  people: { scope: ['team:{team}'], stale: [['people']], data: { title: 'title' } },
  work_items: { scope: ['team:{team}'], stale: [['work']] },
}

function settings(endpoints: unknown[], more: Config = {}): Config {
  return config({ rules: RULES, endpoints, ...more, limits: { spread: '0', ...more.limits } })
}

async function reload(server: Unstale, next: Config): Promise<void> {
  const before = await server.metric('unstale_reloads_total{result="applied"}')
  writeFileSync(server.file, JSON.stringify(next))
  server.child.kill('SIGHUP')
  await poll('reloaded', async () => (await server.metric('unstale_reloads_total{result="applied"}')) === before + 1)
}

test('the sixth dialect says everything that the five say', async (t) => {
  const server = await serve(t, settings([SIXTH]))
  const stream = await sse(t, server, '/feed?team=red')
  const next = async (): Promise<string> => {
    for (;;) {
      const block = await stream.next()
      if (!/^event: tick|^id: /.test(block)) return still(block)
    }
  }
  assert.equal(await next(), 'event: hello\ndata: ["team","red"]')
  assert.equal(await next(), 'event: all\ndata: {"why":"connected"}')
  assert.equal(await next(), 'event: all\ndata: {"why":"connected"}')
  const row = (resource: string, action: string, id: string, title?: string) => ({
    resource, action, id, old: { team: 'red' }, new: { team: 'red', ...(title === undefined ? {} : { title }) },
  })
  await server.publish([
    row('people', 'updated', '1', 'Dr'),
    row('work_items', 'updated', '2'),
    row('work_items', 'updated', '3'),
    row('people', 'deleted', '4'),
  ])
  assert.equal(await next(), 'event: Person\ndata: {"op":"UPDATED","key":"1","title":"Dr"}')
  assert.equal(await next(), 'event: WorkItem\ndata: {"op":"MANY","keys":["2","3"]}')
  assert.equal(await next(), 'event: Person\ndata: {"op":"DELETED","key":"4"}')
  await server.publish({ scope: 'all', type: 'maintenance', data: { kind: 'other', at: 5 } }, '/v1/notices')
  assert.equal(await next(), 'event: note\ndata: {"at":5,"kind":"maintenance"}')
  await server.publish({ scope: 'team:red', keys: [[]] })
  assert.equal(await next(), 'event: all\ndata: {"why":"published"}')
  await poll('a heartbeat', () => stream.blocks.some((block) => still(block) === 'event: tick\ndata: {"at":"TIME"}'))
})

test('a reload ends the streams of what changed and keeps the others; all are told that anything may have changed', async (t) => {
  const sync = { path: '/sync', dialect: 'recordings', scope: ['team:red'] }
  const server = await serve(t, settings([SIXTH, sync]))
  const stays = await ws(t, server, '/sync')
  const goes = await sse(t, server, '/feed?team=red')
  await goes.next()
  await reload(server, settings([{ ...SIXTH, ready: { event: 'hi', data: {} } }, sync]))
  await goes.end()
  assert.equal(await stays.next(), '{"type":"invalidate","resource":"people","action":"updated"}')
  assert.equal(await stays.next(), '{"type":"invalidate","resource":"work_items","action":"updated"}')
  assert.equal(await (await sse(t, server, '/feed?team=red')).next(), 'event: hi\ndata: {}')
  await server.publish({ resource: 'people', action: 'created', id: '5', new: { team: 'red' } })
  assert.equal(await stays.next(), '{"type":"invalidate","resource":"people","action":"created","id":"5"}')

  await reload(server, settings([SIXTH]))
  await stays.end()
  assert.equal(stays.code, 1012)
  assert.equal((await ws(t, server, '/sync')).status, 404)
})

test('so many reloads that every place was taken once: streams end, and nobody hears the words of others', async (t) => {
  const word = (i: number) => ({ ...SIXTH, on_connect: 'none', scope: 'team:{query.team}', ready: { event: `hello ${i}`, data: {} }, change: { event: `word ${i}`, data: {} } })
  const server = await serve(t, settings([word(0)], { limits: { spread: '1m' } }))
  for (let i = 0; i < 20; i++) {
    const stream = await sse(t, server, '/feed?team=red')
    assert.equal(await stream.next(), `event: hello ${i}\ndata: {}`)
    await reload(server, settings([word(i + 1)], { limits: { spread: '1m' } }))
    await server.publish({ resource: 'people', action: 'created', id: '5', new: { team: 'red' } })
    if (!stream.ended) {
      await poll('told', () => stream.ended || stream.text.includes(`event: word ${i}\n`))
      stream.cut()
    }
    assert.doesNotMatch(stream.text, new RegExp(`word ${i + 1}`))
  }
})

test('a reload that makes an endpoint begins to remember the rows of its rules', async (t) => {
  const server = await serve(t, settings([]))
  await reload(server, settings([SIXTH]))
  const stream = await sse(t, server, '/feed?team=red')
  await server.publish({ resource: 'people', action: 'created', id: '5', new: { team: 'red' } })
  await poll('told', () => stream.blocks.some((block) => block === 'event: Person\ndata: {"op":"CREATED","key":"5"}'))
})

test('an endpoint that is wrong stops the start with its place in the file, and a reload keeps the one in use', async (t) => {
  const server = await serve(t, settings([SIXTH]))
  writeFileSync(server.file, JSON.stringify(settings([{ ...SIXTH, dialect: 'devhve' }]), null, 2))
  server.child.kill('SIGHUP')
  await server.line(/reload: .*unstale\.yaml:\d+:\d+: there is no dialect "devhve" \(did you mean "devhive"\?\)/)
  assert.equal((await sse(t, server, '/feed?team=red')).status, 200)
})

test('check prints the dialects that are built in', () => {
  const run = (...args: string[]) => execFileSync(binary, ['check', '--print-dialect', ...args], { encoding: 'utf8', stdio: 'pipe' })
  const names = run('-').trim().split('\n')
  assert.deepEqual(names, ['registry', 'recordings', 'devhive', 'content-studio', 'documents'])
  for (const name of names) assert.match(run(name), /^# [a-z-]+: [\s\S]*\nchange:\n/)
  assert.throws(() => run('devhve'), /there is no dialect/)
})
