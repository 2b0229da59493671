/* unstale as it is measured: no batch window, so that each message goes out when it comes. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Contender, type Kind, scratch, serving, type Serving } from './contender.ts'
import { type Core, Program } from './processes.ts'

const PUBLISHED: Record<Kind, string[]> = {
  messages: ['--publish-path', '/v1/notices', '--body', '{"scope":"t:%d","type":"m","data":"%b"}'],
  arrays: ['--publish-path', '/v1/notices', '--body', '{"scope":"t:%d","type":"m","data":"%b"}'],
  marks: ['--publish-path', '/v1/changes', '--body', '{"scope":"t:%d","keys":[["k",%k]]}', '--count', 'position'],
}

export interface Settings {
  threads?: number
  core?: Core
  /** Instead of the open publish source. */
  sources?: unknown[]
  rules?: Record<string, unknown>
  /** Of a tick; none by default. */
  batch?: string
  /** Where the configuration stands; by default a folder that goes with the server. */
  folder?: string
}

export interface UnstaleServing extends Serving {
  readonly port: number
}

const binary = join(build, 'unstale')

/** Writes the configuration; JSON is YAML. */
export function configure(folder: string, settings: Settings): string {
  const file = join(folder, 'unstale.yaml')
  const config = {
    listen: '127.0.0.1:0',
    auth: 'none',
    sources: settings.sources ?? [{ publish: { open: true } }],
    rules: settings.rules ?? {},
    limits: { batch: settings.batch ?? '0' },
    threads: settings.threads ?? 1,
  }
  writeFileSync(file, JSON.stringify(config, null, 2))
  return file
}

export async function startUnstale(transport: 'sse' | 'ws', settings: Settings = {}): Promise<UnstaleServing> {
  const own = settings.folder === undefined ? scratch() : null
  const file = configure(settings.folder ?? own?.path ?? '', settings)
  const program = new Program([binary, 'serve', '-c', file, '--core-dumps'], { core: settings.core ?? 'server' })
  const port = await program.announced()
  const path = transport === 'sse' ? '/v1/stream?scope=t:%d' : '/v1/ws?scope=t:%d'
  const common = ['--server', `127.0.0.1:${port}`, '--path', path, '--content-type', 'application/json']
  const all = serving([program], (kind) => [...common, ...PUBLISHED[kind]], own ? { remove: own.remove } : {})
  return { ...all, port }
}

/** Prepares an SQLite database for the configuration in the folder. */
export async function setUpSqlite(database: string, file: string): Promise<void> {
  await new Program([binary, 'setup', 'sqlite', database, '-c', file, '--apply'], { core: 'both' }).result()
}

/** Makes publication or triggers for the configuration in the file, or takes them away. */
export async function setUpPostgres(command: 'setup' | 'teardown', url: string, file: string): Promise<void> {
  await new Program([binary, command, 'postgres', url, '-c', file, '--apply'], { core: 'both' }).result()
}

export function unstale(transport: 'sse' | 'ws', settings: Settings = {}, name = 'unstale'): Contender {
  return { name, transport, share: 1, most: Infinity, start: () => startUnstale(transport, settings) }
}
