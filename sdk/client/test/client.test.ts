import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createClient } from '../src/index.ts'
import type { ClientOptions, ClientWarning, UnstaleClient } from '../src/index.ts'
import { FakeServer, sse } from './fake_server.ts'

let server: FakeServer
let client: UnstaleClient
let warnings: ClientWarning[]
let seen: unknown[]

beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
  warnings = []
  seen = []
})
afterEach(() => {
  client.disconnect()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function create(options: Partial<ClientOptions> = {}): UnstaleClient {
  client = createClient({
    url: 'http://live.test',
    scopes: ['project:42'],
    fetch: server.fetch,
    random: () => 0.5,
    onWarning: (warning) => warnings.push(warning),
    ...options,
  })
  return client
}

async function settle(milliseconds = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(milliseconds)
}

async function connected(options: Partial<ClientOptions> = {}): Promise<UnstaleClient> {
  create(options).connect()
  server.last.ready({ 'project:42': 'fresh' })
  await settle()
  expect(client.getState().status).toBe('connected')
  return client
}

describe('before connect()', () => {
  test('nothing happens', async () => {
    create()
    await settle(60_000)
    expect(server.exchanges).toHaveLength(0)
    expect(client.getState()).toMatchObject({ status: 'disconnected', retryAt: null, live: false, connection: null })
    expect(client.getPosition()).toBe(null)
  })
})

describe('the request', () => {
  test('names the scopes and needs no preflight', () => {
    create({ url: 'http://live.test/base/', scopes: ['project:42', 'user:ä b&c', 'project:42'] }).connect()
    const { url, init } = server.last
    expect(url.href).toBe('http://live.test/base/v1/stream?scope=project%3A42&scope=user%3A%C3%A4%20b%26c')
    expect(init.headers).toEqual({ Accept: 'text/event-stream' })
    expect(init.method ?? 'GET').toBe('GET')
  })

  test('may go to the own origin and ask for changes', () => {
    create({ url: '', changes: true }).connect()
    expect(server.last.url.pathname + server.last.url.search).toBe('/v1/stream?scope=project%3A42&changes=1')
  })

  test('connect() twice makes one', () => {
    create().connect()
    client.connect()
    expect(server.exchanges).toHaveLength(1)
  })
})

describe('the state', () => {
  test('goes from connecting to connected to disconnected and back', async () => {
    create()
    client.subscribe(() => seen.push(client.getState().status))
    client.connect()
    server.last.ready({ 'project:42': 'fresh' })
    await settle(20_000)
    server.last.end()
    await settle()
    expect(client.getState()).toMatchObject({ retryAt: Date.now() + 500, failure: { kind: 'closed' }, attempts: 1 })
    await settle(500)
    server.last.ready({ 'project:42': 'exact' })
    await settle()
    expect(seen).toEqual(['connecting', 'connected', 'disconnected', 'connecting', 'connected'])
    expect(client.getState()).toMatchObject({ live: true, scopes: { 'project:42': 'exact' }, failure: null, retryAt: null })
  })

  test('is the same object while nothing changes, and listeners are not called', async () => {
    await connected()
    const before = client.getState()
    client.subscribe(() => seen.push('called'))
    server.last.event('stale', { scope: 'project:42', keys: [['a']], spread: 0 })
    server.last.event('position', { position: 'e-2' })
    server.last.event('heartbeat', { time: '', current: true, position: 'e-2' })
    await settle()
    expect(client.getState()).toBe(before)
    expect(seen).toEqual([])
  })

  test('says when the capture of the server is not current', async () => {
    await connected()
    expect(client.getState()).toMatchObject({ current: true, live: true })
    server.last.event('heartbeat', { time: '', current: false, position: 'e-2' })
    await settle()
    expect(client.getState()).toMatchObject({ status: 'connected', current: false, live: false })
  })

  test('is error after maxAttempts, until reconnect()', async () => {
    create({ maxAttempts: 2 }).connect()
    server.last.fail('no route')
    await settle(1000)
    server.last.fail('no route')
    await settle(1_000_000)
    expect(client.getState()).toMatchObject({ status: 'error', attempts: 2, failure: { kind: 'network', message: 'no route' } })
    expect(server.exchanges).toHaveLength(2)
    client.reconnect()
    expect(client.getState()).toMatchObject({ status: 'connecting', attempts: 0 })
    expect(server.exchanges).toHaveLength(3)
  })
})

describe('the position', () => {
  test('is taken from ready, position and heartbeat, and resumed from', async () => {
    await connected()
    expect(client.getPosition()).toEqual({ position: 'e-1', scopes: ['project:42'] })
    server.last.event('position', { position: 'e-5' })
    await settle()
    expect(client.getPosition()?.position).toBe('e-5')
    server.last.event('heartbeat', { time: '', current: true, position: 'e-6' })
    await settle()
    server.last.end()
    await settle(1000)
    expect(server.last.query).toBe('scope=project:42&since=e-6')
  })

  test('does not move with marks: a connection cut inside a tick resumes from before it', async () => {
    await connected()
    server.last.write('id: e-9\n' + sse('stale', { scope: 'project:42', keys: [['a']], spread: 0 })).end()
    await settle(1000)
    expect(server.last.query).toBe('scope=project:42&since=e-1')
  })

  test('scopes that it was not held for are asked for as fresh', async () => {
    await connected()
    client.setScopes(['project:42', 'user:7'])
    await settle()
    expect(server.exchanges[0]?.aborted).toBe(true)
    expect(server.last.query).toBe('scope=project:42&scope=user:7&since=e-1&fresh=user:7')
    server.last.ready({ 'project:42': 'exact', 'user:7': 'fresh' }, { position: 'e-3' })
    await settle()
    server.last.end()
    await settle(1000)
    expect(server.last.query).toBe('scope=project:42&scope=user:7&since=e-3')
  })

  test('a scope that was left and joined again is fresh if the position moved meanwhile', async () => {
    create({ scopes: ['a', 'b'] }).connect()
    server.last.ready({ a: 'fresh', b: 'fresh' })
    await settle()
    expect(client.getPosition()?.scopes).toEqual(['a', 'b'])
    client.setScopes(['a'])
    server.last.ready({ a: 'exact' }, { position: 'e-7' })
    await settle()
    client.setScopes(['a', 'b'])
    expect(server.last.query).toBe('scope=a&scope=b&since=e-7&fresh=b')
  })

  test('of no held scope at all is not sent', async () => {
    await connected()
    client.setScopes(['user:7'])
    expect(server.last.query).toBe('scope=user:7')
  })

  test('a scope added by a later ready is held from the next granted position on', async () => {
    await connected({ scopes: ['project:*'] })
    server.last.ready({ 'project:43': 'fresh' }, { position: 'e-4' })
    await settle()
    expect(client.getPosition()).toEqual({ position: 'e-1', scopes: ['project:42', 'project:*'] })
    expect(client.getState().scopes).toEqual({ 'project:42': 'fresh', 'project:43': 'fresh' })
    server.last.event('position', { position: 'e-5' })
    await settle()
    expect(client.getPosition()).toEqual({ position: 'e-5', scopes: ['project:42', 'project:*', 'project:43'] })
  })

  test('does not speak for what a pattern brings that was not held: a right that came while nobody was connected is fresh', async () => {
    await connected({ scopes: ['project:*'] })
    client.onReady((event) => seen.push(event.scopes))
    server.last.ready({ 'project:42': 'exact', 'project:43': 'reset' }, { position: 'e-4' }).event('position', { position: 'e-5' })
    server.last.event('revoked', { scope: 'project:42' }).event('position', { position: 'e-9' }).end()
    await settle(1000)
    expect(server.last.query).toBe('scope=project:*&since=e-9')
    server.last.ready({ 'project:42': 'exact', 'project:43': 'exact', 'project:44': 'exact' }, { position: 'e-9' })
    await settle()
    expect(seen.at(-1)).toEqual({ 'project:42': 'fresh', 'project:43': 'exact', 'project:44': 'fresh' })
    expect(client.getState().scopes).toEqual({ 'project:42': 'fresh', 'project:43': 'exact', 'project:44': 'fresh' })
  })

  test('may come with the page', () => {
    create({ scopes: ['project:42', 'user:7'], resume: { position: 'e-100', scopes: ['project:42'] } }).connect()
    expect(server.last.query).toBe('scope=project:42&scope=user:7&since=e-100&fresh=user:7')
  })

  test('survives disconnect()', async () => {
    await connected()
    client.disconnect()
    client.connect()
    expect(server.last.query).toBe('scope=project:42&since=e-1')
  })
})

describe('events', () => {
  test('are typed and in order', async () => {
    await connected()
    client.onStale((event) => seen.push(['stale', event]))
    client.onReset((event) => seen.push(['reset', event]))
    client.onRevoked((event) => seen.push(['revoked', event]))
    client.onPosition((event) => seen.push(['position', event]))
    client.onHeartbeat((event) => seen.push(['heartbeat', event]))
    const stale = { scope: 'project:*', keys: [['tasks', 1], []], spread: 5, changes: [{ resource: 'task', action: 'updated', id: '7' }] }
    const reset = { scopes: ['project:42'], reason: 'source-gap', spread: 5000 }
    const heartbeat = { time: '2026-01-01T00:00:00Z', current: true, position: 'e-2' }
    server.last.write(sse('stale', stale) + sse('reset', reset) + sse('position', { position: 'e-2' }))
    server.last.event('heartbeat', heartbeat).event('revoked', { scope: 'project:42' })
    await settle()
    expect(seen).toEqual([
      ['stale', stale],
      ['reset', reset],
      ['position', { position: 'e-2' }],
      ['heartbeat', heartbeat],
      ['revoked', { scope: 'project:42' }],
    ])
  })

  test('the state is up to date when onReady is called', async () => {
    create()
    client.onReady((event) => seen.push(client.getState().status, event.scopes, client.getPosition()?.position))
    client.connect()
    server.last.ready({ 'project:42': 'fresh' })
    await settle()
    expect(seen).toEqual(['connected', { 'project:42': 'fresh' }, 'e-1'])
  })

  test('a notice that comes again after a reconnect is handed on once', async () => {
    await connected()
    client.onNotice((notice) => seen.push(notice.id))
    const notice = (id: string) => ({ id, scope: 'project:42', type: 'job_completion', data: { job: 1 } })
    server.last.event('notice', notice('n1')).event('notice', notice('n2')).event('notice', notice('n1')).end()
    await settle(1000)
    server.last.ready({ 'project:42': 'exact' }).event('notice', notice('n2')).event('notice', notice('n3'))
    await settle()
    expect(seen).toEqual(['n1', 'n2', 'n3'])
  })

  test('a revoked scope is not asked for again by itself', async () => {
    await connected({ scopes: ['project:42', 'user:7'] })
    server.last.event('revoked', { scope: 'user:7' }).end()
    await settle(1000)
    expect(server.last.query).toBe('scope=project:42&since=e-1')
    expect(client.getState().scopes).toMatchObject({ 'user:7': 'revoked' })
    client.setScopes(['project:42', 'user:7'])
    expect(server.last.query).toBe('scope=project:42&scope=user:7&since=e-1&fresh=user:7')
  })

  test('no callback after unsubscribe, not even in the same round', async () => {
    await connected()
    const second = () => seen.push('second')
    let unsubscribe = () => {}
    client.onStale(() => {
      seen.push('first')
      unsubscribe()
    })
    unsubscribe = client.onStale(second)
    server.last.write(sse('stale', { scope: 'a', keys: [] }).repeat(2))
    await settle()
    expect(seen).toEqual(['first', 'first'])
  })

  test('no callback after disconnect, not even for what is in the same chunk', async () => {
    await connected()
    client.onStale(() => {
      seen.push('stale')
      client.disconnect()
    })
    server.last.write(sse('stale', { scope: 'a', keys: [] }).repeat(3))
    await settle()
    expect(seen).toEqual(['stale'])
    expect(client.getState().status).toBe('disconnected')
  })

  test('a listener that disconnects when it sees the new state gets no ready', async () => {
    create()
    client.subscribe(() => {
      if (client.getState().status === 'connected') client.disconnect()
    })
    client.onReady(() => seen.push('ready'))
    client.connect()
    server.last.ready({ 'project:42': 'fresh' })
    await settle(1000)
    expect(seen).toEqual([])
    expect(server.exchanges).toHaveLength(1)
  })

  test('a listener that throws disturbs neither the others nor the stream', async () => {
    await connected()
    const error = new Error('oops')
    client.onStale(() => {
      throw error
    })
    client.onStale(({ scope }) => seen.push(scope))
    server.last.event('stale', { scope: 'a', keys: [] }).event('stale', { scope: 'b', keys: [] })
    await settle()
    expect(seen).toEqual(['a', 'b'])
    expect(warnings).toEqual([
      { code: 'listener', message: 'a listener threw', cause: error },
      { code: 'listener', message: 'a listener threw', cause: error },
    ])
    expect(client.getState().status).toBe('connected')
  })
})

describe('what the server should not send', () => {
  test('an unknown event is ignored and reported once', async () => {
    await connected()
    server.last.event('weather', { sun: true }).event('weather', {}).event('toString', {}).write('data: unnamed\n\n')
    await settle()
    expect(warnings.map(({ code, message }) => [code, message.split(': ')[1]])).toEqual([
      ['unknown-event', 'weather'],
      ['unknown-event', 'toString'],
      ['unknown-event', 'message'],
    ])
    expect(client.getState().status).toBe('connected')
  })

  test.each(['not json', '[]', '{"scope":"a"}', '{"scope":"a","keys":[1]}'])('a mark that cannot be read, %s, counts as a reset', async (data) => {
    await connected()
    client.onReset(({ scopes }) => seen.push(scopes))
    server.last.write(`event: stale\ndata: ${data}\n\n`)
    await settle()
    expect(seen).toEqual([['project:42']])
    expect(warnings).toMatchObject([{ code: 'unreadable-event' }])
  })

  test('an answer in ready that is not known counts as reset', async () => {
    create().connect()
    server.last.ready({ 'project:42': 'mostly' })
    await settle()
    expect(client.getState().scopes).toEqual({ 'project:42': 'reset' })
  })

  test('a ready that cannot be read ends the attempt', async () => {
    create().connect()
    server.last.event('ready', { scopes: 'all' })
    await settle()
    expect(client.getState()).toMatchObject({ status: 'disconnected', failure: { kind: 'protocol' } })
    expect(server.last.aborted).toBe(true)
  })

  test('a page instead of a stream', async () => {
    create().connect()
    server.last.accept({ 'content-type': 'text/html' })
    await settle()
    expect(client.getState()).toMatchObject({ status: 'disconnected', failure: { kind: 'protocol' }, attempts: 1 })
  })

  test('a message without end', async () => {
    await connected()
    server.last.write(`data: ${'x'.repeat(1 << 20)}`)
    await settle()
    expect(client.getState()).toMatchObject({ status: 'disconnected', failure: { kind: 'protocol' } })
  })
})

describe('the last event of a stream', () => {
  test('says why it ends, so that a token that expired is asked for anew', async () => {
    const reasons: string[] = []
    create({ getToken: (reason) => (reasons.push(reason), 'secret') }).connect()
    await settle()
    server.last.ready({ 'project:42': 'fresh' })
    await settle()
    client.onClosed(({ code }) => seen.push(code))
    server.last.event('closed', { code: 4401, error: 'the token has expired' })
    await settle()
    expect(seen).toEqual([4401])
    expect(warnings).toEqual([])
    expect(server.exchanges[0]?.aborted).toBe(true)
    expect(client.getState().failure).toEqual({ kind: 'closed', status: 4401, message: 'the token has expired' })
    await settle(1000)
    expect(reasons).toEqual(['connect', 'refused'])
  })
})

describe('refusals', () => {
  test('say why, once, and are retried; Retry-After is respected', async () => {
    create().connect()
    const refuse = () => server.last.refuse(503, '{"error":"too many connections"}', { 'retry-after': '7' })
    refuse()
    await settle()
    expect(client.getState().failure).toEqual({
      kind: 'http', status: 503, retryAfter: 7000, message: 'the server answered 503: too many connections',
    })
    expect(client.getState().retryAt).toBe(Date.now() + 7500)
    await settle(7499)
    expect(server.exchanges).toHaveLength(1)
    await settle(1)
    refuse()
    await settle(8000)
    expect(server.exchanges).toHaveLength(3)
    expect(warnings).toEqual([{ code: 'refused', message: 'the server answered 503: too many connections' }])
  })

  test.each([
    [400, 8000],
    [401, 500],
    [403, 500],
    [404, 8000],
    [502, 1000],
  ])('a %d is retried too, after up to %d ms', async (status, wait) => {
    create().connect()
    server.last.refuse(status, '<html>')
    await settle(wait - 1)
    expect(server.exchanges).toHaveLength(1)
    await settle(1)
    expect(server.exchanges).toHaveLength(2)
    expect(client.getState().failure).toMatchObject({ kind: 'http', status, message: `the server answered ${status}` })
  })

  test('retry: is respected from then on', async () => {
    create().connect()
    server.last.write('retry: 4000\n\n').ready({ 'project:42': 'fresh' }).end()
    await settle(3999)
    expect(server.exchanges).toHaveLength(1)
    await settle(1)
    expect(server.exchanges).toHaveLength(2)
    server.last.fail('refused')
    await settle(4000)
    expect(server.exchanges).toHaveLength(3)
  })
})

describe('a dead connection', () => {
  test('is dropped and reopened after two silent heartbeats', async () => {
    await connected()
    await settle(49_000)
    expect(client.getState().status).toBe('connected')
    await settle(1000)
    expect(client.getState()).toMatchObject({ status: 'disconnected', failure: { kind: 'silent' } })
    expect(server.exchanges[0]?.aborted).toBe(true)
    await settle(500)
    expect(server.last.query).toBe('scope=project:42&since=e-1')
  })

  test('any byte is a sign of life', async () => {
    await connected()
    for (let i = 0; i < 20; i += 1) {
      server.last.write(':\n')
      await settle(30_000)
    }
    expect(server.exchanges).toHaveLength(1)
    expect(client.getState().status).toBe('connected')
  })

  test('is noticed soon after the computer slept', async () => {
    await connected()
    await settle(10_000)
    vi.setSystemTime(Date.now() + 8 * 3_600_000)
    await settle(7000)
    expect(server.exchanges.length).toBeGreaterThan(1)
  })

  test('an attempt that is never answered is given up', async () => {
    create().connect()
    await settle(20_000)
    expect(server.last.aborted).toBe(true)
    expect(client.getState()).toMatchObject({ status: 'disconnected', failure: { kind: 'timeout' } })
  })
})

describe('in a browser', () => {
  const page = () => ({ window: new EventTarget(), document: Object.assign(new EventTarget(), { visibilityState: 'visible' }) })

  test('online reopens at once, also in the middle of a wait', async () => {
    const targets = page()
    await connected({ page: targets })
    targets.window.dispatchEvent(new Event('online'))
    expect(server.exchanges).toHaveLength(2)
    server.last.fail('still down')
    await settle(1)
    targets.window.dispatchEvent(new Event('online'))
    expect(server.exchanges).toHaveLength(3)
  })

  test('a page that becomes visible verifies the connection', async () => {
    const targets = page()
    await connected({ page: targets })
    targets.document.dispatchEvent(new Event('visibilitychange'))
    expect(server.exchanges).toHaveLength(1)
    vi.setSystemTime(Date.now() + 26_000)
    targets.document.visibilityState = 'hidden'
    targets.document.dispatchEvent(new Event('visibilitychange'))
    expect(server.exchanges).toHaveLength(1)
    targets.document.visibilityState = 'visible'
    targets.document.dispatchEvent(new Event('visibilitychange'))
    expect(server.exchanges).toHaveLength(2)
  })

  test('a page that was frozen reopens, since its stream may be stuck', async () => {
    const targets = page()
    await connected({ page: targets })
    targets.document.dispatchEvent(new Event('resume'))
    expect(server.exchanges).toHaveLength(2)
  })

  test('a page back from the back/forward cache reopens', async () => {
    const targets = page()
    await connected({ page: targets })
    targets.window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: false }))
    expect(server.exchanges).toHaveLength(1)
    targets.window.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    expect(server.exchanges).toHaveLength(2)
  })

  test('after disconnect the page is left alone', async () => {
    const targets = page()
    await connected({ page: targets })
    client.disconnect()
    targets.window.dispatchEvent(new Event('online'))
    await settle(1000)
    expect(server.exchanges).toHaveLength(1)
  })
})
