/* Which position to resume from, and which scopes it speaks for.
 *
 * A position says "all that was marked up to here has been sent". It says so only for the scopes that were held when it was
 * granted; resuming another scope from it would skip that scope's earlier marks. Such a scope is asked for as `fresh`.
 *
 * The position is the server's text and is never looked into.
 */

export interface Resume {
  position: string
  scopes: readonly string[]
}

export interface Ledger {
  /** The first `ready` of a connection, which asked for `asked`: from here on the position speaks for what it answers. */
  opened(position: string, answered: readonly string[], asked: readonly string[]): void
  /** A later `ready` on the same connection: it adds scopes, which are held once the next tick is granted. */
  joined(answered: readonly string[]): void
  /** A tick was granted (event `position`). */
  granted(position: string): void
  /** The granted position was repeated (event `heartbeat`). */
  repeated(position: string): void
  revoked(scope: string): void
  resume(): Resume | null
  /** The query of the stream's address for these scopes. */
  query(scopes: readonly string[]): string
}

export function createLedger(initial: Resume | null): Ledger {
  let position = initial?.position ?? null
  let held = new Set(initial?.scopes ?? [])
  let joining = new Set<string>()
  return {
    opened(granted, answered, asked) {
      position = granted
      /* `project:*` is answered by the scopes that it stands for; the pattern itself is held with them. */
      held = new Set([...answered, ...asked.filter((scope) => scope.endsWith('*'))])
      joining = new Set()
    },
    joined(answered) {
      for (const scope of answered) if (!held.has(scope)) joining.add(scope)
    },
    granted(granted) {
      position = granted
      for (const scope of joining) held.add(scope)
      joining = new Set()
    },
    repeated(granted) {
      position = granted
    },
    revoked(scope) {
      held.delete(scope)
      joining.delete(scope)
    },
    resume() {
      return position === null ? null : { position, scopes: [...held] }
    },
    query(scopes) {
      const parts = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`)
      if (position !== null && scopes.some((scope) => held.has(scope))) {
        parts.push(`since=${encodeURIComponent(position)}`)
        for (const scope of scopes) if (!held.has(scope)) parts.push(`fresh=${encodeURIComponent(scope)}`)
      }
      return parts.join('&')
    },
  }
}
