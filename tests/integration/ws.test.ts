/* The stream over a WebSocket: what is said in both directions, and what a position is worth there. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WebSocket as OtherWebSocket } from 'ws'
import { cleanup } from './lib/cleanup.ts'
import { Publisher } from './lib/publisher.ts'
import { epochOf, named, sequenceOf, staleKeys, type StreamEvent } from './lib/sse.ts'
import { config, open, serve, subscribe } from './lib/unstale.ts'
import { fragments, frame, OP, text, type WebSocketStream } from './lib/ws.ts'

/** Is the key among them, or a shorter one that stands for it? */
function covered(keys: ReadonlySet<string>, key: readonly unknown[]): boolean {
  return key.some((_, i) => keys.has(JSON.stringify(key.slice(0, i + 1))))
}

/** A scope's name and what one has of it; the form of a `ready`. */
function standings(event: StreamEvent): Record<string, string> {
  assert.equal(event.event, 'ready')
  return event.event === 'ready' ? event.data.scopes : {}
}

async function ready(stream: WebSocketStream): Promise<Record<string, string>> {
  return standings(await stream.opened())
}

test('each message looks as the protocol says', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '30s' } }))
  const stream = await open(t, server, { scopes: ['project:42', 'user:7'] })
  const first = await stream.opened()
  const { connection, position, ...more } = first.data
  assert.match(connection, /^c_/)
  assert.equal(position, await server.position())
  assert.deepEqual(more, { scopes: { 'project:42': 'fresh', 'user:7': 'fresh' }, heartbeat: 30, current: true, spread: 0 })

  const marked = await server.mark('project:42', ['tasks', 'list', '42'], ['tasks', 'detail', 1])
  const [stale, granted] = await stream.reaches(marked)
  assert.deepEqual(stale, { event: 'stale', data: { scope: 'project:42', keys: [['tasks', 'detail', 1], ['tasks', 'list', '42']], spread: 0 }, id: null })
  assert.deepEqual(granted, { event: 'position', data: { position: marked }, id: marked })

  const told = await server.publish({ scope: 'user:7', type: 'job_completion', data: { jobId: 'j1' } }, '/v1/notices')
  const [notice] = await stream.reaches(told)
  assert.ok(notice?.event === 'notice')
  const { id, ...rest } = notice.data
  assert.ok(id.length > 0)
  assert.deepEqual(rest, { scope: 'user:7', type: 'job_completion', data: { jobId: 'j1' } })

  stream.say({ type: 'ping' })
  const beat = await stream.next('heartbeat')
  assert.match(beat.data.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  assert.deepEqual({ ...beat.data, time: '' }, { time: '', current: true, position: told })

  const all = await server.mark('project:42', [])
  const [reset] = await stream.reaches(all)
  assert.ok(reset?.event === 'reset')
  assert.deepEqual({ ...reset.data, spread: 0 }, { scopes: ['project:42'], reason: 'published', spread: 0 })

  stream.say({ type: 'nonsense' })
  assert.deepEqual(Object.keys(await stream.refusedWith()), ['error'])
  stream.cut()
})

test('it is told the same as over SSE, change by change', async (t) => {
  const server = await serve(t, config({ rules: { tasks: { name: 'task', scope: ['project:{project_id}'], stale: [['tasks', 'detail', '{id}']], data: { title: 'title' } } } }))
  for (const changes of [false, true]) {
    const asked = { scopes: ['project:1', 'user:1'], changes }
    const sse = await subscribe(t, server, asked)
    const ws = await open(t, server, asked)
    await sse.opened()
    await ws.opened()
    let last = ''
    for (let i = 0; i < 30; i++) {
      await server.publish({ resource: 'tasks', action: i % 3 ? 'updated' : 'deleted', id: i, new: { project_id: 1, title: `"\u2028\\ ${i}` }, old: { project_id: 1, title: 'x' } })
      await server.publish({ scope: 'user:1', type: `n${i}`, data: [i, '\r\n'] }, '/v1/notices')
      if (i === 20) await server.mark('project:*', ['family', i])
      if (i === 25) await server.mark('user:1', [])
      last = await server.mark('user:1', ['m', i])
    }
    const plain = (events: StreamEvent[]): unknown[] => events.map(({ event, data }) => ({ event, data }))
    assert.deepEqual(plain(await ws.reaches(last)), plain(await sse.reaches(last)))
    sse.cut()
    ws.cut()
  }
})

test('scopes come and go on an open stream', async (t) => {
  const server = await serve(t)
  const stream = await open(t, server)
  await stream.heard()
  assert.deepEqual(stream.events, [], 'there is nothing to greet without scopes')
  stream.subscribe(['a', 'b'])
  assert.deepEqual(await ready(stream), { a: 'fresh', b: 'fresh' })
  stream.subscribe(['c'])
  assert.deepEqual(await ready(stream), { c: 'fresh' })
  const three = await server.publish(['a', 'b', 'c', 'd'].map((scope) => ({ scope, keys: [['k', scope]] })))
  assert.deepEqual(staleKeys(await stream.reaches(three)), ['a ["k","a"]', 'b ["k","b"]', 'c ["k","c"]'])
  stream.unsubscribe('b', 'not held', '')
  await stream.heard()
  const two = await server.publish(['a', 'b', 'c', 'd'].map((scope) => ({ scope, keys: [['l', scope]] })))
  assert.deepEqual(staleKeys(await stream.reaches(two)), ['a ["l","a"]', 'c ["l","c"]'])
  stream.unsubscribe('a', 'c').unsubscribe('a')
  await stream.heard()
  assert.equal(await server.metric('unstale_audience_scopes'), 0)
  await server.mark('a', ['m'])
  stream.subscribe(['a', 'a', 'a'])
  assert.deepEqual(await ready(stream), { a: 'fresh' })
  const one = await server.mark('a', ['n'])
  assert.deepEqual(staleKeys(await stream.reaches(one)), ['a ["n"]'])
  assert.deepEqual(stream.errors, [])
})

test('a scope that is asked for again is greeted again, and told everything once', async (t) => {
  const server = await serve(t)
  const stream = await open(t, server, { scopes: ['a', 'b'] })
  await stream.opened()
  for (let i = 0; i < 20; i++) {
    stream.subscribe(['a'])
    assert.deepEqual(await ready(stream), { a: 'fresh' })
  }
  const position = await server.publish([{ scope: 'a', keys: [['x']] }, { scope: 'b', keys: [['y']] }])
  assert.deepEqual(staleKeys(await stream.reaches(position)), ['a ["x"]', 'b ["y"]'])
  assert.equal(await server.metric('unstale_audience_scopes'), 3, 'two and the one above all')
})

test('a subscription goes on from its since: exact, reset or fresh, and nobody else is set back', async (t) => {
  const server = await serve(t)
  const start = await server.position()
  const before = await server.publish([{ scope: 'old', keys: [['before']] }, { scope: 'held', keys: [['before']] }])
  const stream = await open(t, server, { scopes: ['held'] })
  await stream.opened()
  const after = await server.publish([{ scope: 'old', keys: [['after']] }, { scope: 'held', keys: [['after']] }])
  await stream.reaches(after)

  stream.subscribe(['old'], before)
  const exact = await stream.opened()
  assert.deepEqual(exact.data.scopes, { old: 'exact' })
  assert.equal(exact.data.position, before, 'the lower of the two')
  assert.deepEqual(staleKeys(await stream.reaches(after)), ['old ["after"]'])

  stream.subscribe(['other'])
  assert.deepEqual(await ready(stream), { other: 'fresh' })
  for (const since of ['zzz-1', `${epochOf(start)}-999999`, 'nonsense', `${epochOf(start)}-18446744073709551614`, `${epochOf(start)}--1`, ' ']) {
    stream.subscribe(['other'], since)
    const reset = await stream.opened()
    assert.deepEqual(reset.data.scopes, { other: 'reset' }, since)
    assert.ok(reset.data.spread > 0)
    assert.ok(sequenceOf(reset.data.position) <= sequenceOf(after))
  }
  stream.say({ type: 'subscribe', scopes: ['other'], since: null })
  assert.deepEqual(await ready(stream), { other: 'fresh' })
  stream.subscribe(['old', 'held', 'third'], start)
  assert.deepEqual(await ready(stream), { old: 'exact', held: 'exact', third: 'exact' })
  assert.deepEqual(staleKeys(await stream.reaches(after)), ['held ["after"]', 'held ["before"]', 'old ["after"]', 'old ["before"]'])
  assert.deepEqual(stream.errors, [])
})

test('while a scope catches up no heartbeat grants more than it has', async (t) => {
  const server = await serve(t)
  const start = await server.settled()
  const old = Array.from({ length: 60 }, (_, i) => `old:${i}`)
  for (const scope of old) await server.publish({ scope, keys: Array.from({ length: 100 }, (_, k) => ['k', k, 'p'.repeat(100)]) })
  const now = await server.settled()
  const stream = await open(t, server, { scopes: ['held'] })
  await stream.opened()
  const told = new Set<string>()
  let beats = 0
  let early = ''
  stream.onEvent = (event) => {
    if (event.event === 'stale') told.add(event.data.scope)
    if (event.event === 'heartbeat') beats++
    if (event.event !== 'ready' && event.event !== 'stale' && told.size > 0 && told.size < 60 && sequenceOf(event.id ?? '') > sequenceOf(start))
      early ||= `${JSON.stringify(event)} after ${told.size} of 60`
    if (told.size < 60) stream.say({ type: 'ping' })
  }
  stream.subscribe(old, start)
  await stream.until('all', () => told.size === 60)
  await stream.reaches(now)
  assert.ok(beats > 0)
  assert.equal(early, '')
})

test('a client that does not read may add and drop scopes, and then has all of each', async (t) => {
  const server = await serve(t, config({ limits: { max_keys: 100_000, stalled: '5m' } }))
  const stream = await open(t, server, { scopes: ['noisy'] })
  await stream.opened()
  const start = await server.publish(['late', 'dropped', 'never'].map((scope) => ({ scope, keys: [['first', scope]] })))
  await server.publish(['late', 'dropped'].map((scope) => ({ scope, keys: [['second', scope]] })))
  stream.pause()
  const publisher = new Publisher(() => server.at)
  const noise = async (): Promise<string> => {
    const bodies = Array.from({ length: 100 }, (_, i) => ({ scope: 'noisy', keys: Array.from({ length: 100 }, (_, k) => ['n', i, k, 'p'.repeat(300)]) }))
    return (await publisher.pipeline(bodies)).at(-1) as string
  }
  while ((await server.metric('unstale_subscribers_behind')) === 0) await noise()
  stream.subscribe(['late'], start).subscribe(['dropped'], start).unsubscribe('dropped').subscribe(['again']).unsubscribe('again').subscribe(['again'])
  const third = await server.publish(['late', 'dropped', 'again'].map((scope) => ({ scope, keys: [['third', scope]] })))
  await noise()
  stream.unsubscribe('noisy').subscribe(['noisy'], start)
  const last = await noise()
  publisher.close()
  stream.read()
  const events = await stream.reaches(last)
  const greeted = named(events, 'ready').flatMap((data) => Object.entries(data.scopes).map(([scope, standing]) => `${scope} ${standing}`))
  for (const one of ['late exact', 'noisy exact', 'again fresh']) assert.ok(greeted.includes(one), `${one}: ${greeted.join()}`)
  assert.deepEqual([...new Set(staleKeys(events, 'late'))], ['["second","late"]', '["third","late"]'])
  const noisy = new Set(staleKeys(events, 'noisy'))
  for (let i = 0; i < 100; i++) for (let k = 0; k < 100; k++) assert.ok(covered(noisy, ['n', i, k, 'p'.repeat(300)]), `${i} ${k}`)
  assert.deepEqual(named(events, 'reset'), [])
  assert.ok(sequenceOf(third) < sequenceOf(last))
  const live = await server.publish(['noisy', 'late', 'dropped', 'again', 'never'].map((scope) => ({ scope, keys: [['live']] })))
  assert.deepEqual(staleKeys(await stream.reaches(live)), ['again ["live"]', 'late ["live"]', 'noisy ["live"]'])
})

test('what is not understood is answered by an error, and the stream goes on', async (t) => {
  const server = await serve(t)
  const stream = await open(t, server, { scopes: ['a'] })
  await stream.opened()
  const deep = '['.repeat(20_000) + ']'.repeat(20_000)
  const bad: [unknown, RegExp?][] = [
    [''],
    [' '],
    ['null'],
    ['1'],
    ['"subscribe"'],
    ['[]'],
    ['{}'],
    ['{"type":"subscribe","scopes":["b"]} x'],
    ['{"type":"subscribe","scopes":["b"],"scopes":["c"]}'],
    ['{"type":"subscribe","type":"ping","scopes":["b"]}'],
    ["{'type':'ping'}"],
    ['\ufeff{"type":"ping"}'],
    [deep],
    [`{"type":"subscribe","scopes":${deep}}`],
    ['{"type":"subscribe","scopes":["a\\u0000b"]}'],
    ['{"type":"subscribe","scopes":["\\ud800"]}'],
    [{ type: 'Subscribe', scopes: ['b'] }],
    [{ type: 'subscribe\n', scopes: ['b'] }],
    [{ type: 1, scopes: ['b'] }],
    [{ type: ['ping'] }],
    [{ type: 'ready', scopes: { a: 'exact' } }],
    [{ type: 'subscribe' }, /scopes/],
    [{ type: 'subscribe', scopes: 'b' }, /scopes/],
    [{ type: 'subscribe', scopes: [] }, /scopes/],
    [{ type: 'subscribe', scopes: { b: 1 } }, /scopes/],
    [{ type: 'subscribe', scopes: ['b', 1] }, /scopes/],
    [{ type: 'subscribe', scopes: [['b']] }, /scopes/],
    [{ type: 'subscribe', scopes: ['b', null] }, /scopes/],
    [{ type: 'subscribe', scopes: ['b'], since: 5 }, /since/],
    [{ type: 'subscribe', scopes: ['b'], since: {} }, /since/],
    [{ type: 'unsubscribe' }, /scopes/],
    [{ type: 'unsubscribe', scopes: [1] }, /scopes/],
    [{ type: 'token' }, /token/],
    [{ type: 'token', token: 1 }, /token/],
  ]
  for (const [message, pattern] of bad) {
    stream.say(message)
    const { error, scope } = await stream.refusedWith()
    assert.ok(error.length > 10, String(message).slice(0, 60))
    assert.equal(scope, undefined)
    if (pattern) assert.match(error, pattern)
  }
  for (const scope of ['', 'a\tb', 'a\nb', 'project:*', '*', 'ä'.repeat(200), 'x'.repeat(257), '\u0007', '\u007f']) {
    stream.subscribe([scope])
    const said = await stream.refusedWith()
    if (scope !== '' && Buffer.byteLength(scope) <= 256) assert.equal(said.scope, scope)
  }
  // The good ones of a message are served, each bad one is named.
  stream.subscribe(['good', 'project:*', 'b\rb', 'fine'])
  assert.deepEqual(await ready(stream), { good: 'fresh', fine: 'fresh' })
  assert.deepEqual([(await stream.refusedWith()).scope, (await stream.refusedWith()).scope], ['project:*', 'b\rb'])
  stream.say({ type: 'token', token: 'x', more: true }).say({ type: 'unsubscribe', scopes: ['*', 'project:*', 'good'] })
  await stream.heard()
  const position = await server.publish(['a', 'b', 'c', 'good', 'fine'].map((scope) => ({ scope, keys: [['k']] })))
  assert.deepEqual(staleKeys(await stream.reaches(position)), ['a ["k"]', 'fine ["k"]'])
})

test('many bad names at once are answered one by one, to who reads', async (t) => {
  const server = await serve(t, config({ limits: { scopes: 10_000 } }))
  const stream = await open(t, server)
  const names = Array.from({ length: 300 }, (_, i) => `${i}\t${'"'.repeat(90)}`)
  stream.subscribe(names)
  await stream.until('all errors', () => stream.errors.length === 300)
  stream.subscribe(['\u2028'.repeat(15_000)])
  await stream.until('one more', () => stream.errors.length === 301)
  assert.ok((stream.errors[300]?.error.length ?? 0) < 2000)
  stream.subscribe(['a'])
  await stream.opened()
})

test('the limit of scopes counts over all messages', async (t) => {
  const server = await serve(t, config({ limits: { scopes: 10 } }))
  const stream = await open(t, server, { scopes: ['u:0', 'u:1'] })
  await stream.opened()
  const names = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `u:${from + i}`)
  stream.subscribe(names(2, 10))
  assert.equal(Object.keys(await ready(stream)).length, 8)
  stream.subscribe(['u:10'])
  assert.match((await stream.refusedWith()).error, /limits: scopes/)
  // One that is held already is no more.
  stream.subscribe(['u:3', 'u:4'])
  assert.deepEqual(await ready(stream), { 'u:3': 'fresh', 'u:4': 'fresh' })
  stream.subscribe(['u:3', 'u:10'])
  await stream.refusedWith()
  stream.unsubscribe('u:0').subscribe(['u:10'])
  assert.deepEqual(await ready(stream), { 'u:10': 'fresh' })
  stream.subscribe(names(100, 111))
  await stream.refusedWith()
  stream.unsubscribe(...names(100, 111))
  await stream.refusedWith()
  assert.equal(await server.metric('unstale_audience_scopes'), 12, 'ten, their family and the one above all')
  const position = await server.publish(names(0, 200).map((scope) => ({ scope, keys: [['k']] })))
  assert.equal(staleKeys(await stream.reaches(position)).length, 10)
})

test('parameters that are wrong are an error and 4400: a browser sees no status', async (t) => {
  const server = await serve(t, config({ limits: { scopes: 3 } }))
  for (const scopes of [['project:*'], ['a\nb'], ['*'], ['a', 'b', 'c', 'd'], ['x'.repeat(300)]]) {
    const stream = await open(t, server, { scopes })
    assert.deepEqual((await stream.over()).code, 4400, scopes.join())
    assert.equal(stream.errors.length, 1)
    assert.deepEqual(stream.order, ['error', 'close'])
  }
})

test('the parameters say the same as for SSE: since, fresh, Last-Event-ID, changes', async (t) => {
  const server = await serve(t)
  const start = await server.position()
  const one = await server.mark('a', ['x'])
  await server.settled()
  assert.deepEqual(await ready(await open(t, server, { scopes: ['a'], fresh: ['b'], since: start })), { a: 'exact', b: 'fresh' })
  assert.deepEqual(await ready(await open(t, server, { scopes: ['a'], since: 'x-1' })), { a: 'reset' })
  const last = await open(t, server, { scopes: ['a'], since: 'x-1', lastEventId: start })
  assert.deepEqual(await ready(last), { a: 'exact' })
  assert.deepEqual(staleKeys(await last.reaches(one)), ['a ["x"]'])
})

test('messages in fragments with control frames between them', async (t) => {
  const server = await serve(t)
  const stream = await open(t, server)
  const message = { type: 'subscribe', scopes: Array.from({ length: 50 }, (_, i) => `ä€😀:${i}`) }
  for (const size of [1, 2, 3, 7, 100]) {
    stream.send(fragments(message, size, frame(OP.ping, 'between')))
    assert.equal(Object.keys(await ready(stream)).length, 50)
    await stream.heard()
    assert.ok(stream.pongs.length >= Math.ceil(Buffer.byteLength(JSON.stringify(message)) / size) - 1)
    stream.pongs.length = 0
  }
  // Byte by byte, each in a packet of its own as far as the kernel likes.
  const slow = fragments({ type: 'subscribe', scopes: ['slow'] }, 5, Buffer.concat([frame(OP.pong, 'unasked'), frame(OP.ping, '\x00\xff')]))
  for (const byte of slow) {
    stream.send(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(await ready(stream), { slow: 'fresh' })
  // Empty fragments, and an empty message.
  stream.send(Buffer.concat([frame(OP.text, '', { fin: false }), frame(OP.continuation, '', { fin: false }), frame(OP.continuation, '')]))
  await stream.refusedWith()
  await server.mark('slow', ['x'])
  assert.deepEqual((await stream.next('stale')).data.keys, [['x']])
})

test('a client that speaks in the packet of its handshake is heard, and the answer comes behind the handshake', async (t) => {
  const server = await serve(t)
  const start = await server.position()
  await server.mark('a', ['x'])
  for (const scopes of [undefined, ['a'], ['a', 'b', 'c']])
    for (let round = 0; round < 10; round++) {
      const early = Buffer.concat([frame(OP.ping, 'early'), text({ type: 'nonsense' }), text({ type: 'ping' }), text({ type: 'subscribe', scopes: ['z'], since: start })])
      const stream = await open(t, server, { ...(scopes ? { scopes } : {}), early })
      await stream.refusedWith()
      assert.deepEqual(stream.pongs, ['early'])
      const seen: string[] = []
      await stream.until('both greeted', () => {
        for (const event of stream.take()) if (event.event === 'ready') seen.push(...Object.keys(event.data.scopes))
        return seen.includes('z') && (scopes ?? []).every((scope) => seen.includes(scope))
      })
      await stream.heard()
      // What it may take for a position is one that it was greeted with.
      const [first] = named(stream.events, 'ready')
      for (const beat of named(stream.events, 'heartbeat'))
        assert.ok(sequenceOf(beat.position) >= Math.min(...named(stream.events, 'ready').map((data) => sequenceOf(data.position))), `${beat.position} ${first?.position}`)
      stream.cut()
    }
  // A bad frame, a close, the client's end: none may come before the answer to the handshake.
  for (const [early, code] of [
    [frame(OP.text, 'x', { masked: false }), 1002],
    [frame(OP.binary, 'x'), 1003],
    [frame(OP.close, Buffer.from([3, 232])), 1000],
  ] as const)
    for (const scopes of [[], ['a']]) {
      const stream = await open(t, server, { scopes, early })
      assert.equal((await stream.over()).code, code)
    }
  const wave = await open(t, server, { scopes: ['a'], early: text({ type: 'ping' }) })
  wave.socket.end()
  await wave.end()
})

test('a restart closes with 1012, and since resumes exactly', async (t) => {
  const first = await serve(t, config({ limits: { drain: '200ms' } }))
  const streams = await Promise.all(Array.from({ length: 20 }, (_, i) => open(t, first, { scopes: ['all', `own:${i}`] })))
  for (const stream of streams) await stream.opened()
  const bare = await open(t, first)
  const before = await first.publish(streams.map((_, i) => ({ scope: `own:${i}`, keys: [['before']] })))
  for (const stream of streams) await stream.reaches(before)
  const dir = first.dir
  await first.stop()
  for (const stream of [...streams, bare]) {
    const { code, reason } = await stream.over()
    assert.equal(code, 1012)
    assert.ok(reason.length > 0)
  }
  const second = await serve(t, config(), { dir })
  const after = await second.publish(streams.map((_, i) => ({ scope: `own:${i}`, keys: [['after']] })))
  for (const [i, stream] of streams.entries()) {
    const again = await open(t, second, i % 2 ? { scopes: ['all', `own:${i}`], since: stream.position ?? '' } : {})
    if (i % 2 === 0) again.subscribe(['all', `own:${i}`], stream.position ?? '')
    assert.deepEqual(await ready(again), { all: 'exact', [`own:${i}`]: 'exact' })
    assert.deepEqual(staleKeys(await again.reaches(after)), [`own:${i} ["after"]`])
  }
})

test('heartbeats come with a ping, and who answers none is closed; who answers is not', async (t) => {
  const server = await serve(t, config({ limits: { heartbeat: '1s', stalled: '2s' } }))
  const began = Date.now()
  const mute = await open(t, server, { scopes: ['a'], mute: true })
  const polite = await open(t, server, { scopes: ['a'] })
  const bare = await open(t, server)
  const busy = await open(t, server, { scopes: ['a'], mute: true })
  const talking = setInterval(() => busy.say({ type: 'token', token: 'x' }), 300)
  cleanup(t, () => clearInterval(talking))
  await mute.end()
  const took = Date.now() - began
  assert.ok(took >= 1900, `closed after ${took} ms`)
  await polite.until('beats', () => polite.pings >= 4)
  assert.ok(polite.events.filter(({ event }) => event === 'heartbeat').length >= 4)
  assert.ok(bare.pings >= 3 && named(bare.events, 'heartbeat').length >= 3)
  assert.deepEqual([polite.ended, bare.ended, busy.ended], [false, false, false])
  const position = await server.mark('a', ['x'])
  await polite.reaches(position)
})

test('the WebSocket of Node gets along with it', async (t) => {
  const server = await serve(t)
  const start = await server.position()
  const socket = new WebSocket(`ws://127.0.0.1:${server.at.port}/v1/ws?scope=a`, ['unstale', 'token.x'])
  const messages: { type: string; [more: string]: unknown }[] = []
  const next = async (type: string): Promise<(typeof messages)[number]> => {
    for (;;) {
      const found = messages.findIndex((message) => message.type === type)
      if (found >= 0) return messages.splice(found, 1)[0] as (typeof messages)[number]
      await new Promise((resolve) => socket.addEventListener('message', resolve, { once: true }))
    }
  }
  socket.addEventListener('message', ({ data }) => messages.push(JSON.parse(data as string)))
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve))
  assert.deepEqual((await next('ready'))['scopes'], { a: 'fresh' })
  assert.equal(socket.protocol, 'unstale')
  assert.equal(socket.extensions, '')
  await server.mark('a', ['x'])
  assert.deepEqual((await next('stale'))['keys'], [['x']])
  socket.send(JSON.stringify({ type: 'subscribe', scopes: ['b'], since: start }))
  assert.deepEqual((await next('ready'))['scopes'], { b: 'exact' })
  socket.send(JSON.stringify({ type: 'ping' }))
  await next('heartbeat')
  socket.close(4999, 'enough')
  const { code, wasClean } = await closed
  assert.deepEqual([code, wasClean], [4999, true])
})

test('the package ws gets along with it: compression offered, pings, large and binary messages, both closes', async (t) => {
  const server = await serve(t, config({ limits: { drain: '100ms' } }))
  const connected = async (): Promise<OtherWebSocket> => {
    const socket = new OtherWebSocket(`ws://127.0.0.1:${server.at.port}/v1/ws`, { perMessageDeflate: true })
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
    return socket
  }
  const closed = (socket: OtherWebSocket): Promise<[number, string]> =>
    new Promise((resolve) => socket.once('close', (code, reason) => resolve([code, reason.toString()])))
  const talker = await connected()
  assert.equal(talker.extensions, '')
  const ponged = new Promise<string>((resolve) => talker.once('pong', (data) => resolve(data.toString())))
  talker.ping('hello')
  assert.equal(await ponged, 'hello')
  const said = new Promise<string>((resolve) => talker.once('message', (data) => resolve(String(data))))
  talker.send('{"type":"sub', { fin: false })
  talker.send('scribe","scopes":["a"]}', { fin: true })
  assert.deepEqual((JSON.parse(await said) as { scopes: unknown }).scopes, { a: 'fresh' })
  talker.close(1000, 'bye')
  assert.equal((await closed(talker))[0], 1000)
  for (const [send, code] of [
    [(socket: OtherWebSocket) => socket.send(Buffer.from('x')), 1003],
    [(socket: OtherWebSocket) => socket.send('x'.repeat(64 * 1024 + 1)), 1009],
    [(socket: OtherWebSocket) => socket.close(), 1000],
    [(socket: OtherWebSocket) => socket.close(1001), 1001],
    [(socket: OtherWebSocket) => socket.close(3000, 'ä'.repeat(60)), 3000],
  ] as const) {
    const socket = await connected()
    send(socket)
    assert.ok([code, 1005].includes((await closed(socket))[0]), String(code))
  }
  const last = await connected()
  const [end] = await Promise.all([closed(last), server.stop()])
  assert.equal(end[0], 1012)
})
