/* The marks of late, for data that is written into the cache after them: by `setQueryData`, from a list into a detail; by
 * hydration, from a page that was rendered before. A fetch would have brought the new state; such data may be the old one. */

import type { WaitingMark } from './connect.ts'

export interface SeedLog {
  add(mark: WaitingMark): void
  /** A mark that covers it and came after `seededAt`, ms since 1970; at any time if that is null. */
  find(covers: (mark: WaitingMark) => boolean, seededAt: number | null): WaitingMark | null
}

const MAX_MARKS = 500

export function createSeedLog(): SeedLog {
  const marks = new Map<string, WaitingMark & { at: number }>()
  return {
    add({ scope, key }) {
      const id = JSON.stringify([scope, key])
      marks.delete(id)
      marks.set(id, { scope, key, at: Date.now() })
      if (marks.size <= MAX_MARKS) return
      /* Precision is given up, never truth. */
      marks.clear()
      marks.set('', { scope: '*', key: [], at: Date.now() })
    },
    find(covers, seededAt) {
      for (const mark of marks.values()) if ((seededAt === null ? mark.key.length > 0 : mark.at >= seededAt) && covers(mark)) return mark
      return null
    },
  }
}
