/* The client: joins the state machine (machine.ts) with the world: request, timer, page, listeners.
 *
 * Every input goes through `dispatch`, which lets `move` decide and then only carries out what the difference between the
 * two states says: another attempt is current → abort the old request, start the new one; then one timer; then the public state.
 */

import { pageTargets, watchPage } from './browser.ts'
import type { PageTargets } from './browser.ts'
import { decode } from './events.ts'
import type { EventMap, EventName, ReadyEvent, ScopeAnswer, StaleEvent } from './events.ts'
import { createLedger } from './ledger.ts'
import type { Resume } from './ledger.ts'
import { INITIAL, isLive, move, wakeIn } from './machine.ts'
import type { Failure, Input, Machine, MachineSettings } from './machine.ts'
import { createRecent } from './recent.ts'
import { readStream } from './stream.ts'
import type { FetchLike } from './stream.ts'
import { createTopic } from './topic.ts'
import type { Topic, Unsubscribe } from './topic.ts'

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
  readonly scopes: Readonly<Record<string, ScopeAnswer | 'revoked'>>
  /** The name that the server gave to the last connection; null before the first `ready`. */
  readonly connection: string | null
  /** Attempts that failed since a connection last proved stable. */
  readonly attempts: number
  /** When the next attempt is due, ms since 1970; null unless waiting. */
  readonly retryAt: number | null
  /** Why the last attempt or connection ended; null while connected. */
  readonly failure: Failure | null
}

export interface ClientWarning {
  /** `unknown-event`, `unreadable-event`, `refused` once each per cause; `listener` whenever a listener throws. */
  code: 'unknown-event' | 'unreadable-event' | 'refused' | 'listener'
  message: string
  cause?: unknown
}

export interface Clock {
  now(): number
  setTimeout(callback: () => void, milliseconds: number): unknown
  clearTimeout(timer: unknown): void
}

export interface ClientOptions {
  /** Where the server is, without `/v1/…`: `https://live.example.org`, `/unstale`, or empty for the page's own origin. */
  url: string
  scopes: readonly string[]
  /** Ask for `changes` with every mark. */
  changes?: boolean
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
  /** Subscribes to these scopes instead; reconnects if needed. */
  setScopes(scopes: readonly string[]): void
  /** The same object until something in it changes. */
  getState(): ClientState
  subscribe(listener: () => void): Unsubscribe
  /** Where to resume, and for which scopes; for `resume` in the options. Null before the first `ready`. */
  getPosition(): Resume | null
  onReady(listener: (event: ReadyEvent) => void): Unsubscribe
  onStale(listener: (event: StaleEvent) => void): Unsubscribe
  onReset(listener: (event: EventMap['reset']) => void): Unsubscribe
  /** A notice that is sent again after a reconnect is handed on once. */
  onNotice(listener: (event: EventMap['notice']) => void): Unsubscribe
  onRevoked(listener: (event: EventMap['revoked']) => void): Unsubscribe
  onHeartbeat(listener: (event: EventMap['heartbeat']) => void): Unsubscribe
  onPosition(listener: (event: EventMap['position']) => void): Unsubscribe
}

const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}

const REMEMBERED_NOTICES = 1000
const REMEMBERED_WARNINGS = 100
const LONGEST_TIMER = 2 ** 31 - 1

/** Has no effect until `connect()`. */
export function createClient(options: ClientOptions): UnstaleClient {
  const clock = options.clock ?? systemClock
  const random = options.random ?? Math.random
  const fetch: FetchLike = options.fetch ?? ((url, init) => globalThis.fetch(url, init))
  const settings: MachineSettings = {
    base: options.backoffBase ?? 1000,
    ceiling: options.backoffCeiling ?? 30_000,
    stableAfter: options.stableAfter ?? 10_000,
    openTimeout: options.openTimeout ?? 20_000,
    maxAttempts: options.maxAttempts ?? Infinity,
  }
  const ledger = createLedger(options.resume ?? null)
  const notices = createRecent(REMEMBERED_NOTICES)
  const warned = createRecent(REMEMBERED_WARNINGS)

  let scopes = unique(options.scopes)
  let machine: Machine = INITIAL
  let abort: AbortController | null = null
  let timer: unknown = null
  let unwatchPage: Unsubscribe | null = null

  let current = false
  let answers: ClientState['scopes'] = {}
  let connection: string | null = null
  let state = publicState()

  const stateTopic = createTopic<void>(reportThrown)
  const topics: { [N in EventName]: Topic<EventMap[N]> } = {
    ready: createTopic(reportThrown),
    stale: createTopic(reportThrown),
    reset: createTopic(reportThrown),
    notice: createTopic(reportThrown),
    revoked: createTopic(reportThrown),
    heartbeat: createTopic(reportThrown),
    position: createTopic(reportThrown),
  }

  /* Reporting */

  function warn(warning: ClientWarning): void {
    if (options.onWarning) {
      try {
        options.onWarning(warning)
        return
      } catch (error) {
        console.error(error)
      }
    }
    if (warning.code === 'listener') console.error(warning.message, warning.cause)
  }

  function warnOnce(code: ClientWarning['code'], message: string): void {
    if (warned.add(`${code} ${message}`)) warn({ code, message })
  }

  function reportThrown(error: unknown): void {
    warn({ code: 'listener', message: 'a listener threw', cause: error })
  }

  function publicState(): ClientState {
    return {
      status: STATUS[machine.at],
      live: machine.at === 'open' && current,
      current,
      scopes: answers,
      connection,
      attempts: machine.failures,
      retryAt: machine.at === 'waiting' ? machine.until : null,
      failure: machine.failure,
    }
  }

  function publish(): void {
    const next = publicState()
    if (sameState(state, next)) return
    state = next
    stateTopic.emit()
  }

  /* The machine and what follows from its moves */

  function dispatch(input: Input): void {
    const before = machine
    machine = move(before, input, { now: clock.now(), random: random() }, settings)
    /* Signs of life come with every chunk; the timer looks at them when it fires. */
    if (machine === before || input.type === 'heard') return
    const wasLive = isLive(before)
    const started = machine.at === 'opening' && machine.attempt !== before.attempt
    if (wasLive && (started || !isLive(machine))) {
      abort?.abort()
      abort = null
    }
    if (started) start(machine.attempt)
    schedule()
    if (machine.failure?.kind === 'http' && machine.failure !== before.failure) warnOnce('refused', machine.failure.message)
    publish()
  }

  function schedule(): void {
    if (timer !== null) clock.clearTimeout(timer)
    timer = null
    const wait = wakeIn(machine, clock.now(), settings)
    if (wait === null) return
    timer = clock.setTimeout(
      () => {
        timer = null
        const before = machine
        dispatch({ type: 'wake' })
        if (machine === before) schedule()
      },
      Math.min(LONGEST_TIMER, Math.max(0, Math.ceil(wait))),
    )
  }

  function start(attempt: number): void {
    const asked = scopes
    const controller = new AbortController()
    abort = controller
    const changes = options.changes ? '&changes=1' : ''
    const url = `${options.url.replace(/\/+$/, '')}/v1/stream?${ledger.query(asked)}${changes}`
    let opened = false
    readStream(
      { url, fetch, credentials: options.credentials ?? 'same-origin', signal: controller.signal, now: clock.now },
      {
        onHeard: () => dispatch({ type: 'heard', attempt }),
        onRetry: (milliseconds) => dispatch({ type: 'retry', attempt, milliseconds }),
        onMessage(message) {
          /* One chunk may hold several messages, and a listener of the first may have disconnected. */
          if (!isCurrent(attempt)) return
          const decoded = decode(message.event, message.data)
          switch (decoded.name) {
            case 'unknown':
              warnOnce('unknown-event', `the server sent an event that this version does not know: ${message.event.slice(0, 60)}`)
              break
            case 'unreadable':
              takeUnreadable(attempt, decoded.event)
              break
            case 'ready':
              takeReady(attempt, decoded.value, opened ? null : asked)
              opened = true
              break
            default:
              takeEvent(decoded)
          }
        },
      },
    ).then((failure) => dispatch({ type: 'ended', attempt, failure }))
  }

  function isCurrent(attempt: number): boolean {
    return isLive(machine) && machine.attempt === attempt
  }

  function takeReady(attempt: number, ready: ReadyEvent, asked: readonly string[] | null): void {
    const answered = Object.keys(ready.scopes)
    if (asked) ledger.opened(ready.position, answered, asked)
    else ledger.joined(answered)
    answers = asked ? ready.scopes : { ...answers, ...ready.scopes }
    current = ready.current
    connection = ready.connection
    dispatch({ type: 'ready', attempt, heartbeat: ready.heartbeat * 1000 })
    if (isCurrent(attempt)) topics.ready.emit(ready)
  }

  function takeEvent(decoded: Exclude<ReturnType<typeof decode>, { name: 'ready' | 'unknown' | 'unreadable' }>): void {
    switch (decoded.name) {
      case 'stale':
        topics.stale.emit(decoded.value)
        break
      case 'reset':
        topics.reset.emit(decoded.value)
        break
      case 'notice':
        if (notices.add(decoded.value.id)) topics.notice.emit(decoded.value)
        break
      case 'revoked': {
        /* Not asked for again by itself: one forbidden scope would have the whole stream refused. */
        const { scope } = decoded.value
        ledger.revoked(scope)
        scopes = scopes.filter((one) => one !== scope)
        answers = { ...answers, [scope]: 'revoked' }
        publish()
        topics.revoked.emit(decoded.value)
        break
      }
      case 'heartbeat':
        ledger.repeated(decoded.value.position)
        current = decoded.value.current
        publish()
        topics.heartbeat.emit(decoded.value)
        break
      case 'position':
        ledger.granted(decoded.value.position)
        topics.position.emit(decoded.value)
        break
    }
  }

  /** A known event that makes no sense may have carried marks, so everything counts as stale. A `ready` that makes no
   *  sense leaves nothing to go on with. */
  function takeUnreadable(attempt: number, event: EventName): void {
    warnOnce('unreadable-event', `the server sent a ${event} event that cannot be understood`)
    if (event === 'ready') {
      dispatch({ type: 'ended', attempt, failure: { kind: 'protocol', message: 'the ready event cannot be understood' } })
    } else if (event === 'stale' || event === 'reset') {
      topics.reset.emit({ scopes: Object.keys(answers), reason: 'unreadable', spread: 0 })
    }
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
    setScopes(next) {
      const wanted = unique(next)
      const same = wanted.length === scopes.length && wanted.every((scope) => scopes.includes(scope))
      scopes = wanted
      if (!same) dispatch({ type: 'rescope' })
    },
    getState: () => state,
    subscribe: (listener) => stateTopic.add(listener),
    getPosition: () => ledger.resume(),
    onReady: (listener) => topics.ready.add(listener),
    onStale: (listener) => topics.stale.add(listener),
    onReset: (listener) => topics.reset.add(listener),
    onNotice: (listener) => topics.notice.add(listener),
    onRevoked: (listener) => topics.revoked.add(listener),
    onHeartbeat: (listener) => topics.heartbeat.add(listener),
    onPosition: (listener) => topics.position.add(listener),
  }
}

const STATUS: Record<Machine['at'], ConnectionStatus> = {
  idle: 'disconnected',
  opening: 'connecting',
  open: 'connected',
  waiting: 'disconnected',
  failed: 'error',
}

function sameState(a: ClientState, b: ClientState): boolean {
  return (Object.keys(a) as (keyof ClientState)[]).every((name) => a[name] === b[name])
}

function unique(scopes: readonly string[]): string[] {
  return [...new Set(scopes)]
}
