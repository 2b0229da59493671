/* One origin: pages, an API that counts what is fetched, and unstale behind it. While unstale is gone, whoever asks for it finds
 * the line dead, as behind a balancer without a server. */

import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { cleanup } from '../../integration/lib/cleanup.ts'
import { mint, SECRET, within } from '../../integration/lib/jwt.ts'
import { config, directory, launch, type Unstale } from '../../integration/lib/unstale.ts'
import { poll } from '../../integration/lib/wait.ts'
import { bundle } from './bundle.ts'

const PROJECT = ['project:{project_id}']

const RULES = {
  users: { name: 'user', scope: ['admin'], stale: [['admin-users']] },
  repositories: { name: 'repository', scope: ['admin'], stale: [['repositories']] },
  service_accounts: { scope: ['admin'], stale: [['service-accounts']] },
  recordings: { scope: ['all'], stale: [['recordings']], actions: { status_changed: { changed: ['status'] } } },
  projects: { scope: ['all'], stale: [['projects']] },
  conversations: { scope: ['all'], stale: [['conversations']] },
  search_history: { scope: ['all'], stale: [['search', 'history']] },
  tasks: { scope: PROJECT, stale: [['tasks']] },
  sprints: { scope: PROJECT, stale: [['sprints']] },
  project: { scope: PROJECT, stale: [['projects']] },
  project_members: { scope: PROJECT, stale: [['projectMembers']] },
  podcasts: { scope: ['user:{user_id}'], stale: [['podcasts']] },
  papers: { name: 'document', scope: ['user:{user_id}'], stale: [['documents']] },
  documents: { scope: PROJECT, stale: [['documents']], data: { embeddedChunks: 'embedded_chunks', chunks: 'chunks' } },
}

/** How the application lets people in, and what it serves. */
export type Door = 'nobody signs in' | 'tokens' | 'sessions'

const ENDPOINTS: Record<Door, object[]> = {
  'nobody signs in': [
    { path: '/api/v1/events/stream', dialect: 'registry', scope: 'admin' },
    { path: '/api/ws/sync', dialect: 'recordings', scope: 'all' },
  ],
  tokens: [
    { path: '/api/v1/messages/ws', dialect: 'devhive', scope: 'project:{query.project_id}' },
    { path: '/api/events/stream', dialect: 'documents', scope: 'project:{header.x-project-id}' },
  ],
  sessions: [{ path: '/api/events', dialect: 'content-studio', scope: 'user:{claim.sub}' }],
}

export function token(claims: Record<string, unknown> = {}): string {
  return mint({ sub: '7', projects: ['p1', 'proj_123'], exp: within(3600), ...claims })
}

export class Site {
  readonly #server: Server
  readonly #t: TestContext
  readonly #dir: string
  readonly #door: Door
  readonly #limits: object
  unstale: Unstale | null = null
  url = ''
  /** Fetches so far, by key. */
  readonly fetches = new Map<string, number>()

  private constructor(t: TestContext, door: Door, limits: object) {
    this.#t = t
    this.#door = door
    this.#limits = limits
    this.#dir = directory(t)
    this.#server = createServer((incoming, outgoing) => void this.#handle(incoming, outgoing))
    this.#server.on('upgrade', (incoming, socket: Socket) => this.#upgrade(incoming, socket))
  }

  static async start(t: TestContext, door: Door, limits: object = {}): Promise<Site> {
    const site = new Site(t, door, limits)
    site.#server.listen(0, '127.0.0.1')
    await once(site.#server, 'listening')
    site.url = `http://127.0.0.1:${(site.#server.address() as AddressInfo).port}`
    cleanup(t, async () => {
      site.#server.close()
      site.#server.closeAllConnections()
    })
    await site.startUnstale()
    return site
  }

  async startUnstale(): Promise<void> {
    const auth = {
      'nobody signs in': 'none',
      tokens: { jwt: { secret: SECRET }, scopes: ['project:{projects[]}'] },
      sessions: { callback: { url: `${this.url}/api/session`, cookies: ['session'] } },
    }[this.#door]
    const endpoints = ENDPOINTS[this.#door]
    const limits = { batch: '20ms', spread: '100ms', ...this.#limits }
    this.unstale = await launch(this.#t, config({ auth, rules: RULES, endpoints, limits, state: './unstale.state' }), { dir: this.#dir }).started()
  }

  async restart(meanwhile: () => Promise<void> = async () => undefined): Promise<void> {
    await this.unstale?.stop()
    this.unstale = null
    await meanwhile()
    await this.startUnstale()
  }

  change(resource: string, action: string, id: string, row: Record<string, unknown> = {}): Promise<string> {
    return this.unstale!.publish({ resource, action, id, old: row, new: row })
  }

  count(key: readonly unknown[] | string): number {
    return this.fetches.get(typeof key === 'string' ? key : JSON.stringify(key)) ?? 0
  }

  /** After everything is quiet, `act` makes exactly these keys be fetched again (each at least once). */
  async refetches(keys: readonly (readonly unknown[])[], act: () => Promise<unknown>): Promise<void> {
    const before = new Map(this.fetches)
    await act()
    const again = (): string[] => [...this.fetches].filter(([name, n]) => n > (before.get(name) ?? 0)).map(([name]) => name)
    const wanted = keys.map((key) => JSON.stringify(key)).sort()
    await poll(`refetched are ${wanted.join(' ')}, not ${again().join(' ')}`, async () => wanted.every((name) => again().includes(name)))
    await new Promise((resolve) => setTimeout(resolve, 100))
    const extra = again().filter((name) => !wanted.includes(name))
    if (extra.length > 0) throw new Error(`also refetched: ${extra.join(' ')}`)
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(incoming.url ?? '/', this.url)
    if (pathname === '/api/rows') {
      const name = searchParams.get('name') ?? ''
      this.fetches.set(name, this.count(name) + 1)
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('1')
    } else if (pathname === '/api/session') {
      // unstale asks whose cookies these are.
      const known = incoming.headers.cookie === 'session=opaque'
      outgoing.writeHead(known ? 200 : 401, { 'content-type': 'application/json' })
      outgoing.end(JSON.stringify(known ? { sub: '7', scopes: ['user:7'] } : {}))
    } else if (pathname.startsWith('/api/')) {
      this.#proxy(incoming, outgoing)
    } else if (pathname.endsWith('.js')) {
      const [, client = '', extension = ''] = /^\/([a-z-]+)\.(tsx?)\.js$/.exec(pathname) ?? []
      outgoing.writeHead(200, { 'content-type': 'text/javascript' }).end(await bundle(`pages/${client}.${extension}`, client))
    } else {
      outgoing.writeHead(200, { 'content-type': 'text/html', 'set-cookie': 'session=opaque; HttpOnly' })
      outgoing.end(`<!doctype html><link rel="icon" href="data:,"><div id="root"></div><script type="module" src="/${searchParams.get('page')}.js"></script>`)
    }
  }

  #proxy(incoming: IncomingMessage, outgoing: ServerResponse): void {
    if (!this.unstale || this.unstale.exit) return void incoming.socket.destroy()
    const upstream = request({ ...this.unstale.at, path: incoming.url, headers: incoming.headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      outgoing.flushHeaders()
      answer.pipe(outgoing)
      answer.on('close', () => outgoing.destroy())
    })
    upstream.on('error', () => incoming.socket.destroy())
    outgoing.on('close', () => upstream.destroy())
    upstream.end()
  }

  #upgrade(incoming: IncomingMessage, socket: Socket): void {
    socket.on('error', () => undefined)
    if (!this.unstale || this.unstale.exit) return void socket.destroy()
    const upstream = connect(this.unstale.at.port, this.unstale.at.host)
    upstream.on('error', () => socket.destroy())
    const lines = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${String(value)}\r\n`)
    upstream.write(`GET ${incoming.url} HTTP/1.1\r\n${lines.join('')}\r\n`)
    socket.pipe(upstream).pipe(socket)
    socket.on('close', () => upstream.destroy())
    upstream.on('close', () => socket.destroy())
  }
}
