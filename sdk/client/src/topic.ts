/* A list of listeners.
 *
 * A listener that unsubscribes, itself or another, is not called again, not even in the round that is going on; one that
 * is added in a round is first called in the next. One that throws is reported and disturbs neither the others nor the caller.
 */

export type Unsubscribe = () => void

export interface Topic<T> {
  add(listener: (value: T) => void): Unsubscribe
  emit(value: T): void
  /** Whether anybody listens. */
  has(): boolean
}

export function createTopic<T>(onThrown: (error: unknown) => void): Topic<T> {
  const entries = new Set<(value: T) => void>()
  return {
    add(listener) {
      /* A function of its own: the same listener subscribed twice is two subscriptions. */
      const entry = (value: T) => listener(value)
      entries.add(entry)
      return () => {
        entries.delete(entry)
      }
    },
    has: () => entries.size > 0,
    emit(value) {
      for (const entry of [...entries]) {
        if (!entries.has(entry)) continue
        try {
          entry(value)
        } catch (error) {
          onThrown(error)
        }
      }
    },
  }
}
