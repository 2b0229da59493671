/* Tabs that share one connection, each a client of its own. The same in a real browser: tests/sdk-e2e. */

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSharedClient } from '../src/shared.ts'
import type { ClientOptions, UnstaleClient } from '../src/index.ts'
import { FakeChannel, stubBrowser } from './fake_browser.ts'
import { FakeSocket, FakeWebSocket } from './fake_socket.ts'

let tabs: UnstaleClient[]

beforeEach(() => {
  vi.useFakeTimers()
  stubBrowser()
  FakeSocket.all.length = 0
  tabs = []
})
afterEach(() => {
  for (const tab of tabs) tab.disconnect()
  expect(FakeChannel.open.size).toBe(0)
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

const settle = (milliseconds = 0) => vi.advanceTimersByTimeAsync(milliseconds)

interface Tab {
  client: UnstaleClient
  /** Every `ready`, key and position that it was told. */
  seen: unknown[]
}

async function open(options: Partial<ClientOptions> & { user?: string } = {}): Promise<Tab> {
  const client = createSharedClient({ url: 'https://live.test', scopes: ['project:1'], user: 'u1', WebSocket: FakeWebSocket, random: () => 0.5, transport: 'websocket', ...options })
  tabs.push(client)
  const seen: unknown[] = []
  client.onReady(({ scopes }) => seen.push(scopes))
  client.onStale(({ keys }) => seen.push(keys[0]))
  client.onPosition(({ position }) => seen.push(position))
  client.connect()
  await settle()
  return { client, seen }
}

async function leader(options: Partial<ClientOptions> = {}): Promise<Tab> {
  const tab = await open(options)
  FakeSocket.last.ready({ 'project:1': 'fresh' })
  await settle()
  return tab
}

const stale = (...key: unknown[]) => FakeSocket.last.event('stale', { scope: 'project:1', keys: [key], spread: 0 })
const position = (position: string) => FakeSocket.last.event('position', { position })

test('seven tabs have one connection, and all are told the same', async () => {
  await leader()
  const others = [await open(), await open(), await open(), await open(), await open(), await open()]
  stale('a')
  position('e-2')
  await settle()
  expect(FakeSocket.all).toHaveLength(1)
  for (const { client, seen } of others) {
    expect(seen).toEqual([{ 'project:1': 'fresh' }, ['a'], 'e-2'])
    expect(client.getState()).toMatchObject({ status: 'connected', live: true })
    expect(client.getPosition()).toEqual({ position: 'e-2', scopes: ['project:1'] })
  }
})

test('other users, and other scopes, share nothing', async () => {
  await leader()
  await open({ user: 'u2' })
  await open({ scopes: ['project:2'] })
  expect(FakeSocket.all.map(({ query }) => query)).toEqual(['scope=project:1', 'scope=project:1', 'scope=project:2'])
})

test('when the leader goes the next one goes on from the position that all have', async () => {
  const first = await leader()
  const second = await open()
  const third = await open()
  stale('a')
  position('e-2')
  await settle()
  first.client.disconnect()
  await settle()
  expect(FakeSocket.all.map(({ query }) => query)).toEqual(['scope=project:1', 'scope=project:1&since=e-2'])
  second.seen.length = third.seen.length = 0
  FakeSocket.last.ready({ 'project:1': 'exact' }, { position: 'e-2' })
  stale('b')
  position('e-3')
  await settle()
  expect(second.seen).toEqual([{ 'project:1': 'exact' }, ['b'], 'e-3'])
  expect(third.seen).toEqual([{ 'project:1': 'exact' }, ['b'], 'e-3'])
})

test('a leader that does not answer is replaced', async () => {
  const { client } = await leader()
  for (const channel of FakeChannel.open) channel.onmessage = null
  const { seen } = await open()
  await settle(3000 + 1000)
  expect(FakeSocket.all).toHaveLength(2)
  FakeSocket.last.ready({ 'project:1': 'fresh' })
  await settle()
  expect(seen).toEqual([{ 'project:1': 'fresh' }])
  expect(FakeSocket.all[0]?.closed).toBe(true)
  expect(client.getState().status).not.toBe('error')
})

test('a tab that wants to hear of rows does not follow one that does not', async () => {
  await leader()
  const { client } = await open()
  client.subscribe('task:*', () => {})
  await settle()
  expect(FakeSocket.all.map(({ query }) => query)).toEqual(['scope=project:1', 'scope=project:1&since=e-1&changes=1'])
})

test('who joins at the position of the leader has missed nothing, unless marks are out whose position is not', async () => {
  await leader()
  const resume = (position: string) => ({ resume: { position, scopes: ['project:1'] } })
  const same = await open(resume('e-1'))
  expect(same.seen).toEqual([{ 'project:1': 'exact' }])
  const other = await open(resume('e-0'))
  expect(other.seen).toEqual([{ 'project:1': 'fresh' }])
  stale('a')
  await settle()
  const between = await open(resume('e-1'))
  expect(between.seen).toEqual([{ 'project:1': 'fresh' }])
  position('e-2')
  await settle()
  const after = await open(resume('e-2'))
  expect(after.seen).toEqual([{ 'project:1': 'exact' }])
})

test('who joins after a right has ended is not told of that scope', async () => {
  const scopes = ['project:1', 'user:7']
  await open({ scopes })
  FakeSocket.last.ready({ 'project:1': 'fresh', 'user:7': 'fresh' })
  FakeSocket.last.event('revoked', { scope: 'user:7' })
  await settle()
  const { seen } = await open({ scopes })
  expect(seen).toEqual([{ 'project:1': 'fresh' }])
})

test('a scope that was not held before has not been followed up to the position of the leader', async () => {
  await leader({ scopes: ['project:1', 'user:7'] })
  const { seen } = await open({ scopes: ['project:1', 'user:7'], resume: { position: 'e-1', scopes: ['project:1'] } })
  expect(seen).toEqual([{ 'project:1': 'fresh' }])
  const elsewhere = await open({ scopes: ['project:1', 'user:7'], resume: { position: 'e-1', scopes: ['user:8'] } })
  expect(elsewhere.seen).toEqual([{ 'project:1': 'fresh' }])
})

test('a position that is heard before the ready is not taken: what lies before it was not heard', async () => {
  const { client: first } = await leader()
  const [channel] = FakeChannel.open
  const answer = channel?.onmessage
  if (channel) channel.onmessage = null
  const { client } = await open({ resume: { position: 'e-0', scopes: ['project:1'] } })
  position('e-5')
  FakeSocket.last.event('heartbeat', { time: '', current: true, position: 'e-5' })
  await settle()
  expect(client.getPosition()?.position).toBe('e-0')
  if (channel) channel.onmessage = answer ?? null
  first.disconnect()
  await settle()
  expect(FakeSocket.last.query).toBe('scope=project:1&since=e-0')
})
