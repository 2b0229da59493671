/* Which position to resume from, and which scopes it speaks for.
 *
 * A position says "all that was marked up to here has been sent". It says so only for the scopes that were held when it was
 * granted; resuming another scope from it would skip that scope's earlier marks. Such a scope is asked for as `fresh`.
 *
 * The position is the server's text.
 */

import type { ScopeAnswer } from './events.ts'

export interface Resume {
  position: string
  scopes: readonly string[]
}

export interface Ledger {
  /** The first `ready` of a connection, which asked for `asked`: from here on the position speaks for what it answers. What came
   *  with a pattern and was not held before cannot go on exactly from there: a right that came meanwhile. It becomes `fresh`. */
  opened(position: string, answers: Record<string, ScopeAnswer>, asked: readonly string[]): void
  /** A later `ready` on the same connection names a scope. It is held from `since` at once if it goes on exactly from there,
   *  else once the next tick is granted. One that is held already goes on from the lower of the two. */
  joined(scope: string, since: string | false): void
  left(scope: string): void
  /** A tick was granted (event `position`). */
  granted(position: string): void
  /** The granted position was repeated (event `heartbeat`). */
  repeated(position: string): void
  /** Another place to resume from, unless one was granted already. */
  adopt(resume: Resume): void
  resume(): Resume | null
  /** The query of the stream's address for these scopes. */
  query(scopes: readonly string[]): string
}

/** The one that is earlier; null if they are not of one life of the server. Positions are `<epoch>-<sequence>`, and this is
 *  the only place that looks into them. */
export function lower(a: string, b: string): string | null {
  const [epoch, sequence] = a.split('-') as [string, string]
  const [other, its] = b.split('-') as [string, string]
  return epoch === other ? (+sequence < +its ? a : b) : null
}

/** Does asking for this ask for that scope? */
export function covers(asked: string, scope: string): boolean {
  return asked === scope || (asked.endsWith('*') && scope.startsWith(asked.slice(0, -1)))
}

export function createLedger(): Ledger {
  let position = ''
  let held = new Set<string>()
  const joining = new Set<string>()
  /* A scope goes on from a lower position than the others: until all are together again, that is where to resume. */
  let behind = false
  return {
    opened(granted, answers, asked) {
      for (const scope in answers) if (!held.has(scope) && answers[scope] === 'exact') answers[scope] = 'fresh'
      position = granted
      /* `project:*` is answered by the scopes that it stands for; the pattern itself is held with them. */
      held = new Set([...Object.keys(answers), ...asked.filter((scope) => scope.endsWith('*'))])
      joining.clear()
      behind = false
    },
    joined(scope, since) {
      const from = since && lower(since, position)
      if (from) {
        held.add(scope)
        behind ||= from !== position
        position = from
      } else if (!held.has(scope)) joining.add(scope)
    },
    left(scope) {
      held.delete(scope)
      joining.delete(scope)
    },
    granted(granted) {
      position = granted
      behind = false
      for (const scope of joining) held.add(scope)
      joining.clear()
    },
    repeated(granted) {
      if (!behind) position = granted
    },
    adopt(resume) {
      if (position) return
      position = resume.position
      held = new Set(resume.scopes)
    },
    resume() {
      return position ? { position, scopes: [...held] } : null
    },
    query(scopes) {
      const parts = (name: string, values: readonly string[]) => values.map((value) => `&${name}=${encodeURIComponent(value)}`).join('')
      const fresh = scopes.filter((scope) => !held.has(scope))
      const resumed = position && scopes.some((scope) => held.has(scope))
      return (parts('scope', scopes) + (resumed ? parts('since', [position]) + parts('fresh', fresh) : '')).slice(1)
    },
  }
}
