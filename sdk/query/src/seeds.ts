/* The marks of late, for data that is written into the cache after them: by `setQueryData`, from a list into a detail; by
 * hydration, from a page that was rendered before. A fetch would have brought the new state; such data may be the old one. */

import type { ReportedMark } from './work.ts'

export interface SeedLog {
  add(mark: ReportedMark): void
  /** A mark that covers it and came after `seededAt`, ms since 1970; at any time if that is null. The first `ready` of a scope is
   *  then none: it says that data of before it may be old, and what is fetched is fetched anew after it. */
  find(covers: (mark: ReportedMark) => boolean, seededAt: number | null): ReportedMark | undefined
}

const MAX_MARKS = 500

export function createSeedLog(): SeedLog {
  const marks = new Map<string, ReportedMark & { at: number }>()
  return {
    add(mark) {
      if (marks.size > MAX_MARKS) {
        /* Precision is given up, never truth. */
        marks.clear()
        this.add({ scope: '*', key: [], from: 'reset' })
      }
      const id = JSON.stringify([mark.scope, mark.key, mark.from])
      marks.delete(id)
      marks.set(id, { ...mark, at: Date.now() })
    },
    find: (covers, seededAt) => [...marks.values()].find((mark) => (seededAt === null ? /^(stale|reset)$/.test(mark.from) : mark.at >= seededAt) && covers(mark)),
  }
}
