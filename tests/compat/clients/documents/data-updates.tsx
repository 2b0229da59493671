/* The provider that the document describes and does not show: a stream with headers, patterns, subscribers that do not disturb
 * each other, and a refetch when the stream comes back. */
import { createParser } from 'eventsource-parser'
import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react'

export interface EntityEvent {
  type: string
  entity: string
  id: string | null
  ids?: string[]
  projectId: string
  data?: Record<string, any>
  timestamp: string
}
type Callback = (event: any) => void

interface DataUpdates {
  subscribe(pattern: string, callback: Callback): () => void
  connectionState: 'connecting' | 'connected'
}

const Context = createContext<DataUpdates | null>(null)
export const useDataUpdates = (): DataUpdates => useContext(Context) as DataUpdates

const subscribers = new Map<string, Set<Callback>>()

function dispatch(event: EntityEvent): void {
  for (const id of event.ids ?? [event.id])
    for (const pattern of [`${event.entity}:*`, `${event.entity}:${id}`])
      for (const callback of subscribers.get(pattern) ?? []) {
        try {
          callback({ ...event, id })
        } catch (error) {
          console.warn(error)
        }
      }
}

async function read(projectId: string, signal: AbortSignal, connected: () => void): Promise<void> {
  const answer = await fetch('/api/events/stream', { signal, headers: { Authorization: `Bearer ${location.hash.slice(1)}`, 'X-Project-Id': projectId } })
  const parser = createParser({
    onEvent: ({ event, data }) => {
      if (event === 'connected') connected()
      else if (event?.startsWith('entity.')) dispatch(JSON.parse(data) as EntityEvent)
    },
  })
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) parser.feed(part.value)
}

export function DataUpdatesProvider({ projectId, onReconnect, children }: { projectId: string; onReconnect: () => void; children: ReactNode }) {
  const [connectionState, setState] = useState<DataUpdates['connectionState']>('connecting')
  useEffect(() => {
    const abort = new AbortController()
    let times = 0
    const run = async (): Promise<void> => {
      while (!abort.signal.aborted) {
        await read(projectId, abort.signal, () => {
          setState('connected')
          if (times++ > 0) onReconnect()
        }).catch(() => undefined)
        if (!abort.signal.aborted) setState('connecting')
        await new Promise((resolve) => setTimeout(resolve, 200))
      }
    }
    void run()
    return () => abort.abort()
  }, [projectId, onReconnect])
  const value = useMemo(
    () => ({
      connectionState,
      subscribe: (pattern: string, callback: Callback) => {
        if (!subscribers.has(pattern)) subscribers.set(pattern, new Set())
        subscribers.get(pattern)!.add(callback)
        return () => void subscribers.get(pattern)!.delete(callback)
      },
    }),
    [connectionState],
  )
  return <Context value={value}>{children}</Context>
}

/** How many callbacks wait. */
export const subscribed = (): number => [...subscribers.values()].reduce((n, set) => n + set.size, 0)
