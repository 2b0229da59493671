/* Why an attempt or a connection ended, and what follows from it.
 *
 *   token      401, 4401            ask getToken for another one; then the usual waits
 *   forbidden  403, 4403            the right may be granted by a commit that is on its way: the usual waits
 *   mistake    400, 404, 405, 4400, 1002 …   the next attempt will hardly fare better: long waits, but never none at all
 *   later      429, 5xx, 1013       the server asks for time: Retry-After, or longer waits from the beginning
 *   restart    1001, 1012           it will be back soon: the usual waits, random from the first on
 *   lost       1006 and everything else that was no answer
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
  const code = status % 4000
  if (code === 401) return 'token'
  if (code === 403) return 'forbidden'
  if (code === 429 || code === 1013 || (code > 499 && code < 600)) return 'later'
  if (code === 1012 || code === 1001) return 'restart'
  return code > 399 && !/^100[056]$/.test(`${code}`) ? 'mistake' : 'lost'
}
