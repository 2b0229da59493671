/* One connection for all tabs of a browser that want the same: same address, user and scopes.
 *
 * Every tab has its own client, with its own machine and ledger; only the transport is shared. The tab that holds the Web Lock
 * leads: it holds the real connection, and repeats on a BroadcastChannel each event as it comes. The others follow.
 *
 *   joining     A follower says hello. The leader answers with a `ready` that stands in the order of events: what comes after
 *               it reaches the follower. A follower whose position is the leader's is `exact`, any other one `fresh`; `fresh` are all
 *               while marks are on their way whose position is yet to come.
 *   hand-over   The leader's tab goes, the browser gives the lock to the next, and that one connects from its own position,
 *               which it has from the same events. It announces that position: a follower with another one cannot know
 *               whether it saw the same, and takes the `exact` in the coming `ready` for `fresh`.
 *   silence     A leader that hangs is noticed by the heartbeats that stay away, like a dead server; then the lock is stolen.
 */

import { createClient, transportsOf } from './client.ts'
import type { ClientOptions, UnstaleClient } from './client.ts'
import type { Failure } from './failure.ts'
import type { Connection, Transport, TransportHandlers, TransportRequest } from './transport.ts'

type Message =
  | { kind: 'hello'; from: string; since: string | null }
  /** The leader connects, or is still connecting, from here; like an event to one follower or to all. */
  | { kind: 'lead'; to?: string; since: string | null }
  | { kind: 'event'; to?: string; name: string; body: unknown }
  | { kind: 'end'; failure: Failure }

export interface SharedOptions extends ClientOptions {
  /** Who is signed in; tabs of different users share nothing. */
  user: string
}

/** `createClient`, but for one connection of all tabs. Without Web Locks or BroadcastChannel each tab has its own. */
export function createSharedClient({ user, ...options }: SharedOptions): UnstaleClient {
  const scope = globalThis as { navigator?: { locks?: unknown }; BroadcastChannel?: unknown }
  if (!scope.navigator?.locks || !scope.BroadcastChannel) return createClient(options)
  /* Whoever leads tries them in turn, and those who follow go along with every end. */
  return createClient({ ...options, transport: transportsOf(options).map((one) => shareTransport(one, user)) })
}

const ANSWER_WITHIN = 3000

export function shareTransport(inner: Transport, user: string): Transport {
  /* A leader that did not answer is not waited for a second time. */
  let suspicious = false
  return {
    name: 'shared',
    open(request, handlers) {
      /* Who wants to be told of rows is no follower of one who is not. */
      const asked = new URLSearchParams(request.query)
      const name = `unstale ${JSON.stringify([request.url, user, [...request.scopes].sort(), asked.get('changes')])}`
      const me = crypto.randomUUID()
      const channel = new BroadcastChannel(name)
      const post = (message: Message) => channel.postMessage(message)
      const abort = new AbortController()
      let over = false
      let following = false
      let release = () => {}
      let stop = () => {}
      let patience: ReturnType<typeof setTimeout> | undefined
      /* Where all scopes go on from; one that is fresh goes on from nowhere. */
      let mine = asked.has('fresh') ? null : asked.get('since')
      /* Another position than the leader's, or not known to be the same. */
      let behind = true
      let joined = false

      const end = (failure: Failure) => {
        if (over) return
        close()
        handlers.onEnd(failure)
      }
      function close(): void {
        over = true
        clearTimeout(patience)
        abort.abort()
        stop()
        release()
        channel.close()
      }
      const take = (event: string, body: unknown) => {
        mine = positionOf(body) ?? mine
        handlers.onEvent(event, body)
      }

      function lead(): void {
        clearTimeout(patience)
        following = false
        suspicious = false
        const led = runLeader(inner, { ...request, query: mine === null ? request.query : resumed(asked, mine) }, mine, me, channel, {
          ...handlers,
          onEvent: take,
          onEnd: end,
        })
        stop = led.close
      }

      channel.onmessage = ({ data }: MessageEvent<Message>) => {
        if (over || !following || data.kind === 'hello' || ('to' in data && data.to !== undefined && data.to !== me)) return
        clearTimeout(patience)
        suspicious = false
        if (data.kind === 'end') end(data.failure)
        else if (data.kind === 'lead') behind = data.since === null || data.since !== mine
        else if (data.kind === 'event') {
          handlers.onHeard()
          /* A position is only theirs who were there since an earlier one. */
          joined ||= data.name === 'ready'
          if (!joined && positionOf(data.body)) return
          take(data.name, data.name === 'ready' && behind && !data.to ? asFresh(data.body) : data.body)
          if (data.name === 'ready') behind = false
        }
      }

      const hold = (steal: boolean) =>
        navigator.locks.request(name, steal ? { steal } : { signal: abort.signal }, () => {
          if (over) return
          lead()
          return new Promise<void>((resolve) => (release = resolve))
        })
      /* Stolen by a tab that heard nothing from here. */
      const lost = () => end({ kind: 'closed', message: 'another tab leads now' })

      navigator.locks
        .request(name, { ifAvailable: true }, (lock) => {
          if (over) return
          if (lock) {
            lead()
            return new Promise<void>((resolve) => (release = resolve))
          }
          if (suspicious) {
            hold(true).catch(lost)
            return
          }
          following = true
          post({ kind: 'hello', from: me, since: mine })
          patience = setTimeout(() => {
            suspicious = true
            end({ kind: 'silent', message: 'the tab that leads does not answer' })
          }, ANSWER_WITHIN)
          hold(false).catch(lost)
          return
        })
        .catch(lost)
      return { close }
    },
  }
}

/** The real connection, and what the other tabs are told of it. */
function runLeader(inner: Transport, request: TransportRequest, since: string | null, me: string, channel: BroadcastChannel, handlers: TransportHandlers): Connection {
  const post = (message: Message) => channel.postMessage(message)
  let ready: Record<string, unknown> | null = null
  let position: string | null = null
  /* Something came after the position, and who joins now has not heard it. */
  let ahead = false
  const follow = channel.onmessage

  const welcome = ({ from: to, since }: Message & { kind: 'hello' }) => {
    const body = { ...ready, position }
    post({ kind: 'event', to, name: 'ready', body: since !== null && since === position && !ahead ? answered(body, () => 'exact') : asFresh(body) })
  }
  channel.onmessage = (event: MessageEvent<Message>) => {
    if (event.data.kind !== 'hello' || event.data.from === me) return
    if (ready) welcome(event.data)
    else post({ kind: 'lead', to: event.data.from, since })
  }

  post({ kind: 'lead', since })
  const connection = inner.open(request, {
    ...handlers,
    onEvent(name, body) {
      post({ kind: 'event', name, body })
      position = positionOf(body) ?? position
      if (name === 'position' || name === 'ready') ahead = false
      else if (name !== 'heartbeat') ahead = true
      if (name === 'ready') ready = { ...(body as object) }
      else if (name === 'heartbeat' && ready) ready.current = (body as { current?: unknown } | null)?.current === true
      else if (name === 'revoked' && ready) ready.scopes = without(ready.scopes, (body as { scope?: unknown } | null)?.scope)
      handlers.onEvent(name, body)
    },
    onEnd(failure) {
      post({ kind: 'end', failure })
      handlers.onEnd(failure)
    },
  })
  return {
    close() {
      channel.onmessage = follow
      connection.close()
    },
  }
}

/** The query as it is after the events that were followed: from there all scopes go on. */
function resumed(asked: URLSearchParams, position: string): string {
  const part = (name: string) => asked.getAll(name).map((value) => `${name}=${encodeURIComponent(value)}`)
  return [...part('scope'), `since=${encodeURIComponent(position)}`, ...part('changes')].join('&')
}

function without(scopes: unknown, gone: unknown): unknown {
  return Object.fromEntries(Object.entries(scopes as object).filter(([scope]) => scope !== gone))
}

function positionOf(body: unknown): string | undefined {
  const { position } = (body ?? {}) as { position?: unknown }
  return typeof position === 'string' ? position : undefined
}

/** Nothing is promised about what the follower fetched before; a reset stays one. */
function asFresh(body: unknown): unknown {
  return answered(body, (answer) => (answer === 'reset' ? answer : 'fresh'))
}

/** The `ready`, with other answers. */
function answered(body: unknown, answer: (was: unknown) => string): unknown {
  const { scopes, ...rest } = (body ?? {}) as { scopes?: Record<string, unknown> }
  return { ...rest, scopes: Object.fromEntries(Object.entries(scopes ?? {}).map(([scope, was]) => [scope, answer(was)])) }
}
