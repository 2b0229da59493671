import { useEffect, useRef } from 'react';
import { useQueryClient } from '@tanstack/react-query';
import { useSSEContext } from '@/providers/sse-provider';

export function useSSERecovery() {
  const queryClient = useQueryClient();
  const { connectionState } = useSSEContext();
  const previousStateRef = useRef(connectionState);

  useEffect(() => {
    const previous = previousStateRef.current;
    previousStateRef.current = connectionState;

    // Reconnected after being disconnected/error
    if (
      (previous === 'disconnected' || previous === 'error') &&
      connectionState === 'connected'
    ) {
      // Invalidate all to catch any missed events
      queryClient.invalidateQueries();
    }
  }, [connectionState, queryClient]);
}
