/* Server-sent events, by fetch.
 *
 * Not by EventSource: that gives up for good on any answer but 200, hides the status, cannot carry a token, and cannot be
 * given its address anew with each reconnect. Without a token the request carries no header that needs a preflight.
 */

import { development } from './development.ts'
import { parseRetryAfter } from './failure.ts'
import type { Failure } from './failure.ts'
import { createSseParser } from './sse.ts'
import { parseJson } from './transport.ts'
import type { Transport } from './transport.ts'

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>

export function sseTransport(fetch?: FetchLike): Transport {
  return {
    name: 'sse',
    open({ url, query, token, credentials }, { onEvent, onHeard, onRetry, onEnd }) {
      const abort = new AbortController()
      const { signal } = abort

      /** Why it ended. */
      const run = async (): Promise<Failure> => {
        const response = await (fetch ?? globalThis.fetch)(`${url}/v1/stream?${query}`, {
          headers: { Accept: 'text/event-stream', ...(token && { Authorization: `Bearer ${token}` }) },
          cache: 'no-store',
          credentials: credentials as RequestCredentials,
          signal,
        })
        const { body, headers, status } = response
        if (status !== 200) {
          /* With the sentence of `{"error": …}`, if it is ours; a body that has no end is ended with the attempt, by openTimeout. */
          const reason: string = await response.json().then(({ error }) => (error ? `: ${error}`.slice(0, 300) : ''), () => '')
          return { kind: 'http', status, message: (development ? 'the server answered ' : '') + status + reason, retryAfter: parseRetryAfter(headers.get('retry-after'), Date.now()) }
        }
        const type = headers.get('content-type')
        if (!/^text\/event-stream\b/i.test(type as string) || !body) return { kind: 'protocol', message: `content-type: ${type}` }
        const reader = body.getReader()
        const decoder = new TextDecoder()
        const feed = createSseParser((event, data) => {
          if (!signal.aborted) onEvent(event, parseJson(data))
        }, onRetry)
        for (;;) {
          const { done, value } = await reader.read()
          if (done) return { kind: 'closed', message: 'closed' }
          onHeard()
          feed(decoder.decode(value, { stream: true }))
        }
      }

      run()
        .catch((error): Failure => ({ kind: error instanceof RangeError ? 'protocol' : 'network', message: messageOf(error) }))
        .then((failure) => {
          if (signal.aborted) return
          abort.abort()
          onEnd(failure)
        })
      return { close: () => abort.abort() }
    },
  }
}

export function messageOf(error: unknown): string {
  return (error as Error | null)?.message ?? `${error}`
}
