/* The backend's REST routes, and the names of what they give in the cache; unstale.yaml names the same keys. */

import { queryOptions } from '@tanstack/react-query'
import { call } from '@unstale-examples/ui/lib/rest.ts'
import type { Chunk, Document, ExtractionJob, GraphObject, Notification, Project } from '../types.ts'

const one = (id: string) => `/api/documents/${encodeURIComponent(id)}`

export const queries = {
  projects: () =>
    queryOptions({ queryKey: ['projects'], queryFn: ({ signal }) => call<Project[]>('GET', '/api/projects', { signal }) }),
  documents: (project: string) =>
    queryOptions({
      queryKey: ['documents', 'list', project],
      queryFn: ({ signal }) => call<Document[]>('GET', '/api/documents', { query: { project }, signal }),
    }),
  document: (id: string) =>
    queryOptions({
      queryKey: ['documents', 'detail', id],
      queryFn: ({ signal }) => call<Document>('GET', one(id), { signal }),
    }),
  chunks: (id: string) =>
    queryOptions({
      queryKey: ['chunks', 'list', id],
      queryFn: ({ signal }) => call<Chunk[]>('GET', `${one(id)}/chunks`, { signal }),
    }),
  objects: (id: string) =>
    queryOptions({
      queryKey: ['graph-objects', 'list', id],
      queryFn: ({ signal }) => call<GraphObject[]>('GET', `${one(id)}/objects`, { signal }),
    }),
  jobs: (project: string) =>
    queryOptions({
      queryKey: ['extraction-jobs', 'list', project],
      queryFn: ({ signal }) => call<ExtractionJob[]>('GET', '/api/extraction-jobs', { query: { project }, signal }),
    }),
  notifications: (project: string) =>
    queryOptions({
      queryKey: ['notifications', 'list', project],
      queryFn: ({ signal }) => call<Notification[]>('GET', '/api/notifications', { query: { project }, signal }),
    }),
}

export const api = {
  createDocument: (fields: { project: string; name: string }) => call<{ id: string }>('POST', '/api/documents', { body: fields }),
  process: (id: string) => call<{ id: string; status: string }>('POST', `${one(id)}/process`),
  deleteDocument: (id: string) => call<void>('DELETE', one(id)),
}
