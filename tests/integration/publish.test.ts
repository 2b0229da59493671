/* POST /v1/changes and /v1/notices: accepted whole or not at all, in order, over every kind of connection. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { requestBytes, Wire } from './lib/http.ts'
import { named, sequenceOf, staleKeys } from './lib/sse.ts'
import { type Config, config, directory, serve, subscribe } from './lib/unstale.ts'

const RULES: Config = {
  rules: {
    tasks: {
      name: 'task',
      id: 'id',
      scope: ['project:{project_id}'],
      stale: [
        ['tasks', 'detail', '{id}'],
        { key: ['tasks', 'list', '{project_id}'], on: ['created', 'deleted'], or_changed: ['title'] },
      ],
    },
  },
}

const task = (id: unknown, project: unknown, more: object = {}) => ({ id, project_id: project, ...more })

test('a published change goes through the rules', async (t) => {
  const server = await serve(t, config(RULES))
  const stream = await subscribe(t, server, { scopes: ['project:1', 'project:2'] })
  await stream.opened()
  const cases: [object, string[]][] = [
    [{ resource: 'tasks', action: 'created', id: 7, new: task(7, 1) }, ['project:1 ["tasks","detail",7]', 'project:1 ["tasks","list",1]']],
    [
      { resource: 'tasks', action: 'updated', id: 7, old: task(7, 1, { title: 'a' }), new: task(7, 1, { title: 'a', x: 2 }) },
      ['project:1 ["tasks","detail",7]'],
    ],
    [
      { resource: 'tasks', action: 'updated', id: 7, old: task(7, 1, { title: 'a' }), new: task(7, 1, { title: 'b' }) },
      ['project:1 ["tasks","detail",7]', 'project:1 ["tasks","list",1]'],
    ],
    [{ resource: 'tasks', action: 'deleted', id: 7, old: task(7, 1) }, ['project:1 ["tasks","detail",7]', 'project:1 ["tasks","list",1]']],
  ]
  for (const [change, expected] of cases)
    assert.deepEqual(staleKeys(await stream.reaches(await server.publish(change))), expected.sort(), JSON.stringify(change))
})

test('a row that moves marks the old scope and the new one', async (t) => {
  const server = await serve(t, config(RULES))
  const left = await subscribe(t, server, { scopes: ['project:1'] })
  const entered = await subscribe(t, server, { scopes: ['project:2'] })
  const other = await subscribe(t, server, { scopes: ['project:3'] })
  for (const stream of [left, entered, other]) await stream.opened()
  const position = await server.publish({ resource: 'tasks', action: 'updated', id: 7, old: task(7, 1), new: task(7, 2) })
  for (const stream of [left, entered])
    assert.ok(staleKeys(await stream.reaches(position)).some((key) => key.endsWith('["tasks","detail",7]')))
  const last = await server.publish({ resource: 'tasks', action: 'deleted', id: 8, old: task(8, 3) })
  assert.deepEqual(staleKeys(await other.reaches(last), 'project:3'), ['["tasks","detail",8]', '["tasks","list",3]'])
})

test('a change whose scope is not known marks the family, without a value of the row', async (t) => {
  const server = await serve(t, config(RULES))
  const one = await subscribe(t, server, { scopes: ['project:1'] })
  const two = await subscribe(t, server, { scopes: ['project:2', 'project:3'] })
  const user = await subscribe(t, server, { scopes: ['user:1'] })
  for (const stream of [one, two, user]) await stream.opened()
  for (const change of [
    { resource: 'tasks', action: 'updated', id: 'secret' },
    { resource: 'tasks', action: 'deleted', id: 'secret' },
    { resource: 'tasks', action: 'updated', id: 'secret', new: { id: 'secret', project_id: null } },
    { resource: 'tasks', action: 'truncated' },
  ]) {
    const position = await server.publish(change)
    for (const stream of [one, two]) {
      const events = await stream.reaches(position)
      const families = [...named(events, 'stale').map((event) => event.scope), ...named(events, 'reset').flatMap((event) => event.scopes)]
      assert.deepEqual([...new Set(families)], ['project:*'], JSON.stringify(change))
      assert.doesNotMatch(JSON.stringify(events), /secret/)
    }
  }
  const last = await server.mark('user:1', ['mine'])
  assert.deepEqual(staleKeys(await user.reaches(last)), ['user:1 ["mine"]'])
})

test('a body is accepted whole or not at all, and the refusal names index and field', async (t) => {
  const server = await serve(t, config(RULES))
  const stream = await subscribe(t, server, { scopes: ['a', 'project:1'] })
  await stream.opened()
  const before = await server.position()
  const good = { scope: 'a', keys: [['applied']] }
  const change = { resource: 'tasks', action: 'created', id: 1, new: task(1, 1) }
  const bad: [unknown, RegExp][] = [
    [{ scope: 'a' }, /"keys"/],
    [{ scope: 'a', keys: 'x' }, /"keys"/],
    [{ scope: 'a', keys: ['x'] }, /"keys"/],
    [{ scope: 'a', keys: [{}] }, /"keys"/],
    [{ scope: '', keys: [] }, /"scope"/],
    [{ scope: 7, keys: [] }, /"scope"/],
    [{ scope: 'a\n', keys: [] }, /"scope"/],
    [{ scope: 'x'.repeat(257), keys: [] }, /"scope"/],
    [{ scope: 'a', keys: [], extra: 1 }, /"extra"/],
    [{ scope: 'a', kees: [['x']] }, /"kees".*keys/],
    [{ ...change, resource: 'nothing' }, /"resource".*nothing/],
    [{ ...change, resource: '' }, /"resource"/],
    [{ resource: 'tasks' }, /"action"/],
    [{ ...change, action: '' }, /"action"/],
    [{ ...change, action: 7 }, /"action"/],
    [{ ...change, new: [] }, /"new"/],
    [{ ...change, new: 'x' }, /"new"/],
    [{ ...change, old: 7 }, /"old"/],
    [{ ...change, id: {} }, /"id"/],
    [{ ...change, id: true }, /"id"/],
    [{ ...change, data: [] }, /"data"/],
    [{ ...change, kolumns: {} }, /"kolumns"/],
    ['text', /object/],
    [7, /object/],
    [null, /object/],
    [[], /object/],
    [{}, /"resource"/],
    [{ scope: 'a', keys: [JSON.parse('['.repeat(40) + ']'.repeat(40))] }, /"keys".*deep/],
  ]
  for (const [item, why] of bad)
    for (const [at, items] of [
      [1, [good, item, good]],
      [2, [good, change, item]],
      [0, [item, good]],
    ] as const) {
      const answer = await server.ask('/v1/changes', { body: JSON.stringify(items) })
      assert.equal(answer.status, 400, JSON.stringify(item))
      const { error } = JSON.parse(answer.body) as { error: string }
      assert.match(error, why)
      assert.match(error, new RegExp(`\\b${at}\\b`), error)
    }
  const deep = '['.repeat(100_000)
  for (const body of ['', ' ', '[', '{', '[}', '{]', '[{}', 'nul', '[,]', `[${JSON.stringify(good)},]`, `${JSON.stringify(good)} x`,
    `[${JSON.stringify(good)}]]`, '{"scope":"a","scope":"b","keys":[]}', '{"scope":"a","keys":[["\\ud800"]]}', '\u0000', deep,
    '{"scope":"a","keys":[[1e999]]}', '{"scope":"a","keys":[[NaN]]}', "{'scope':'a'}"]) {
    const answer = await server.ask('/v1/changes', { body })
    assert.equal(answer.status, 400, body.slice(0, 80))
    assert.ok((JSON.parse(answer.body) as { error: string }).error.length > 5)
  }
  for (const body of [Buffer.from('{"scope":"\xff","keys":[]}', 'latin1'), Buffer.from('{"scope":"a","keys":[["\xc0\x80"]]}', 'latin1')])
    assert.equal((await server.ask('/v1/changes', { body })).status, 400)
  assert.equal(await server.position(), before, 'nothing was applied')
  const position = await server.mark('a', ['after'])
  assert.equal(sequenceOf(position), sequenceOf(before) + 1)
  assert.deepEqual(staleKeys(await stream.reaches(position)), ['a ["after"]'])
})

test('an empty array, marks without keys and changes that touch nothing are accepted', async (t) => {
  const server = await serve(t, config(RULES))
  const before = sequenceOf(await server.position())
  assert.equal(sequenceOf(await server.publish([])), before)
  assert.equal(sequenceOf(await server.publish({ scope: 'a', keys: [] })), before)
  assert.equal(sequenceOf(await server.publish([], '/v1/notices')), before)
})

test('one body is one transaction: one position, one message', async (t) => {
  const server = await serve(t, config(RULES))
  const stream = await subscribe(t, server, { scopes: ['a', 'b', 'project:1'] })
  await stream.opened()
  const position = await server.publish([
    { scope: 'a', keys: [['1'], ['2']] },
    { resource: 'tasks', action: 'created', id: 1, new: task(1, 1) },
    { scope: 'b', keys: [['3']] },
    { scope: 'a', keys: [['2'], ['4']] },
  ])
  const events = await stream.reaches(position)
  assert.deepEqual(staleKeys(events, 'a'), ['["1"]', '["2"]', '["4"]'])
  assert.equal(named(events, 'stale').length, 3)
  assert.equal(named(events, 'position').length, 1)
})

test('a thousand changes of one list in one body are one key in one message', async (t) => {
  const server = await serve(t, config({ rules: { tasks: { scope: ['project:{project_id}'], stale: [['tasks', 'list', '{project_id}']] } } }))
  const stream = await subscribe(t, server, { scopes: ['project:1'] })
  await stream.opened()
  const position = await server.publish(
    Array.from({ length: 1000 }, (_, i) => ({ resource: 'tasks', action: 'created', id: i, new: task(i, 1) })),
  )
  const events = await stream.reaches(position)
  assert.deepEqual(named(events, 'stale'), [{ scope: 'project:1', keys: [['tasks', 'list', 1]], spread: 0 }])
})

test('publishing needs the token where there is one, and a source at all', async (t) => {
  const dir = directory(t)
  writeFileSync(join(dir, 'token'), '  s3cret-token\n')
  const server = await serve(t, config({ sources: [{ publish: { token_file: 'token' } }] }), { dir })
  const body = JSON.stringify({ scope: 'a', keys: [['x']] })
  const before = await server.position()
  for (const header of [undefined, 'Bearer', 'Bearer ', 'Bearer wrong', 'Bearer s3cret-toke', 'Bearer s3cret-token2', 'Basic s3cret-token', 's3cret-token', 'Bearer  s3cret-tokens3cret-token'])
    for (const path of ['/v1/changes', '/v1/notices']) {
      const answer = await server.ask(path, { body, headers: header === undefined ? {} : { Authorization: header } })
      assert.equal(answer.status, 401, header)
      assert.match(answer.headers.get('www-authenticate') ?? '', /^Bearer/i, 'RFC 9110, 15.5.2')
    }
  assert.equal(await server.position(), before)
  for (const scheme of ['Bearer', 'bearer'])
    assert.equal((await server.ask('/v1/changes', { body, headers: { Authorization: `${scheme} s3cret-token` } })).status, 202)

  // The token is checked before the body.
  assert.equal((await server.ask('/v1/changes', { body: 'not json' })).status, 401)
  // Reading needs no token with auth: none.
  await (await subscribe(t, server, { scopes: ['a'] })).opened()
})

test('the type has to be JSON, so that no form of a foreign page gets in', async (t) => {
  const server = await serve(t)
  const body = JSON.stringify({ scope: 'a', keys: [['x']] })
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp', 'application/json-seq', 'text/plain; application/json', '', 'application'])
    assert.equal((await server.ask('/v1/changes', { body, headers: { 'Content-Type': type } })).status, 415, type)
  for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON', 'application/json;charset=UTF-8'])
    assert.equal((await server.ask('/v1/changes', { body, headers: { 'Content-Type': type } })).status, 202, type)
  const wire = new Wire(server.at)
  wire.send(`POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'POST')
  assert.equal((await wire.answer()).status, 415)
  wire.close()
})

test('a body over the limit is 413, chunked or not, and one at the limit is taken', async (t) => {
  const server = await serve(t, config({ limits: { publish_body: '4KiB' } }))
  const sized = (bytes: number): string => {
    const frame = JSON.stringify({ scope: 'a', keys: [['']] })
    return JSON.stringify({ scope: 'a', keys: [['x'.repeat(bytes - frame.length)]] })
  }
  assert.equal((await server.ask('/v1/changes', { body: sized(4096) })).status, 202)
  assert.equal((await server.ask('/v1/changes', { body: sized(4097) })).status, 413)
  const wire = new Wire(server.at)
  const chunk = sized(5000)
  wire.send('POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n', 'POST')
  wire.send(`800\r\n${chunk.slice(0, 0x800)}\r\n`)
  wire.send(`${(5000 - 0x800).toString(16)}\r\n${chunk.slice(0x800)}\r\n0\r\n\r\n`)
  assert.equal((await wire.answer()).status, 413)
  await wire.end()
  // A length that no machine has is refused before the body comes.
  for (const length of ['4097', '99999999999', '18446744073709551615']) {
    const early = new Wire(server.at)
    early.send(`POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`, 'POST')
    assert.equal((await early.answer()).status, 413, length)
    early.close()
  }
})

test('a chunked body is a body, cut at any byte', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const json = JSON.stringify({ scope: 'a', keys: [['é😀']] })
  const bytes = Buffer.from(json)
  const wire = new Wire(server.at)
  const head = 'POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  for (const size of [1, 2, 3, 7, bytes.length]) {
    const chunks: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) {
      const part = bytes.subarray(at, at + size)
      chunks.push(Buffer.from(`${part.length.toString(16)};ext=1\r\n`), part, Buffer.from('\r\n'))
    }
    const whole = Buffer.concat([Buffer.from(head), ...chunks, Buffer.from('0\r\n\r\n')])
    // In pieces of a few bytes, each a write of its own.
    wire.send(whole.subarray(0, 50), 'POST')
    for (let at = 50; at < whole.length; at += 11) wire.send(whole.subarray(at, at + 11))
    const answer = await wire.answer()
    assert.equal(answer.status, 202, answer.body)
    const { position } = JSON.parse(answer.body) as { position: string }
    assert.deepEqual(staleKeys(await stream.reaches(position)), ['a ["é😀"]'])
  }
  wire.close()
})

test('five hundred pipelined publishes on one connection are answered in order', async (t) => {
  const server = await serve(t, config({ limits: { max_keys: 1000 } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  const first = sequenceOf((await stream.opened()).data.position)
  const wire = new Wire(server.at)
  const all: Buffer[] = []
  for (let i = 0; i < 500; i++) {
    // Now and then one that is refused: it has its place in the order too.
    const body = i % 50 === 49 ? '{"bad":1}' : JSON.stringify({ scope: 'a', keys: [['k', i]] })
    all.push(requestBytes(server.at, '/v1/changes', { body }))
  }
  const bytes = Buffer.concat(all)
  for (let i = 0; i < 500; i++) wire.send('', 'POST')
  for (let at = 0; at < bytes.length; at += 9973) wire.send(bytes.subarray(at, at + 9973))
  let sequence = first
  for (let i = 0; i < 500; i++) {
    const answer = await wire.answer()
    if (i % 50 === 49) {
      assert.equal(answer.status, 400)
      continue
    }
    assert.equal(answer.status, 202, `${i}: ${answer.body}`)
    const { position } = JSON.parse(answer.body) as { position: string }
    assert.equal(sequenceOf(position), ++sequence)
  }
  wire.close()
  const last = await server.mark('a', ['last'])
  const keys = new Set(staleKeys(await stream.reaches(last), 'a'))
  for (let i = 0; i < 500; i++) assert.equal(keys.has(`["k",${i}]`), i % 50 !== 49, String(i))
})

test('publishers on many connections at once are each answered, and every mark arrives', async (t) => {
  const server = await serve(t, config({ limits: { max_keys: 100000 } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const positions = await Promise.all(
    Array.from({ length: 40 }, async (_, publisher) => {
      const wire = new Wire(server.at)
      const seen: number[] = []
      for (let i = 0; i < 25; i++) {
        wire.send(requestBytes(server.at, '/v1/changes', { body: JSON.stringify({ scope: 'a', keys: [[publisher, i]] }) }), 'POST')
        const answer = await wire.answer()
        assert.equal(answer.status, 202)
        seen.push(sequenceOf((JSON.parse(answer.body) as { position: string }).position))
      }
      wire.close()
      return seen
    }),
  )
  assert.equal(new Set(positions.flat()).size, 1000, 'a position of its own for each')
  const last = await server.mark('a', ['last'])
  assert.equal(new Set(staleKeys(await stream.reaches(last))).size, 1001)
})

test('a client that asks first is told to go on, or not to', async (t) => {
  const server = await serve(t, config({ limits: { publish_body: '4KiB' } }))
  const body = JSON.stringify({ scope: 'a', keys: [['x']] })
  const wire = new Wire(server.at)
  wire.send(`POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n`, 'POST')
  assert.equal((await wire.answer()).status, 100)
  wire.send(body)
  assert.equal((await wire.answer()).status, 202)
  // The body that is already there needs no telling; either is right, the answer must come.
  wire.send(requestBytes(server.at, '/v1/changes', { body, headers: { Expect: '100-continue' } }), 'POST')
  const next = await wire.answer()
  assert.equal(next.status === 100 ? (await wire.answer()).status : next.status, 202)
  wire.send('POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 100000\r\n\r\n', 'POST')
  assert.equal((await wire.answer()).status, 413)
  wire.close()
  const odd = new Wire(server.at)
  odd.send(`POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: miracles\r\nContent-Length: ${body.length}\r\n\r\n${body}`, 'POST')
  assert.equal((await odd.answer()).status, 417)
  odd.close()
})

test('a publisher that goes away in the middle of a body leaves nothing behind', async (t) => {
  const server = await serve(t)
  const before = await server.position()
  const body = JSON.stringify({ scope: 'a', keys: [['half']] })
  for (let cut = 1; cut < body.length; cut += 5) {
    const wire = new Wire(server.at)
    wire.send(`POST /v1/changes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, cut)}`)
    await new Promise<void>((resolve) => wire.socket.end(resolve))
    wire.close()
  }
  assert.equal(sequenceOf(await server.mark('a', ['x'])), sequenceOf(before) + 1)
})

test('a publisher that goes away before the answer has published all the same', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  for (let i = 0; i < 20; i++) {
    const wire = new Wire(server.at)
    wire.socket.end(requestBytes(server.at, '/v1/changes', { body: JSON.stringify({ scope: 'a', keys: [['k', i]] }) }))
    await stream.until(`key ${i}`, () => staleKeys(stream.events).includes(`a ["k",${i}]`))
    wire.close()
  }
})

test('a big body is one transaction, and the largest value of a row does no harm', async (t) => {
  const server = await serve(t, config(RULES))
  const stream = await subscribe(t, server, { scopes: ['project:1', 'a'] })
  await stream.opened()
  const items = Array.from({ length: 6000 }, (_, i) => ({ resource: 'tasks', action: 'created', id: i, new: task(i, 1) }))
  const position = await server.publish(items)
  const events = await stream.reaches(position)
  const reset = named(events, 'reset').length > 0
  const keys = named(events, 'stale').flatMap((event) => event.keys)
  for (let i = 0; i < 6000; i += 500)
    assert.ok(reset || keys.some((key) => key.every((part, at) => part === ['tasks', 'detail', i][at])), String(i))
  const huge = 'x'.repeat(400_000)
  const next = await server.publish({ resource: 'tasks', action: 'created', id: huge, new: task(huge, 1) })
  const wide = await stream.reaches(next)
  assert.deepEqual(staleKeys(wide, 'project:1'), ['["tasks","detail"]', '["tasks","list",1]'])
  const scope = await server.publish({ resource: 'tasks', action: 'created', id: 1, new: task(1, huge) })
  assert.ok((await stream.reaches(scope)).length > 1, 'a scope that is too long to be is told to its family')
})
