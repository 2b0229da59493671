/* What is measured: a server, and how the load generator talks to it. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Program } from './processes.ts'

export type Transport = 'sse' | 'ws' | 'line'

/** What is published: single messages, arrays of them, or marks. Only unstale has all three. */
export type Kind = 'messages' | 'arrays' | 'marks'

export interface Serving {
  /** Options of bench/load: where and how to subscribe and publish. */
  load(kind: Kind): string[]
  /** The processes whose cost counts. */
  pids(): number[]
  stop(): Promise<void>
}

export interface Contender {
  readonly name: string
  readonly transport: Transport
  /** How much of a workload's messages it is given, so that a slow one takes no longer than the others. */
  readonly share: number
  /** How many connections it may be given. */
  readonly most: number
  start(): Promise<Serving>
}

export const repository = join(import.meta.dirname, '..', '..')

/** Where the programs were built. */
export const build = process.env['UNSTALE_BUILD'] ?? join(repository, 'build')

const folders = new Set<string>()

function removeFolder(path: string): void {
  folders.delete(path)
  rmSync(path, { recursive: true, force: true })
}

/* Of what could not be started, or was broken off. */
process.on('exit', () => folders.forEach(removeFolder))

/** A folder that is gone after `remove`, at the latest at the end. */
export function scratch(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'unstale-bench-'))
  folders.add(path)
  return { path, remove: () => removeFolder(path) }
}

export function serving(
  programs: readonly Program[],
  load: (kind: Kind) => string[],
  options: { counted?: readonly Program[]; remove?: () => void } = {},
): Serving {
  return {
    load,
    pids: () => (options.counted ?? programs).flatMap((program) => program.pids()),
    stop: async () => {
      for (const program of [...programs].reverse()) await program.stop()
      options.remove?.()
    },
  }
}

/** The limit of the machine: it writes, and does nothing else. */
export function floor(transport: 'sse' | 'ws'): Contender {
  return {
    name: 'floor',
    transport,
    share: 1,
    most: Infinity,
    start: async () => {
      const program = new Program([join(build, 'bench', 'floor')], { core: 'server' })
      const port = await program.announced()
      return serving([program], () => ['--server', `127.0.0.1:${port}`, '--path', '/%d', '--publish-path', '/%d'])
    },
  }
}
