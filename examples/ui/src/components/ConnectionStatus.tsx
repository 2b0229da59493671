import { useEffect, useState } from 'react'
import { useLiveStatus } from '../live/live.tsx'

const PATIENCE = 500

/** Shown when the connection has been away for a moment; the first half second of a page is not news. */
export function ConnectionStatus() {
  const { connected } = useLiveStatus()
  const [late, setLate] = useState(false)

  useEffect(() => {
    if (connected) return setLate(false)
    const timer = setTimeout(() => setLate(true), PATIENCE)
    return () => clearTimeout(timer)
  }, [connected])

  return (
    <div role="status" className="connection-status">
      {!connected && late && <span>Reconnecting...</span>}
    </div>
  )
}

/** The steady sign, for the panel and the navigation. */
export function LiveSign() {
  const { connected, live } = useLiveStatus()
  const [kind, text, hint] = live
    ? ['live', 'Live', 'Every committed change reaches this page.']
    : connected
      ? ['behind', 'Not live', 'Connected, but the server cannot follow the database at the moment.']
      : ['offline', 'Offline', 'No connection. What you see may be out of date until it is back.']
  return (
    <span className={`live-sign live-sign-${kind}`} title={hint}>
      {text}
    </span>
  )
}
