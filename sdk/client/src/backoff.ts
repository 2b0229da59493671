/* How long to wait before the next attempt.
 *
 * Full jitter: a random time between zero and a bound that doubles with each failure, because after a restart of the
 * server all its clients come back, and equal waits would bring them back together, again and again.
 */

export interface BackoffBounds {
  /** The bound of the first wait, ms. */
  base: number
  /** The bound never exceeds this, ms. */
  ceiling: number
}

/** What a server may ask for at most; beyond this it is taken for a mistake, since it would amount to giving up. */
export const LONGEST_SERVER_WAIT = 10 * 60_000

/** `failures` counts from 1; `random` is in [0, 1). */
export function fullJitter(failures: number, random: number, bounds: BackoffBounds): number {
  const bound = Math.min(bounds.ceiling, bounds.base * 2 ** Math.min(failures - 1, 30))
  return Math.floor(random * bound)
}

/** Adds what the server asked for. `retry:` is random per client already, so it is a floor; a `Retry-After` is the
 *  same for everybody whom the server turned away, so the jitter comes on top of it. */
export function nextWait(jitter: number, retry: number, retryAfter: number): number {
  return Math.max(Math.min(retry, LONGEST_SERVER_WAIT), Math.min(retryAfter, LONGEST_SERVER_WAIT) + jitter)
}

/** The header's milliseconds from `now`; 0 when absent or unreadable. It is either seconds or a date (RFC 9110, 10.2.3). */
export function parseRetryAfter(header: string | null, now: number): number {
  const value = header ?? ''
  return Math.max(0, /^\s*\d+\s*$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now) || 0
}
