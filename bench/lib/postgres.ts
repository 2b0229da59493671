/* What capturing costs a PostgreSQL's writers (pgbench, each kind of capture against none, interleaved), and how long it
 * takes from a commit to a subscriber's socket beside a client that does nothing but LISTEN. */

import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Postgres } from '../../tests/integration/lib/postgres.ts'
import { build, scratch } from './contender.ts'
import { Program } from './processes.ts'
import { configure, type Settings, setUpPostgres, startUnstale, type UnstaleServing } from './unstale.ts'

/* `decoding` is what PostgreSQL's own decoding costs: its pg_recvlogical reads the same and throws it away. */
export const CAPTURES = ['none', 'decoding', 'logical', 'notify'] as const
export type Capture = (typeof CAPTURES)[number]

/** Transactions a second, in one round. */
export type Throughput = Record<Capture, number>

export interface Latency {
  capture: Capture
  commits: number
  /** Of the answer to COMMIT, of a bare LISTEN, of the subscriber. */
  commit_p50_us: number
  commit_p99_us: number
  listen_p50_us: number
  listen_p99_us: number
  socket_p50_us: number
  socket_p99_us: number
}

export interface OfPostgres {
  version: string
  /** It may be measured by itself, with another version of unstale than the rest. */
  unstale: string
  seconds: number
  clients: number
  throughput: Throughput[]
  latency: Latency[]
}

/* As it is shipped but for room: writes are durable, checkpoints do not fall into a measurement. */
const SETTINGS = {
  fsync: 'on',
  full_page_writes: 'on',
  shared_buffers: '128MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  autovacuum: 'off',
}

const CLIENTS = 4
const SCALE = 5

const BENCH_RULES = {
  pgbench_accounts: { id: 'aid', scope: ['branches'], stale: [['accounts', '{aid}']] },
  pgbench_tellers: { id: 'tid', scope: ['branches'], stale: [['tellers', '{tid}']] },
  pgbench_branches: { id: 'bid', scope: ['branches'], stale: [['branches', '{bid}']] },
}

const TASKS = `
  CREATE TABLE tasks(id int PRIMARY KEY, project_id int NOT NULL, title text NOT NULL);
  INSERT INTO tasks SELECT i, 0, 'task' FROM generate_series(0, 99) i;`
const TASKS_RULES = { tasks: { id: 'id', scope: ['project:{project_id}'], stale: [['tasks', '{id}']] } }

interface Following {
  serving: UnstaleServing
  stop: () => Promise<void>
}

/** A server that follows the database, and has caught up. */
async function follow(url: string, capture: 'logical' | 'notify', settings: Settings): Promise<Following> {
  const folder = scratch()
  const own = { ...settings, folder: folder.path, sources: [{ postgres: url, capture }] }
  const file = configure(folder.path, own)
  await setUpPostgres('setup', url, file)
  const serving = await startUnstale('sse', own)
  return {
    serving,
    stop: async () => {
      await serving.stop()
      await setUpPostgres('teardown', url, file)
      folder.remove()
    },
  }
}

/** Until a commit reaches a subscriber: before, the source may still be on its way. */
async function live(program: string, url: string, at: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await new Program([program, url, at, '1', '0'], { core: 'load' }).result()
      return
    } catch (error) {
      if (attempt >= 5) throw error
      await sleep(500)
    }
  }
}

/** PostgreSQL's own client of the same publication. */
async function decode(server: Postgres, url: string): Promise<{ stop: () => Promise<void> }> {
  const slot = ['-d', url, '--slot', 'bare']
  const command = (...args: string[]): Program => new Program([server.program('pg_recvlogical'), ...slot, ...args], { core: 'both' })
  await server.sql(`CREATE PUBLICATION bare FOR TABLE ${Object.keys(BENCH_RULES).join(', ')}`, 'bench')
  await command('--create-slot', '-P', 'pgoutput').result()
  const reading = command('--start', '-f', '/dev/null', '-o', 'proto_version=1', '-o', 'publication_names=bare')
  return {
    stop: async () => {
      await reading.stop()
      await command('--drop-slot').result()
      await server.sql('DROP PUBLICATION bare', 'bench')
    },
  }
}

async function throughput(server: Postgres, capture: Capture, seconds: number): Promise<number> {
  const url = server.url('bench')
  const capturing = { rules: BENCH_RULES, core: 'both', batch: '100ms' } as const
  const following = capture === 'none' ? null : capture === 'decoding' ? await decode(server, url) : await follow(url, capture, capturing)
  try {
    if (following) await sleep(1000)
    await server.sql('CHECKPOINT')
    const args = ['-n', '-c', String(CLIENTS), '-j', '1', '-T', String(seconds), url]
    const output = await new Program([server.program('pgbench'), ...args], { core: 'both' }).result()
    const tps = /^tps = ([\d.]+)/m.exec(output)
    if (!tps) throw new Error(`pgbench said nothing of its speed:\n${output}`)
    return Number(tps[1])
  } finally {
    await following?.stop()
  }
}

async function latency(server: Postgres, capture: 'logical' | 'notify', count: number): Promise<Latency> {
  const url = server.url('latency')
  const following = await follow(url, capture, { rules: TASKS_RULES, core: 'both' })
  const program = join(build, 'bench', 'pgcommit')
  const at = `127.0.0.1:${following.serving.port}`
  try {
    await live(program, url, at)
    const output = await new Program([program, url, at, String(count), '20'], { core: 'both' }).result()
    return { capture, ...(JSON.parse(output) as Omit<Latency, 'capture'>) }
  } finally {
    await following.stop()
  }
}

export async function ofPostgres(unstale: string, quick: boolean, say: (text: string) => void): Promise<OfPostgres> {
  const seconds = quick ? 2 : 7
  const server = new Postgres({ settings: SETTINGS })
  try {
    await server.create()
    await server.start()
    await server.database('bench')
    await server.database('latency', TASKS)
    await new Program([server.program('pgbench'), '-q', '-i', '-s', String(SCALE), server.url('bench')], { core: 'both' }).result()
    const found: OfPostgres = { version: await server.sql('SHOW server_version'), unstale, seconds, clients: CLIENTS, throughput: [], latency: [] }
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      const one: Throughput = { none: NaN, decoding: NaN, logical: NaN, notify: NaN }
      /* In another order each round, so that what grows meanwhile meets all of them. */
      for (let i = 0; i < CAPTURES.length; i++) {
        const capture = CAPTURES[(round + i) % CAPTURES.length] as Capture
        one[capture] = await throughput(server, capture, seconds)
      }
      found.throughput.push(one)
      say(`postgres ${round + 1}: ${CAPTURES.map((capture) => `${capture} ${one[capture].toFixed(0)}`).join(', ')} transactions/s`)
    }
    for (const capture of ['logical', 'notify'] as const) found.latency.push(await latency(server, capture, quick ? 50 : 500))
    return found
  } finally {
    await server.finish()
  }
}
