/* The events of the wire as types, and the only place that looks at unknown JSON.
 *
 * Extra fields are accepted, so that an old page survives a new server. What cannot be understood is never taken for
 * nothing: an answer in `ready` that is not known here counts as `reset`, and `decode` says `unreadable` for the rest.
 */

export type ScopeAnswer = 'fresh' | 'exact' | 'reset'

/** A query key, as TanStack Query has them; the empty key covers everything in its scope. */
export type Key = readonly unknown[]

export interface ReadyEvent {
  connection: string
  /** `exact`: nothing was missed beyond the marks that follow. `fresh`: nothing is promised about earlier data.
   *  `reset`: everything of the scope may be stale. */
  scopes: Readonly<Record<string, ScopeAnswer>>
  position: string
  /** Seconds. */
  heartbeat: number
  /** Whether the server's capture of changes is up to date. */
  current: boolean
  /** Refetch at a random time within so many ms. */
  spread: number
}

export interface Change {
  resource: string
  action: string
  id?: string
  /** Of a change of many rows at once, instead of `id`. */
  ids?: readonly string[]
  data?: Readonly<Record<string, unknown>>
}

export interface StaleEvent {
  /** A scope, or a family: `project:*` or `*`, which speaks for every scope in it. */
  scope: string
  keys: readonly Key[]
  spread: number
  changes?: readonly Change[]
}

export interface ResetEvent {
  scopes: readonly string[]
  reason: string
  spread: number
}

export interface NoticeEvent {
  id: string
  scope: string
  type: string
  data: unknown
}

export interface RevokedEvent {
  scope: string
}

export interface HeartbeatEvent {
  time: string
  current: boolean
  position: string
}

export interface PositionEvent {
  position: string
}

/** What was asked for on the open connection and is refused; `scope` if that is what it was about. */
export interface ErrorEvent {
  error: string
  scope?: string
}

export interface EventMap {
  ready: ReadyEvent
  stale: StaleEvent
  reset: ResetEvent
  notice: NoticeEvent
  revoked: RevokedEvent
  heartbeat: HeartbeatEvent
  position: PositionEvent
  error: ErrorEvent
}

export type EventName = keyof EventMap

export type Decoded =
  | { [N in EventName]: { name: N; value: EventMap[N] } }[EventName]
  | { name: 'unknown' }
  | { name: 'unreadable'; event: EventName }

type Json = Record<string, unknown>

export function decode(event: string, body: unknown): Decoded {
  if (!Object.hasOwn(IS_READABLE, event)) return { name: 'unknown' }
  const name = event as EventName
  const value = isObject(body) ? body : {}
  if (!IS_READABLE[name](value)) return { name: 'unreadable', event: name }
  if (name !== 'ready') return { name, value } as unknown as Decoded
  const scopes = Object.fromEntries(Object.entries(value.scopes as Json).map(([scope, answer]) => [scope, answer === 'exact' || answer === 'fresh' ? answer : 'reset']))
  return { name, value: { ...value, scopes } } as unknown as Decoded
}

/* What an event cannot do without. */
const IS_READABLE: Record<EventName, (value: Json) => boolean> = {
  ready: ({ scopes, position }) => isObject(scopes) && isText(position),
  stale: ({ scope, keys, changes = [] }) => isText(scope) && isList(keys, Array.isArray) && isList(changes, isObject),
  reset: ({ scopes }) => isList(scopes, isText),
  notice: ({ id }) => isText(id),
  revoked: ({ scope }) => isText(scope),
  heartbeat: ({ position }) => isText(position),
  position: ({ position }) => isText(position),
  error: () => true,
}

function isList(value: unknown, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne)
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
