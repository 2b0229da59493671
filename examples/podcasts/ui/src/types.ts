export type Status = 'new' | 'drafting' | 'ready' | 'failed'

export interface Segment {
  speaker: string
  text: string
}

export interface PodcastRow {
  id: string
  title: string
  status: Status
  document_id: string | null
  document_title: string | null
  audio_url: string | null
  created_at: number
  updated_at: number
}

export interface Podcast extends Omit<PodcastRow, 'audio_url'> {
  segments: Segment[]
  audioUrl: string | null
}

export interface DocumentRow {
  id: string
  title: string
  created_at: number
  updated_at: number
}

export interface Document extends DocumentRow {
  body: string
}

/* What the document of this application calls the contract of its events. */

export type JobType = 'generate-podcast' | 'generate-script' | 'generate-audio'

export interface JobCompletionEvent {
  type: 'job_completion'
  jobId: string
  jobType: JobType
  status: string
  podcastId?: string
}

export interface EntityChangeEvent {
  type: 'entity_change'
  entityType: 'podcast' | 'document'
  changeType: 'insert' | 'update' | 'delete'
  entityId: string
}
