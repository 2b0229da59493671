/* A server of a test's own: its directory, its configuration, its life, its log.
 *
 * Whatever a test does, its servers are stopped and its files removed, and a server that reported an error of its own (a
 * failed check, a sanitizer) or did not stop in order fails the test. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'
import { type Address, type Answer, ask, type Asked } from './http.ts'
import { named, type ReadyData, type ResetData, sequenceOf, staleKeys, Stream, type StreamEvent, type Subscription } from './sse.ts'
import { PATIENCE, poll, SLOWER, Watched } from './wait.ts'
import { type WebSocketAsked, WebSocketStream } from './ws.ts'

const repository = join(import.meta.dirname, '..', '..', '..')
export const build = process.env['UNSTALE_BUILD'] ?? join(repository, 'build')
export const binary = process.env['UNSTALE_BIN'] ?? join(build, 'unstale')

/** What a server says when it is broken, whatever it was asked. */
const BROKEN = /internal error|ERROR: \w+Sanitizer|WARNING: \w+Sanitizer|runtime error:/

export interface Config {
  listen?: string
  admin?: string
  auth?: unknown
  sources?: unknown[]
  rules?: Record<string, unknown>
  limits?: Record<string, unknown>
  threads?: number
  state?: string
  [more: string]: unknown
}

/** Marks are published by scope and key; the rules are there for those tests that need them. */
export const PLAIN: Config = {
  listen: '127.0.0.1:0',
  admin: '127.0.0.1:0',
  auth: 'none',
  sources: [{ publish: { open: true } }],
  rules: { tasks: { scope: ['project:{project_id}'], stale: [['tasks', 'detail', '{id}']] } },
}

export function config(more: Config = {}): Config {
  return { ...PLAIN, ...more, limits: { batch: '0', drain: '0', ...more.limits } }
}

/** A directory that is gone after the test. */
export function directory(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'unstale-test-'))
  cleanup(t, () => rmSync(path, { recursive: true, force: true }))
  return path
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface Greeting {
  position: string
  scopes: ReadyData['scopes']
  spread: number
  /** As "scope key". */
  keys: string[]
  resets: ResetData[]
  events: StreamEvent[]
}

export class Unstale extends Watched {
  readonly dir: string
  readonly file: string
  readonly child: ChildProcess
  readonly lines: string[] = []
  exit: Exit | null = null
  #rest = ''
  /** It may end in any way, and its end is not an error. */
  #mayDie = false

  constructor(dir: string, file: string, env: NodeJS.ProcessEnv = {}, command: readonly string[] = [binary], hardened = false) {
    super()
    this.dir = dir
    this.file = file
    const [program = binary, ...before] = command
    this.child = spawn(program, [...before, 'serve', '-c', file, ...(hardened ? [] : ['--core-dumps'])], {
      cwd: dir,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const pipe of [this.child.stdout, this.child.stderr]) {
      pipe?.setEncoding('utf8')
      pipe?.on('data', (text: string) => {
        const lines = (this.#rest + text).split('\n')
        this.#rest = lines.pop() as string
        this.lines.push(...lines)
        this.changed()
      })
    }
    this.child.on('error', (error) => {
      this.lines.push(`cannot start ${binary}: ${error.message}`)
      this.exit = { code: null, signal: null }
      this.changed()
    })
    this.child.on('close', (code, signal) => {
      if (this.#rest !== '') this.lines.push(this.#rest)
      this.#rest = ''
      this.exit ??= { code, signal }
      this.changed()
    })
  }

  protected override described(): string {
    return `exit: ${JSON.stringify(this.exit)}, log:\n${this.lines.slice(-30).join('\n')}`
  }

  get pid(): number {
    assert.ok(this.child.pid)
    return this.child.pid
  }

  get log(): string {
    return this.lines.join('\n')
  }

  /** The first line that matches, or will. */
  line(pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(`a line ${pattern} in the log`, () => {
      for (const line of this.lines) {
        const match = pattern.exec(line)
        if (match) return match
      }
      if (this.exit) throw new Error(`it ended without a line ${pattern}. ${this.described()}`)
      return null
    })
  }

  #address(pattern: RegExp): Address {
    for (const line of this.lines) {
      const match = pattern.exec(line)
      if (match) return { host: match[1] as string, port: Number(match[2]) }
    }
    throw new Error(`no line ${pattern}. ${this.described()}`)
  }

  get at(): Address {
    return this.#address(/listening on http:\/\/(.+):(\d+)/)
  }

  get adminAt(): Address {
    return this.#address(/admin on http:\/\/(.+):(\d+)/)
  }

  /** It has its ports. */
  async listening(): Promise<this> {
    await this.line(/listening on http:/)
    await this.line(/admin on http:/)
    return this
  }

  async started(): Promise<this> {
    await this.listening()
    /* The ThreadSanitizer of LLVM 14 loses a signal that comes while a thread begins to wait for the
       first time (its SigCtx is made twice): who answers has done so. */
    if (SLOWER > 1) await this.admin('/livez')
    return this
  }

  ended(patience = PATIENCE): Promise<Exit> {
    return this.until('ended', () => this.exit, patience)
  }

  /** An orderly stop. */
  async stop(signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'): Promise<void> {
    this.child.kill(signal)
    assert.deepEqual(await this.ended(), { code: 0, signal: null }, this.described())
    this.sane()
  }

  /** A crash. */
  async kill(): Promise<void> {
    this.#mayDie = true
    this.child.kill('SIGKILL')
    await this.ended()
    this.sane()
  }

  sane(): void {
    assert.doesNotMatch(this.log, BROKEN)
  }

  async finish(): Promise<void> {
    if (!this.exit) {
      this.child.kill('SIGCONT')
      this.child.kill('SIGTERM')
      try {
        await this.ended()
      } catch (error) {
        this.child.kill('SIGKILL')
        await this.ended()
        throw error
      }
      if (!this.#mayDie) assert.deepEqual(this.exit, { code: 0, signal: null }, this.described())
    }
    this.sane()
  }

  // ---- talking to it ----

  ask(path: string, asked: Asked = {}): Promise<Answer> {
    return ask(this.at, path, asked)
  }

  admin(path: string, asked: Asked = {}): Promise<Answer> {
    return ask(this.adminAt, path, asked)
  }

  /** Accepted; the position of the transaction. */
  async publish(items: unknown, path: '/v1/changes' | '/v1/notices' = '/v1/changes'): Promise<string> {
    const answer = await this.ask(path, { body: JSON.stringify(items) })
    assert.equal(answer.status, 202, answer.body)
    return (JSON.parse(answer.body) as { position: string }).position
  }

  /** One mark. */
  mark(scope: string, ...keys: (readonly unknown[])[]): Promise<string> {
    return this.publish({ scope, keys })
  }

  stream(asked: Subscription): Stream {
    return new Stream(this.at, asked)
  }

  async position(): Promise<string> {
    const answer = await this.ask('/v1/position')
    assert.equal(answer.status, 200, answer.body)
    return (JSON.parse(answer.body) as { position: string }).position
  }

  /** A position behind everything that was published, ticked. */
  async settled(): Promise<string> {
    const now = await this.mark('settled', ['now'])
    await poll(`a tick at ${now}`, async () => sequenceOf(await this.position()) >= sequenceOf(now))
    return now
  }

  /** What a position is answered with, and everything that comes up to now. */
  async greeting(asked: Subscription): Promise<Greeting> {
    const now = await this.settled()
    const stream = this.stream(asked)
    try {
      const ready = await stream.opened()
      const events = [ready, ...(await stream.reaches(now))]
      const { position, scopes, spread } = ready.data
      return { position, scopes, spread, keys: staleKeys(events), resets: named(events, 'reset'), events }
    } finally {
      stream.cut()
    }
  }

  /** The value of a sample, as "name" or 'name{label="value"}'. */
  async metric(name: string): Promise<number> {
    const { body } = await this.admin('/metrics')
    const line = body.split('\n').find((text) => text.startsWith(`${name} `))
    assert.ok(line, `no sample ${name} in:\n${body}`)
    return Number(line.slice(name.length + 1))
  }

  /** Resident memory in bytes. */
  rss(): number {
    const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))
    assert.ok(match)
    return Number(match[1]) * 1024
  }
}

/** Opened, and gone after the test. */
export async function open(t: TestContext, server: Unstale, asked: WebSocketAsked = {}): Promise<WebSocketStream> {
  const stream = new WebSocketStream(server.at, asked)
  cleanup(t, () => stream.cut())
  await stream.until('answered', () => stream.status !== 0 || stream.ended)
  assert.equal(stream.status, 101, stream.refusal)
  return stream
}

export interface Serving {
  /** Of another server, for a restart. */
  dir?: string
  env?: NodeJS.ProcessEnv
  /** What is run instead of the server, with the arguments before `serve`. It becomes the server: exec, no child. */
  command?: readonly string[]
  /** As in production: its memory cannot be looked into, not by a sanitizer's search for leaks either. */
  hardened?: boolean
}

/** Started, not yet waited for. JSON is YAML. */
export function launch(t: TestContext, settings: Config, serving: Serving = {}): Unstale {
  const dir = serving.dir ?? directory(t)
  const file = join(dir, 'unstale.yaml')
  writeFileSync(file, JSON.stringify(settings, null, 2))
  const server = new Unstale(dir, file, serving.env, serving.command, serving.hardened)
  cleanup(t, () => server.finish())
  return server
}

export function serve(t: TestContext, settings: Config = config(), serving: Serving = {}): Promise<Unstale> {
  return launch(t, settings, serving).started()
}

/** Opened, and closed after the test. */
export async function subscribe(t: TestContext, server: Unstale, asked: Subscription): Promise<Stream> {
  const stream = server.stream(asked)
  cleanup(t, () => stream.cut())
  await stream.until('answered', () => stream.status !== 0 || stream.ended)
  assert.equal(stream.status, 200, stream.refusal)
  return stream
}
