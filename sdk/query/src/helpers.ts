/* What most applications would write themselves: defaults, a mutation cache, optimistic writes, keys. */

import { MutationCache } from '@tanstack/query-core'
import type { QueryClient, QueryKey } from '@tanstack/query-core'
import type { UnstaleClient } from '@unstale/client'

type Live = Pick<UnstaleClient, 'getState'>

/** For `defaultOptions.queries`: while the page is live, data is fresh until a push says otherwise and focus fetches nothing; while it is
 *  not, data is fresh for `otherwise` ms (30 s; no longer than the `staleAfter` of `connectQueryClient`), so that mounts and focus fetch
 *  again. */
export function liveDefaults(
  client: Live,
  { otherwise = 30_000 } = {},
): { staleTime: () => number; refetchOnMount: true; refetchOnWindowFocus: () => boolean; refetchOnReconnect: () => boolean } {
  const unless = () => !client.getState().live
  return {
    staleTime: () => (unless() ? otherwise : Infinity),
    refetchOnMount: true,
    refetchOnWindowFocus: unless,
    refetchOnReconnect: unless,
  }
}

/** A mutation cache after which no mutation has to invalidate anything: while the page is live the push does; while it is
 *  not, the keys in `meta.invalidates` are invalidated, or else the mutation's own key, or else everything. */
export function liveMutationCache(client: Live, queryClient: () => QueryClient, config: ConstructorParameters<typeof MutationCache>[0] = {}): MutationCache {
  return new MutationCache({
    ...config,
    onSettled(...args) {
      const mutation = args[4] as { meta?: Record<string, unknown>; options: { mutationKey?: QueryKey } }
      if (!client.getState().live) {
        const { invalidates } = mutation.meta ?? {}
        const own = mutation.options.mutationKey
        const keys = (Array.isArray(invalidates) ? invalidates : [own ?? []]) as QueryKey[]
        for (const queryKey of keys) void queryClient().invalidateQueries({ queryKey })
      }
      return config.onSettled?.(...args)
    },
  })
}

export interface OptimisticWrite<Variables> {
  /** Of a list or of a detail; every query that begins like that is written to. */
  key: QueryKey | ((variables: Variables) => QueryKey)
  /** What it will be, for what is cached; undefined to leave it alone. */
  update: (cached: never, variables: Variables) => unknown
}

interface Snapshot {
  queryKey: QueryKey
  before: unknown
  after: unknown
}

/** For `useMutation({ mutationFn, ...optimistic(queryClient, client, { writes }) })`. Shows the result at once, takes it back
 *  when the mutation fails, and is confirmed by the push: the marks of its keys wait until it has settled. */
export function optimistic<Variables>(
  queryClient: QueryClient,
  client: Live,
  { writes }: { writes: readonly OptimisticWrite<Variables>[] },
) {
  const keysOf = (variables: Variables) => writes.map(({ key }) => (typeof key === 'function' ? key(variables) : key))
  const invalidate = (variables: Variables) => {
    for (const queryKey of keysOf(variables)) void queryClient.invalidateQueries({ queryKey })
  }
  return {
    meta: { holds: keysOf as (variables: never) => readonly QueryKey[] } as Record<string, unknown>,
    async onMutate(variables: Variables): Promise<{ snapshots: Snapshot[] }> {
      const keys = keysOf(variables)
      await Promise.all(keys.map((queryKey) => queryClient.cancelQueries({ queryKey })))
      const snapshots: Snapshot[] = []
      keys.forEach((queryKey, index) => {
        for (const [found, before] of queryClient.getQueriesData({ queryKey })) {
          if (before === undefined) continue
          const after = writes[index]?.update(before as never, variables)
          if (after === undefined || after === before) continue
          queryClient.setQueryData(found, after)
          snapshots.push({ queryKey: found, before, after: queryClient.getQueryData(found) })
        }
      })
      return { snapshots }
    },
    onError(_error: unknown, variables: Variables, context: { snapshots: Snapshot[] } | undefined): void {
      for (const { queryKey, before, after } of [...(context?.snapshots ?? [])].reverse()) {
        /* What somebody else wrote meanwhile, a fetch or another mutation, is not taken back with it. */
        if (queryClient.getQueryData(queryKey) === after) queryClient.setQueryData(queryKey, before)
      }
      invalidate(variables)
    },
    onSuccess(_data: unknown, variables: Variables): void {
      if (!client.getState().live) invalidate(variables)
    },
  }
}

type Parts = readonly unknown[]
type Shape = Record<string, Record<string, (...args: never[]) => Parts>>
export type Keys<S extends Shape> = {
  readonly [R in keyof S & string]: { readonly all: readonly [R] } & {
    readonly [N in keyof S[R] & string]: ((...args: Parameters<S[R][N]>) => readonly [R, N, ...ReturnType<S[R][N]>]) & {
      readonly all: readonly [R, N]
    }
  }
}

/** `createKeys({ tasks: { list: (project: string) => [project] } }).tasks.list('42')` is `['tasks', 'list', '42']`;
 *  `.tasks.all` is `['tasks']` and `.tasks.list.all` is `['tasks', 'list']`. */
export function createKeys<const S extends Shape>(shape: S): Keys<S> {
  const keys: Record<string, Record<string, unknown>> = {}
  for (const [resource, kinds] of Object.entries(shape)) {
    const made: Record<string, unknown> = { all: [resource] }
    for (const [kind, parts] of Object.entries(kinds)) {
      made[kind] = Object.assign((...args: never[]) => [resource, kind, ...parts(...args)], { all: [resource, kind] })
    }
    keys[resource] = made
  }
  return keys as Keys<S>
}
