/* The rows as the backend sends them. Times are ms since 1970. */

export const STATUSES = ['uploaded', 'queued', 'transcribing', 'ready', 'failed'] as const
export type Status = (typeof STATUSES)[number]

export interface Recording {
  id: string
  title: string
  project_id: string | null
  project_name: string | null
  status: Status
  duration_s: number
  size_bytes: number
  created_at: number
  updated_at: number
}

export interface Project {
  id: string
  name: string
  description: string
  recordings: number
  duration_s: number
  created_at: number
  updated_at: number
}

export interface Conversation {
  id: string
  title: string
  recording_id: string | null
  recording_title: string | null
  message_count: number
  last_message: string
  created_at: number
  updated_at: number
}

export interface Search {
  id: string
  query: string
  created_at: number
}

export interface DashboardStats {
  totals: {
    recordings: number
    projects: number
    conversations: number
    duration_s: number
    size_bytes: number
    updated_at: number
  }
  by_status: { status: Status; recordings: number }[]
  by_day: { day: string; recordings: number; duration_s: number }[]
  recent: Recording[]
}

export interface RecordingFilters {
  page?: number
  pageSize?: number
  status?: string
  project?: string
  q?: string
}

export interface ProjectFilters {
  page?: number
  pageSize?: number
  q?: string
}
