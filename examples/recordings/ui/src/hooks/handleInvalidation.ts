/* Which queries a message is about. The document invalidates all recordings for any of them; the id and the action say more, so
 * that a page about another recording, and the lists of projects, are left alone. */

import { resourceKeys } from '@unstale/query/map'
import type { ChangeTable, ScopedChange } from '@unstale/query/map'
import type { QueryKey } from '@tanstack/react-query'
import { queryKeys } from '../lib/queryKeys.ts'

const ofRecordings = resourceKeys('recordings')
const ofProjects = resourceKeys('projects')

const STATS: QueryKey = queryKeys.dashboard.stats
const CHATS: QueryKey = queryKeys.conversations.all

export const INVALIDATIONS: ChangeTable = {
  recordings: (change) => also(change, ofRecordings(change), {
    always: [STATS],
    /* A project shows how many recordings it has and how long they are; which project, the message does not say. */
    created: [queryKeys.projects.all],
    moved: [queryKeys.projects.all],
    deleted: [queryKeys.projects.all, CHATS],
    renamed: [CHATS],
    unknown: [queryKeys.projects.all, CHATS],
  }),
  projects: (change) => also(change, ofProjects(change), {
    always: [STATS],
    /* Recordings show the name of their project. */
    renamed: [queryKeys.recordings.all],
    deleted: [queryKeys.recordings.all],
    unknown: [queryKeys.recordings.all],
  }),
  conversations: (change) => also(change, [CHATS], { created: [STATS], deleted: [STATS], unknown: [STATS] }),
  search_history: [queryKeys.search.history],
}

/** `unknown`: it names no row, so it may have been anything. */
type Others = Partial<Record<'always' | 'unknown' | 'created' | 'moved' | 'renamed' | 'deleted', readonly QueryKey[]>>

function also({ id, action }: ScopedChange, own: ReturnType<typeof ofRecordings>, others: Others): QueryKey[] {
  const which = id === undefined ? 'unknown' : (action as keyof Others)
  return [...(own as QueryKey[]), ...(others.always ?? []), ...(others[which] ?? [])]
}
