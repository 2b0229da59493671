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
      const headers: Record<string, string> = { Accept: 'text/event-stream' }
      if (token !== null) headers.Authorization = `Bearer ${token}`
      const init: RequestInit = { headers, cache: 'no-store', credentials, signal: abort.signal }
      const gone = () => abort.signal.aborted
      read(() => fetch(`${url}/v1/stream?${query}`, init), gone, handlers, now).then((failure) => {
        if (!gone()) handlers.onEnd(failure)
      })
      return { close: () => abort.abort() }
    },
  }
}

/** Why it ended; never rejects. */
async function read(request: () => Promise<Response>, gone: () => boolean, handlers: TransportHandlers, now: () => number): Promise<Failure> {
  try {
    const response = await request()
    const { body, status } = response
    if (gone()) await body?.cancel()
    if (status !== 200) return await refusal(response, now())
    const type = response.headers.get('content-type') ?? ''
    if (!/^text\/event-stream\b/i.test(type) || !body) {
      await body?.cancel()
      return { kind: 'protocol', message: `the answer is ${type || 'empty'}, not an event stream` }
    }
    return await readBody(body, gone, handlers)
  } catch (error) {
    return { kind: 'network', message: messageOf(error) }
  }
}

async function readBody(body: ReadableStream<Uint8Array>, gone: () => boolean, handlers: TransportHandlers): Promise<Failure> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = createSseParser({
    onMessage(message) {
      if (!gone()) handlers.onEvent(message.event, parseJson(message.data))
    },
    onRetry: (milliseconds) => handlers.onRetry(milliseconds),
  })
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || gone()) return { kind: 'closed', message: 'the server ended the stream' }
      handlers.onHeard()
      try {
        parser.feed(decoder.decode(value, { stream: true }))
      } catch (error) {
        return { kind: 'protocol', message: messageOf(error) }
      }
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

/** With the sentence of `{"error": …}`, if it is ours; a body that has no end is ended with the attempt, by openTimeout. */
async function refusal(response: Response, now: number): Promise<Failure> {
  const { status, headers } = response
  const retryAfter = parseRetryAfter(headers.get('retry-after'), now)
  const reason: unknown = await response.json().then(({ error }) => error, () => '')
  const message = `the server answered ${status}${typeof reason === 'string' && reason && `: ${reason.slice(0, 300)}`}`
  return { kind: 'http', status, message, ...(retryAfter > 0 && { retryAfter }) }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
