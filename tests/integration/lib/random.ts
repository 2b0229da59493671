/* Random numbers that come again with the same seed (xorshift32, after Marsaglia). */

export class Random {
  readonly seed: number
  #state: number

  constructor(seed: number) {
    this.seed = seed
    this.#state = (seed ^ 0x9e3779b9) >>> 0 || 1
  }

  /** An integer in [0, n). */
  below(n: number): number {
    let x = this.#state
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    this.#state = x >>> 0
    return this.#state % n
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}

/** Of this run; a failure of a random test can be repeated with it. */
export const SEED = Number(process.env['UNSTALE_TEST_SEED'] ?? '1')
