/* The example application of a test's own: database, backend, unstale, and a shell with sqlite3.
 *
 * They are the real programs: UNSTALE_BUILD says where they were built, and the page is what `npm run build` left in
 * examples/NAME/ui/dist (EXAMPLE_UI names another folder for recordings). */

import assert from 'node:assert/strict'
import { execFile, type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { cleanup } from '../../integration/lib/cleanup.ts'
import { binary, directory, Unstale } from '../../integration/lib/unstale.ts'
import { poll, Watched } from '../../integration/lib/wait.ts'
import { Gate } from './gate.ts'

const run = promisify(execFile)

const repository = join(import.meta.dirname, '..', '..', '..')
const backends = join(dirname(binary), 'examples', 'backend')

interface Example {
  folder: string
  backend: string
  /** What the backend is told, wherever it is started. */
  args: readonly string[]
  ui: string
}

/** An example with an app.json has no backend of its own. */
function exampleOf(name: string): Example {
  const folder = join(repository, 'examples', name)
  const ui = join(folder, 'ui', 'dist')
  if (existsSync(join(folder, 'app.json'))) return { folder, backend: join(backends, 'example-backend'), args: ['--app', folder], ui }
  return { folder, backend: process.env['EXAMPLE_BACKEND'] ?? join(backends, `${name}-backend`), args: [], ui: process.env['EXAMPLE_UI'] ?? ui }
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

  constructor({ backend, args, ui }: Example, dir: string, db: string, unstale: string) {
    super()
    const own = ['--db', db, '--secret-file', join(dir, 'secret'), '--listen', '127.0.0.1:0', '--ui', ui, '--unstale', unstale]
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

export class Demo {
  readonly dir: string
  readonly db: string
  readonly gate: Gate
  readonly #t: TestContext
  readonly #example: Example
  readonly #backend: Backend
  #unstale: Unstale | null = null

  private constructor(t: TestContext, example: Example, dir: string, db: string, gate: Gate, backend: Backend) {
    this.#t = t
    this.#example = example
    this.dir = dir
    this.db = db
    this.gate = gate
    this.#backend = backend
  }

  /** A filled database that unstale may follow, a backend that serves it, and, unless `unstale` is false, unstale. */
  static async start(t: TestContext, options: { example?: string; unstale?: boolean } = {}): Promise<Demo> {
    const name = options.example ?? 'recordings'
    const example = exampleOf(name)
    const { ui, backend: program, args, folder } = example
    assert.ok(existsSync(join(ui, 'index.html')), `${ui} has no page; build it by: npm run build --workspaces --if-present`)
    const dir = directory(t)
    const db = join(dir, `${name}.db`)
    await run(program, [...args, '--db', db, '--secret-file', join(dir, 'secret'), '--init'])
    await run(binary, ['setup', 'sqlite', db, '-c', join(folder, 'unstale.yaml'), '--apply'], {
      env: { ...process.env, ...settings(dir, db) },
    })
    const gate = await Gate.open()
    cleanup(t, () => gate.close())
    const backend = new Backend(example, dir, db, gate.url)
    cleanup(t, () => backend.stop())
    await backend.started()
    const demo = new Demo(t, example, dir, db, gate, backend)
    if (options.unstale ?? true) await demo.startUnstale()
    return demo
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
    const server = new Unstale(this.dir, join(this.#example.folder, 'unstale.yaml'), settings(this.dir, this.db))
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

  /** Runs it in the sqlite3 shell; what that prints. */
  async sql(statement: string): Promise<string> {
    const { stdout } = await run('sqlite3', ['-bail', '-cmd', '.timeout 5000', '-cmd', 'PRAGMA foreign_keys = ON', this.db, statement])
    return stdout
  }

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

function settings(dir: string, db: string): Record<string, string> {
  return {
    UNSTALE_DB: db,
    UNSTALE_STATE: join(dir, 'unstale.state'),
    UNSTALE_SECRET_FILE: join(dir, 'secret'),
    UNSTALE_LISTEN: '127.0.0.1:0',
    UNSTALE_ADMIN: '127.0.0.1:0',
  }
}
