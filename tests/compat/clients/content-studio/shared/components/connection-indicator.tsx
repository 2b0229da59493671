import { useSSEContext } from '@/providers/sse-provider';
import { cn } from '@repo/ui/lib/utils';

export function ConnectionIndicator() {
  const { connectionState, reconnect } = useSSEContext();

  if (connectionState === 'connected') return null;

  return (
    <div
      className={cn(
        'fixed bottom-4 right-4 rounded-lg px-4 py-2 text-sm shadow-lg',
        connectionState === 'connecting' && 'bg-warning text-warning-foreground',
        connectionState === 'disconnected' && 'bg-muted text-muted-foreground',
        connectionState === 'error' && 'bg-destructive text-destructive-foreground'
      )}
    >
      {connectionState === 'connecting' && 'Connecting...'}
      {connectionState === 'disconnected' && 'Reconnecting...'}
      {connectionState === 'error' && (
        <button onClick={reconnect} className="underline">
          Connection lost. Click to retry.
        </button>
      )}
    </div>
  );
}
