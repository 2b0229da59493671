/* Which queries a mark speaks for: the key must cover the query's key, and the scope the query's scope. */

/** TanStack's `partialMatchKey`, and in addition a number and a string with the same text are equal, at any depth: an id
 *  is a number in one place and a part of an address in another. The empty key covers every key. */
export function keyCovers(mark: unknown, key: unknown): boolean {
  if (mark === key) return true
  if (isObject(mark)) return isObject(key) && Object.keys(mark).every((name) => keyCovers(mark[name], key[name]))
  return !isObject(key) && (typeof mark === 'number') !== (typeof key === 'number') && `${mark}` === `${key}`
}

/** `*` covers every scope and `project:*` those that begin with `project:`. A query may itself be tied to such a family,
 *  when it shows data of all its scopes: then every scope of the family covers it. */
export function scopeCovers(mark: string, scope: string): boolean {
  return mark === scope || mark === '*' || scope === '*' || mark === familyOf(scope) || scope === familyOf(mark)
}

/** The text up to the first colon, and `:*`; a scope without a colon, whose only family is `*`, is left as it is. */
function familyOf(scope: string): string {
  return scope.replace(/:[^]*/, ':*')
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
