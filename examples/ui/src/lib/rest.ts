/* The routes of examples/backend. */

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

export interface Page<Row> {
  items: Row[]
  total: number
  page: number
  pageSize: number
}

/** GET /config.json */
export interface Config {
  name: string
  unstale: string | null
  database: string | null
}

export type Query = Record<string, string | number | undefined>

export async function call<T>(
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

export interface Resource<Row, Filters extends object> {
  list(filters: Filters, signal?: AbortSignal): Promise<Page<Row>>
  get(id: string, signal?: AbortSignal): Promise<Row>
  create(fields: Partial<Row>): Promise<Row>
  update(id: string, fields: Partial<Row>): Promise<Row>
  delete(id: string): Promise<void>
}

/** A table that the backend serves as `/api/NAME`. */
export function resource<Row, Filters extends object = Query>(name: string): Resource<Row, Filters> {
  const path = `/api/${name}`
  const one = (id: string) => `${path}/${encodeURIComponent(id)}`
  return {
    list: (filters, signal) => call('GET', path, { query: filters as Query, ...(signal && { signal }) }),
    get: (id, signal) => call('GET', one(id), signal && { signal }),
    create: (fields) => call('POST', path, { body: fields }),
    update: (id, fields) => call('PATCH', one(id), { body: fields }),
    delete: (id) => call('DELETE', one(id)),
  }
}

export const getConfig = () => call<Config>('GET', '/config.json')

export interface User {
  id: string
  login: string
  name: string
  role: string
  /** What the cookie holds, for who sends it in a header. */
  token: string
}

export const session = {
  users: () => call<{ login: string; name: string; role: string }[]>('GET', '/api/session/users'),
  /** Who is signed in; null for nobody. */
  get: () =>
    call<User>('GET', '/api/session').catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 401) return null
      throw error
    }),
  /** The backend of an example believes whoever says a name. */
  signIn: (login: string) => call<User>('POST', '/api/session', { body: { user: login } }),
  signOut: () => call<void>('DELETE', '/api/session'),
}
