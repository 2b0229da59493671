/* What a developer should know, once each; not in production. */

import type { Query, QueryClient } from '@tanstack/query-core'

export interface Warnings {
  marked(query: Query): void
  invalidated(queries: readonly Query[]): void
  unmatched(key: readonly unknown[]): void
  dispose(): void
}

/** Of the page, as long as a query client is connected to them. */
const connected = new Set<{ client: object; url: string | undefined }>()

export function createWarnings(queryClient: QueryClient, client: { readonly url?: string; getState(): { live: boolean } }): Warnings {
  const said = new Set<string>()
  const live = new WeakSet<Query>()
  const say = (what: string, message: string) => {
    if (said.has(what)) return
    said.add(what)
    console.warn(`[unstale] ${message}`)
  }
  const { url } = client
  const mine = { client, url }
  connected.add(mine)
  /* Not at once: the one of before, of another user, may be about to go. */
  const later = setTimeout(() => {
    const second = [...connected].some((one) => one.url === url && one.client !== client)
    if (second && url !== undefined) say('second', `a second connection to ${url || 'the own origin'}: one client serves the whole page`)
  })
  return {
    marked(query) {
      live.add(query)
      const polls = query.observers?.some(({ options }) => options.refetchInterval)
      if (polls) say('poll', `the query ${query.queryHash} polls (refetchInterval) although its changes are pushed`)
    },
    invalidated(queries) {
      const [query] = queries.filter((one) => live.has(one))
      const settling = queryClient.getMutationCache().getAll().some(({ state }) => state.status === 'pending')
      if (query && settling) say('settled', `a mutation invalidates ${query.queryHash} although its change is pushed; see useMutation's onSettled`)
    },
    unmatched(key) {
      if (key.length > 0) say('unmatched', `the pushed key ${JSON.stringify(key)} matches no query; \`unstale explain\` shows what a change marks`)
    },
    dispose() {
      clearTimeout(later)
      connected.delete(mine)
    },
  }
}
