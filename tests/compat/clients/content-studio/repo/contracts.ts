export interface JobCompletionEvent {
  type: 'job_completion'
  jobId: string
  jobType: string
  status: string
  podcastId?: string
}
export interface EntityChangeEvent {
  type: 'entity_change'
  entityType: string
  changeType: 'insert' | 'update' | 'delete'
  entityId: string
}
export type SSEEvent = { type: 'connected'; userId: string } | JobCompletionEvent | EntityChangeEvent
