/* The last thousand different texts, to tell what was seen before. */

const CAPACITY = 1000

/** Remembers it. */
export function isNew(seen: Set<string>, text: string): boolean {
  if (seen.has(text)) return false
  seen.add(text)
  if (seen.size > CAPACITY) for (const oldest of seen) return seen.delete(oldest)
  return true
}
