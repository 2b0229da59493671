/* The text/event-stream grammar, from text to messages, with no I/O.
 *
 * Chunks may be cut anywhere, also between the CR and the LF of one line end: a CR ends its line at once, so that
 * a message is never held back to wait for the next chunk, and a LF that follows it is swallowed.
 *
 * `id:` is read over on purpose: unstale repeats each position inside the data, which is where the client takes it from.
 */

export interface SseMessage {
  /** The text of `event:`; `message` when the peer named none. */
  event: string
  data: string
}

export interface SseHandlers {
  onMessage(message: SseMessage): void
  onRetry(milliseconds: number): void
}

export interface SseParser {
  /** Takes the next piece of text. Throws when one message grows beyond the limit; the parser is of no use after that. */
  feed(text: string): void
}

/** The server cuts its messages at 16 kB; a peer that sends this much without a message is not our server. */
const MAX_MESSAGE = 1 << 20

export function createSseParser(handlers: SseHandlers, limit: number = MAX_MESSAGE): SseParser {
  let partial = ''
  let event = ''
  let data: string | null = null
  let swallowLf = false
  let atStart = true

  function takeLine(line: string): void {
    if (line === '') {
      const message = data === null ? null : { event: event || 'message', data }
      event = ''
      data = null
      if (message) handlers.onMessage(message)
      return
    }
    const colon = line.indexOf(':')
    if (colon === 0) return
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'data') data = data === null ? value : `${data}\n${value}`
    else if (field === 'event') event = value
    else if (field === 'retry' && /^[0-9]+$/.test(value)) handlers.onRetry(Number(value))
  }

  return {
    feed(text) {
      if (text === '') return
      if (atStart) {
        atStart = false
        if (text.startsWith('\uFEFF')) text = text.slice(1)
      }
      if (swallowLf && text !== '') {
        swallowLf = false
        if (text[0] === '\n') text = text.slice(1)
      }
      const lineEnd = /[\r\n]/g
      let start = 0
      for (let found = lineEnd.exec(text); found; found = lineEnd.exec(text)) {
        const line = partial + text.slice(start, found.index)
        partial = ''
        start = found.index + 1
        if (found[0] === '\r') {
          if (start === text.length) swallowLf = true
          else if (text[start] === '\n') start += 1
        }
        lineEnd.lastIndex = start
        takeLine(line)
      }
      partial += text.slice(start)
      if (partial.length + (data?.length ?? 0) > limit) throw new Error(`a message of more than ${limit} characters`)
    },
  }
}
