/* One client for a tree, connected while the tree is shown. Effects do not run on a server, so nothing opens there.
 *
 * StrictMode mounts, unmounts and mounts again; so does a change of props in its way. So leaving is put off for a moment, and
 * who comes back within it finds everything as it was. */

import type { QueryClient } from '@tanstack/query-core'
import type { Resume, UnstaleClient } from '@unstale/client'
import { connectQueryClient } from '@unstale/query'
import type { ConnectOptions } from '@unstale/query'
import { createContext, createElement, useContext, useEffect } from 'react'
import type { ReactNode } from 'react'

const Context = createContext<UnstaleClient | null>(null)

export interface UnstaleProviderProps {
  /** Made outside of the component, or once by `useState(() => createClient(…))`. Another one for another user. */
  client: UnstaleClient
  /** Kept fresh, if given. */
  queryClient?: QueryClient
  /** For `connectQueryClient`; looked at when it connects. */
  options?: ConnectOptions
  /** What the backend read from `/v1/position` before it read the data that it rendered the page with. */
  resume?: Resume
  /** Default true. False while nobody is signed in, or where a persister connects. */
  connect?: boolean
  children?: ReactNode
}

interface Use {
  users: number
  end: () => void
}

/** What goes on with a client: its connection, by the client itself, and the query clients that it keeps fresh. */
const uses = new WeakMap<UnstaleClient, Map<object, Use>>()

/** Begins with the first user, ends with the last; of several trees, too. */
function use(client: UnstaleClient, what: object, begin: () => () => void): () => void {
  const all = uses.get(client) ?? new Map<object, Use>()
  uses.set(client, all)
  const mine = all.get(what) ?? { users: 0, end: begin() }
  all.set(what, mine)
  mine.users += 1
  return () => {
    mine.users -= 1
    setTimeout(() => {
      if (mine.users > 0 || all.get(what) !== mine) return
      all.delete(what)
      mine.end()
    })
  }
}

function enter({ client, queryClient, options, resume, connect = true }: UnstaleProviderProps): () => void {
  const leaves = queryClient ? [use(client, queryClient, () => connectQueryClient(queryClient, client, options))] : []
  if (resume) client.resume(resume)
  if (connect) {
    leaves.push(
      use(client, client, () => {
        client.connect()
        return client.disconnect
      }),
    )
  }
  return () => {
    for (const leave of leaves) leave()
  }
}

export function UnstaleProvider(props: UnstaleProviderProps): ReactNode {
  const { client, queryClient, connect, children } = props
  useEffect(() => enter(props), [client, queryClient, connect])
  return createElement(Context.Provider, { value: client }, children)
}

/** The client of the provider above. */
export function useUnstale(): UnstaleClient {
  const client = useContext(Context)
  if (!client) throw new Error('there is no UnstaleProvider above')
  return client
}
