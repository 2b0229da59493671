/* Changes of rows, for those who listen for them instead of for keys. */

import type { Change } from './events.ts'

export interface ChangeEvent extends Change {
  scope: string
}

/** What is told when the server cannot tell, or did not say, which rows changed: it matches every pattern. */
export const WHOLESALE: Change = { resource: '*', action: 'reset' }

/** `document:*` or `document`, `document:doc_1`, `*`. A change without an id, and one of many, may be of any row it covers. */
export function matches(pattern: string, { resource, id, ids = id === undefined ? undefined : [id] }: Change): boolean {
  const [, wanted, row = '*'] = /^([^:]*):?(.+)?/.exec(pattern) as unknown as [string, string, string?]
  return pattern === '*' || resource === '*' || (resource === wanted && (row === '*' || !ids || ids.some((one) => String(one) === row)))
}
