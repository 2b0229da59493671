/* Waiting for what happens instead of for a time. */

/** How much slower than a release build the server under test may be. */
export const SLOWER = Number(process.env['UNSTALE_SLOWER'] ?? '1')

/** How long something may take that happens at once. A test that is right never waits for its end. */
export const PATIENCE = 15_000 * SLOWER

/** Something that changes, and on which tests wait. */
export class Watched {
  readonly #waiting = new Set<() => void>()

  /** To be called after each change. */
  protected changed(): void {
    for (const look of [...this.#waiting]) look()
  }

  /** What a time-out says about the state that was there instead. */
  protected described(): string {
    return ''
  }

  /** The first value that is not undefined, null or false. */
  until<T>(what: string, look: () => T | undefined | null | false, patience = PATIENCE): Promise<T> {
    return new Promise((resolve, reject) => {
      const attempt = (): boolean => {
        let value: T | undefined | null | false
        try {
          value = look()
        } catch (error) {
          done()
          reject(error)
          return true
        }
        if (value === undefined || value === null || value === false) return false
        done()
        resolve(value)
        return true
      }
      const timer = setTimeout(() => {
        done()
        reject(new Error(`in ${patience} ms: not ${what}. ${this.described()}`))
      }, patience)
      const done = (): void => {
        clearTimeout(timer)
        this.#waiting.delete(attempt)
      }
      this.#waiting.add(attempt)
      attempt()
    })
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** For what only asking again can tell (a counter, a file). */
export async function poll<T>(
  what: string,
  look: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  patience = PATIENCE,
): Promise<T> {
  const end = Date.now() + patience
  for (;;) {
    const value = await look()
    if (value !== undefined && value !== null && value !== false) return value
    if (Date.now() > end) throw new Error(`in ${patience} ms: not ${what}`)
    await sleep(20)
  }
}
