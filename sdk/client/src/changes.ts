/* Changes of rows, for those who listen for them instead of for keys. */

import type { Change } from './events.ts'

export interface ChangeEvent extends Change {
  scope: string
}

/** What is told when the server cannot tell, or did not say, which rows changed: it matches every pattern. */
export function wholesale(scope: string): ChangeEvent {
  return { resource: '*', action: 'reset', scope }
}

/** `document:*` or `document`, `document:doc_1`, `*`. A change without an id, and one of many, may be of any row it covers. */
export function matches(pattern: string, { resource, id, ids }: Change): boolean {
  if (pattern === '*' || resource === '*') return true
  const colon = pattern.indexOf(':')
  if (resource !== (colon < 0 ? pattern : pattern.slice(0, colon))) return false
  const row = colon < 0 ? '*' : pattern.slice(colon + 1)
  if (row === '*' || row === id || ids?.some((one) => String(one) === row)) return true
  return id === undefined && ids === undefined
}
