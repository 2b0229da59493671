/* When a token has to be renewed: in time before it expires. Only a JWT tells; any other is renewed when it is refused. */

const EARLY = 30_000

/* Timers cannot wait longer than 2 ** 31 ms. */
const LONGEST = 2e9

/** Milliseconds, or null if the token does not say, or expires right now. */
export function refreshIn(token: string | null, now: number): number | null {
  try {
    const [, payload] = token!.split('.')
    const { exp } = JSON.parse(atob(payload!.replaceAll('-', '+').replaceAll('_', '/')))
    const left = exp * 1000 - now
    return left > 1000 ? Math.min(LONGEST, Math.max(left - EARLY, left / 2)) : null
  } catch {
    return null
  }
}
