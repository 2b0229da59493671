import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createClient } from '../src/index.ts'
import type { ClientOptions, TokenReason, UnstaleClient } from '../src/index.ts'
import { FakeServer } from './fake_server.ts'
import { FakeSocket, FakeWebSocket } from './fake_socket.ts'

let server: FakeServer
let client: UnstaleClient

beforeEach(() => {
  vi.useFakeTimers()
  server = new FakeServer()
  FakeSocket.all.length = 0
})
afterEach(() => {
  client.disconnect()
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function create(options: Partial<ClientOptions> = {}): UnstaleClient {
  client = createClient({
    url: 'https://live.test',
    scopes: ['project:1'],
    fetch: server.fetch,
    WebSocket: FakeWebSocket,
    random: () => 0.5,
    ...options,
  })
  return client
}

const settle = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds)

function connected(options: Partial<ClientOptions> = {}): UnstaleClient {
  create(options).connect()
  FakeSocket.last.ready({ 'project:1': 'fresh' })
  expect(client.getState().status).toBe('connected')
  return client
}

describe('over WebSocket', () => {
  test('the address has the same parameters', () => {
    create({ changes: true, resume: { position: 'e-5', scopes: ['project:1'] } }).connect()
    expect(FakeSocket.last.url.href).toBe('wss://live.test/v1/ws?scope=project%3A1&since=e-5&changes=1')
    expect(client.getState().transport).toBe('websocket')
  })

  test('events are the same typed objects; the type of a notice is its member notice', () => {
    connected()
    const seen: unknown[] = []
    client.onStale((event) => seen.push(event))
    client.onNotice((event) => seen.push(event))
    FakeSocket.last.event('stale', { scope: 'project:1', keys: [['a']], spread: 0 })
    const notice = { id: 'n1', scope: 'project:1', data: { a: 1 } }
    FakeSocket.last.event('notice', { ...notice, notice: 'job_completion' })
    FakeSocket.last.event('notice', { ...notice, notice: 'job_completion' })
    expect(seen).toEqual([
      { scope: 'project:1', keys: [['a']], spread: 0 },
      { ...notice, type: 'job_completion' },
    ])
  })

  test('where the peer knows no positions nothing is resumed', async () => {
    create({ transport: 'websocket' }).connect()
    FakeSocket.last.ready({ 'project:1': 'fresh' }, { position: '' }).end(1012)
    await settle(1000)
    expect(FakeSocket.all.map(({ query }) => query)).toEqual(['scope=project:1', 'scope=project:1'])
    expect(client.getPosition()).toBe(null)
  })

  test('the data of a notice may be null', () => {
    connected()
    const seen: unknown[] = []
    client.onNotice(({ data }) => seen.push(data))
    FakeSocket.last.event('notice', { id: 'n1', scope: 'project:1', notice: 'job', data: null })
    expect(seen).toEqual([null])
  })

  test('an error that is about no scope is told, too', () => {
    connected()
    const seen: unknown[] = []
    client.onError(({ error }) => seen.push(error))
    FakeSocket.last.event('error', { error: 'no such message' })
    expect(seen).toEqual(['no such message'])
    expect(client.getState().scopes).toEqual({ 'project:1': 'fresh' })
  })

  test('a message that is not JSON is reported and does no harm', () => {
    connected()
    FakeSocket.last.onmessage?.({ data: '{' })
    expect(client.getState().status).toBe('connected')
  })

  test('two silent heartbeats end it', async () => {
    connected()
    const socket = FakeSocket.last
    await settle(50_100)
    expect(socket.closed).toBe(true)
    expect(client.getState().failure).toMatchObject({ kind: 'silent' })
  })

  test('no callback after disconnect', () => {
    connected()
    const seen: unknown[] = []
    client.onStale((event) => seen.push(event))
    client.disconnect()
    FakeSocket.last.event('stale', { scope: 'project:1', keys: [[]], spread: 0 })
    FakeSocket.last.end(1006)
    expect(seen).toEqual([])
    expect(client.getState().status).toBe('disconnected')
  })
})

describe('scopes on an open connection', () => {
  test('are added and removed without another one', () => {
    connected()
    client.addScopes(['project:2'])
    FakeSocket.last.ready({ 'project:2': 'fresh' })
    client.removeScopes(['project:1'])
    expect(FakeSocket.all).toHaveLength(1)
    expect(FakeSocket.last.sent).toEqual([
      { type: 'subscribe', scopes: ['project:2'] },
      { type: 'unsubscribe', scopes: ['project:1'] },
    ])
    expect(client.getState().scopes).toEqual({ 'project:2': 'fresh' })
  })

  test('a scope is not asked for again, nor left, before its ready', () => {
    connected()
    client.addScopes(['project:2'])
    client.removeScopes(['project:2'])
    client.addScopes(['project:2'])
    client.removeScopes(['project:2'])
    expect(FakeSocket.last.sent).toHaveLength(1)
    FakeSocket.last.ready({ 'project:2': 'fresh' })
    expect(FakeSocket.last.sent).toEqual([
      { type: 'subscribe', scopes: ['project:2'] },
      { type: 'unsubscribe', scopes: ['project:2'] },
    ])
  })

  test('until the next position the lower of the two is kept for resuming', () => {
    connected()
    FakeSocket.last.event('position', { position: 'e-100' })
    client.addScopes(['project:2'], 'e-9')
    FakeSocket.last.ready({ 'project:2': 'exact' }, { position: 'e-9' })
    expect(client.getPosition()).toEqual({ position: 'e-9', scopes: ['project:1', 'project:2'] })
    FakeSocket.last.event('heartbeat', { time: '', current: true, position: 'e-100' })
    expect(client.getPosition()?.position).toBe('e-9')
    FakeSocket.last.event('position', { position: 'e-101' })
    expect(client.getPosition()).toEqual({ position: 'e-101', scopes: ['project:1', 'project:2'] })
  })

  test('a since that is ahead of what was granted does not move the position forward', () => {
    connected()
    client.addScopes(['project:2'], 'e-900')
    FakeSocket.last.ready({ 'project:2': 'exact' }, { position: 'e-900' })
    expect(client.getPosition()).toEqual({ position: 'e-1', scopes: ['project:1', 'project:2'] })
  })

  test('without since they are held from the next position on', () => {
    connected()
    client.addScopes(['project:2'])
    FakeSocket.last.ready({ 'project:2': 'fresh' })
    expect(client.getPosition()?.scopes).toEqual(['project:1'])
    FakeSocket.last.event('position', { position: 'e-2' })
    expect(client.getPosition()?.scopes).toEqual(['project:1', 'project:2'])
  })

  test('one that is refused is asked for again with the next heartbeat', () => {
    connected()
    client.addScopes(['project:2'])
    FakeSocket.last.event('error', { error: 'no', scope: 'project:2' })
    expect(client.getState().scopes).toMatchObject({ 'project:1': 'fresh', 'project:2': 'forbidden' })
    FakeSocket.last.event('heartbeat', { time: '', current: true, position: 'e-1' })
    expect(FakeSocket.last.sent).toHaveLength(2)
    FakeSocket.last.ready({ 'project:2': 'fresh' })
    expect(client.getState().scopes).toMatchObject({ 'project:2': 'fresh' })
  })

  test('a right that comes names all scopes: those held go on, and what it gave is not left again', () => {
    create({ scopes: ['user:7', 'project:*'] }).connect()
    FakeSocket.last.ready({ 'user:7': 'fresh', 'project:1': 'fresh' })
    FakeSocket.last.event('position', { position: 'e-5' })
    const resumable = client.getPosition()?.scopes
    FakeSocket.last.ready({ 'user:7': 'exact', 'project:1': 'exact', 'project:2': 'reset' }, { position: 'e-5' })
    expect(FakeSocket.last.sent).toEqual([])
    expect(FakeSocket.all).toHaveLength(1)
    expect(client.getState().scopes).toEqual({ 'user:7': 'exact', 'project:1': 'exact', 'project:2': 'reset' })
    expect(client.getPosition()).toEqual({ position: 'e-5', scopes: resumable })
    FakeSocket.last.event('heartbeat', { time: '', current: true, position: 'e-6' })
    expect(client.getPosition()?.position).toBe('e-6')
    FakeSocket.last.event('position', { position: 'e-7' })
    expect(client.getPosition()).toEqual({ position: 'e-7', scopes: [...(resumable ?? []), 'project:2'] })
  })

  test('with server-sent events a right that comes takes no new request', async () => {
    create({ scopes: ['user:7', 'project:*'], transport: 'sse' }).connect()
    server.last.ready({ 'user:7': 'fresh' })
    await settle()
    server.last.ready({ 'user:7': 'exact', 'project:2': 'reset' })
    await settle()
    expect(server.exchanges).toHaveLength(1)
    expect(client.getState().scopes).toEqual({ 'user:7': 'exact', 'project:2': 'reset' })
  })

  test('a scope that goes on from a lower position takes the place to resume from with it', () => {
    connected()
    FakeSocket.last.event('position', { position: 'e-9' })
    FakeSocket.last.ready({ 'project:1': 'exact' }, { position: 'e-4' })
    FakeSocket.last.event('heartbeat', { time: '', current: true, position: 'e-9' })
    expect(client.getPosition()).toEqual({ position: 'e-4', scopes: ['project:1'] })
    FakeSocket.last.event('position', { position: 'e-9' })
    expect(client.getPosition()).toEqual({ position: 'e-9', scopes: ['project:1'] })
  })

  test('one that was left meanwhile does not come back with a ready for all', () => {
    connected({ scopes: ['project:1', 'user:7'] })
    client.removeScopes(['project:1'])
    FakeSocket.last.ready({ 'project:1': 'exact', 'user:7': 'exact' })
    expect(client.getState().scopes).toEqual({ 'user:7': 'exact' })
    expect(client.getPosition()?.scopes).toEqual(['user:7'])
    expect(FakeSocket.last.sent).toEqual([{ type: 'unsubscribe', scopes: ['project:1'] }])
  })

  test('with server-sent events it takes a new request', async () => {
    create({ transport: 'sse' }).connect()
    server.last.ready({ 'project:1': 'fresh' })
    await settle()
    client.addScopes(['project:2'])
    expect(server.last.query).toBe('scope=project:1&scope=project:2&since=e-1&fresh=project:2')
    expect(server.exchanges).toHaveLength(2)
  })
})

describe('the choice of the transport', () => {
  test('falls back at once when the upgrade does not get through, and keeps what worked', async () => {
    create().connect()
    FakeSocket.last.end(1006)
    expect(server.exchanges).toHaveLength(1)
    server.last.ready({ 'project:1': 'fresh' })
    await settle()
    expect(client.getState()).toMatchObject({ status: 'connected', transport: 'sse', attempts: 0 })
    server.last.end()
    await settle(500)
    expect(server.exchanges).toHaveLength(2)
    expect(FakeSocket.all).toHaveLength(1)
  })

  test('falls back when a proxy buffers and nothing arrives', async () => {
    create({ transport: [(await import('../src/index.ts')).sseTransport(server.fetch), (await import('../src/index.ts')).webSocketTransport(FakeWebSocket)] })
    client.connect()
    server.last.accept()
    await settle(5000)
    expect(server.last.aborted).toBe(true)
    FakeSocket.last.ready({ 'project:1': 'fresh' })
    expect(client.getState()).toMatchObject({ status: 'connected', transport: 'websocket' })
  })

  test('when none gets through it waits, then begins with the first again', async () => {
    create().connect()
    FakeSocket.last.end(1006)
    server.last.fail('refused')
    await settle()
    expect(client.getState()).toMatchObject({ status: 'disconnected', attempts: 1 })
    await settle(500)
    expect([FakeSocket.all.length, server.exchanges.length]).toEqual([2, 1])
  })

  test('what the server itself says is no reason to try another', async () => {
    create().connect()
    FakeSocket.last.end(1013)
    expect(server.exchanges).toHaveLength(0)
    expect(client.getState().failure).toMatchObject({ status: 1013 })
    await settle(1000)
  })

  test('one that worked gets three more attempts before another is tried', async () => {
    connected()
    for (let i = 0; i < 3; i += 1) {
      FakeSocket.last.end(1006)
      await settle(5000)
    }
    expect(server.exchanges).toHaveLength(0)
    FakeSocket.last.end(1006)
    expect(server.exchanges).toHaveLength(1)
  })
})

describe('close codes', () => {
  test.each([
    [1001, 500],
    [1006, 500],
    [1012, 500],
    [1013, 1000],
    [4403, 500],
    [4401, 500],
    [4400, 8000],
    [1002, 8000],
  ])('%d is followed by another attempt after up to %d ms', async (code, wait) => {
    connected()
    FakeSocket.last.end(code, 'a reason')
    await settle(wait - 1)
    expect(FakeSocket.all).toHaveLength(1)
    await settle(1)
    expect(FakeSocket.all).toHaveLength(2)
  })
})

describe('the token', () => {
  const jwt = (exp: number) => `x.${btoa(JSON.stringify({ exp })).replaceAll('=', '')}.y`

  test('is a subprotocol, since the scopes in the address are decided on before any message', async () => {
    create({ getToken: async () => jwt(1e10) }).connect()
    await settle()
    expect(FakeSocket.last.protocols).toEqual(['unstale', `bearer.${jwt(1e10)}`])
    client.disconnect()
    create({ getToken: async () => 'not/one=' }).connect()
    await settle()
    expect(FakeSocket.last.protocols).toEqual([])
  })

  test('without a token no subprotocol is asked for', async () => {
    create().connect()
    await settle()
    expect(FakeSocket.last.protocols).toEqual([])
  })

  test('is the first message, not in the address', async () => {
    create({ getToken: async () => 'secret' }).connect()
    expect(FakeSocket.all).toHaveLength(0)
    await settle()
    FakeSocket.last.ready({ 'project:1': 'fresh' })
    expect(FakeSocket.last.sent).toEqual([{ type: 'token', token: 'secret' }])
    expect(FakeSocket.last.url.href).not.toContain('secret')
  })

  test('is a header with server-sent events', async () => {
    create({ transport: 'sse', getToken: () => 'secret' }).connect()
    await settle()
    expect(server.last.init.headers).toMatchObject({ Authorization: 'Bearer secret' })
  })

  test('is renewed on the open connection before it expires', async () => {
    const reasons: TokenReason[] = []
    create({
      getToken: (reason) => {
        reasons.push(reason)
        return jwt(Date.now() / 1000 + 90)
      },
    }).connect()
    await settle()
    FakeSocket.last.ready({ 'project:1': 'fresh' }, { heartbeat: 1000 })
    await settle(59_000)
    expect(reasons).toEqual(['connect'])
    await settle(2000)
    expect(reasons).toEqual(['connect', 'refresh'])
    expect(FakeSocket.all).toHaveLength(1)
    expect(FakeSocket.last.sent.map(({ type }) => type)).toEqual(['token', 'token'])
  })

  test('that cannot be renewed yet leaves the connection alone and is asked for again', async () => {
    let down = true
    create({
      getToken: (reason) => {
        if (reason === 'refresh' && down) throw new Error('offline')
        return jwt(Date.now() / 1000 + 90)
      },
    }).connect()
    await settle()
    FakeSocket.last.ready({ 'project:1': 'fresh' }, { heartbeat: 1000 })
    await settle(61_000)
    expect([FakeSocket.all.length, FakeSocket.last.sent.length, client.getState().status]).toEqual([1, 1, 'connected'])
    down = false
    await settle(20_000)
    expect([FakeSocket.all.length, FakeSocket.last.sent.length]).toEqual([1, 2])
  })

  test('that is renewed by a new request is asked for as one to renew', async () => {
    const reasons: TokenReason[] = []
    create({ transport: 'sse', getToken: (reason) => (reasons.push(reason), jwt(Date.now() / 1000 + 90)) }).connect()
    await settle()
    server.last.ready({ 'project:1': 'fresh' }, { heartbeat: 1000 })
    await settle(61_000)
    expect(server.exchanges).toHaveLength(2)
    server.last.fail('gone')
    await settle(1000)
    expect(reasons).toEqual(['connect', 'refresh', 'connect'])
  })

  test('that is valid for a year is not renewed before', async () => {
    const reasons: TokenReason[] = []
    create({ getToken: (reason) => (reasons.push(reason), jwt(Date.now() / 1000 + 365 * 86_400)) }).connect()
    await settle()
    FakeSocket.last.ready({ 'project:1': 'fresh' }, { heartbeat: 0 })
    await settle(20 * 86_400_000)
    expect(reasons).toEqual(['connect'])
  })

  test('that was refused is asked for anew, by saying so', async () => {
    const reasons: TokenReason[] = []
    create({ getToken: (reason) => (reasons.push(reason), 'opaque') }).connect()
    await settle()
    FakeSocket.last.ready({ 'project:1': 'fresh' }).end(4401)
    await settle(1000)
    expect(reasons).toEqual(['connect', 'refused'])
  })

  test('refreshToken() reconnects where the transport cannot', async () => {
    create({ transport: 'sse', getToken: () => 'secret' }).connect()
    await settle()
    server.last.ready({ 'project:1': 'fresh' })
    await settle()
    client.refreshToken()
    await settle()
    expect(server.exchanges).toHaveLength(2)
    expect(server.last.query).toBe('scope=project:1&since=e-1')
  })

  test('that cannot be had is a failed attempt, not the end', async () => {
    create({
      getToken: () => {
        throw new Error('offline')
      },
    }).connect()
    await settle()
    expect(client.getState()).toMatchObject({ status: 'disconnected', failure: { kind: 'token', message: 'no token: offline' } })
  })

  test('that comes after disconnect opens nothing', async () => {
    create({ getToken: async () => 'secret' }).connect()
    client.disconnect()
    await settle(1000)
    expect(FakeSocket.all).toHaveLength(0)
  })
})

describe('pattern subscriptions', () => {
  test('see one row, one resource, or all; batches match by their ids', () => {
    connected({ changes: true })
    const seen: string[] = []
    const stop = [
      client.subscribe('document:*', ({ id, ids }) => seen.push(`document:* ${id ?? ids}`)),
      client.subscribe('document:doc_1', ({ id, ids }) => seen.push(`doc_1 ${id ?? ids}`)),
      client.subscribe('*', ({ resource }) => seen.push(`* ${resource}`)),
      client.subscribe('document', ({ action }) => seen.push(action)),
    ]
    FakeSocket.last.event('stale', {
      scope: 'project:1',
      keys: [],
      spread: 0,
      changes: [
        { resource: 'document', action: 'updated', id: 'doc_1' },
        { resource: 'document', action: 'deleted', ids: ['doc_2', 'doc_1'] },
        { resource: 'task', action: 'created', id: 'doc_1' },
      ],
    })
    expect(seen).toEqual([
      'document:* doc_1', 'doc_1 doc_1', '* document', 'updated',
      'document:* doc_2,doc_1', 'doc_1 doc_2,doc_1', '* document', 'deleted',
      '* task',
    ])
    seen.length = 0
    for (const each of stop) each()
    FakeSocket.last.event('reset', { scopes: ['project:1'], reason: '', spread: 0 })
    expect(seen).toEqual([])
  })

  test('hear nothing more when one of them disconnects', () => {
    connected({ changes: true })
    const seen: unknown[] = []
    client.onStale(() => client.disconnect())
    client.subscribe('*', ({ id }) => seen.push(id))
    FakeSocket.last.event('stale', { scope: 'project:1', keys: [], spread: 0, changes: [{ resource: 'document', action: 'updated', id: 'doc_1' }] })
    expect(seen).toEqual([])
  })

  test('hear of a reset, and of marks that name no rows', () => {
    connected({ changes: true })
    const seen: unknown[] = []
    client.subscribe('document:doc_1', (change) => seen.push(change))
    FakeSocket.last.event('reset', { scopes: ['project:1'], reason: '', spread: 0 })
    FakeSocket.last.event('stale', { scope: 'project:*', keys: [[]], spread: 0 })
    expect(seen).toEqual([
      { resource: '*', action: 'reset', scope: 'project:1' },
      { resource: '*', action: 'reset', scope: 'project:*' },
    ])
  })

  test('the changes are asked for while there is a subscription', () => {
    create()
    const stop = client.subscribe('task:*', () => {})
    client.connect()
    expect(FakeSocket.last.query).toBe('scope=project:1&changes=1')
    stop()
    client.reconnect()
    expect(FakeSocket.last.query).toBe('scope=project:1')
    FakeSocket.last.ready({ 'project:1': 'fresh' })
    client.subscribe('task:*', () => {})
    expect(FakeSocket.last.query).toBe('scope=project:1&since=e-1&changes=1')
  })
})
