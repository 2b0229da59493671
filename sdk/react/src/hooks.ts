import type { ChangeEvent, ClientState, NoticeEvent } from '@unstale/client'
import { useEffect, useRef, useSyncExternalStore } from 'react'
import { useUnstale } from './provider.ts'

/** What a server renders, and the first render in the browser with it. */
const SERVER: ClientState = {
  status: 'disconnected',
  live: false,
  current: false,
  scopes: {},
  connection: null,
  attempts: 0,
  retryAt: null,
  failure: null,
  transport: null,
}
const onServer = () => SERVER

export function useConnectionState(): ClientState {
  const client = useUnstale()
  return useSyncExternalStore(client.subscribe as (listener: () => void) => () => void, client.getState, onServer)
}

/** Calls the last rendered `callback`, and none after the component is gone. */
function useLatest<T>(callback: (value: T) => void): (value: T) => void {
  const latest = useRef(callback)
  useEffect(() => {
    latest.current = callback
  })
  return useRef((value: T) => latest.current(value)).current
}

/** `document:*`, `document:doc_1` or `*`. */
export function useChanges(pattern: string, callback: (change: ChangeEvent) => void): void {
  const client = useUnstale()
  const call = useLatest(callback)
  useEffect(() => client.subscribe(pattern, call), [client, pattern])
}

/** All notices, or those of one type. */
export function useNotices(callback: (notice: NoticeEvent) => void, type?: string): void {
  const client = useUnstale()
  const call = useLatest(callback)
  useEffect(
    () =>
      client.onNotice((notice) => {
        if (type === undefined || notice.type === type) call(notice)
      }),
    [client, type],
  )
}
