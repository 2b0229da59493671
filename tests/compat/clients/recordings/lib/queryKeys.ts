import type { ProjectFilters, RecordingFilters } from '@/types';

export const queryKeys = {
  recordings: {
    all: ['recordings'] as const,
    list: (filters?: RecordingFilters) => ['recordings', 'list', filters] as const,
    detail: (id: string) => ['recordings', 'detail', id] as const,
  },
  projects: {
    all: ['projects'] as const,
    list: (filters?: ProjectFilters) => ['projects', 'list', filters] as const,
    detail: (id: string) => ['projects', 'detail', id] as const,
  },
  conversations: {
    all: ['conversations'] as const,
    list: () => ['conversations', 'list'] as const,
  },
  dashboard: {
    stats: ['dashboard', 'stats'] as const,
  },
  search: {
    history: ['search', 'history'] as const,
  },
};
