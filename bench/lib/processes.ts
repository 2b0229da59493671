/* Programs that a measurement starts: on which core, how it is known that they are there, which processes they are, and
 * that none is left behind. */

import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { cpus } from 'node:os'

/** Where something runs. With one core there is nothing to keep apart. */
export type Core = 'server' | 'load' | 'both'

export const PINNED = cpus().length > 1

function pinned(core: Core, command: readonly string[]): string[] {
  if (!PINNED) return [...command]
  return ['taskset', '-c', { server: '0', load: '1', both: '0,1' }[core], ...command]
}

const PATIENCE = 20_000

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

const alive = new Set<Program>()

/* What still runs when the whole run is broken off. */
process.on('exit', () => {
  for (const program of alive) program.kill('SIGKILL')
})

function childrenOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
    )
  } catch {
    return []
  }
}

function familyOf(pid: number): number[] {
  return [pid, ...childrenOf(pid).flatMap(familyOf)]
}

/** When it was started, in ticks since the machine was; tells it from a later process of the same number. */
function startOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[19] ?? null
  } catch {
    return null
  }
}

export interface ProgramOptions {
  core: Core
  cwd?: string
  env?: Record<string, string>
}

/** A program with all that it starts: a process group of its own. */
export class Program {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  readonly name: string
  output = ''
  exited = false

  constructor(command: readonly string[], options: ProgramOptions) {
    const [file = '', ...args] = pinned(options.core, command)
    this.name = command[0] ?? ''
    this.#child = spawn(file, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    alive.add(this)
    for (const pipe of [this.#child.stdout, this.#child.stderr]) {
      pipe?.setEncoding('utf8')
      pipe?.on('data', (text: string) => (this.output = (this.output + text).slice(-100_000)))
    }
    this.#ended = new Promise((resolve) => {
      this.#child.on('error', (error) => {
        this.output += error.message
        resolve(null)
      })
      this.#child.on('close', resolve)
    })
    void this.#ended.then(() => {
      this.exited = true
      alive.delete(this)
    })
  }

  /** All its processes. */
  pids(): number[] {
    return this.#child.pid === undefined ? [] : familyOf(this.#child.pid)
  }

  kill(signal: NodeJS.Signals): void {
    if (this.exited || this.#child.pid === undefined) return
    try {
      process.kill(-this.#child.pid, signal)
    } catch {
      // It ended by itself.
    }
  }

  async #until<T>(what: string, look: () => T | null | Promise<T | null>): Promise<T> {
    const end = Date.now() + PATIENCE
    for (;;) {
      const found = await look()
      if (found !== null) return found
      if (this.exited || Date.now() > end) throw new Error(`${this.name}: ${what}: not so. It said:\n${this.output}`)
      await sleep(20)
    }
  }

  /** The port of the address that it says it listens on. */
  async announced(): Promise<number> {
    return this.#until('says where it listens', () => {
      const match = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(this.output)
      return match ? Number(match[1]) : null
    })
  }

  async accepts(port: number): Promise<void> {
    await this.#until(`accepts connections on ${port}`, async () => ((await connects(port)) ? true : null))
  }

  /** It and what it started are at least so many processes. */
  async has(processes: number): Promise<void> {
    await this.#until(`is ${processes} processes`, () => (this.pids().length >= processes ? true : null))
  }

  /** What it wrote, when it has ended in order. */
  async result(): Promise<string> {
    const code = await this.#ended
    if (code !== 0) throw new Error(`${this.name} ended with ${code}. It said:\n${this.output}`)
    return this.output
  }

  async stop(): Promise<void> {
    const family = this.pids().map((pid) => ({ pid, start: startOf(pid) }))
    this.kill('SIGTERM')
    const late = setTimeout(() => this.kill('SIGKILL'), 3000)
    await this.#ended
    clearTimeout(late)
    /* What put itself into a group of its own and outlived the rest. */
    for (const { pid, start } of family) if (start !== null && startOf(pid) === start) process.kill(pid, 'SIGKILL')
  }
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/** For servers that must be told their port. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.on('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
