import { queryClient } from '../lib/queryClient';

interface CacheInvalidationPayload {
  resource: 'project' | 'sprint' | 'task' | 'project_members';
  id?: string;
  action: 'INSERT' | 'UPDATE' | 'DELETE';
  project_id: string;
  timestamp: string;
}

interface WebSocketMessage {
  type: 'cache_invalidate' | 'reconnect';
  resource?: string;
  action?: string;
  data?: CacheInvalidationPayload | { reason: string };
  project_id?: string;
}

class CacheInvalidationService {
  private ws: WebSocket | null = null;
  private reconnectAttempts = 0;
  private maxReconnectAttempts = 10;
  private reconnectDelay = 1000; // Start with 1 second
  private maxReconnectDelay = 30000; // Max 30 seconds
  private reconnectTimer: NodeJS.Timeout | null = null;
  private isConnecting = false;

  connect(projectId: string, accessToken: string) {
    if (this.isConnecting || (this.ws && this.ws.readyState === WebSocket.OPEN)) {
      return;
    }

    this.isConnecting = true;
    const wsUrl = `${process.env.REACT_APP_WS_URL || 'wss://devhive-go-backend.fly.dev'}/api/v1/messages/ws?project_id=${projectId}`;

    try {
      this.ws = new WebSocket(wsUrl, [], {
        headers: {
          Authorization: `Bearer ${accessToken}`,
        },
      } as any);

      this.ws.onopen = () => {
        console.log('Cache invalidation WebSocket connected');
        this.isConnecting = false;
        this.reconnectAttempts = 0;
        this.reconnectDelay = 1000;
      };

      this.ws.onmessage = (event) => {
        try {
          const message: WebSocketMessage = JSON.parse(event.data);
          this.handleMessage(message);
        } catch (error) {
          console.error('Failed to parse WebSocket message:', error);
        }
      };

      this.ws.onerror = (error) => {
        console.error('WebSocket error:', error);
        this.isConnecting = false;
      };

      this.ws.onclose = () => {
        console.log('Cache invalidation WebSocket disconnected');
        this.isConnecting = false;
        this.ws = null;
        this.scheduleReconnect(projectId, accessToken);
      };
    } catch (error) {
      console.error('Failed to create WebSocket connection:', error);
      this.isConnecting = false;
      this.scheduleReconnect(projectId, accessToken);
    }
  }

  private scheduleReconnect(projectId: string, accessToken: string) {
    if (this.reconnectAttempts >= this.maxReconnectAttempts) {
      console.error('Max reconnection attempts reached. Cache invalidation unavailable.');
      return;
    }

    if (this.reconnectTimer) {
      clearTimeout(this.reconnectTimer);
    }

    this.reconnectTimer = setTimeout(() => {
      this.reconnectAttempts++;
      this.reconnectDelay = Math.min(
        this.reconnectDelay * 2,
        this.maxReconnectDelay
      );
      console.log(`Reconnecting cache invalidation WebSocket (attempt ${this.reconnectAttempts})...`);
      this.connect(projectId, accessToken);
    }, this.reconnectDelay);
  }

  private handleMessage(message: WebSocketMessage) {
    switch (message.type) {
      case 'cache_invalidate':
        this.handleCacheInvalidation(message.data as CacheInvalidationPayload);
        break;
      case 'reconnect':
        // On reconnect, invalidate all caches and refetch
        console.log('Cache invalidation reconnected, invalidating all caches');
        queryClient.invalidateQueries();
        break;
      default:
        console.warn('Unknown WebSocket message type:', message.type);
    }
  }

  private handleCacheInvalidation(payload: CacheInvalidationPayload) {
    const { resource, id, action, project_id } = payload;

    console.log(`Cache invalidation: ${resource} ${action}`, { id, project_id });

    // Invalidate based on resource type
    switch (resource) {
      case 'project':
        if (id) {
          // Invalidate specific project
          queryClient.invalidateQueries({ queryKey: ['projects', 'detail', id] });
        }
        // Always invalidate project list
        queryClient.invalidateQueries({ queryKey: ['projects', 'list'] });
        break;

      case 'sprint':
        if (id) {
          queryClient.invalidateQueries({ queryKey: ['sprints', 'detail', id] });
        }
        // Invalidate sprints for the project
        queryClient.invalidateQueries({ queryKey: ['sprints', 'list', project_id] });
        // Also invalidate project bundle (which includes sprints)
        queryClient.invalidateQueries({ queryKey: ['projects', 'bundle', project_id] });
        break;

      case 'task':
        if (id) {
          queryClient.invalidateQueries({ queryKey: ['tasks', 'detail', id] });
        }
        // Invalidate tasks for the project
        queryClient.invalidateQueries({ queryKey: ['tasks', 'list', project_id] });
        // Invalidate sprint tasks if task belongs to a sprint
        queryClient.invalidateQueries({ queryKey: ['tasks', 'sprint'] });
        break;

      case 'project_members':
        // For member changes, immediately refetch active queries to update UI
        queryClient.refetchQueries({
          queryKey: ['projectMembers', project_id],
          exact: false // Refetch all queries that start with this key
        });
        queryClient.refetchQueries({
          queryKey: ['projects', 'bundle', project_id],
          exact: false
        });
        // Invalidate project list (will refetch when user navigates to it)
        queryClient.invalidateQueries({ queryKey: ['projects', 'list'] });
        console.log(`✅ Refetched project members for project ${project_id}`);
        break;

      default:
        console.warn('Unknown resource type for cache invalidation:', resource);
    }
  }

  disconnect() {
    if (this.reconnectTimer) {
      clearTimeout(this.reconnectTimer);
      this.reconnectTimer = null;
    }

    if (this.ws) {
      this.ws.close();
      this.ws = null;
    }

    this.reconnectAttempts = 0;
    this.reconnectDelay = 1000;
  }
}

export const cacheInvalidationService = new CacheInvalidationService();
