export { createClient } from './client.ts'
export type {
  ClientOptions,
  ClientState,
  ClientWarning,
  Clock,
  ConnectionStatus,
  TokenReason,
  UnstaleClient,
  WireEvent,
} from './client.ts'
export type {
  Change,
  ClosedEvent,
  ErrorEvent,
  EventMap,
  EventName,
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
export { classify } from './failure.ts'
export type { Failure, FailureClass } from './failure.ts'
export type { ChangeEvent } from './changes.ts'
export type { PageTargets } from './browser.ts'
export { sseTransport } from './stream.ts'
export type { FetchLike } from './stream.ts'
export type { Connection, Transport, TransportHandlers, TransportRequest } from './transport.ts'
export { webSocketTransport } from './websocket.ts'
export type { Unsubscribe } from './topic.ts'
