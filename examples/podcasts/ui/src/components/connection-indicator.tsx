import { useSSEContext } from '../providers/sse-provider.tsx'

export function ConnectionIndicator() {
  const { connectionState, reconnect } = useSSEContext()

  return (
    <div role="status" className="connection-indicator">
      {connectionState !== 'connected' && (
        <div className={`indicator indicator-${connectionState}`}>
          {connectionState === 'connecting' && 'Connecting...'}
          {connectionState === 'disconnected' && 'Reconnecting...'}
          {connectionState === 'error' && (
            <button type="button" onClick={reconnect}>
              Connection lost. Click to retry.
            </button>
          )}
        </div>
      )}
    </div>
  )
}
