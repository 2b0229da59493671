export type DocumentStatus = 'uploaded' | 'embedding' | 'extracting' | 'ready' | 'failed'

export interface Project {
  id: string
  name: string
}

export interface Document {
  id: string
  project_id: string
  name: string
  status: DocumentStatus
  chunks: number
  embeddedChunks: number
  created_at: number
  updated_at: number
}

export interface Chunk {
  id: string
  document_id: string
  number: number
  text: string
  embedded: number
}

export interface GraphObject {
  id: string
  kind: string
  label: string
}

export interface ExtractionJob {
  id: string
  document_id: string
  status: string
  objects: number
  created_at: number
}

export interface Notification {
  id: string
  text: string
  created_at: number
}
