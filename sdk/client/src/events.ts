/* The events of the wire as types, and the only place that looks at unknown JSON.
 *
 * Extra fields are accepted, so that an old page survives a new server. What cannot be understood is never taken for
 * nothing: an answer in `ready` that is not known here counts as `reset`, and `read` gives null for the rest.
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

/** The last event of a stream that ends for a reason, with the code that a WebSocket would be closed with. */
export interface ClosedEvent {
  code: number
  error: string
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
  closed: ClosedEvent
}

export type EventName = keyof EventMap

/* The text that an event cannot do without; lists and answers are looked at in `isWhole`. */
const NEEDS = {
  ready: 'position',
  stale: 'scope',
  reset: 'reason',
  notice: 'id',
  revoked: 'scope',
  heartbeat: 'position',
  position: 'position',
  error: 'error',
  closed: 'error',
} satisfies Record<EventName, string>

export const EVENTS = Object.keys(NEEDS) as EventName[]

type Json = Record<string, unknown>

export function isEvent(name: string): name is EventName {
  return Object.hasOwn(NEEDS, name)
}

/** Null if it is unreadable or no event that is known here. */
export function read(event: string, body: unknown): EventMap[EventName] | null {
  const name = event as EventName
  const value = (body ?? {}) as Json
  if (!isText(value[NEEDS[name]]) || !isWhole(name, value)) return null
  if (name !== 'ready') return value as never
  const scopes = { ...(value.scopes as Json) }
  for (const scope in scopes) if (!/^(exact|fresh)$/.test(scopes[scope] as string)) scopes[scope] = 'reset'
  return { ...value, scopes } as never
}

function isWhole(name: EventName, { scopes, keys, changes = [] }: Json): boolean {
  if (name === 'ready') return Object(scopes) === scopes && !Array.isArray(scopes)
  if (name === 'reset') return isList(scopes, isText)
  return name !== 'stale' || (isList(keys, Array.isArray) && isList(changes, (change) => isText((change as Json | null)?.resource)))
}

function isList(value: unknown, isOne: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isOne)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
