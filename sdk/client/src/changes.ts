/* Changes of rows, for those who listen for them instead of for keys. */

import type { Change } from './events.ts'

export interface ChangeEvent extends Change {
  scope: string
}

/** What is told when the server cannot tell, or did not say, which rows changed: it matches every pattern. */
export const WHOLESALE: Change = { resource: '*', action: 'reset' }

/** `document:*` or `document`, `document:doc_1`, `*`. A change without an id, and one of many, may be of any row it covers. */
export function matches(pattern: string, { resource, id, ids }: Change): boolean {
  if (pattern === '*' || resource === '*') return true
  const row = pattern.slice(resource.length + 1) || '*'
  return `${pattern}:`.startsWith(`${resource}:`) && (row === '*' || (ids ?? [id ?? row]).some((one) => `${one}` === row))
}
