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
  if (!Object.hasOwn(readers, event)) return { name: 'unknown' }
  const name = event as EventName
  const value = isObject(body) ? readers[name](body) : null
  return value === null ? { name: 'unreadable', event: name } : ({ name, value } as Decoded)
}

const readers: { [N in EventName]: (json: Json) => EventMap[N] | null } = {
  ready(json) {
    if (!isObject(json.scopes) || typeof json.position !== 'string') return null
    const scopes: Record<string, ScopeAnswer> = {}
    for (const [scope, answer] of Object.entries(json.scopes)) {
      scopes[scope] = answer === 'exact' || answer === 'fresh' ? answer : 'reset'
    }
    return {
      connection: text(json.connection),
      scopes,
      position: json.position,
      heartbeat: amount(json.heartbeat),
      current: json.current === true,
      spread: amount(json.spread),
    }
  },
  stale(json) {
    if (typeof json.scope !== 'string' || !Array.isArray(json.keys) || !json.keys.every(Array.isArray)) return null
    const stale: StaleEvent = { scope: json.scope, keys: json.keys, spread: amount(json.spread) }
    if (Array.isArray(json.changes)) stale.changes = json.changes.filter(isChange)
    return stale
  },
  reset(json) {
    if (!Array.isArray(json.scopes) || !json.scopes.every((scope) => typeof scope === 'string')) return null
    return { scopes: json.scopes, reason: text(json.reason), spread: amount(json.spread) }
  },
  notice(json) {
    if (typeof json.id !== 'string') return null
    return { id: json.id, scope: text(json.scope), type: text(json.type), data: json.data }
  },
  revoked(json) {
    return typeof json.scope === 'string' ? { scope: json.scope } : null
  },
  heartbeat(json) {
    if (typeof json.position !== 'string') return null
    return { time: text(json.time), current: json.current === true, position: json.position }
  },
  position(json) {
    return typeof json.position === 'string' ? { position: json.position } : null
  },
  error(json) {
    const error: ErrorEvent = { error: text(json.error) }
    if (typeof json.scope === 'string') error.scope = json.scope
    return error
  },
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isChange(value: unknown): value is Change {
  return isObject(value) && typeof value.resource === 'string' && typeof value.action === 'string'
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function amount(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0 ? value : 0
}
