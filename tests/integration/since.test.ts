/* fresh, exact or reset: the answer to a position is true in every case. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { epochOf, named, sequenceOf, staleKeys } from './lib/sse.ts'
import { config, serve, subscribe } from './lib/unstale.ts'

test('without a position every scope is fresh, also one that was never marked', async (t) => {
  const server = await serve(t)
  await server.mark('a', ['x'])
  const answer = await server.greeting({ scopes: ['a', 'never'] })
  assert.deepEqual(answer.scopes, { a: 'fresh', never: 'fresh' })
  assert.deepEqual(answer.keys, [], 'fresh promises nothing about earlier data')
})

test('a position of this epoch is exact: what came after it, and nothing else', async (t) => {
  const server = await serve(t)
  await server.mark('a', ['before'])
  await server.mark('a', ['again'])
  const since = await server.mark('a', ['at'])
  await server.mark('a', ['after'])
  await server.mark('a', ['again'])
  await server.mark('b', ['other'])
  const answer = await server.greeting({ scopes: ['a', 'never'], since })
  assert.deepEqual(answer.scopes, { a: 'exact', never: 'exact' })
  assert.deepEqual(answer.keys, ['a ["after"]', 'a ["again"]'])
  assert.equal(answer.position, since, 'only what was granted')
  assert.equal(answer.spread, 0)
})

test('the newest position is exact with nothing', async (t) => {
  const server = await serve(t)
  await server.mark('a', ['x'])
  const since = await server.mark('b', ['y'])
  const answer = await server.greeting({ scopes: ['a'], since })
  assert.deepEqual(answer.scopes, { a: 'exact' })
  assert.deepEqual(answer.keys, [])
})

test('GET /v1/position before a page is made is a since for it', async (t) => {
  const server = await serve(t)
  await server.mark('a', ['x'])
  const since = await server.position()
  await server.mark('a', ['between'])
  assert.deepEqual((await server.greeting({ scopes: ['a'], since })).keys, ['a ["between"]'])
})

test('Last-Event-ID wins over since', async (t) => {
  const server = await serve(t)
  const old = await server.mark('a', ['1'])
  const newer = await server.mark('a', ['2'])
  await server.mark('a', ['3'])
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: old, lastEventId: newer })).keys, ['a ["3"]'])
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: newer, lastEventId: old })).keys, ['a ["2"]', 'a ["3"]'])
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: newer, lastEventId: 'x-1' })).scopes, { a: 'reset' })
})

test('scopes that the client did not hold at that position are fresh, the others exact', async (t) => {
  const server = await serve(t)
  const since = await server.mark('a:1', ['1'])
  await server.publish([
    { scope: 'a:1', keys: [['a']] },
    { scope: 'b:1', keys: [['b']] },
    { scope: 'a:2', keys: [['a2']] },
    { scope: 'a:*', keys: [['family']] },
  ])
  const answer = await server.greeting({ scopes: ['a:1'], fresh: ['b:1', 'a:2'], since })
  assert.deepEqual(answer.scopes, { 'a:1': 'exact', 'b:1': 'fresh', 'a:2': 'fresh' })
  assert.deepEqual(answer.keys, ['a:* ["family"]', 'a:1 ["a"]'])
  assert.equal(answer.position, since)
  // Named twice: it is fresh.
  assert.deepEqual((await server.greeting({ scopes: ['b:1'], fresh: ['b:1'], since })).scopes, { 'b:1': 'fresh' })
  // Fresh alone needs no scope=.
  assert.deepEqual((await server.greeting({ fresh: ['b:1'] })).scopes, { 'b:1': 'fresh' })
})

test('a position that cannot be is answered by a reset, never as exact', async (t) => {
  const server = await serve(t, config({ limits: { spread: '3s' } }))
  const now = await server.mark('a', ['x'])
  const epoch = epochOf(now)
  const beyond = sequenceOf(now) + 100
  for (const since of [
    `${epoch}-${beyond}`,
    `${epoch}-18446744073709551613`,
    `${epoch}-18446744073709551614`,
    `${epoch}-18446744073709551615`,
    `${epoch}-18446744073709551616`,
    `${epoch}-99999999999999999999999999999999`,
    `${epoch}-`,
    `${epoch}`,
    `${epoch}-1x`,
    `${epoch}--1`,
    `${epoch}-+1`,
    `${epoch}-01`,
    `${epoch}-1.0`,
    ` ${now}`,
    `${now} `,
    `${epoch.toUpperCase()}A-1`,
    `0-${sequenceOf(now)}`,
    `${epoch.slice(1)}-1`,
    `${epoch}0-1`,
    '-',
    '0',
    'null',
    '😀',
    '-1',
    'zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz-1',
  ]) {
    const answer = await server.greeting({ scopes: ['a', 'never'], since })
    assert.deepEqual(answer.scopes, { a: 'reset', never: 'reset' }, JSON.stringify(since))
    assert.equal(answer.spread, 3000)
    assert.deepEqual(answer.resets, [], 'ready has said it')
    assert.ok(sequenceOf(answer.position) <= beyond && epochOf(answer.position) === epoch)
  }
  // In a header most of these cannot be sent; those that can mean the same.
  for (const lastEventId of [`${epoch}-${beyond}`, `${epoch}-`, 'null', `${epoch}-18446744073709551615`])
    assert.deepEqual((await server.greeting({ scopes: ['a'], lastEventId })).scopes, { a: 'reset' }, lastEventId)
})

test('an empty since is none', async (t) => {
  const server = await serve(t)
  assert.deepEqual((await server.greeting({ scopes: ['a'], since: '' })).scopes, { a: 'fresh' })
})

test('a reset that was laid is told to whoever is behind it, and to nobody else', async (t) => {
  const server = await serve(t)
  const before = await server.mark('a:1', ['x'])
  const at = await server.mark('a:1', [])
  await server.mark('a:1', ['y'])
  assert.deepEqual((await server.greeting({ scopes: ['a:1', 'a:2'], since: before })).scopes, { 'a:1': 'reset', 'a:2': 'exact' })
  const after = await server.greeting({ scopes: ['a:1'], since: at })
  assert.deepEqual([after.scopes, after.keys], [{ 'a:1': 'exact' }, ['a:1 ["y"]']])
})

test('a reset of a family resets each of its scopes, of "*" all', async (t) => {
  const server = await serve(t)
  const first = await server.mark('a:1', ['x'])
  const second = await server.mark('a:*', [])
  assert.deepEqual((await server.greeting({ scopes: ['a:1', 'a:2', 'b:1', 'plain'], since: first })).scopes, {
    'a:1': 'reset',
    'a:2': 'reset',
    'b:1': 'exact',
    plain: 'exact',
  })
  await server.mark('*', [])
  assert.deepEqual((await server.greeting({ scopes: ['a:1', 'b:1', 'plain'], since: second })).scopes, {
    'a:1': 'reset',
    'b:1': 'reset',
    plain: 'reset',
  })
})

test('family marks are part of what was missed', async (t) => {
  const server = await serve(t)
  const since = await server.mark('a:1', ['x'])
  await server.mark('a:*', ['fam'])
  await server.mark('*', ['all'])
  await server.mark('b:*', ['not mine'])
  const answer = await server.greeting({ scopes: ['a:1', 'a:2'], since })
  assert.deepEqual(answer.scopes, { 'a:1': 'exact', 'a:2': 'exact' })
  assert.deepEqual(answer.keys, ['* ["all"]', 'a:* ["fam"]'], 'each once')
})

test('what was evicted for memory is answered by a reset, what is left exactly', async (t) => {
  const server = await serve(t, config({ limits: { index_memory: '1MiB', max_keys: 100000 } }))
  const first = await server.position()
  const marked = await server.mark('old', ['x'])
  let middle = ''
  const filler = 'f'.repeat(400)
  for (let i = 0; i < 60; i++) {
    const keys = Array.from({ length: 100 }, (_, k) => ['fill', i, k, filler])
    const position = await server.publish({ scope: `fill:${i % 5}`, keys })
    if (i === 58) middle = position
  }
  assert.ok((await server.metric('unstale_index_evicted_total')) > 0)
  assert.ok((await server.metric('unstale_index_bytes')) <= 1024 * 1024)
  assert.deepEqual((await server.greeting({ scopes: ['old', 'fill:0'], since: first })).scopes, {
    old: 'reset',
    'fill:0': 'reset',
  })
  // A scope that never had a mark may have had one that is forgotten.
  assert.deepEqual((await server.greeting({ scopes: ['never:1'], since: first })).scopes, { 'never:1': 'reset' })
  // What was evicted was not after this one.
  assert.deepEqual((await server.greeting({ scopes: ['old'], since: marked })).scopes, { old: 'exact' })
  const answer = await server.greeting({ scopes: ['fill:4', 'old', 'never:1'], since: middle })
  assert.deepEqual(answer.scopes, { 'fill:4': 'exact', old: 'exact', 'never:1': 'exact' })
  assert.equal(answer.keys.length, 100)
})

test('a scope with too many keys widens, and the wider keys cover what was marked', async (t) => {
  const server = await serve(t, config({ limits: { max_keys: 10 } }))
  const since = await server.position()
  for (let i = 0; i < 40; i++) await server.mark('a', ['list', i % 3, i])
  const answer = await server.greeting({ scopes: ['a'], since })
  const keys = answer.keys.map((text) => JSON.parse(text.slice(2)) as unknown[])
  const whole = answer.scopes['a'] === 'reset' || answer.resets.length > 0
  assert.ok(keys.length <= 10)
  for (let i = 0; i < 40; i++) {
    const key = ['list', i % 3, i]
    const covered = whole || keys.some((mark) => mark.every((part, at) => part === key[at]))
    assert.ok(covered, `${JSON.stringify(key)} in ${JSON.stringify(keys)}`)
  }
})

test('a key longer than 512 bytes is told as a shorter one that covers it', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const position = await server.mark('a', ['one', 'two', 'x'.repeat(600)], ['y'.repeat(600)])
  const events = await stream.reaches(position)
  // The second one has no prefix but the empty key, which covers the first.
  assert.deepEqual(named(events, 'reset').map((event) => event.scopes), [['a']])
  const second = await server.mark('a', ['one', 'two', 'x'.repeat(600)])
  assert.deepEqual(staleKeys(await stream.reaches(second)), ['a ["one","two"]'])
})

test('marks of 300 keys of 300 bytes do not fit one message; what comes covers them all', async (t) => {
  const server = await serve(t, config({ limits: { max_keys: 1000 } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  const since = (await stream.opened()).data.position
  const keys = Array.from({ length: 300 }, (_, i) => ['k', i % 7, i, 'p'.repeat(280)])
  const position = await server.mark('a', ...keys)
  const live = await stream.reaches(position)
  const late = await server.greeting({ scopes: ['a'], since })
  for (const events of [live, late.events]) {
    const reset = named(events, 'reset').length > 0
    const marks = named(events, 'stale').flatMap((event) => event.keys)
    for (const key of keys)
      assert.ok(reset || marks.some((mark) => mark.every((part, i) => part === key[i])), JSON.stringify(key))
  }
})
