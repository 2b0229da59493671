/* A PostgreSQL of a test's own: its data directory, its port, its life. The server's programs are taken from their
 * versioned directory, so no cluster of the machine is looked at or touched. As root it runs as an unprivileged user,
 * because PostgreSQL refuses root.
 *
 * SQL is spoken by psql, as anybody's application would be another program. */

import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { appendFileSync, chmodSync, chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { cleanup } from './cleanup.ts'
import { PATIENCE, poll, Watched } from './wait.ts'

const VERSIONS = '/usr/lib/postgresql'
const run = promisify(execFile)

/** The programs of the newest version that is installed. */
export function programs(): string {
  const versions = existsSync(VERSIONS) ? readdirSync(VERSIONS).filter((name) => existsSync(join(VERSIONS, name, 'bin/initdb'))) : []
  const newest = versions.sort((a, b) => Number(b) - Number(a))[0]
  assert.ok(newest, `no PostgreSQL server in ${VERSIONS}: install the package postgresql`)
  return join(VERSIONS, newest, 'bin')
}

interface Identity {
  uid?: number
  gid?: number
}

/** Who PostgreSQL runs as. */
function identity(): Identity {
  if (process.getuid?.() !== 0) return {}
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'))
  const user = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody')
  assert.ok(user, 'PostgreSQL does not run as root, and there is neither a user postgres nor nobody')
  return { uid: Number(user[2]), gid: Number(user[3]) }
}

/** A port that was free just now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}

export class SqlError extends Error {}

/** A connection: one psql. Statements run one after the other, as they are given. */
export class Session extends Watched {
  readonly #child: ChildProcess
  #out = ''
  #err = ''
  #asked = 0
  #queue: Promise<unknown> = Promise.resolve()
  ended = false

  constructor(program: string, url: string, env: NodeJS.ProcessEnv = {}) {
    super()
    this.#child = spawn(program, ['-X', '-q', '-A', '-t', '-d', url], {
      env: { ...process.env, PGCLIENTENCODING: 'UTF8', PGOPTIONS: '-c client_min_messages=warning', PGCONNECT_TIMEOUT: '5', ...env },
    })
    this.#child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text
      this.changed()
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text
      this.changed()
    })
    this.#child.stdin?.on('error', () => {})
    this.#child.on('error', (error) => (this.#err += error.message))
    this.#child.on('close', () => {
      this.ended = true
      this.changed()
    })
  }

  protected override described(): string {
    return `psql said: ${this.#out.slice(-500)} ${this.#err.slice(-500)}`
  }

  async #ask(sql: string, patience: number): Promise<{ out: string; err: string }> {
    const mark = `-- done ${++this.#asked} --\n`
    this.#child.stdin?.write(`${sql}\n;\n\\echo '${mark.trim()}'\n\\warn '${mark.trim()}'\n`)
    return this.until(
      `an answer to ${sql.slice(0, 200)}`,
      () => {
        if (this.#out.endsWith(mark) && this.#err.endsWith(mark)) {
          const answer = { out: this.#out.slice(0, -mark.length).trimEnd(), err: this.#err.slice(0, -mark.length).trim() }
          this.#out = this.#err = ''
          return answer
        }
        if (this.ended) throw new SqlError(this.#err.trim() || 'the connection ended')
        return null
      },
      patience,
    )
  }

  /** What psql prints, rows as lines and columns by "|". An error of any statement rejects, the later ones ran. */
  sql(text: string, patience = 4 * PATIENCE): Promise<string> {
    const answer = this.#queue.then(async () => {
      const { out, err } = await this.#ask(text, patience)
      if (/^(\S+: )?(ERROR|FATAL|PANIC):/m.test(err)) throw new SqlError(err)
      return out
    })
    this.#queue = answer.catch(() => {})
    return answer
  }

  async close(): Promise<void> {
    this.#child.stdin?.end('\n')
    if (!this.ended) await this.until('the end of psql', () => this.ended).catch(() => this.kill())
  }

  /** Without a word to the server. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

export interface PostgresOptions {
  /** Of postgresql.conf, beside those that a test wants anyway. */
  settings?: Record<string, string>
  /** Lines for the top of pg_hba.conf; all that is local is trusted by default. */
  hba?: string[]
}

const SETTINGS: Record<string, string> = {
  listen_addresses: '127.0.0.1',
  fsync: 'off',
  synchronous_commit: 'on',
  full_page_writes: 'off',
  wal_level: 'logical',
  max_wal_senders: '20',
  max_replication_slots: '20',
  max_connections: '300',
  shared_buffers: '32MB',
  log_line_prefix: '%m [%p] %a ',
  log_min_messages: 'warning',
}

export type Signal = 'fast' | 'immediate' | 'kill'

export class Postgres extends Watched {
  readonly dir: string
  readonly bin = programs()
  port = 0
  readonly #who = identity()
  readonly #options: PostgresOptions
  #child: ChildProcess | null = null
  #sessions: Session[] = []
  /** Kept over statements, one for each database. */
  readonly #own = new Map<string, Session>()
  readonly lines: string[] = []

  constructor(options: PostgresOptions = {}) {
    super()
    this.#options = options
    /* Short, because the path of a unix socket has at most 107 bytes. */
    this.dir = mkdtempSync(join(tmpdir(), 'uspg-'))
    if (this.#who.uid !== undefined) chownSync(this.dir, this.#who.uid, this.#who.gid as number)
    chmodSync(this.dir, 0o700)
  }

  protected override described(): string {
    return `PostgreSQL's log: ${this.lines.slice(-30).join('\n')}`
  }

  get data(): string {
    return join(this.dir, 'data')
  }

  get log(): string {
    return this.lines.join('\n')
  }

  program(name: string): string {
    return join(this.bin, name)
  }

  url(database = 'postgres', port = this.port, user = 'postgres'): string {
    return `postgres://${user}@127.0.0.1:${port}/${database}`
  }

  get running(): boolean {
    return this.#child !== null
  }

  async create(): Promise<this> {
    await run(
      this.program('initdb'),
      ['-D', this.data, '-U', 'postgres', '--auth=trust', '--locale=C.UTF-8', '--encoding=UTF8', '--no-sync', '--no-instructions'],
      { ...this.#who, cwd: this.dir, env: { ...process.env, LC_ALL: 'C.UTF-8' } },
    )
    const settings = { ...SETTINGS, unix_socket_directories: this.dir, ...this.#options.settings }
    const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`)
    appendFileSync(join(this.data, 'postgresql.conf'), lines.join(''))
    const hba = join(this.data, 'pg_hba.conf')
    if (this.#options.hba) writeFileSync(hba, `${this.#options.hba.join('\n')}\n${readFileSync(hba, 'utf8')}`)
    return this
  }

  /** On the same port as before. */
  async start(): Promise<this> {
    for (let attempt = 0; ; attempt++) {
      if (this.port === 0) this.port = await freePort()
      const from = this.lines.length
      this.#spawn()
      if (await this.#answers()) return this
      /* Somebody took the port, or what is left of a killed one still holds its memory. */
      const log = this.lines.slice(from).join('\n')
      if (attempt >= 100 || !/could not bind|still in use|could not create any TCP/.test(log)) throw new Error(this.described())
      if (/could not bind/.test(log) && this.#own.size === 0 && attempt < 3) this.port = 0
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  #spawn(): void {
    const child = spawn(this.program('postgres'), ['-D', this.data, '-p', String(this.port)], {
      ...this.#who,
      cwd: this.dir,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#child = child
    let rest = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() as string
      this.lines.push(...lines)
      this.changed()
    })
    child.on('exit', () => {
      if (this.#child === child) this.#child = null
      this.changed()
    })
  }

  #answers(): Promise<boolean> {
    return poll(
      'a PostgreSQL that answers',
      async () => {
        if (!this.#child) return 'ended'
        return run(this.program('pg_isready'), ['-q', '-h', '127.0.0.1', '-p', String(this.port)]).then(
          () => 'up',
          () => null,
        )
      },
      2 * PATIENCE,
    ).then((what) => what === 'up')
  }

  /** `fast` is an orderly stop; `immediate` and `kill` (with all its processes) leave recovery to the next start. */
  async stop(how: Signal = 'fast'): Promise<void> {
    const child = this.#child
    this.#own.clear()
    if (!child?.pid) return
    if (how === 'kill') for (const pid of this.processes()) process.kill(pid, 'SIGKILL')
    else child.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT')
    await this.until('the end of PostgreSQL', () => this.#child !== child, 2 * PATIENCE)
  }

  async restart(how: Signal = 'fast'): Promise<void> {
    await this.stop(how)
    await this.start()
  }

  /** The postmaster and its children. */
  processes(): number[] {
    const pid = this.#child?.pid
    if (pid === undefined) return []
    const parents = readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => {
        try {
          const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
          return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(pid) ? [Number(name)] : []
        } catch {
          return []
        }
      })
    return [pid, ...parents]
  }

  /** A replica of it, with a port of its own, gone after the test. */
  async standby(t: TestContext): Promise<Postgres> {
    const replica = new Postgres(this.#options)
    cleanup(t, () => replica.finish())
    const from = ['-d', this.url(), '--write-recovery-conf', '--wal-method=stream', '--checkpoint=fast', '--no-sync']
    await run(this.program('pg_basebackup'), ['-D', replica.data, ...from], { ...this.#who, cwd: replica.dir })
    appendFileSync(join(replica.data, 'postgresql.conf'), `unix_socket_directories = '${replica.dir}'\n`)
    return replica.start()
  }

  // ---- SQL ----

  /** A connection of its own, gone with the server at the latest. */
  session(database = 'postgres', env: NodeJS.ProcessEnv = {}, url = this.url(database)): Session {
    const session = new Session(this.program('psql'), url, env)
    this.#sessions.push(session)
    return session
  }

  /** On a connection that is kept for this database, and made again after a restart. */
  sql(text: string, database = 'postgres'): Promise<string> {
    let session = this.#own.get(database)
    if (!session || session.ended) this.#own.set(database, (session = this.session(database)))
    return session.sql(text)
  }

  async number(text: string, database = 'postgres'): Promise<number> {
    return Number(await this.sql(text, database))
  }

  async rows(text: string, database = 'postgres'): Promise<string[]> {
    const out = await this.sql(text, database)
    return out === '' ? [] : out.split('\n')
  }

  /** An empty database. */
  async database(name: string, schema = ''): Promise<string> {
    await this.sql(`CREATE DATABASE "${name}"`)
    if (schema !== '') await this.sql(schema, name)
    return name
  }

  /** Takes effect at once, for all. */
  async set(name: string, value: string): Promise<void> {
    await this.sql(`ALTER SYSTEM SET ${name} = '${value.replaceAll("'", "''")}'`)
    await this.sql('SELECT pg_reload_conf()')
  }

  /** From now on commits wait for a standby that never comes, until synchronous_standby_names is empty again. That holds
   * once the checkpointer knows, which no setting shows: so until a commit that is nobody's matter has waited. */
  async commitsWait(database: string): Promise<void> {
    await this.set('synchronous_standby_names', 'nobody')
    const waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query LIKE '%probe of commits%'"
    for (let waited = false; !waited; ) {
      const probe = this.session(database)
      let over = false
      const commit = probe.sql("SELECT pg_logical_emit_message(true, 'probe of commits', '')").finally(() => (over = true))
      await poll('a commit that waits, or is over', async () => (waited = (await this.number(`SELECT count(*) ${waiting}`, database)) > 0) || over)
      if (waited) await this.sql(`SELECT pg_cancel_backend(pid) ${waiting}`, database)
      await commit
      await probe.close()
    }
  }

  /** Ends connections of others: `filter` is a condition on pg_stat_activity. How many. */
  async terminate(filter: string): Promise<number> {
    return this.number(`SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND (${filter})`)
  }

  async finish(): Promise<void> {
    for (const session of this.#sessions) session.kill()
    try {
      await this.stop('immediate')
    } finally {
      for (const pid of this.processes()) process.kill(pid, 'SIGKILL')
      rmSync(this.dir, { recursive: true, force: true })
    }
  }
}

/** Started, and gone after the test. */
export async function postgres(t: TestContext, options: PostgresOptions = {}): Promise<Postgres> {
  const server = new Postgres(options)
  cleanup(t, () => server.finish())
  await server.create()
  return server.start()
}
