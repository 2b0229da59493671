/* The backend's REST routes. */

import type {
  Config,
  Conversation,
  DashboardStats,
  Page,
  Project,
  ProjectFilters,
  Recording,
  RecordingFilters,
  Search,
} from '../types.ts'

export class ApiError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'ApiError'
    this.status = status
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404
}

type Query = Record<string, string | number | undefined>

async function call<T>(
  method: string,
  path: string,
  options: { query?: Query; body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(options.query ?? {})) {
    if (value !== undefined && value !== '') query.set(name, String(value))
  }
  const init: RequestInit = { method }
  if (options.signal) init.signal = options.signal
  if (options.body !== undefined) {
    init.headers = { 'content-type': 'application/json' }
    init.body = JSON.stringify(options.body)
  }
  const response = await fetch(`${path}${query.size > 0 ? `?${query}` : ''}`, init)
  if (!response.ok) throw new ApiError(response.status, await sentence(response))
  return (response.status === 204 ? undefined : await response.json()) as T
}

async function sentence(response: Response): Promise<string> {
  try {
    const body = (await response.json()) as { error?: unknown }
    if (typeof body.error === 'string') return body.error
  } catch {
    /* Not from the backend; the status has to do. */
  }
  return `the server answered ${response.status}`
}

function resource<Row, Filters extends object>(name: string) {
  const path = `/api/${name}`
  const one = (id: string) => `${path}/${encodeURIComponent(id)}`
  return {
    list: (filters: Filters, signal?: AbortSignal) =>
      call<Page<Row>>('GET', path, { query: filters as Query, ...(signal && { signal }) }),
    get: (id: string, signal?: AbortSignal) => call<Row>('GET', one(id), signal && { signal }),
    create: (fields: Partial<Row>) => call<Row>('POST', path, { body: fields }),
    update: (id: string, fields: Partial<Row>) => call<Row>('PATCH', one(id), { body: fields }),
    delete: (id: string) => call<void>('DELETE', one(id)),
  }
}

export const api = {
  config: () => call<Config>('GET', '/config.json'),
  recordings: resource<Recording, RecordingFilters>('recordings'),
  projects: resource<Project, ProjectFilters>('projects'),
  conversations: resource<Conversation, { pageSize?: number }>('conversations'),
  dashboard: {
    stats: (signal?: AbortSignal) => call<DashboardStats>('GET', '/api/dashboard/stats', signal && { signal }),
  },
  search: {
    /** Answers, and remembers the search in the history. */
    run: (q: string) => call<{ q: string; total: number }>('GET', '/api/search', { query: { q } }),
    history: (signal?: AbortSignal) =>
      call<Page<Search>>('GET', '/api/search/history', { query: { pageSize: 50 }, ...(signal && { signal }) }),
    forget: (id: string) => call<void>('DELETE', `/api/search/history/${encodeURIComponent(id)}`),
  },
}
