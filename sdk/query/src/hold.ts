/* Queries that a mutation still on its way is about. Refetching one of them now would fetch the state before the write and
 * put it over the optimistic one; its marks wait until the mutation has settled. */

import type { Mutation, Query, QueryClient, QueryKey } from '@tanstack/query-core'
import { keyCovers } from './match.ts'

/** `keys`: a pending mutation holds the keys in its `meta.holds` (a list, or a function of its variables), or else those that its `mutationKey` is a prefix of.
 *  `any`: it holds everything. `none`: it holds nothing. Or a function that gives the key prefixes it holds. */
export type HoldFor = 'keys' | 'any' | 'none' | ((mutation: Mutation<unknown, unknown, unknown, unknown>) => readonly QueryKey[])

export function pendingMutations(queryClient: QueryClient): Mutation<unknown, unknown, unknown, unknown>[] {
  return queryClient.getMutationCache().findAll({ status: 'pending' }) as Mutation<unknown, unknown, unknown, unknown>[]
}

/** The answer is good for the present moment only. */
export function heldNow(queryClient: QueryClient, holdFor: HoldFor): (query: Query) => boolean {
  const keys = pendingMutations(queryClient).flatMap((mutation) => keysOf(mutation, holdFor))
  return (query) => keys.some((key) => keyCovers(key, query.queryKey))
}

function keysOf(mutation: Mutation<unknown, unknown, unknown, unknown>, holdFor: HoldFor): readonly QueryKey[] {
  if (typeof holdFor === 'function') return holdFor(mutation)
  if (holdFor !== 'keys') return holdFor === 'any' ? [[]] : []
  const { meta, options, state } = mutation
  const own = meta?.holds ?? (options.mutationKey && [options.mutationKey])
  return [typeof own === 'function' ? own(state.variables) : own].flat().filter(Array.isArray)
}
