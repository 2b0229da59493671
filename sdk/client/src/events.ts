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
  if (!Object.hasOwn(SHAPES, event)) return { name: 'unknown' }
  const name = event as EventName
  const value: Json = {}
  for (const member of SHAPES[name].split(' ')) {
    const [field = '', needed] = member.split('!')
    const found = (READERS[field] ?? text)(isObject(body) ? body[field] : undefined, event)
    if (found !== undefined) value[field] = found
    else if (needed === '') return { name: 'unreadable', event: name }
  }
  return { name, value } as unknown as Decoded
}

/* The members of each event; with a mark those that it cannot do without. */
const SHAPES: Record<EventName, string> = {
  ready: 'connection scopes! position! heartbeat current spread',
  stale: 'scope! keys! spread changes',
  reset: 'scopes! reason spread',
  notice: 'id! scope type data',
  revoked: 'scope!',
  heartbeat: 'time current position!',
  position: 'position!',
  error: 'error scope',
}

const amount = (value: unknown) => (Number(value) > 0 && Number(value) < Infinity ? value : 0)

/** By member, where it is not text: what it is, or undefined when it cannot be understood. */
const READERS: Record<string, (value: unknown, event: string) => unknown> = {
  changes: (value) => (Array.isArray(value) ? value.filter(isChange) : undefined),
  current: (value) => value === true,
  data: (value) => value,
  heartbeat: amount,
  keys: (value) => (Array.isArray(value) && value.every(Array.isArray) ? value : undefined),
  scopes(value, event) {
    if (event !== 'ready') return Array.isArray(value) && value.every(isText) ? value : undefined
    return isObject(value) ? Object.fromEntries(Object.entries(value).map(([scope, answer]) => [scope, answer === 'exact' || answer === 'fresh' ? answer : 'reset'])) : undefined
  },
  spread: amount,
}

function text(value: unknown): string | undefined {
  return isText(value) ? value : undefined
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function isChange(value: unknown): value is Change {
  return isObject(value) && isText(value.resource) && isText(value.action)
}
