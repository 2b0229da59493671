/* The last `capacity` different texts, to tell what was seen before. */

export interface Recent {
  /** False if the text is among those remembered. */
  add(text: string): boolean
}

export function createRecent(capacity: number): Recent {
  const seen = new Set<string>()
  return {
    add(text) {
      if (seen.has(text)) return false
      seen.add(text)
      if (seen.size > capacity) {
        const [oldest] = seen
        if (oldest !== undefined) seen.delete(oldest)
      }
      return true
    },
  }
}
