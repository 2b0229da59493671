/* Notices: in order, once, kept in a bounded ring, lost only together with a reset. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { named, type NoticeData, type StreamEvent } from './lib/sse.ts'
import { config, serve, subscribe, type Unstale } from './lib/unstale.ts'

const notify = (server: Unstale, scope: string, data: unknown): Promise<string> =>
  server.publish({ scope, type: 'n', data }, '/v1/notices')

const dataOf = (events: readonly StreamEvent[]): unknown[] => named(events, 'notice').map((notice) => notice.data)

test('a notice has an id, its scope, its type and its data, between the marks and the position', async (t) => {
  const server = await serve(t, config({ limits: { batch: '50ms' } }))
  const stream = await subscribe(t, server, { scopes: ['user:7'] })
  await stream.opened()
  const data = { job: 'j1', progress: 0.5, nested: [null, true, { 'a"\n': '\u2028' }] }
  const position = await server.publish({ scope: 'user:7', type: 'job_progress', data }, '/v1/notices')
  const events = await stream.reaches(position)
  assert.deepEqual(events.map((event) => event.event), ['notice', 'position'])
  const notice = named(events, 'notice')[0] as NoticeData
  assert.deepEqual(Object.keys(notice).sort(), ['data', 'id', 'scope', 'type'])
  assert.deepEqual([notice.scope, notice.type, notice.data], ['user:7', 'job_progress', data])
  assert.equal(typeof notice.id, 'string')
  assert.equal(events[0]?.id, null, 'only positions have an id: line')

  // Of one tick: marks first, whatever was published first.
  await server.mark('user:7', ['tick'])
  await notify(server, 'user:7', 'n')
  const last = await server.mark('user:7', ['mark'])
  const together = (await stream.reaches(last)).map((event) => event.event)
  assert.ok(together.lastIndexOf('stale') < together.lastIndexOf('notice') || together.filter((name) => name === 'position').length > 1)
})

test('notices without data, and with every kind of it', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const kinds = [null, 0, -1.5, 'x', '', [], {}, false]
  let last = await server.publish({ scope: 'a', type: 'n' }, '/v1/notices')
  for (const data of kinds) last = await notify(server, 'a', data)
  assert.deepEqual(dataOf(await stream.reaches(last)), [null, ...kinds])
})

test('notices are refused where nobody could get them, naming the field', async (t) => {
  const server = await serve(t)
  for (const [item, why] of [
    [{ type: 'n' }, /"scope"/],
    [{ scope: 'a' }, /"type"/],
    [{ scope: 'a', type: '' }, /"type"/],
    [{ scope: 'a', type: 7 }, /"type"/],
    [{ scope: 'a', type: 'x\ny' }, /"type"/],
    [{ scope: '*', type: 'n' }, /"scope"/],
    [{ scope: 'a:*', type: 'n' }, /"scope"/],
    [{ scope: 'a', type: 'n', keys: [] }, /"keys"/],
    [{ resource: 'tasks', action: 'created' }, /"resource"/],
  ] as const) {
    const answer = await server.ask('/v1/notices', { body: JSON.stringify([{ scope: 'a', type: 'fine' }, item]) })
    assert.equal(answer.status, 400, JSON.stringify(item))
    assert.match((JSON.parse(answer.body) as { error: string }).error, why)
  }
  assert.match(await server.position(), /-0$/)
})

test('notices come in order and only to their scope', async (t) => {
  const server = await serve(t)
  const one = await subscribe(t, server, { scopes: ['user:1'] })
  const both = await subscribe(t, server, { scopes: ['user:1', 'user:2'] })
  await one.opened()
  await both.opened()
  let last = ''
  for (let i = 0; i < 60; i++) last = await notify(server, `user:${(i % 2) + 1}`, i)
  const end = await server.publish([{ scope: 'user:1', keys: [['end']] }, { scope: 'user:2', keys: [['end']] }])
  assert.notEqual(last, end)
  assert.deepEqual(dataOf(await one.reaches(end)), Array.from({ length: 30 }, (_, i) => 2 * i))
  assert.deepEqual(dataOf(await both.reaches(end)), Array.from({ length: 60 }, (_, i) => i))
})

test('each notice comes once over any number of disconnects, at any byte', async (t) => {
  const server = await serve(t)
  const since = await server.position()
  const all = Array.from({ length: 400 }, (_, i) => ({ scope: 'a', type: 'n', data: { i, pad: 'p'.repeat(i % 97) } }))
  for (let at = 0; at < all.length; at += 20) await server.publish(all.slice(at, at + 20), '/v1/notices')
  await server.settled()
  const seen = new Map<string, number>()
  const order: number[] = []
  let position: string = since
  for (let limit = 700, tries = 0; order.length < 400; limit += 900, tries++) {
    assert.ok(tries < 200, `${order.length} of 400 after ${tries} tries`)
    const stream = server.stream({ scopes: ['a'], lastEventId: position, limit })
    await stream.until('cut, or granted all', () => stream.ended || stream.events.some((event) => event.event === 'position'))
    stream.cut()
    assert.equal(stream.error, null)
    for (const notice of named(stream.events, 'notice')) {
      if (seen.has(notice.id)) continue
      const { i } = notice.data as { i: number }
      seen.set(notice.id, i)
      order.push(i)
    }
    position = stream.position ?? position
  }
  assert.deepEqual(order, all.map((item) => item.data.i))
})

test('a connection that stays gets each notice exactly once, however much comes in one tick', async (t) => {
  const server = await serve(t, config({ limits: { notices: 10000 } }))
  const single = await subscribe(t, server, { scopes: ['a'] })
  const several = await subscribe(t, server, { scopes: ['a', 'b', 'c'] })
  await single.opened()
  await several.opened()
  let last = ''
  for (let round = 0; round < 6; round++)
    last = await server.publish(
      Array.from({ length: 900 }, (_, i) => ({ scope: 'abc'[i % 3], type: 'n', data: { n: round * 900 + i, pad: 'x'.repeat(300) } })),
      '/v1/notices',
    )
  for (const [stream, scopes] of [
    [single, 'a'],
    [several, 'abc'],
  ] as const) {
    const events = await stream.reaches(last)
    for (const scope of scopes) {
      const numbers = named(events, 'notice').filter((notice) => notice.scope === scope).map((notice) => (notice.data as { n: number }).n)
      const expected = Array.from({ length: 5400 }, (_, i) => i).filter((i) => 'abc'[(i % 900) % 3] === scope)
      assert.deepEqual(numbers, expected)
    }
  }
})

test('what falls out of the ring is told as a reset, to those who had not seen it', async (t) => {
  const server = await serve(t, config({ limits: { notices: 10 } }))
  const start = await server.position()
  let middle = ''
  for (let i = 0; i < 25; i++) {
    const position = await notify(server, 'a', i)
    if (i === 17) middle = position
  }
  const behind = await server.greeting({ scopes: ['a', 'b'], since: start })
  assert.deepEqual(behind.scopes, { a: 'reset', b: 'exact' })
  const exact = await server.greeting({ scopes: ['a'], since: middle })
  assert.deepEqual(exact.scopes, { a: 'exact' })
  assert.deepEqual(dataOf(exact.events), [18, 19, 20, 21, 22, 23, 24])
})

test('the memory of all rings is bounded, the oldest go first, and their scopes are reset', async (t) => {
  const server = await serve(t, config({ limits: { notice_memory: '64KiB', notices: 1000 } }))
  const start = await server.position()
  for (let i = 0; i < 300; i++) await server.publish({ scope: `s:${i}`, type: 'n', data: 'x'.repeat(1000) }, '/v1/notices')
  assert.ok((await server.metric('unstale_notice_bytes')) <= 64 * 1024)
  assert.ok((await server.metric('unstale_notices_dropped_total')) > 200)
  const answer = await server.greeting({ scopes: ['s:0', 's:100', 's:299'], since: start })
  assert.equal(answer.scopes['s:0'], 'reset')
  assert.equal(answer.scopes['s:100'], 'reset')
  // One that is larger than all the memory there is.
  const large = await server.publish({ scope: 'big', type: 'n', data: 'x'.repeat(200_000) }, '/v1/notices')
  assert.ok(large)
  assert.ok((await server.metric('unstale_notice_bytes')) <= 64 * 1024)
  assert.deepEqual((await server.greeting({ scopes: ['big'], since: start })).scopes, { big: 'reset' })
})

test('a notice that is dropped before it was sent resets the connection that stays', async (t) => {
  const server = await serve(t, config({ limits: { notices: 5, batch: '2s' } }))
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  await stream.reaches(await server.mark('a', ['opens the window']))
  let last = ''
  for (let i = 0; i < 12; i++) last = await notify(server, 'a', i)
  const events = await stream.reaches(last)
  assert.deepEqual(named(events, 'reset').map((reset) => reset.scopes), [['a']])
  assert.deepEqual(dataOf(events), [7, 8, 9, 10, 11])
})

test('a notice of 900 kB arrives whole', async (t) => {
  const server = await serve(t)
  const stream = await subscribe(t, server, { scopes: ['a'] })
  await stream.opened()
  const data = { text: '"\\\u0001é😀'.repeat(60_000) }
  const position = await server.publish({ scope: 'a', type: 'n', data }, '/v1/notices')
  assert.deepEqual(dataOf(await stream.reaches(position)), [data])
})
