import { createContext, useContext, useEffect, useRef, useState } from 'react';
import { useQueryClient, QueryClient } from '@tanstack/react-query';
import { api } from '@/lib/api';
import { queryKeys } from '@/lib/queryKeys';

interface DataSyncContextValue {
  connected: boolean;
}

const DataSyncContext = createContext<DataSyncContextValue>({ connected: false });

export function useDataSyncStatus() {
  return useContext(DataSyncContext);
}

export function DataSyncProvider({ children }: { children: React.ReactNode }) {
  const queryClient = useQueryClient();
  const wsRef = useRef<WebSocket | null>(null);
  const [connected, setConnected] = useState(false);
  const reconnectAttempts = useRef(0);
  const maxReconnectAttempts = 5;

  useEffect(() => {
    function connect() {
      const wsUrl = api.getWebSocketUrl('/api/ws/sync');
      const ws = new WebSocket(wsUrl);
      wsRef.current = ws;

      ws.onopen = () => {
        setConnected(true);
        reconnectAttempts.current = 0;
        // Refetch all stale data after reconnect
        queryClient.invalidateQueries();
      };

      ws.onclose = () => {
        setConnected(false);
        if (reconnectAttempts.current < maxReconnectAttempts) {
          const delay = Math.min(1000 * 2 ** reconnectAttempts.current, 30000);
          reconnectAttempts.current++;
          setTimeout(connect, delay);
        }
      };

      ws.onmessage = (event) => {
        const data = JSON.parse(event.data);
        if (data.type === 'invalidate') {
          handleInvalidation(queryClient, data.resource, data.action, data.id);
        }
      };
    }

    connect();

    return () => wsRef.current?.close();
  }, [queryClient]);

  return (
    <DataSyncContext.Provider value={{ connected }}>
      {children}
    </DataSyncContext.Provider>
  );
}

function handleInvalidation(
  queryClient: QueryClient,
  resource: string,
  action: string,
  id?: string
) {
  switch (resource) {
    case 'recordings':
      queryClient.invalidateQueries({ queryKey: queryKeys.recordings.all });
      queryClient.invalidateQueries({ queryKey: queryKeys.dashboard.stats });
      break;
    case 'projects':
      queryClient.invalidateQueries({ queryKey: queryKeys.projects.all });
      queryClient.invalidateQueries({ queryKey: queryKeys.dashboard.stats });
      break;
    case 'conversations':
      queryClient.invalidateQueries({ queryKey: queryKeys.conversations.all });
      break;
    case 'search_history':
      queryClient.invalidateQueries({ queryKey: queryKeys.search.history });
      break;
  }
}
