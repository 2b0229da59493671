export { createClient } from './client.ts'
export type {
  ClientOptions,
  ClientState,
  ClientWarning,
  Clock,
  ConnectionStatus,
  UnstaleClient,
} from './client.ts'
export type {
  Change,
  HeartbeatEvent,
  Key,
  NoticeEvent,
  PositionEvent,
  ReadyEvent,
  ResetEvent,
  RevokedEvent,
  ScopeAnswer,
  StaleEvent,
} from './events.ts'
export type { Resume } from './ledger.ts'
export type { Failure } from './machine.ts'
export type { PageTargets } from './browser.ts'
export type { FetchLike } from './stream.ts'
export type { Unsubscribe } from './topic.ts'
