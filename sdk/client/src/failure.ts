/* Why an attempt or a connection ended, and what follows from it.
 *
 *   token      401, 4401            ask getToken for another one; then the usual waits
 *   forbidden  403, 4403            the right may be granted by a commit that is on its way: the usual waits
 *   mistake    400, 404, 405, 4400, 1002 …   the next attempt will hardly fare better: long waits, but never none at all
 *   later      429, 5xx, 1011, 1013, 1014   the server asks for time: Retry-After, or longer waits from the beginning
 *   restart    1001, 1012           it will be back soon: the usual waits, random from the first on
 *   lost       1006, 1015 (no TLS) and everything else that was no answer
 */

export type FailureClass = 'token' | 'forbidden' | 'mistake' | 'later' | 'restart' | 'lost'

export interface Failure {
  /** `network`: no answer. `http`: refused with a status. `protocol`: an answer that is not our stream. `closed`: the
   *  stream ended. `silent`: two heartbeats stayed away. `timeout`: no `ready` in time. `token`: getToken failed. */
  kind: 'network' | 'http' | 'protocol' | 'closed' | 'silent' | 'timeout' | 'token'
  /** For people: what the server or the browser said beyond the kind, or the kind itself; with a little more around it in development. */
  message: string
  /** Of the HTTP answer, or the code that a WebSocket was closed with. */
  status?: number | undefined
  /** What the server's Retry-After asked for, ms. */
  retryAfter?: number
}

export function classify({ status = 0 }: Failure): FailureClass {
  /* 4401 and 4403 are 401 and 403 for those who cannot see a status. */
  const code = `${status % 4000}`
  if (code === '401') return 'token'
  if (code === '403') return 'forbidden'
  if (/^(429|5..|101[134])$/.test(code)) return 'later'
  if (/^10(01|12)$/.test(code)) return 'restart'
  return +code > 399 && !/^10(0[056]|15)$/.test(code) ? 'mistake' : 'lost'
}

/** The milliseconds of a Retry-After from `now`; 0 when absent or unreadable. It is either seconds or a date (RFC 9110, 10.2.3). */
export function parseRetryAfter(header: string | null, now: number): number {
  const seconds = +(header as string)
  return Math.max(0, seconds >= 0 ? seconds * 1000 : Date.parse(header as string) - now) || 0
}
