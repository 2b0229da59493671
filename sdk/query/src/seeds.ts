/* The marks of late, for data that is written into the cache after them: by `setQueryData`, from a list into a detail; by
 * hydration, from a page that was rendered before. A fetch would have brought the new state; such data may be the old one. */

import type { ReportedMark } from './work.ts'

export interface SeedLog {
  add(mark: ReportedMark): void
  /** A mark that covers it and came after `writtenAt`, ms since 1970. If it is `ageless`, at any time; but the first `ready` of a
   *  scope is then none: it says that data of before it may be old, and what is fetched is fetched anew after it. */
  find(covers: (mark: ReportedMark) => boolean, writtenAt: number, ageless: boolean): ReportedMark | undefined
}

const MAX_MARKS = 500

export function createSeedLog(): SeedLog {
  const marks = new Map<string, ReportedMark & { at: number }>()
  return {
    add(mark) {
      if (marks.size > MAX_MARKS) {
        /* Precision is given up, never truth. */
        marks.clear()
        mark = { scope: '*', key: [], from: 'reset' }
      }
      marks.set(JSON.stringify([mark.scope, mark.key, mark.from]), { ...mark, at: Date.now() })
    },
    find: (covers, writtenAt, ageless) => [...marks.values()].find((mark) => (mark.at >= writtenAt || (ageless && /^(stale|reset)$/.test(mark.from))) && covers(mark)),
  }
}
