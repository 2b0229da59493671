import { createContext, useContext, type ReactNode } from 'react';
import { useSSE, type SSEConnectionState } from '@/shared/hooks/use-sse';
import { authClient } from '@/clients/auth-client';

interface SSEContextValue {
  connectionState: SSEConnectionState;
  reconnect: () => void;
}

const SSEContext = createContext<SSEContextValue | null>(null);

export function SSEProvider({ children }: { children: ReactNode }) {
  const { data: session } = authClient.useSession();
  const isAuthenticated = !!session?.user;

  const sseState = useSSE({ enabled: isAuthenticated });

  return (
    <SSEContext.Provider value={sseState}>
      {children}
    </SSEContext.Provider>
  );
}

export function useSSEContext(): SSEContextValue {
  const context = useContext(SSEContext);
  if (!context) {
    throw new Error('useSSEContext must be used within SSEProvider');
  }
  return context;
}
