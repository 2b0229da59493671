/* One attempt: a request, and its answer read to the end. Nothing here decides what happens next.
 *
 * By fetch, not by EventSource: EventSource gives up for good on any answer but 200, hides the status, and cannot be
 * given its address anew with each reconnect. The request carries no header that needs a preflight.
 */

import { parseRetryAfter } from './backoff.ts'
import type { Failure } from './machine.ts'
import { createSseParser } from './sse.ts'
import type { SseHandlers } from './sse.ts'

export type FetchLike = (url: string, init: RequestInit) => Promise<Response>

export interface StreamHandlers extends SseHandlers {
  /** Bytes arrived, whatever they mean: a comment is a sign of life too. */
  onHeard(): void
}

export interface StreamRequest {
  url: string
  fetch: FetchLike
  credentials: RequestCredentials
  signal: AbortSignal
  now: () => number
}

/** Resolves with why the stream ended; never rejects. After an abort nothing more is handed on. */
export async function readStream(request: StreamRequest, handlers: StreamHandlers): Promise<Failure> {
  const { signal } = request
  try {
    const response = await request.fetch(request.url, {
      headers: { Accept: 'text/event-stream' },
      cache: 'no-store',
      credentials: request.credentials,
      signal,
    })
    if (signal.aborted) await response.body?.cancel()
    if (response.status !== 200) return await refusal(response, request.now())
    const type = response.headers.get('content-type') ?? ''
    if (!/^text\/event-stream\b/i.test(type) || response.body === null) {
      await response.body?.cancel()
      return { kind: 'protocol', message: `the answer is ${type || 'empty'}, not an event stream` }
    }
    return await readBody(response.body, signal, handlers)
  } catch (error) {
    return { kind: 'network', message: error instanceof Error ? error.message : String(error) }
  }
}

async function readBody(body: ReadableStream<Uint8Array>, signal: AbortSignal, handlers: StreamHandlers): Promise<Failure> {
  const reader = body.getReader()
  const decoder = new TextDecoder()
  const parser = createSseParser(handlers)
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done || signal.aborted) return { kind: 'closed', message: 'the server ended the stream' }
      handlers.onHeard()
      try {
        parser.feed(decoder.decode(value, { stream: true }))
      } catch (error) {
        return { kind: 'protocol', message: error instanceof Error ? error.message : String(error) }
      }
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

const MAX_REFUSAL = 4096

async function refusal(response: Response, now: number): Promise<Failure> {
  const failure: Failure = { kind: 'http', status: response.status, message: `the server answered ${response.status}` }
  const retryAfter = parseRetryAfter(response.headers.get('retry-after'), now)
  if (retryAfter > 0) failure.retryAfter = retryAfter
  const reason = await readReason(response)
  if (reason !== '') failure.message += `: ${reason}`
  return failure
}

/** The sentence of `{"error": …}`; empty when the body is something else, such as a proxy's page. */
async function readReason(response: Response): Promise<string> {
  if (response.body === null) return ''
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    while (text.length < MAX_REFUSAL) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
    const json: unknown = JSON.parse(text)
    const reason = typeof json === 'object' && json !== null && 'error' in json ? json.error : ''
    return typeof reason === 'string' ? reason.slice(0, 300) : ''
  } catch {
    return ''
  } finally {
    reader.cancel().catch(() => {})
  }
}
