/* The example application of a test's own: database, backend, unstale, and a shell with sqlite3.
 *
 * They are the real programs: UNSTALE_BUILD says where they were built, and the page is what `npm run build` left in
 * examples/NAME/ui/dist (EXAMPLE_UI names another folder for recordings). */

import assert from 'node:assert/strict'
import { execFile, type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { cleanup } from '../../integration/lib/cleanup.ts'
import { freePort, postgres, type Postgres } from '../../integration/lib/postgres.ts'
import { binary, directory, Unstale } from '../../integration/lib/unstale.ts'
import { poll, Watched } from '../../integration/lib/wait.ts'
import { Gate } from './gate.ts'

const run = promisify(execFile)

const repository = join(import.meta.dirname, '..', '..', '..')
const backends = join(dirname(binary), 'examples', 'backend')

interface Example {
  folder: string
  /** Where demo.json says so, the database is a PostgreSQL. */
  postgres: boolean
  workers: readonly string[]
  backend: string
  /** What the backend is told, wherever it is started. */
  args: readonly string[]
  ui: string
}

/** An example with an app.json has no backend of its own. */
function exampleOf(name: string): Example {
  const folder = join(repository, 'examples', name)
  const ui = join(folder, 'ui', 'dist')
  const { database } = JSON.parse(readFileSync(join(folder, 'demo.json'), 'utf8')) as { database?: string }
  const workers = join(folder, 'workers')
  const common = {
    folder,
    postgres: database === 'postgres',
    workers: existsSync(workers) ? readdirSync(workers).filter((file) => file.endsWith('.ts')).map((file) => join(workers, file)) : [],
  }
  if (existsSync(join(folder, 'app.json'))) return { ...common, backend: join(backends, 'example-backend'), args: ['--app', folder], ui }
  return {
    ...common,
    backend: process.env['EXAMPLE_BACKEND'] ?? join(backends, `${name}-backend`),
    args: [],
    ui: process.env['EXAMPLE_UI'] ?? ui,
  }
}

/** "GET /api/recordings?page=1" → how often. */
export type Counts = Record<string, number>

/** What a first page of recordings has to show. */
export function newest(condition = 'true'): string {
  return `SELECT id, title, status FROM recordings WHERE ${condition} ORDER BY created_at DESC, id LIMIT 20`
}

class Backend extends Watched {
  readonly child: ChildProcess
  url = ''
  readonly lines: string[] = []
  ended = false

  constructor({ backend, args, ui }: Example, { dir, db, at }: Surroundings, unstale: string) {
    super()
    const own = ['--db', db, '--secret-file', join(dir, 'secret'), '--listen', at, '--ui', ui, '--unstale', unstale]
    this.child = spawn(backend, [...args, ...own], { stdio: ['ignore', 'pipe', 'pipe'] })
    for (const pipe of [this.child.stdout, this.child.stderr]) {
      if (!pipe) continue
      createInterface({ input: pipe }).on('line', (line) => {
        this.lines.push(line)
        this.url ||= /^listening on (http:\S+)$/.exec(line)?.[1] ?? ''
        this.changed()
      })
    }
    this.child.on('close', () => {
      this.ended = true
      this.changed()
    })
  }

  protected override described(): string {
    return `the backend said: ${this.lines.join('\n')}`
  }

  async started(): Promise<void> {
    await this.until('the backend listens', () => {
      if (this.ended) throw new Error(`the backend ended. ${this.described()}`)
      return this.url !== '' && this.url
    })
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM')
    await this.until('the backend ended', () => this.ended)
    assert.equal(this.child.exitCode, 0, this.described())
  }
}

/** A process that works on the database by itself. */
class Worker extends Watched {
  readonly #child: ChildProcess
  readonly #lines: string[] = []
  #ended = false

  constructor(file: string, db: string, unstale: string, env: Record<string, string>) {
    super()
    const args = ['--disable-warning=ExperimentalWarning', file, db, unstale]
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    for (const pipe of [this.#child.stdout, this.#child.stderr]) if (pipe) createInterface({ input: pipe }).on('line', (line) => this.#lines.push(line))
    this.#child.on('close', () => {
      this.#ended = true
      this.changed()
    })
  }

  protected override described(): string {
    return `the worker said: ${this.#lines.join('\n')}`
  }

  async stop(): Promise<void> {
    assert.ok(!this.#ended, `a worker ended by itself; ${this.described()}`)
    this.#child.kill('SIGTERM')
    await this.until('the worker ended', () => this.#ended)
  }
}

/** What the programs of one example share. */
interface Surroundings {
  dir: string
  /** A file, or postgres://…. */
  db: string
  server: Postgres | null
  /** Where the backend listens. */
  at: string
  /** For `${…}` in unstale.yaml. */
  env: Record<string, string>
}

export interface DemoOptions {
  example?: string
  unstale?: boolean
  /** The workers of the example run, too. */
  workers?: boolean
  /** Beside what unstale.yaml and the workers are told anyway. */
  env?: Record<string, string>
  /** Instead of the example's unstale.yaml: what is made of it. */
  configure?: (yaml: string) => string
}

export class Demo {
  readonly gate: Gate
  readonly #t: TestContext
  readonly #example: Example
  readonly #around: Surroundings
  readonly #backend: Backend
  readonly #config: string
  #unstale: Unstale | null = null

  private constructor(t: TestContext, example: Example, around: Surroundings, config: string, gate: Gate, backend: Backend) {
    this.#t = t
    this.#example = example
    this.#around = around
    this.#config = config
    this.gate = gate
    this.#backend = backend
  }

  get dir(): string {
    return this.#around.dir
  }

  get db(): string {
    return this.#around.db
  }

  /** A filled database that unstale may follow, a backend that serves it, and, unless `unstale` is false, unstale. */
  static async start(t: TestContext, options: DemoOptions = {}): Promise<Demo> {
    const name = options.example ?? 'recordings'
    const example = exampleOf(name)
    const { ui, backend: program, args, folder } = example
    assert.ok(existsSync(join(ui, 'index.html')), `${ui} has no page; build it by: npm run build --workspaces --if-present`)
    const dir = directory(t)
    const server = example.postgres ? await postgres(t) : null
    const db = server ? server.url(await server.database('app')) : join(dir, `${name}.db`)
    /* unstale asks the backend, and the backend names unstale to the page. */
    const at = `127.0.0.1:${await freePort()}`
    const env = { ...settings(dir, db, at), ...options.env }
    const around = { dir, db, server, at, env }
    let config = join(folder, 'unstale.yaml')
    if (options.configure) {
      const own = join(dir, 'unstale.yaml')
      writeFileSync(own, options.configure(readFileSync(config, 'utf8')))
      config = own
    }
    await run(program, [...args, '--db', db, '--secret-file', join(dir, 'secret'), '--init'])
    await run(binary, ['setup', server ? 'postgres' : 'sqlite', db, '-c', config, '--apply'], { env: { ...process.env, ...env } })
    const gate = await Gate.open()
    cleanup(t, () => gate.close())
    const backend = new Backend(example, around, gate.url)
    cleanup(t, () => backend.stop())
    await backend.started()
    const demo = new Demo(t, example, around, config, gate, backend)
    if (options.unstale ?? true) await demo.startUnstale()
    if (options.workers) demo.startWorkers()
    return demo
  }

  startWorkers(): void {
    for (const file of this.#example.workers) {
      const worker = new Worker(file, this.db, this.gate.url, this.#around.env)
      cleanup(this.#t, () => worker.stop())
    }
  }

  get url(): string {
    return this.#backend.url
  }

  // ---- unstale ----

  get unstale(): Unstale {
    assert.ok(this.#unstale, 'unstale runs')
    return this.#unstale
  }

  /** With the example's own configuration. */
  async startUnstale(): Promise<void> {
    const server = new Unstale(this.dir, this.#config, this.#around.env)
    cleanup(this.#t, () => server.finish())
    await server.started()
    this.#unstale = server
    this.gate.target = server.at
  }

  /** SIGTERM. */
  async stopUnstale(): Promise<void> {
    this.gate.target = null
    await this.unstale.stop()
  }

  /** SIGKILL. */
  async killUnstale(): Promise<void> {
    this.gate.target = null
    await this.unstale.kill()
  }

  // ---- the shell ----

  /** Runs it in the shell of the database; what that prints. */
  async sql(statement: string): Promise<string> {
    if (this.#around.server) return this.#around.server.sql(statement, 'app')
    const { stdout } = await run('sqlite3', ['-bail', '-cmd', '.timeout 5000', '-cmd', 'PRAGMA foreign_keys = ON', this.db, statement])
    return stdout
  }

  /** Of SQLite. */
  async rows<Row>(query: string): Promise<Row[]> {
    const { stdout } = await run('sqlite3', ['-bail', '-readonly', '-json', '-cmd', '.timeout 5000', this.db, query])
    return stdout.trim() === '' ? [] : (JSON.parse(stdout) as Row[])
  }

  async value(query: string): Promise<string> {
    return (await this.sql(query)).trim()
  }

  // ---- the backend ----

  async #call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      ...(body !== undefined && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    assert.ok(response.ok, `${method} ${path}: ${response.status}`)
    return (response.status === 204 ? undefined : await response.json()) as T
  }

  /** What was asked since `forgetCounts`, by all tabs together. */
  counts(): Promise<Counts> {
    return this.#call('GET', '/api/_counts')
  }

  forgetCounts(): Promise<void> {
    return this.#call('DELETE', '/api/_counts')
  }

  /** The backend reads and writes, but its answers stay there until `letAnswersGo`. */
  holdAnswers(): Promise<void> {
    return this.#call('PATCH', '/api/_faults', { delayMs: 30_000 })
  }

  letAnswersGo(): Promise<void> {
    return this.#call('PATCH', '/api/_faults', { delayMs: 0 })
  }

  failNextWrites(count: number): Promise<void> {
    return this.#call('PATCH', '/api/_faults', { failWrites: count })
  }

  /** Until so many answers are held. */
  async answersHeld(count: number): Promise<void> {
    await poll(`${count} held answers`, async () => (await this.#call<{ held: number }>('GET', '/api/_faults')).held >= count)
  }
}

function settings(dir: string, db: string, backend: string): Record<string, string> {
  return {
    UNSTALE_BACKEND: `http://${backend}`,
    UNSTALE_CAPTURE: 'logical',
    UNSTALE_DB: db,
    UNSTALE_STATE: join(dir, 'unstale.state'),
    UNSTALE_SECRET_FILE: join(dir, 'secret'),
    UNSTALE_LISTEN: '127.0.0.1:0',
    UNSTALE_ADMIN: '127.0.0.1:0',
  }
}
