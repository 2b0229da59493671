/* The client: joins the state machine (machine.ts) with the world: transports, timer, page, listeners.
 *
 * Every input goes through `dispatch`, which lets `move` decide and then only carries out what the difference between the
 * two states says: another attempt is current → close the old connection, open the next one; then one timer; then the public state.
 */

import { pageTargets, watchPage } from './browser.ts'
import type { PageTargets } from './browser.ts'
import { matches, WHOLESALE } from './changes.ts'
import type { ChangeEvent } from './changes.ts'
import { decode } from './events.ts'
import type { Change, Decoded, EventMap, EventName, ReadyEvent, ScopeAnswer } from './events.ts'
import { classify } from './failure.ts'
import type { Failure } from './failure.ts'
import { covers, createLedger } from './ledger.ts'
import type { Resume } from './ledger.ts'
import { INITIAL, isLive, move, wakeIn } from './machine.ts'
import type { Input, Machine, MachineSettings } from './machine.ts'
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
  /** A scope, asked for on the open connection, is refused. */
  onError(listener: (event: EventMap['error']) => void): Unsubscribe
  /** Every event as it came, before the other listeners are called. */
  onEvent(listener: (event: WireEvent) => void): Unsubscribe
  readonly url: string
}

export type WireEvent = Extract<Decoded, { value: unknown }>

const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}

const LONGEST_TIMER = 2 ** 31 - 1

/* A bundler puts the value in, and what only warns a developer is left out of what it makes for production. Without a bundler
 * there may be no `process`; then nobody is warned. */
const development = typeof process === 'object' ? process.env.NODE_ENV !== 'production' : false

/** Has no effect until `connect()`. */
export function createClient(options: ClientOptions): UnstaleClient {
  const clock = options.clock ?? systemClock
  const random = options.random ?? Math.random
  const url = options.url.replace(/\/+$/, '')
  const transports = transportsOf(options, clock)
  const settings: MachineSettings = {
    base: options.backoffBase ?? 1000,
    ceiling: options.backoffCeiling ?? 30_000,
    stableAfter: options.stableAfter ?? 10_000,
    openTimeout: options.openTimeout ?? 20_000,
    maxAttempts: options.maxAttempts ?? Infinity,
    fallbackAfter: options.fallbackAfter ?? 5000,
    transports: transports.length,
  }
  const ledger = createLedger(options.resume ?? null)
  const notices = new Set<string>()
  const warned = new Set<string>()

  let scopes = [...new Set(options.scopes)]
  /* On the open connection: what was asked for, and whether it was answered. */
  let asked = new Map<string, boolean>()
  let sinces = new Map<string, string>()
  let machine: Machine = INITIAL
  let connection: Connection | null = null
  let timer: unknown = null
  let tokenTimer: unknown = null
  let unwatchPage: Unsubscribe | null = null
  /* The transport that a round begins with, and whether it ever got through. */
  let first = 0
  let proven = false
  let transport: Transport | null = null
  let withChanges = false

  let current = false
  let answers: ClientState['scopes'] = {}
  let name: string | null = null
  let state = publicState()

  const stateTopic = createTopic<void>(reportThrown)
  const changeTopic = createTopic<ChangeEvent>(reportThrown)
  const eventTopic = createTopic<WireEvent>(reportThrown)
  const topics: Record<string, Topic<never>> = {}
  const on = <N extends EventName>(event: N) => {
    const topic = createTopic<EventMap[N]>(reportThrown)
    topics[event] = topic as unknown as Topic<never>
    return topic.add
  }

  /* Reporting */

  function warn(warning: ClientWarning): void {
    try {
      if (options.onWarning) options.onWarning(warning)
      else if (warning.cause) throw warning.cause
    } catch (error) {
      console.error(warning.message, error)
    }
  }

  function warnOnce(code: ClientWarning['code'], message: string): void {
    if (isNew(warned, code + message)) warn({ code, message })
  }

  function reportThrown(cause: unknown): void {
    warn({ code: 'listener', message: 'a listener threw', cause })
  }

  function publicState(): ClientState {
    return {
      status: STATUS[machine.at],
      live: machine.at === 'open' && current,
      current,
      scopes: answers,
      connection: name,
      attempts: machine.failures,
      retryAt: machine.at === 'waiting' ? machine.until : null,
      failure: machine.failure,
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
    settings.transports = proven && machine.failures < 3 ? 1 : transports.length
    machine = move(before, input, { now: clock.now(), random: random() }, settings)
    /* Signs of life come with every chunk; the timer looks at them when it fires. */
    if (machine === before || input.type === 'heard') return
    const started = machine.attempt !== before.attempt
    if (started || !isLive(machine)) {
      clock.clearTimeout(tokenTimer)
      connection?.close()
      connection = null
      asked = new Map()
    }
    if (started) start(machine)
    schedule()
    if (development && machine.failure?.kind === 'http' && machine.failure !== before.failure) warnOnce('refused', machine.failure.message)
    publish()
  }

  function schedule(): void {
    clock.clearTimeout(timer)
    const wait = wakeIn(machine, clock.now(), settings)
    if (wait === null) return
    const wake = () => {
      const before = machine
      dispatch({ type: 'wake' })
      if (machine === before) schedule()
    }
    timer = clock.setTimeout(wake, Math.max(0, Math.ceil(wait)))
  }

  function start({ attempt, others, failure }: Machine): void {
    const using = (transport = transports[(first + settings.transports - 1 - others) % transports.length] as Transport)
    const open = (token: string | null) => {
      if (!isCurrent(attempt)) return
      withChanges = options.changes ?? changeTopic.has()
      asked = new Map(scopes.map((scope) => [scope, false]))
      let opened = false
      const handlers = {
        onHeard: () => dispatch({ type: 'heard', attempt }),
        onRetry: (milliseconds: number) => dispatch({ type: 'retry', attempt, milliseconds }),
        onEvent(event: string, body: unknown) {
          /* One chunk may hold several messages, and a listener of the first may have disconnected. */
          if (!isCurrent(attempt)) return
          const decoded = decode(event, body)
          if ('value' in decoded) {
            eventTopic.emit(decoded)
            if (!isCurrent(attempt)) return
            if (decoded.name !== 'ready') takeEvent(decoded)
            else {
              takeReady(attempt, decoded.value, !opened)
              opened = true
            }
          } else if (decoded.name === 'unreadable') takeUnreadable(attempt, event)
          else if (development) warnOnce('unknown-event', `unknown event: ${event.slice(0, 60)}`)
        },
        onEnd: (ended: Failure) => dispatch({ type: 'ended', attempt, failure: ended }),
      }
      const since = ledger.resume()?.position ?? null
      const query = ledger.query(scopes) + (withChanges ? '&changes=1' : '')
      try {
        connection = using.open({ url, query, scopes, since, token, credentials: options.credentials ?? 'same-origin' }, handlers)
        keepToken(token)
      } catch (error) {
        fail(attempt, 'network', messageOf(error))
      }
    }
    if (!options.getToken) open(null)
    else {
      askToken(failure && classify(failure) === 'token' ? 'refused' : 'connect').then(open, (error) => fail(attempt, 'token', `no token: ${messageOf(error)}`))
    }
  }

  function fail(attempt: number, kind: Failure['kind'], message: string): void {
    dispatch({ type: 'ended', attempt, failure: { kind, message } })
  }

  async function askToken(reason: TokenReason): Promise<string | null> {
    return (await options.getToken?.(reason)) ?? null
  }

  function keepToken(token: string | null): void {
    clock.clearTimeout(tokenTimer)
    const wait = refreshIn(token, clock.now())
    if (wait) tokenTimer = clock.setTimeout(refresh, Math.min(LONGEST_TIMER, wait))
  }

  function refresh(): void {
    const { attempt } = machine
    const through = connection
    if (!through?.send) dispatch({ type: 'rescope' })
    else
      askToken('refresh').then(
        (token) => {
          if (!isCurrent(attempt) || token === null) return
          through.send?.({ type: 'token', token })
          keepToken(token)
        },
        () => isCurrent(attempt) && dispatch({ type: 'rescope' }),
      )
  }

  function isCurrent(attempt: number): boolean {
    return isLive(machine) && machine.attempt === attempt
  }

  function takeReady(attempt: number, ready: ReadyEvent, opening: boolean): void {
    const answered = Object.keys(ready.scopes)
    if (opening) {
      ledger.opened(ready.position, answered, [...asked.keys()])
      answers = ready.scopes
      proven = true
      first = transports.indexOf(transport as Transport)
      for (const scope of asked.keys()) asked.set(scope, true)
    } else {
      for (const scope of answered) {
        const answer = ready.scopes[scope] as ReadyEvent['scopes'][string]
        /* Named with all the others when a right came, but left meanwhile. */
        if (!asked.has(scope) && !scopes.some((one) => covers(one, scope))) continue
        answers = { ...answers, [scope]: answer }
        ledger.joined(scope, answer === 'exact' ? ready.position : undefined)
        sinces.delete(scope)
        /* What comes with a pattern was not asked for by its own name, and is not to be left by it. */
        if (asked.has(scope)) asked.set(scope, true)
      }
    }
    current = ready.current === true
    name = ready.connection
    dispatch({ type: 'ready', attempt, heartbeat: ready.heartbeat * 1000 })
    if (isCurrent(attempt)) topics.ready?.emit(ready as never)
    if (isCurrent(attempt)) rescope()
  }

  function takeEvent({ name: event, value }: WireEvent): void {
    switch (event) {
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
        if (value.scope === undefined) return
        /* Asked for again with the next heartbeat: the grant may be a commit away. */
        deny(value.scope, 'forbidden')
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
    if (event === 'stale') tellChanges(value.scope, value.changes)
    else if (event === 'reset') for (const scope of value.scopes) tellChanges(scope)
    else if (event === 'heartbeat') rescope()
  }

  function tellChanges(scope: string, changes: readonly Change[] = [WHOLESALE]): void {
    for (const change of changes) changeTopic.emit({ ...change, scope })
  }

  function deny(scope: string, answer: 'revoked' | 'forbidden'): void {
    asked.delete(scope)
    answers = { ...answers, [scope]: answer }
  }

  /** A known event that makes no sense may have carried marks, so everything counts as stale. A `ready` that makes no
   *  sense leaves nothing to go on with. */
  function takeUnreadable(attempt: number, event: string): void {
    const message = `unreadable ${event} event`
    if (development) warnOnce('unreadable-event', message)
    if (event === 'ready') fail(attempt, 'protocol', message)
    else if (event === 'stale' || event === 'reset') {
      takeEvent({ name: 'reset', value: { scopes: Object.keys(answers), reason: 'unreadable', spread: 0 } })
    }
  }

  /** Makes the open connection ask for what is wanted. A scope that was not answered yet is left alone until it is: two
   *  answers for it could not be told apart. */
  function rescope(): void {
    const added = scopes.filter((scope) => !asked.has(scope))
    const removed = [...asked.keys()].filter((scope) => !scopes.includes(scope))
    if (added.length + removed.length === 0) return
    if (machine.at === 'opening' || !connection?.send) return dispatch({ type: 'rescope' })
    const gone = removed.filter((scope) => asked.get(scope))
    if (gone[0] !== undefined) connection.send({ type: 'unsubscribe', scopes: gone })
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

  function watch(): void {
    unwatchPage ??= watchPage(options.page ?? pageTargets(), (suspect) => dispatch({ type: 'verify', suspect }))
  }

  return {
    connect() {
      watch()
      dispatch({ type: 'connect' })
    },
    disconnect() {
      unwatchPage?.()
      unwatchPage = null
      dispatch({ type: 'disconnect' })
    },
    reconnect() {
      watch()
      dispatch({ type: 'reconnect' })
    },
    setScopes,
    addScopes(more, since) {
      for (const scope of more) if (since !== undefined && !scopes.includes(scope)) sinces.set(scope, since)
      setScopes([...scopes, ...more])
    },
    removeScopes(less) {
      setScopes(scopes.filter((scope) => !less.includes(scope)))
    },
    refreshToken: refresh,
    resume: (position) => ledger.adopt(position),
    url,
    getState: () => state,
    subscribe(what: string | (() => void), listener?: (change: ChangeEvent) => void) {
      if (typeof what !== 'string') return stateTopic.add(what)
      const remove = changeTopic.add((change) => {
        if (matches(what, change)) listener?.(change)
      })
      if (!withChanges && options.changes === undefined) dispatch({ type: 'rescope' })
      return remove
    },
    getPosition: () => ledger.resume(),
    onReady: on('ready'),
    onStale: on('stale'),
    onReset: on('reset'),
    onNotice: on('notice'),
    onRevoked: on('revoked'),
    onHeartbeat: on('heartbeat'),
    onPosition: on('position'),
    onError: on('error'),
    onEvent: (listener) => eventTopic.add(listener),
  }
}

/** Those to try, in this order. */
export function transportsOf({ transport = 'auto', fetch, WebSocket }: ClientOptions, clock: Clock = systemClock): readonly Transport[] {
  if (typeof transport === 'object') return 'open' in transport ? [transport] : transport
  const all: Transport[] = []
  if (transport === 'websocket' || (transport === 'auto' && (WebSocket || (!fetch && globalThis.WebSocket)))) all.push(webSocketTransport(WebSocket))
  if (transport !== 'websocket') all.push(sseTransport(fetch, clock.now))
  return all
}

const STATUS: Record<Machine['at'], ConnectionStatus> = {
  idle: 'disconnected',
  opening: 'connecting',
  open: 'connected',
  waiting: 'disconnected',
  failed: 'error',
}
