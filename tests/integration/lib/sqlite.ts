/* A database of a test's own, written by the sqlite3 shell as anybody's application would write it. */

import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'
import { binary, type Config, config, directory, launch, type Unstale } from './unstale.ts'
import { poll, Watched } from './wait.ts'

export const SCHEMA = `
CREATE TABLE projects(id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE tasks(id INTEGER PRIMARY KEY, project_id, title TEXT, status TEXT, body);
CREATE TABLE members(project_id INTEGER, user_id TEXT, role TEXT, PRIMARY KEY(project_id, user_id)) WITHOUT ROWID;
CREATE TABLE sentinel(id INTEGER PRIMARY KEY);
`

/** Every subscriber that wants to know when it has everything holds the scope `sentinel`. */
export const RULES = {
  tasks: {
    name: 'task',
    id: 'id',
    scope: ['project:{project_id}'],
    stale: [
      ['tasks', 'detail', '{id}'],
      { key: ['tasks', 'list', '{project_id}'], on: ['created', 'deleted'], or_changed: ['title'] },
    ],
    data: { currentStatus: 'status' },
  },
  members: { id: ['project_id', 'user_id'], scope: ['project:{project_id}', 'user:{user_id}'], stale: [['members', '{project_id}']] },
  sentinel: { scope: ['sentinel'], stale: [['sentinel']] },
}

interface Output {
  out: string
  err: string
  code: number
}

export class Database {
  readonly dir: string
  readonly name: string

  constructor(dir: string, name = 'app.db') {
    this.dir = dir
    this.name = name
  }

  get path(): string {
    return join(this.dir, this.name)
  }

  /** The shell, with whatever comes out. */
  shell(sql: string): Promise<Output> {
    return new Promise((resolve, reject) => {
      const child = execFile('sqlite3', ['-batch', '-bail', this.path], { maxBuffer: 1 << 26 }, (error, out, err) => {
        if (error && typeof error.code !== 'number') reject(error)
        else resolve({ out, err, code: error ? (error.code as number) : 0 })
      })
      child.stdin?.end(sql)
    })
  }

  async run(sql: string): Promise<string> {
    const { out, err, code } = await this.shell(sql)
    assert.equal(code, 0, `${err}\n${sql.slice(0, 500)}`)
    return out.trim()
  }

  async number(sql: string): Promise<number> {
    return Number(await this.run(sql))
  }

  create(schema = SCHEMA): Promise<string> {
    return this.run(`PRAGMA journal_mode=WAL;\n${schema}`)
  }
}

export function unstale(dir: string, args: string[]): Promise<Output> {
  return new Promise((resolve, reject) => {
    execFile(binary, args, { cwd: dir, maxBuffer: 1 << 26 }, (error, out, err) => {
      if (error && typeof error.code !== 'number') reject(error)
      else resolve({ out, err, code: error ? (error.code as number) : 0 })
    })
  })
}

/** What `unstale setup sqlite` says, with the configuration that is given. */
export async function setup(database: Database, settings: Config, command: 'setup' | 'teardown' = 'setup'): Promise<void> {
  writeFileSync(join(database.dir, 'setup.yaml'), JSON.stringify(settings))
  const { code, err } = await unstale(database.dir, [command, 'sqlite', database.path, '-c', 'setup.yaml', '--apply'])
  assert.equal(code, 0, err)
}

export function sqliteConfig(more: Config = {}): Config {
  return config({ sources: [{ sqlite: './app.db', poll: '10ms' }, { publish: { open: true } }], rules: RULES, ...more })
}

export interface Following {
  database: Database
  server: Unstale
  settings: Config
}

/** A database with the usual tables, set up, and a server that follows it. */
export async function follow(t: TestContext, more: Config = {}, schema = SCHEMA): Promise<Following> {
  const dir = directory(t)
  const database = new Database(dir)
  const settings = sqliteConfig(more)
  await database.create(schema)
  await setup(database, settings)
  const server = await launch(t, settings, { dir }).started()
  await current(server)
  return { database, server, settings }
}

/** Until every source captures. */
export async function current(server: Unstale): Promise<void> {
  await poll('a server that is ready', async () => (await server.admin('/readyz')).status === 200)
}

export interface Readiness {
  status: number
  ready: boolean
  sources: { name: string; current: boolean; why: string }[]
}

export async function readiness(server: Unstale): Promise<Readiness> {
  const { status, body } = await server.admin('/readyz')
  return { status, ...(JSON.parse(body) as Omit<Readiness, 'status'>) }
}

/** A shell that stays, as an application's connection does. */
export class Writer extends Watched {
  readonly child: ChildProcess
  #out = ''
  #number = 0
  ended = false

  constructor(t: TestContext, database: Database) {
    super()
    this.child = spawn('sqlite3', ['-batch', database.path], { stdio: ['pipe', 'pipe', 'pipe'] })
    for (const pipe of [this.child.stdout, this.child.stderr]) {
      pipe?.setEncoding('utf8')
      pipe?.on('data', (text: string) => {
        this.#out += text
        this.changed()
      })
    }
    this.child.stdin?.on('error', () => {})
    this.child.on('close', () => {
      this.ended = true
      this.changed()
    })
    cleanup(t, () => this.close())
  }

  protected override described(): string {
    return this.#out.slice(-1000)
  }

  /** Done when it resolves: what it printed. */
  async run(sql: string): Promise<string> {
    const mark = `--done ${this.#number++}--`
    const from = this.#out.length
    this.child.stdin?.write(`${sql}\n.print ${mark}\n`)
    const end = await this.until(`done: ${sql.slice(0, 200)}`, () => {
      const at = this.#out.indexOf(mark, from)
      if (at < 0 && this.ended) throw new Error(`the shell has ended: ${this.#out.slice(from)}`)
      return at < 0 ? null : at + 1
    })
    const out = this.#out.slice(from, end - 1).trim()
    assert.doesNotMatch(out, /^(Parse error|Runtime error|Error)/m, sql.slice(0, 500))
    return out
  }

  async close(): Promise<void> {
    if (this.ended) return
    this.child.stdin?.end()
    await this.until('the end of the shell', () => this.ended)
  }
}
