/* Which queries a mark speaks for: the key must cover the query's key, and the scope the query's scope. */

/** TanStack's `partialMatchKey`, and in addition a number and a string with the same text are equal, at any depth: an id
 *  is a number in one place and a part of an address in another. The empty key covers every key. */
export function keyCovers(mark: unknown, key: unknown): boolean {
  if (mark === key) return true
  if (typeof mark !== typeof key) {
    return isTextual(mark) && isTextual(key) && String(mark) === String(key)
  }
  if (isObject(mark) && isObject(key)) {
    return Object.keys(mark).every((name) => keyCovers(mark[name], key[name]))
  }
  return false
}

/** `*` covers every scope and `project:*` those that begin with `project:`. A query may itself be tied to such a family,
 *  when it shows data of all its scopes: then every scope of the family covers it. */
export function scopeCovers(mark: string, scope: string): boolean {
  return mark === scope || mark === '*' || scope === '*' || mark === familyOf(scope) || scope === familyOf(mark)
}

/** The text up to the first colon, and `:*`; null for a scope without a colon, whose only family is `*`. */
function familyOf(scope: string): string | null {
  const colon = scope.indexOf(':')
  return colon < 0 ? null : `${scope.slice(0, colon)}:*`
}

function isTextual(value: unknown): value is number | string {
  return typeof value === 'number' || typeof value === 'string'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
