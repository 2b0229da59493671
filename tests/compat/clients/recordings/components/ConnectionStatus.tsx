import { useDataSyncStatus } from '@/hooks/useDataSync';

export function ConnectionStatus() {
  const { connected } = useDataSyncStatus();

  if (connected) return null;

  return (
    <div className="fixed bottom-4 right-4 bg-yellow-500 text-black px-3 py-1 rounded text-sm">
      Reconnecting...
    </div>
  );
}
