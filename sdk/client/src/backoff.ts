/* How long to wait before the next attempt.
 *
 * Full jitter: a random time between zero and a bound that doubles with each failure, because after a restart of the
 * server all its clients come back, and equal waits would bring them back together, again and again.
 */

export interface BackoffBounds {
  /** The bound of the first wait, ms; default 1000. */
  backoffBase?: number | undefined
  /** The bound never exceeds this, ms; default 30000. */
  backoffCeiling?: number | undefined
}

/** What a server may ask for at most; beyond this it is taken for a mistake, since it would amount to giving up. */
export const LONGEST_SERVER_WAIT = 10 * 60_000

/** `failures` counts from 1; `random` is in [0, 1). */
export function fullJitter(failures: number, random: number, { backoffBase = 1000, backoffCeiling = 30_000 }: BackoffBounds): number {
  return Math.floor(random * Math.min(backoffCeiling, backoffBase * 2 ** (failures - 1)))
}

/** Adds what the server asked for. `retry:` is random per client already, so it is a floor; a `Retry-After` is the
 *  same for everybody whom the server turned away, so the jitter comes on top of it. */
export function nextWait(jitter: number, retry: number, retryAfter: number): number {
  return Math.max(Math.min(retry, LONGEST_SERVER_WAIT), Math.min(retryAfter, LONGEST_SERVER_WAIT) + jitter)
}

/** The header's milliseconds from `now`; 0 when absent or unreadable. It is either seconds or a date (RFC 9110, 10.2.3). */
export function parseRetryAfter(header: string | null, now: number): number {
  const seconds = +(header as string)
  return Math.max(0, seconds >= 0 ? seconds * 1000 : Date.parse(header as string) - now) || 0
}
