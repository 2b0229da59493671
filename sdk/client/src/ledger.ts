/* Which position to resume from, and which scopes it speaks for.
 *
 * A position says "all that was marked up to here has been sent". It says so only for the scopes that were held when it was
 * granted; resuming another scope from it would skip that scope's earlier marks. Such a scope is asked for as `fresh`.
 *
 * The position is the server's text.
 */

export interface Resume {
  position: string
  scopes: readonly string[]
}

export interface Ledger {
  /** The first `ready` of a connection, which asked for `asked`: from here on the position speaks for what it answers. */
  opened(position: string, answered: readonly string[], asked: readonly string[]): void
  /** A later `ready` on the same connection: it adds scopes. Those that go on exactly from `since` are held from there at
   *  once, the others once the next tick is granted. */
  joined(answered: readonly string[], since: string | null): void
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
  const [, epochA, sequenceA] = /^(.*)-(\d+)$/.exec(a) ?? []
  const [, epochB, sequenceB] = /^(.*)-(\d+)$/.exec(b) ?? []
  if (sequenceA === undefined || sequenceB === undefined || epochA !== epochB) return null
  return BigInt(sequenceA) < BigInt(sequenceB) ? a : b
}

export function createLedger(initial: Resume | null): Ledger {
  let position = initial?.position ?? null
  let held = new Set(initial?.scopes ?? [])
  let joining = new Set<string>()
  /* A scope goes on from a lower position than the others: until all are together again, that is where to resume. */
  let behind = false
  return {
    opened(granted, answered, asked) {
      position = granted
      /* `project:*` is answered by the scopes that it stands for; the pattern itself is held with them. */
      held = new Set([...answered, ...asked.filter((scope) => scope.endsWith('*'))])
      joining = new Set()
      behind = false
    },
    joined(answered, since) {
      const from = since !== null && position !== null ? lower(since, position) : null
      for (const scope of answered) {
        if (from !== null) held.add(scope)
        else if (!held.has(scope)) joining.add(scope)
      }
      if (from === null) return
      position = from
      behind = true
    },
    left(scope) {
      held.delete(scope)
      joining.delete(scope)
    },
    granted(granted) {
      position = granted
      behind = false
      for (const scope of joining) held.add(scope)
      joining = new Set()
    },
    repeated(granted) {
      if (!behind) position = granted
    },
    adopt(resume) {
      if (position !== null) return
      position = resume.position
      held = new Set(resume.scopes)
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
