/* Server-sent events, by fetch.
 *
 * Not by EventSource: that gives up for good on any answer but 200, hides the status, cannot carry a token, and cannot be
 * given its address anew with each reconnect. Without a token the request carries no header that needs a preflight.
 */

import { parseRetryAfter } from './backoff.ts'
import type { Failure } from './failure.ts'
import { createSseParser } from './sse.ts'
import { parseJson } from './transport.ts'
import type { Transport, TransportHandlers } from './transport.ts'

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>

export function sseTransport(fetch: FetchLike = (url, init) => globalThis.fetch(url, init), now: () => number = Date.now): Transport {
  return {
    name: 'sse',
    open({ url, query, token, credentials }, handlers) {
      const abort = new AbortController()
      const { signal } = abort
      const headers: Record<string, string> = { Accept: 'text/event-stream' }
      if (token !== null) headers.Authorization = `Bearer ${token}`
      const request = () => fetch(`${url}/v1/stream?${query}`, { headers, cache: 'no-store', credentials, signal })
      read(request, signal, handlers, now)
        .catch((error): Failure => ({ kind: 'network', message: messageOf(error) }))
        .then((failure) => {
          if (signal.aborted) return
          abort.abort()
          handlers.onEnd(failure)
        })
      return { close: () => abort.abort() }
    },
  }
}

/** Why it ended. */
async function read(request: () => Promise<Response>, signal: AbortSignal, { onEvent, onHeard, onRetry }: TransportHandlers, now: () => number): Promise<Failure> {
  const response = await request()
  const { body, status, headers } = response
  if (status !== 200) {
    /* With the sentence of `{"error": …}`, if it is ours; a body that has no end is ended with the attempt, by openTimeout. */
    const reason: unknown = await response.json().then(({ error }) => error, () => '')
    const message = `the server answered ${status}${typeof reason === 'string' && reason && `: ${reason.slice(0, 300)}`}`
    return { kind: 'http', status, message, retryAfter: parseRetryAfter(headers.get('retry-after'), now()) }
  }
  const type = headers.get('content-type')
  if (!/^text\/event-stream\b/i.test(type ?? '') || !body) return { kind: 'protocol', message: `no event stream but ${type}` }
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = createSseParser({
    onMessage({ event, data }) {
      if (!signal.aborted) onEvent(event, parseJson(data))
    },
    onRetry,
  })
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return { kind: 'closed', message: 'the server ended the stream' }
    onHeard()
    try {
      parser.feed(decoder.decode(value, { stream: true }))
    } catch (error) {
      return { kind: 'protocol', message: messageOf(error) }
    }
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
