/* The client: joins the state machine (machine.ts) with the world: transports, timer, page, listeners.
 *
 * Every input goes through `dispatch`, which lets `move` decide and then only carries out what the difference between the
 * two states says: another attempt is current → close the old connection, open the next one; then one timer; then the public state.
 */

import { watchPage } from './browser.ts'
import type { PageTargets } from './browser.ts'
import { matches, WHOLESALE } from './changes.ts'
import type { ChangeEvent } from './changes.ts'
import { development } from './development.ts'
import { EVENTS, isEvent, read } from './events.ts'
import type { Change, EventMap, EventName, ReadyEvent, ScopeAnswer } from './events.ts'
import { classify } from './failure.ts'
import type { Failure } from './failure.ts'
import { covers, createLedger } from './ledger.ts'
import type { Resume } from './ledger.ts'
import { INITIAL, isLive, move, wakeIn } from './machine.ts'
import type { Input, Machine } from './machine.ts'
import { isNew } from './recent.ts'
import { messageOf, sseTransport } from './stream.ts'
import type { FetchLike } from './stream.ts'
import { refreshIn } from './token.ts'
import { createTopic } from './topic.ts'
import type { Topic, Unsubscribe } from './topic.ts'
import type { Connection, Transport } from './transport.ts'
import { webSocketTransport } from './websocket.ts'

export type ConnectionStatus = 'connecting' | 'connected' | 'disconnected' | 'error'

export interface ClientState {
  /** `connecting`: an attempt runs. `connected`: `ready` came. `disconnected`: not asked to connect, or waiting for the
   *  next attempt (then `retryAt` is set). `error`: gave up after `maxAttempts`; `reconnect()` tries again. */
  readonly status: ConnectionStatus
  /** Whether the page can trust what it shows: connected, and the server's capture of changes is up to date. */
  readonly live: boolean
  /** What the server said last about its capture of changes; false before it said anything. */
  readonly current: boolean
  /** What `ready` said per scope, and `revoked` since. */
  readonly scopes: Readonly<Record<string, ScopeAnswer | 'revoked' | 'forbidden'>>
  /** The name that the server gave to the last connection; null before the first `ready`. */
  readonly connection: string | null
  /** Attempts that failed since a connection last proved stable. */
  readonly attempts: number
  /** When the next attempt is due, ms since 1970; null unless waiting. */
  readonly retryAt: number | null
  /** Why the last attempt or connection ended; null while connected. */
  readonly failure: Failure | null
  /** What the last attempt went by: `websocket`, `sse` or the name of a transport of your own; null before the first. */
  readonly transport: string | null
}

export interface ClientWarning {
  /** `unknown-event`, `unreadable-event`, `refused` once each per cause, in development only; `listener` whenever a listener throws. */
  code: 'unknown-event' | 'unreadable-event' | 'refused' | 'listener'
  message: string
  cause?: unknown
}

export interface Clock {
  now(): number
  setTimeout(callback: () => void, milliseconds: number): unknown
  clearTimeout(timer: unknown): void
}

/** Why a token is asked for: the first one, the next attempt's, in time before the last one expires, or since the server
 *  did not take the last one. */
export type TokenReason = 'connect' | 'refresh' | 'refused'

export interface ClientOptions {
  /** Where the server is, without `/v1/…`: `https://live.example.org`, `/unstale`, or empty for the page's own origin. */
  url: string
  scopes: readonly string[]
  /** Ask for `changes` with every mark; by default while there are pattern subscriptions. */
  changes?: boolean
  /** `auto`, the default: WebSocket, and server-sent events where that does not get through; what worked is kept. With a
   *  `fetch` of your own and no `WebSocket`: server-sent events alone. Or the transports to try, in this order. */
  transport?: 'auto' | 'websocket' | 'sse' | Transport | readonly Transport[]
  /** Asked before each attempt, and again before a JWT expires. Sent as `Authorization: Bearer`, or as a subprotocol and the first message. */
  getToken?: (reason: TokenReason) => string | null | Promise<string | null>
  /** While there is another transport to try, an attempt has only so long to get to `ready`, ms; default 5000. */
  fallbackAfter?: number
  /** Start from this position: what the backend read before it read the data it sent along, or what was kept. */
  resume?: Resume
  /** Default `same-origin`, as for fetch. */
  credentials?: RequestCredentials
  /** The first wait is random below this, ms; default 1000. */
  backoffBase?: number
  /** No wait of our own is longer than this, ms; default 30000. */
  backoffCeiling?: number
  /** A connection open for so long has proved stable and resets the backoff, ms; default 10000. */
  stableAfter?: number
  /** From the request to `ready`, ms; default 20000. */
  openTimeout?: number
  /** Give up after so many attempts in a row; never by default. */
  maxAttempts?: number
  onWarning?: (warning: ClientWarning) => void
  fetch?: FetchLike
  WebSocket?: new (url: string, protocols?: string[]) => WebSocket
  clock?: Clock
  /** In [0, 1). */
  random?: () => number
  page?: PageTargets
}

export interface UnstaleClient {
  /** Opens the connection and keeps it open until `disconnect`. Does nothing while that is so. */
  connect(): void
  /** Closes the connection. Listeners stay, and so does the position: a later `connect` asks for what was missed. */
  disconnect(): void
  /** Tries again now, with the backoff reset. */
  reconnect(): void
  /** Subscribes to these scopes instead, on the open connection where the transport can. */
  setScopes(scopes: readonly string[]): void
  /** `since`: the position at which the data of these scopes was read; without it they are `fresh`. */
  addScopes(scopes: readonly string[], since?: string): void
  removeScopes(scopes: readonly string[]): void
  /** Asks `getToken` now and renews the token on the open connection, or by a new one where that is not possible. */
  refreshToken(): void
  /** Where to resume, unless there is a position already. To be called before `connect`. */
  resume(position: Resume): void
  /** The same object until something in it changes. */
  getState(): ClientState
  /** Calls whenever the state changed. */
  subscribe(listener: () => void): Unsubscribe
  /** Calls with the changes of a resource, `document:*`, of one row, `document:doc_1`, or of everything, `*`; and, as
   *  `action: 'reset'`, when the server cannot tell what changed. */
  subscribe(pattern: string, listener: (change: ChangeEvent) => void): Unsubscribe
  /** Where to resume, and for which scopes; for `resume` in the options. Null before the first `ready`. */
  getPosition(): Resume | null
  onReady(listener: (event: ReadyEvent) => void): Unsubscribe
  onStale(listener: (event: EventMap['stale']) => void): Unsubscribe
  onReset(listener: (event: EventMap['reset']) => void): Unsubscribe
  /** A notice that is sent again after a reconnect is handed on once. */
  onNotice(listener: (event: EventMap['notice']) => void): Unsubscribe
  onRevoked(listener: (event: EventMap['revoked']) => void): Unsubscribe
  onHeartbeat(listener: (event: EventMap['heartbeat']) => void): Unsubscribe
  onPosition(listener: (event: EventMap['position']) => void): Unsubscribe
  /** What was asked for on the open connection is refused; mostly a scope, which `error.scope` names then. */
  onError(listener: (event: EventMap['error']) => void): Unsubscribe
  /** The stream is about to end for a reason, which is the `failure` in the state then. */
  onClosed(listener: (event: EventMap['closed']) => void): Unsubscribe
  /** Every event as it came, before the other listeners are called. */
  onEvent(listener: (event: WireEvent) => void): Unsubscribe
  readonly url: string
}

type Listeners = Pick<UnstaleClient, `on${Capitalize<EventName>}`>

export type WireEvent = { [N in EventName]: { name: N; value: EventMap[N] } }[EventName]

/** Has no effect until `connect()`. */
export function createClient(options: ClientOptions): UnstaleClient {
  const { random = Math.random, getToken, credentials } = options
  /* Looked up with each call: an application's tests may put a clock of their own over the system's. */
  const now = () => (options.clock ?? Date).now()
  const timers = (options.clock ?? globalThis) as Clock
  const url = options.url.replace(/\/+$/, '')
  const ledger = createLedger()
  if (options.resume) ledger.adopt(options.resume)
  const notices = new Set<string>()
  const warned = new Set<string>()

  let scopes = [...new Set(options.scopes)]
  /* On the open connection: what was asked for, and whether it was answered. */
  let asked = new Map<string, boolean>()
  const sinces = new Map<string, string | undefined>()
  let machine: Machine = INITIAL
  let connection: Connection | null = null
  let timer: unknown = null
  let token: string | null = null
  let tokenTimer: unknown = null
  let reason: TokenReason = 'connect'
  let unwatchPage: Unsubscribe | null = null
  /* A round tries them in this order. The first is the one that got through last, if any did. */
  let transports = transportsOf(options)
  let proven = false
  let transport: Transport | null = null
  let withChanges = false

  let current = false
  let answers: ClientState['scopes'] = {}
  let name: string | null = null
  let state = publicState()

  const stateTopic = createTopic<void>(report)
  const changeTopic = createTopic<ChangeEvent>(report)
  const eventTopic = createTopic<WireEvent>(report)
  const topics: Record<string, Topic<never>> = {}

  /* Reporting */

  function warnOnce(code: ClientWarning['code'], message: string): void {
    if (isNew(warned, code + message)) report(undefined, code, message)
  }

  function report(cause: unknown, code: ClientWarning['code'] = 'listener', message: string = development ? 'a listener threw' : code): void {
    try {
      if (options.onWarning) options.onWarning({ code, message, cause })
      else if (cause) throw cause
    } catch (error) {
      console.error(message, error)
    }
  }

  function publicState(): ClientState {
    const { at, since, wait, failures, failure } = machine
    const waiting = at === 'waiting'
    return {
      status: waiting ? 'disconnected' : at,
      live: at === 'connected' && current,
      current,
      scopes: answers,
      connection: name,
      attempts: failures,
      retryAt: waiting ? since + wait : null,
      failure,
      transport: transport && transport.name,
    }
  }

  function publish(): void {
    const next = publicState()
    if ((Object.keys(next) as (keyof ClientState)[]).every((key) => next[key] === state[key])) return
    state = next
    stateTopic.emit()
  }

  /* The machine and what follows from its moves */

  function dispatch(input: Input): void {
    const before = machine
    machine = move(before, input, { now: now(), random: random(), transports: proven && before.failures < 3 ? 1 : transports.length }, options)
    /* Signs of life come with every chunk; the timer looks at them when it fires. What follows changes nothing where the machine did
     * not move, but for the timer, which is set anew when it fired too early. */
    if (input.type === 'heard') return
    const started = machine.attempt !== before.attempt
    if (started || !isLive(machine)) {
      timers.clearTimeout(tokenTimer)
      connection?.close()
      connection = null
      asked.clear()
    }
    if (started) start(machine)
    timers.clearTimeout(timer)
    const wait = wakeIn(machine, now())
    if (wait < Infinity) timer = timers.setTimeout(() => dispatch({ type: 'wake' }), wait)
    if (development && machine.failure?.kind === 'http' && machine.failure !== before.failure) warnOnce('refused', machine.failure.message)
    publish()
  }

  async function start({ attempt, tried, failure }: Machine): Promise<void> {
    const using = (transport = transports[tried] as Transport)
    let kind: Failure['kind'] = 'token'
    try {
      let next: string | null = null
      /* What needs no token is opened before this function returns. */
      if (getToken) next = (await getToken(failure && classify(failure) === 'token' ? 'refused' : reason)) ?? null
      if (!isCurrent(attempt)) return
      kind = 'network'
      reason = 'connect'
      withChanges = options.changes ?? changeTopic.has()
      asked = new Map(scopes.map((scope) => [scope, false]))
      const query = ledger.query(scopes) + (withChanges ? '&changes=1' : '')
      connection = using.open({ url, query, scopes, token: next, credentials }, {
        onHeard: () => dispatch({ type: 'heard', attempt }),
        onRetry: (milliseconds) => dispatch({ type: 'retry', attempt, milliseconds }),
        onEvent(name, body) {
          /* One chunk may hold several messages, and a listener of the first may have disconnected. */
          if (!isCurrent(attempt)) return
          const value = read(name, body)
          if (!value) return takeUnreadable(attempt, name)
          const told = { name, value } as WireEvent
          eventTopic.emit(told)
          if (isCurrent(attempt)) takeEvent(attempt, told)
        },
        onEnd: (failure) => dispatch({ type: 'ended', attempt, failure }),
      })
      keepToken(next)
    } catch (error) {
      fail(attempt, kind, (development && kind === 'token' ? 'no token: ' : '') + messageOf(error))
    }
  }

  function fail(attempt: number, kind: Failure['kind'], message: string, status?: number): void {
    dispatch({ type: 'ended', attempt, failure: { kind, message, status } })
  }

  function keepToken(next: string | null): void {
    token = next
    timers.clearTimeout(tokenTimer)
    const wait = refreshIn(next, now())
    if (wait) tokenTimer = timers.setTimeout(refresh, wait)
  }

  async function refresh(): Promise<void> {
    const { attempt } = machine
    const through = connection
    if (!through?.send) {
      reason = 'refresh'
      return dispatch({ type: 'rescope' })
    }
    let next: string | null | undefined
    try {
      next = await getToken?.('refresh')
    } catch {
      /* There is time to ask again for as long as the last one holds. */
    }
    if (!isCurrent(attempt)) return
    if (next) through.send({ type: 'token', token: next })
    keepToken(next ?? token)
  }

  function isCurrent(attempt: number): boolean {
    return isLive(machine) && machine.attempt === attempt
  }

  function takeReady(attempt: number, ready: ReadyEvent): void {
    if (machine.at === 'connecting') {
      answers = ready.scopes
      ledger.opened(ready.position, ready.scopes, [...asked.keys()])
      proven = true
      transports = [transport as Transport, ...transports.filter((one) => one !== transport)]
      for (const scope of asked.keys()) asked.set(scope, true)
    } else {
      for (const scope in ready.scopes) {
        const answer = ready.scopes[scope] as ScopeAnswer
        /* What comes with a pattern was not asked for by its own name, and is not to be left by it. */
        if (asked.has(scope)) asked.set(scope, true)
        /* Named with all the others when a right came, but left meanwhile. */
        else if (!scopes.some((one) => covers(one, scope))) continue
        answers = { ...answers, [scope]: answer }
        ledger.joined(scope, answer === 'exact' && ready.position)
        sinces.delete(scope)
      }
    }
    current = ready.current === true
    name = ready.connection
    dispatch({ type: 'ready', attempt, heartbeat: ready.heartbeat * 1000 })
  }

  function takeEvent(attempt: number, { name: event, value }: WireEvent): void {
    switch (event) {
      case 'ready':
        takeReady(attempt, value)
        if (!isCurrent(attempt)) return
        break
      case 'notice':
        /* Sent again after a reconnect. */
        if (!isNew(notices, value.id)) return
        break
      case 'revoked':
        /* Not asked for again by itself: one forbidden scope would have the whole stream refused. */
        ledger.left(value.scope)
        scopes = scopes.filter((one) => one !== value.scope)
        deny(value.scope, event)
        break
      case 'error':
        if (development) warnOnce('refused', value.error)
        /* Asked for again with the next heartbeat: the grant may be a commit away. */
        if (value.scope) deny(value.scope, 'forbidden')
        break
      case 'heartbeat':
        ledger.repeated(value.position)
        current = value.current === true
        break
      case 'position':
        ledger.granted(value.position)
    }
    publish()
    topics[event]?.emit(value as never)
    if (!isCurrent(attempt)) return
    if (event === 'stale') tellChanges(value.scope, value.changes)
    else if (event === 'reset') for (const scope of value.scopes) tellChanges(scope)
    else if (event === 'closed') fail(attempt, event, value.error, value.code)
    else if (event === 'ready' || event === 'heartbeat') rescope()
  }

  function tellChanges(scope: string, changes: readonly Change[] = [WHOLESALE]): void {
    for (const change of changes) changeTopic.emit({ ...change, scope })
  }

  function deny(scope: string, answer: 'revoked' | 'forbidden'): void {
    asked.delete(scope)
    answers = { ...answers, [scope]: answer }
  }

  /** An event that is not known is of a later server and nothing is lost with it. A known event that makes no sense may have
   *  carried marks, so everything counts as stale. A `ready` that makes no sense leaves nothing to go on with. */
  function takeUnreadable(attempt: number, event: string): void {
    if (development) {
      if (isEvent(event)) warnOnce('unreadable-event', `unreadable ${event} event`)
      else warnOnce('unknown-event', `unknown event: ${event.slice(0, 60)}`)
    }
    if (event === 'ready') fail(attempt, 'protocol', 'unreadable')
    else if (event === 'stale' || event === 'reset') {
      takeEvent(attempt, { name: 'reset', value: { scopes: Object.keys(answers), reason: 'unreadable', spread: 0 } })
    }
  }

  /** Makes the open connection ask for what is wanted. A scope that was not answered yet is left alone until it is: two
   *  answers for it could not be told apart. */
  function rescope(): void {
    const added = scopes.filter((scope) => !asked.has(scope))
    const removed = [...asked.keys()].filter((scope) => !scopes.includes(scope))
    if (!added[0] && !removed[0]) return
    if (machine.at === 'connecting' || !connection?.send) return dispatch({ type: 'rescope' })
    const gone = removed.filter((scope) => asked.get(scope))
    if (gone[0]) connection.send({ type: 'unsubscribe', scopes: gone })
    for (const scope of gone) {
      asked.delete(scope)
      ledger.left(scope)
      const { [scope]: _, ...others } = answers
      answers = others
    }
    for (const since of new Set(added.map((scope) => sinces.get(scope)))) {
      connection.send({ type: 'subscribe', scopes: added.filter((scope) => sinces.get(scope) === since), since })
    }
    for (const scope of added) asked.set(scope, false)
    publish()
  }

  function setScopes(next: readonly string[]): void {
    scopes = [...new Set(next)]
    rescope()
  }

  const begin = (type: 'connect' | 'reconnect') => () => {
    unwatchPage ??= watchPage(options.page ?? (globalThis as PageTargets), (suspect) => dispatch({ type: 'verify', suspect }))
    dispatch({ type })
  }

  return {
    connect: begin('connect'),
    reconnect: begin('reconnect'),
    disconnect() {
      unwatchPage?.()
      unwatchPage = null
      dispatch({ type: 'disconnect' })
    },
    setScopes,
    addScopes(more, since) {
      for (const scope of more) if (!scopes.includes(scope)) sinces.set(scope, since)
      setScopes([...scopes, ...more])
    },
    removeScopes(less) {
      setScopes(scopes.filter((scope) => !less.includes(scope)))
    },
    refreshToken: refresh,
    resume: ledger.adopt,
    url,
    getState: () => state,
    subscribe(what: string | (() => void), listener?: (change: ChangeEvent) => void) {
      if (typeof what !== 'string') return stateTopic.add(what)
      const remove = changeTopic.add((change) => {
        if (matches(what, change)) listener?.(change)
      })
      if (!withChanges && options.changes !== false) dispatch({ type: 'rescope' })
      return remove
    },
    getPosition: ledger.resume,
    onEvent: eventTopic.add,
    ...(Object.fromEntries(EVENTS.map((name) => [`on${name[0]?.toUpperCase()}${name.slice(1)}`, (topics[name] = createTopic<never>(report)).add])) as unknown as Listeners),
  }
}

/** Those to try, in this order. */
export function transportsOf({ transport = 'auto', fetch, WebSocket }: ClientOptions): readonly Transport[] {
  if (typeof transport === 'object') return [transport].flat() as Transport[]
  const socket = transport === 'websocket' || (transport === 'auto' && (WebSocket || (!fetch && globalThis.WebSocket)))
  return [socket && webSocketTransport(WebSocket), transport !== 'websocket' && sseTransport(fetch)].filter((one) => !!one)
}
