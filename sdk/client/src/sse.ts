/* The text/event-stream grammar, from text to messages, with no I/O.
 *
 * Chunks may be cut anywhere, also between the CR and the LF of one line end: a CR ends its line at once, so that
 * a message is never held back to wait for the next chunk, and a LF that follows it is swallowed.
 *
 * A byte order mark is the decoder's business. `id:` is read over on purpose: unstale repeats each position inside the data, which is where the client takes it from.
 */

import { development } from './development.ts'

/** The server cuts its messages at 16 kB; a peer that sends this much without a message is not our server. */
const MAX_MESSAGE = 1 << 20

/** Takes text piece by piece. `onMessage` is given the text of `event:`, or `message` when the peer named none. Throws a
 *  RangeError when one message grows beyond the limit; the parser is of no use after that. */
export function createSseParser(
  onMessage: (event: string, data: string) => void,
  onRetry: (milliseconds: number) => void,
  limit: number = MAX_MESSAGE,
): (text: string) => void {
  let partial = ''
  let event = ''
  let data = ''
  let cut = false

  function takeLine(line: string): void {
    if (line) {
      const [field, value = ''] = line.split(/: ?([^]*)/)
      if (field === 'data') data += `\n${value}`
      else if (field === 'event') event = value
      else if (field === 'retry' && /^\d+$/.test(value)) onRetry(+value)
      return
    }
    if (data) onMessage(event || 'message', data.slice(1))
    event = data = ''
  }

  return (text) => {
    if (!text) return
    const lines = (cut ? text.replace(/^\n/, '') : text).split(/\r\n?|\n/)
    cut = text.endsWith('\r')
    lines[0] = partial + lines[0]
    partial = lines.pop() as string
    lines.forEach(takeLine)
    if (partial.length + data.length > limit) throw new RangeError(development ? `more than ${limit} characters` : '')
  }
}
