/* What the client needs of a way to the server. One `open` is one attempt; nothing in a transport decides what comes next. */

import type { Failure } from './failure.ts'

export interface TransportRequest {
  /** Of the server, without `/v1/…` and without a slash at its end; may be empty. */
  url: string
  /** The query of the stream's address: `scope=…`, where it goes on from (`since=…`, and `fresh=…` for scopes of which that does not
   *  speak), `changes=1`. */
  query: string
  scopes: readonly string[]
  token: string | null
  /** Undefined: as for fetch without them, `same-origin`. */
  credentials: RequestCredentials | undefined
}

export interface TransportHandlers {
  /** Bytes arrived, whatever they mean. */
  onHeard(): void
  /** The server wants no attempt before so many ms. */
  onRetry(milliseconds: number): void
  /** `body` is undefined when it cannot be read. */
  onEvent(name: string, body: unknown): void
  /** Called once at most, and not after `close`. */
  onEnd(failure: Failure): void
}

export interface Connection {
  /** Asks for, or tells, something on the open connection; absent where that takes a new one. */
  send?(message: Readonly<Record<string, unknown>>): void
  /** After this no handler is called. */
  close(): void
}

export interface Transport {
  readonly name: string
  open(request: TransportRequest, handlers: TransportHandlers): Connection
}

/** Null for what is not JSON: no event has such a body, so it is reported as unreadable. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
