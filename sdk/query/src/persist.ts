/* A persister around yours, so that a cache that outlives its tab knows where it stands.
 *
 * The position says "everything that was marked up to here is in this cache, or flagged in it". That is true of one snapshot
 * only, so it is written inside it, in the same write: a snapshot and a position from two writes, or from two tabs, would
 * hide what lies between them. The client connects when the snapshot has been restored, never before: the marks of what was
 * missed must find the queries. */

import type { QueryClient } from '@tanstack/query-core'
import type { Resume, UnstaleClient } from '@unstale/client'
import { connections } from './connect.ts'
import type { WaitingMark } from './connect.ts'

/** As of @tanstack/query-persist-client-core, whose objects pass through whole. */
export interface PersisterLike<Snapshot> {
  persistClient(snapshot: Snapshot): void | Promise<void> | PromiseLike<void>
  restoreClient(): Snapshot | undefined | Promise<Snapshot | undefined> | PromiseLike<Snapshot | undefined>
  removeClient(): void | Promise<void> | PromiseLike<void>
}

interface Standing {
  resume: Resume | null
  waiting: readonly WaitingMark[]
}

export interface LivePersisterOptions {
  /** Connect when restored; default true. */
  connect?: boolean
}

/** `connectQueryClient` for the same query client has to be called before the snapshot is restored. */
export function livePersister<Snapshot extends object>(
  persister: PersisterLike<Snapshot>,
  client: Pick<UnstaleClient, 'getPosition' | 'resume' | 'connect'>,
  queryClient: QueryClient,
  { connect = true }: LivePersisterOptions = {},
) {
  /* After the hydration, which follows in the same turn as the answer. */
  const later = (marks: readonly WaitingMark[]) =>
    setTimeout(() => {
      connections.get(queryClient)?.restore(marks)
      if (connect) client.connect()
    })
  return {
    async persistClient(snapshot: Snapshot): Promise<void> {
      const standing: Standing = { resume: client.getPosition(), waiting: connections.get(queryClient)?.waiting() ?? [] }
      await persister.persistClient({ ...snapshot, unstale: standing })
    },
    async restoreClient(): Promise<Snapshot | undefined> {
      let standing: Standing | undefined
      try {
        const snapshot = await persister.restoreClient()
        standing = (snapshot as { unstale?: Standing } | undefined)?.unstale
        if (standing?.resume) client.resume(standing.resume)
        return snapshot
      } finally {
        later(standing?.waiting ?? [])
      }
    },
    async removeClient(): Promise<void> {
      await persister.removeClient()
    },
  }
}
