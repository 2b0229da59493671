/* A server for the tests of applications: no network, and time that passes when the test says so. */

import { createClient } from '@unstale/client'
import type { Change, ClientOptions, Clock, Failure, Key, ScopeAnswer, Transport, TransportHandlers, UnstaleClient } from '@unstale/client'

export interface FakeClock extends Clock {
  /** Runs what is due within so many ms, in order, with promises settled in between. */
  advance(milliseconds: number): Promise<void>
  /** How many timers are set. */
  readonly pending: number
}

export function fakeClock(start = 0): FakeClock {
  let now = start
  let count = 0
  const timers = new Map<number, { at: number; callback: () => void }>()
  const settle = async () => {
    for (let i = 0; i < 20; i += 1) await Promise.resolve()
  }
  return {
    now: () => now,
    setTimeout(callback, milliseconds) {
      count += 1
      timers.set(count, { at: now + Math.max(0, milliseconds), callback })
      return count
    },
    clearTimeout: (timer) => void timers.delete(timer as number),
    get pending() {
      return timers.size
    },
    async advance(milliseconds) {
      const end = now + milliseconds
      await settle()
      for (;;) {
        const next = [...timers].filter(([, { at }]) => at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0]
        if (!next) break
        const [id, { at, callback }] = next
        timers.delete(id)
        now = Math.max(now, at)
        callback()
        await settle()
      }
      now = end
      await settle()
    },
  }
}

export interface FakeConnection {
  readonly scopes: readonly string[]
  /** Where the client resumed from; null for a new one. */
  readonly since: string | null
  readonly token: string | null
  /** What the client said since: `subscribe`, `unsubscribe`, `token`. */
  readonly sent: readonly Readonly<Record<string, unknown>>[]
  readonly open: boolean
}

export interface FakeServer {
  /** For `createClient({ transport })`. */
  readonly transport: Transport
  /** Every attempt so far. */
  readonly connections: readonly FakeConnection[]
  /** What attempts meet: `up`, answered at once; `down`, failed at once; `silent`, never answered. */
  state: 'up' | 'down' | 'silent'
  /** Per scope, what `ready` says to a new or resuming client; default `fresh`, and `exact` when it resumes. */
  answer(scope: string, since: string | null): ScopeAnswer
  stale(scope: string, keys: readonly Key[], more?: { changes?: readonly Change[]; spread?: number }): void
  reset(scopes: readonly string[], spread?: number): void
  notice(scope: string, type: string, data?: unknown): void
  /** Of its capture of changes. */
  current(current: boolean): void
  /** Any event, as it is on the wire. */
  event(name: string, body: object): void
  /** Breaks all connections off. */
  drop(failure?: Partial<Failure>): void
}

interface Peer {
  scopes: string[]
  since: string | null
  token: string | null
  sent: Readonly<Record<string, unknown>>[]
  open: boolean
  handlers: TransportHandlers
}

export function createFakeServer(): FakeServer {
  const peers: Peer[] = []
  let sequence = 1
  let notices = 0
  let current = true
  const position = () => `fake-${sequence}`
  const send = (name: string, body: object, among: readonly Peer[] = peers) => {
    for (const peer of [...among]) {
      if (!peer.open) continue
      peer.handlers.onHeard()
      peer.handlers.onEvent(name, body)
    }
  }
  const covers = (scope: string, own: string) => scope === '*' || scope === own || (scope.endsWith(':*') && own.startsWith(scope.slice(0, -1)))
  const tick = (scopes: readonly string[], name: string, body: object) => {
    sequence += 1
    const told = peers.filter((peer) => peer.scopes.some((own) => scopes.some((scope) => covers(scope, own))))
    send(name, body, told)
    send('position', { position: position() }, told)
  }
  const ready = (peer: Peer, scopes: readonly string[], since: string | null, fresh: readonly string[] = []) =>
    send(
      'ready',
      {
        connection: `fake-${peers.indexOf(peer) + 1}`,
        scopes: Object.fromEntries(scopes.map((scope) => [scope, server.answer(scope, fresh.includes(scope) ? null : since)])),
        position: position(),
        heartbeat: 0,
        current,
        spread: 0,
      },
      [peer],
    )
  const server: FakeServer = {
    state: 'up',
    connections: peers,
    transport: {
      name: 'fake',
      open(request, handlers) {
        const { token } = request
        const asked = new URLSearchParams(request.query)
        const since = asked.get('since')
        const peer: Peer = { scopes: [...request.scopes], since, token, sent: [], open: true, handlers }
        peers.push(peer)
        queueMicrotask(() => {
          if (!peer.open || server.state === 'silent') return
          if (server.state === 'up') ready(peer, peer.scopes, since, asked.getAll('fresh'))
          else {
            peer.open = false
            handlers.onEnd({ kind: 'network', message: 'the fake server is down' })
          }
        })
        return {
          send(message) {
            if (!peer.open) return
            peer.sent.push(message)
            const scopes = (message.scopes ?? []) as string[]
            if (message.type === 'subscribe') {
              peer.scopes.push(...scopes)
              queueMicrotask(() => ready(peer, scopes, (message.since as string | undefined) ?? null))
            }
            if (message.type === 'unsubscribe') peer.scopes = peer.scopes.filter((scope) => !scopes.includes(scope))
          },
          close() {
            peer.open = false
          },
        }
      },
    },
    answer: (_scope, since) => (since === null ? 'fresh' : 'exact'),
    stale: (scope, keys, { changes, spread = 0 } = {}) => tick([scope], 'stale', { scope, keys, spread, ...(changes && { changes }) }),
    reset: (scopes, spread = 0) => tick(scopes, 'reset', { scopes, reason: 'test', spread }),
    notice(scope, type, data = null) {
      notices += 1
      tick([scope], 'notice', { id: `n${notices}`, scope, type, data })
    },
    current(next) {
      current = next
      send('heartbeat', { time: '', current, position: position() })
    },
    event: (name, body) => send(name, body),
    drop(failure = {}) {
      for (const peer of peers) {
        if (!peer.open) continue
        peer.open = false
        peer.handlers.onEnd({ kind: 'closed', message: 'the fake server hung up', ...failure })
      }
    },
  }
  return server
}

/** A client of a fake server, with a fake clock and no randomness: a wait is its bound's half. */
export function createTestClient(options: Partial<ClientOptions> = {}): { client: UnstaleClient; server: FakeServer; clock: FakeClock } {
  const server = createFakeServer()
  const clock = fakeClock()
  const client = createClient({ url: 'http://unstale.test', scopes: ['all'], transport: server.transport, clock, random: () => 0.5, page: {}, ...options })
  return { client, server, clock }
}
