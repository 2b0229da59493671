/* What is measured by a procedure of its own instead of a workload: memory, slow readers, threads, the index alone, the
 * way from a commit to the socket, and how cost grows. */

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { build, type Contender, floor, type Kind, scratch } from './contender.ts'
import { load, type LoadOptions, type Result } from './load.ts'
import { Program, sleep } from './processes.ts'
import { configure, setUpSqlite, startUnstale, unstale } from './unstale.ts'

export async function against(contender: Contender, kind: Kind, options: LoadOptions): Promise<Result> {
  const serving = await contender.start()
  try {
    return await load(serving, contender.transport, kind, options)
  } finally {
    await serving.stop()
  }
}

/** How much time a measurement may take. */
export interface Effort {
  quick: boolean
}

// ---- memory ----

export interface Memory {
  server: string
  transport: string
  connections: number
  seconds: number
  bytes_a_connection: number
  idle_cpu_percent: number
}

export async function memory(contender: Contender, effort: Effort, patient = true): Promise<Memory> {
  const seconds = !effort.quick && patient ? 30 : 2
  const connections = Math.min(10_000, contender.most)
  const result = await against(contender, 'messages', { subscribers: connections, messages: 0, idle: seconds })
  return {
    server: contender.name,
    transport: contender.transport,
    connections: result.open,
    seconds,
    bytes_a_connection: ((result.anon_idle_kb - result.anon_before_kb) * 1024) / result.open,
    idle_cpu_percent: (result.idle_cpu_s / seconds) * 100,
  }
}

// ---- readers that never read ----

export interface Slow {
  server: string
  transport: string
  readers: number
  slow: number
  seconds: number
  user_bytes_a_slow_one: number
  kernel_bytes_a_slow_one: number
  p99_us_without: number
  p99_us: number
  lost: number
  closed: number
}

/* Many, since memory comes in pages and what is asked for are differences. */
const SLOW = { subscribers: 2000, size: 1000, rate: 40, depth: 1000, idle: 0.5 }

/** The same without and with a share that never reads; what grew more is theirs. */
export async function slowReaders(contender: Contender, seconds: number): Promise<Slow> {
  const options = { ...SLOW, messages: SLOW.rate * seconds }
  const without = await against(contender, 'messages', options)
  const result = await against(contender, 'messages', { ...options, slow: 25, 'slow-buffer': 4096 })
  const grown = (now: Result): number => now.anon_end_kb - now.anon_idle_kb
  const taken = (now: Result): number => now.tcp_end_kb - now.tcp_idle_kb
  return {
    server: contender.name,
    transport: contender.transport,
    readers: SLOW.subscribers,
    slow: result.slow,
    seconds,
    user_bytes_a_slow_one: ((grown(result) - grown(without)) * 1024) / result.slow,
    kernel_bytes_a_slow_one: ((taken(result) - taken(without)) * 1024) / result.slow,
    p99_us_without: without.p99_us,
    p99_us: result.p99_us,
    lost: result.lost,
    closed: result.closed + result.slow_closed,
  }
}

// ---- delivery threads ----

/** Both on both cores, so that only their number differs. */
export const THREADS: readonly Contender[] = [
  unstale('sse', { threads: 1, core: 'both' }, '1 thread'),
  unstale('sse', { threads: 2, core: 'both' }, '2 threads'),
]

// ---- the index alone ----

export interface Index {
  scopes: number
  marks: number
  mark_new_ns: number
  mark_again_ns: number
  mark_random_ns: number
  since_key_ns: number
  since_random_key_ns: number
  bytes_a_mark: number
  resident_a_mark: number
}

export async function index(scopes: number, keys: number): Promise<Index> {
  const output = await new Program([join(build, 'bench', 'index'), String(scopes), String(keys)], { core: 'server' }).result()
  return JSON.parse(output) as Index
}

// ---- from a commit to the socket ----

export interface Commit {
  poll_ms: number
  commits: number
  p50_us: number
  p99_us: number
  max_us: number
  idle_cpu_percent: number
}

function cpuSeconds(pids: readonly number[]): Promise<Result> {
  /* bench/load without subscribers is a clock that knows what others spend. */
  const nobody = { load: () => ['--server', '127.0.0.1:1'], pids: () => [...pids], stop: () => Promise.resolve() }
  return load(nobody, 'sse', 'messages', { subscribers: 0, messages: 0, idle: 3 })
}

export async function commits(pollMs: number, count: number): Promise<Commit> {
  const folder = scratch()
  const database = join(folder.path, 'app.db')
  const program = join(build, 'bench', 'commit')
  const settings = {
    folder: folder.path,
    sources: [{ sqlite: database, poll: `${pollMs}ms` }],
    rules: { tasks: { scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } },
  }
  try {
    mkdirSync(folder.path, { recursive: true })
    await new Program([program, '--init', database], { core: 'load' }).result()
    await setUpSqlite(database, configure(folder.path, settings))
    const serving = await startUnstale('sse', settings)
    try {
      const idle = await cpuSeconds(serving.pids())
      const to = `127.0.0.1:${serving.port}`
      const output = await new Program([program, database, to, String(count), String(2 * pollMs)], { core: 'load' }).result()
      const measured = JSON.parse(output) as Omit<Commit, 'poll_ms' | 'idle_cpu_percent'>
      return { poll_ms: pollMs, ...measured, idle_cpu_percent: (idle.idle_cpu_s / 3) * 100 }
    } finally {
      await serving.stop()
    }
  } finally {
    folder.remove()
  }
}

// ---- growth ----

export interface Growth {
  /** What is varied. */
  of: 'subscribers' | 'scopes' | 'keys' | 'events outstanding'
  value: number
  unstale: Pick<Result, 'cpu_us_per_delivery' | 'deliveries_per_s' | 'p50_us'>
  floor: Pick<Result, 'cpu_us_per_delivery' | 'deliveries_per_s' | 'p50_us'> | null
}

interface Step {
  of: Growth['of']
  value: number
  kind: Kind
  options: LoadOptions
  floor: boolean
}

function steps(effort: Effort): Step[] {
  const share = effort.quick ? 0.2 : 1
  const many = (messages: number): number => Math.max(10, Math.round(messages * share))
  const all: Step[] = []
  for (const subscribers of [1, 10, 100, 1000, 10_000]) {
    const messages = many(Math.min(5000, 200_000 / subscribers))
    all.push({ of: 'subscribers', value: subscribers, kind: 'messages', options: { subscribers, messages, window: 1 }, floor: true })
  }
  for (const topics of [1, 10, 100, 1000, 10_000]) {
    const messages = many(Math.min(20_000, 20 * topics))
    all.push({ of: 'scopes', value: topics, kind: 'messages', options: { subscribers: 10_000, topics, messages, window: 64, publishers: 16 }, floor: true })
  }
  for (const keys of [1, 10, 100, 1000])
    all.push({ of: 'keys', value: keys, kind: 'marks', options: { subscribers: 1000, messages: many(6400), keys, window: 64, publishers: 64 }, floor: false })
  for (const window of [1, 4, 16, 64, 256])
    all.push({ of: 'events outstanding', value: window, kind: 'messages', options: { subscribers: 1000, messages: many(40 * window + 200), window, publishers: window }, floor: window < 64 })
  return all.map((step) => ({ ...step, options: { idle: 0.2, ...step.options } }))
}

export async function growth(effort: Effort): Promise<Growth[]> {
  const all: Growth[] = []
  const short = ({ cpu_us_per_delivery, deliveries_per_s, p50_us }: Result): Growth['unstale'] => ({ cpu_us_per_delivery, deliveries_per_s, p50_us })
  for (const step of steps(effort)) {
    const below = step.floor ? short(await against(floor('sse'), 'messages', step.options)) : null
    all.push({ of: step.of, value: step.value, unstale: short(await against(unstale('sse'), step.kind, step.options)), floor: below })
    await sleep(100)
  }
  return all
}
