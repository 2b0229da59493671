/* What a test tells its page, in the hash of the address. */

export interface PageConfig {
  transport?: 'auto' | 'websocket' | 'sse'
  /** One connection for all tabs of this user. */
  shared?: string
  /** Ask `window.tokenNow` for a token. */
  token?: boolean
  names?: string[]
  scopes?: string[]
  /** Keep the cache in localStorage. */
  persist?: boolean
  /** Connect only when told. */
  later?: boolean
  backoffBase?: number
  fallbackAfter?: number
}

export interface Shown {
  value: unknown
  at: number
}

export function readConfig(): PageConfig {
  return JSON.parse(decodeURIComponent(location.hash.slice(1)) || '{}') as PageConfig
}
